"""The messages of SMP v0.6.1 (proto3, ``package smp``), field by field.

Every field has the number and type of the specification; a field that is not set has proto3's default (empty text, 0,
nothing), so that here, unlike anywhere else in the workbench, 0 cannot be told from unknown. What is unknown is left
out, and said in a label.

Source: protos/service_mesh_performance.proto, service_mesh.proto and metadata.proto of
service-mesh-performance/service-mesh-performance, tag v0.6.1 (2023-07-18).
"""

# ruff: noqa: RUF009 - the makers are `dataclasses.field` with a number and a type
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from workbench.interchange.smp.fields import Message, double, field, flag, int32, many, one, text, texts


class Protocol(IntEnum):
    """PerformanceTestConfig.Client.Protocol."""

    PROTOCOL_INVALID = 0
    PROTOCOL_HTTP = 1
    PROTOCOL_TCP = 2
    PROTOCOL_UDP = 3
    PROTOCOL_GRPC = 4


class MeshType(IntEnum):
    """ServiceMesh.Type."""

    INVALID_MESH = 0
    APP_MESH = 1
    CONSUL = 2
    ISTIO = 3
    KUMA = 4
    LINKERD = 5
    TRAEFIK_MESH = 6
    OCTARINE = 7
    NETWORK_SERVICE_MESH = 8
    TANZU = 9
    OPEN_SERVICE_MESH = 10
    NGINX_SERVICE_MESH = 11
    CILIUM_SERVICE_MESH = 12


class ApplicationProtocol(IntEnum):
    """ApplicationMetadata.ApplicationProtocol."""

    PROTOCOL_INVALID = 0
    PROTOCOL_HTTP = 1
    PROTOCOL_HTTPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(Message):
    """A load generator and what it was asked for."""

    proto: ClassVar[str] = "PerformanceTestConfig.Client"
    internal: bool = flag(1, "Whether it ran inside the cluster")
    load_generator: str = text(2)
    protocol: Protocol = field(3, "enum", of=Protocol)
    connections: int = int32(4)
    rps: int = field(5, "int64", "Requests per second asked for, whole")
    headers: Mapping[str, str] = texts(6, "Headers sent")
    cookies: Mapping[str, str] = texts(7, "Cookies sent")
    body: str = text(8)
    content_type: str = text(9)
    endpoint_urls: tuple[str, ...] = field(10, "string", "Where requests went", repeated=True)
    ssl_certificate: str = text(11)
    additional_options: str = text(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceTestConfig(Message):
    """What was asked of the load."""

    proto: ClassVar[str] = "PerformanceTestConfig"
    smp_version: str = text(1, "Version of the specification")
    id: str = text(2)
    name: str = text(3)
    labels: Mapping[str, str] = texts(4)
    clients: tuple[Client, ...] = many(5, Client, "Single or distributed load generators")
    duration: str = text(6, "How long the endpoint is under load, such as 30s or 5m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Message):
    """Latency in milliseconds."""

    proto: ClassVar[str] = "PerformanceTestResult.Latency"
    min: float = double(1, "Milliseconds")
    average: float = double(2, "Milliseconds")
    p50: float = double(3, "Milliseconds")
    p90: float = double(4, "Milliseconds")
    p99: float = double(5, "Milliseconds")
    max: float = double(6, "Milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu(Message):
    """Declared by the specification, used by none of its fields."""

    proto: ClassVar[str] = "PerformanceTestResult.CPU"
    cpu_mcores: int = int32(1)
    user: float = double(2)
    nice: float = double(3)
    system: float = double(4)
    idle: float = double(5)
    iowait: float = double(6)
    hardware_interrupt: float = double(7)
    software_interrupt: float = double(8)
    steal: float = double(9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Message):
    """Declared by the specification, used by none of its fields."""

    proto: ClassVar[str] = "PerformanceTestResult.Memory"
    mem_total_mb: float = double(1)
    mem_free_mb: float = double(2)
    mem_used_mb: float = double(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Message):
    """Declared by the specification, used by none of its fields."""

    proto: ClassVar[str] = "PerformanceTestResult.Swap"
    swap_total_mb: float = double(1)
    swap_free_mb: float = double(2)
    swap_used_mb: float = double(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceTestResult(Message):
    """What was found. It has no field for errors, and none for what anything consumed."""

    proto: ClassVar[str] = "PerformanceTestResult"
    smp_version: str = text(1, "Version of the specification")
    id: str = text(2)
    labels: Mapping[str, str] = texts(3)
    start_time: int | None = field(4, "timestamp", "UTC")
    end_time: int | None = field(5, "timestamp", "UTC")
    latencies_ms: Latency | None = one(6, Latency, "Milliseconds")
    actual_qps: float = double(7, "Requests per second reached")
    details_uri: str = text(8, "Where everything else is")
    test_id: str = text(9, "id of the PerformanceTestConfig")
    mesh_config_id: str = text(10, "id of the ServiceMeshConfig")
    env_id: str = text(11, "id of the EnvironmentConfig")


_MCORES = "Thousandths of a CPU core used, all of them together"
_MB = "Memory in MB, all of them together"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressGateway(Message):
    """Ingress gateways together."""

    proto: ClassVar[str] = "ServiceMeshConfig.IngressGateway"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    rps: int = int32(4, "Requests per second through them")
    bps: int = int32(5, "Bytes through them")


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressGateway(Message):
    """Declared by the specification, used by none of its fields."""

    proto: ClassVar[str] = "ServiceMeshConfig.EgressGateway"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    rps: int = int32(4, "Requests per second through them")
    bps: int = int32(5, "Bytes through them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar(Message):
    """Data-plane proxies together, gateways left out."""

    proto: ClassVar[str] = "ServiceMeshConfig.Sidecar"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    rps: int = int32(4, "Requests per second through them")
    bps: int = int32(5, "Bytes through them")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshTelemetry(Message):
    """The mesh's telemetry parts together."""

    proto: ClassVar[str] = "ServiceMeshConfig.MeshTelemetry"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    rps: int = int32(4, "Requests per second through all proxies")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPolicy(Message):
    """The mesh's policy parts together."""

    proto: ClassVar[str] = "ServiceMeshConfig.MeshPolicy"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    rps: int = int32(4, "Requests per second through all proxies")
    cache_hit_rate: int = int32(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshControlPlane(Message):
    """The control plane's parts together."""

    proto: ClassVar[str] = "ServiceMeshConfig.MeshControlPlane"
    count: int = int32(1)
    cpu_mcores: int = int32(2, _MCORES)
    mem_mb: int = int32(3, _MB)
    endpoints: int = int32(4)
    services: int = int32(5, "Services and service entries")
    sidecars: int = int32(6)
    virtual_services: int = int32(7)
    destination_rules: int = int32(8)
    lds_latency_ms: int = int32(9, "Milliseconds until a changed listener has reached 90 % of the proxies")
    cds_latency_ms: int = int32(10, "Milliseconds until a changed cluster has reached 90 % of the proxies")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMesh(Message):
    """Which mesh."""

    proto: ClassVar[str] = "ServiceMesh"
    type: MeshType = field(1, "enum", of=MeshType)
    version: str = text(2)
    labels: Mapping[str, str] = texts(3)
    annotations: Mapping[str, str] = texts(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationMetadata(Message):
    """The application under load."""

    proto: ClassVar[str] = "ApplicationMetadata"
    application_name: str = text(1)
    application_version: str = text(2)
    helmchart_name: str = text(3)
    helmchart_version: str = text(4)
    cnabspec_version: str = text(5)
    compose_version: str = text(6)
    cluster_name: str = text(7)
    k8s_version_supported: str = text(8)
    application_protocol: ApplicationProtocol = field(9, "enum", of=ApplicationProtocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficMetadata(Message):
    """How traffic got in."""

    proto: ClassVar[str] = "TrafficMetadata"
    load_balance_name: str = text(1)
    load_balance_ip: str = text(2)
    host_endpoint: str = text(3)
    prometheus_url: str = text(4)
    http_headers: str = text(5)
    user_agent: str = text(6)
    ping_health_endpoint: str = text(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMeshConfig(Message):
    """The mesh, how it was set up, and what it consumed."""

    proto: ClassVar[str] = "ServiceMeshConfig"
    smp_version: str = text(1, "Version of the specification")
    id: str = text(2)
    labels: Mapping[str, str] = texts(3)
    ingress_gateway: IngressGateway | None = one(4, IngressGateway)
    sidecar: Sidecar | None = one(5, Sidecar)
    mesh_telemetry: MeshTelemetry | None = one(6, MeshTelemetry)
    mesh_policy: MeshPolicy | None = one(7, MeshPolicy)
    mesh_control_plane: MeshControlPlane | None = one(8, MeshControlPlane)
    mesh_policy_enabled: bool = flag(9)
    mesh_telemetry_enabled: bool = flag(10)
    mtls_enabled: bool = flag(11)
    proxy_concurrency: int = int32(12)
    mesh_build: str = text(13)
    proxy_build: str = text(14)
    exp_group_uuid: str = text(15, "Group of experiments")
    exp_uuid: str = text(16, "Experiment")
    profile: str = text(17)
    mesh_type: ServiceMesh | None = one(18, ServiceMesh)
    application_metadata: ApplicationMetadata | None = one(19, ApplicationMetadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentNode(Message):
    """A node (EnvironmentConfig.Node)."""

    proto: ClassVar[str] = "EnvironmentConfig.Node"
    type: str = text(1)
    cores: int = int32(2)
    mem_mb: int = field(3, "int64", "Memory in MB")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualWorkload(Message):
    """A part of the application and what it consumed."""

    proto: ClassVar[str] = "EnvironmentConfig.IndividualWorkload"
    name: str = text(1)
    count: int = int32(2)
    cpu_mcores: int = int32(3, _MCORES)
    mem_mb: int = int32(4, _MB)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentConfig(Message):
    """Where it happened, and what the application consumed."""

    proto: ClassVar[str] = "EnvironmentConfig"
    smp_version: str = text(1, "Version of the specification")
    id: str = text(2)
    labels: Mapping[str, str] = texts(3)
    kubernetes_version: str = text(4)
    nodes: tuple[EnvironmentNode, ...] = many(5, EnvironmentNode)
    individual_workloads: tuple[IndividualWorkload, ...] = many(6, IndividualWorkload)
    traffic_metadata: TrafficMetadata | None = one(7, TrafficMetadata)


DOCUMENTS: dict[str, type[Message]] = {
    "test": PerformanceTestConfig,
    "result": PerformanceTestResult,
    "mesh": ServiceMeshConfig,
    "environment": EnvironmentConfig,
}
"""Kind of document -> its message."""
