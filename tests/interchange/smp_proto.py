"""The specification's messages as protobuf knows them, from a transcription of their own.

Written down a second time, from the specification's list of fields, so that a slip in either transcription shows: this
one becomes real protobuf classes, against which the definitions in ``workbench.interchange.smp`` are held.
"""

from __future__ import annotations

import re

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

FIELDS = """
PerformanceTestConfig: 1 smp_version string, 2 id string, 3 name string, 4 labels map, 5 clients *.Client,
  6 duration string
PerformanceTestConfig.Client: 1 internal bool, 2 load_generator string, 3 protocol .Protocol, 4 connections int32,
  5 rps int64, 6 headers map, 7 cookies map, 8 body string, 9 content_type string, 10 endpoint_urls *string,
  11 ssl_certificate string, 12 additional_options string
PerformanceTestResult: 1 smp_version string, 2 id string, 3 labels map, 4 start_time Timestamp, 5 end_time Timestamp,
  6 latencies_ms .Latency, 7 actual_qps double, 8 details_uri string, 9 test_id string, 10 mesh_config_id string,
  11 env_id string
PerformanceTestResult.Latency: 1 min double, 2 average double, 3 p50 double, 4 p90 double, 5 p99 double, 6 max double
PerformanceTestResult.CPU: 1 cpu_mcores int32, 2 user double, 3 nice double, 4 system double, 5 idle double,
  6 iowait double, 7 hardware_interrupt double, 8 software_interrupt double, 9 steal double
PerformanceTestResult.Memory: 1 mem_total_mb double, 2 mem_free_mb double, 3 mem_used_mb double
PerformanceTestResult.Swap: 1 swap_total_mb double, 2 swap_free_mb double, 3 swap_used_mb double
ServiceMeshConfig: 1 smp_version string, 2 id string, 3 labels map, 4 ingress_gateway .IngressGateway,
  5 sidecar .Sidecar, 6 mesh_telemetry .MeshTelemetry, 7 mesh_policy .MeshPolicy,
  8 mesh_control_plane .MeshControlPlane, 9 mesh_policy_enabled bool, 10 mesh_telemetry_enabled bool,
  11 mtls_enabled bool, 12 proxy_concurrency int32, 13 mesh_build string, 14 proxy_build string,
  15 exp_group_uuid string, 16 exp_uuid string, 17 profile string, 18 mesh_type ServiceMesh,
  19 application_metadata ApplicationMetadata
ServiceMeshConfig.IngressGateway: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 rps int32, 5 bps int32
ServiceMeshConfig.EgressGateway: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 rps int32, 5 bps int32
ServiceMeshConfig.Sidecar: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 rps int32, 5 bps int32
ServiceMeshConfig.MeshTelemetry: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 rps int32
ServiceMeshConfig.MeshPolicy: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 rps int32, 5 cache_hit_rate int32
ServiceMeshConfig.MeshControlPlane: 1 count int32, 2 cpu_mcores int32, 3 mem_mb int32, 4 endpoints int32,
  5 services int32, 6 sidecars int32, 7 virtual_services int32, 8 destination_rules int32, 9 lds_latency_ms int32,
  10 cds_latency_ms int32
EnvironmentConfig: 1 smp_version string, 2 id string, 3 labels map, 4 kubernetes_version string, 5 nodes *.Node,
  6 individual_workloads *.IndividualWorkload, 7 traffic_metadata TrafficMetadata
EnvironmentConfig.Node: 1 type string, 2 cores int32, 3 mem_mb int64
EnvironmentConfig.IndividualWorkload: 1 name string, 2 count int32, 3 cpu_mcores int32, 4 mem_mb int32
ServiceMesh: 1 type .Type, 2 version string, 3 labels map, 4 annotations map
ApplicationMetadata: 1 application_name string, 2 application_version string, 3 helmchart_name string,
  4 helmchart_version string, 5 cnabspec_version string, 6 compose_version string, 7 cluster_name string,
  8 k8s_version_supported string, 9 application_protocol .ApplicationProtocol
TrafficMetadata: 1 load_balance_name string, 2 load_balance_ip string, 3 host_endpoint string, 4 prometheus_url string,
  5 http_headers string, 6 user_agent string, 7 ping_health_endpoint string
"""

ENUMS = {
    "PerformanceTestConfig.Client.Protocol": "PROTOCOL_INVALID PROTOCOL_HTTP PROTOCOL_TCP PROTOCOL_UDP PROTOCOL_GRPC",
    "ApplicationMetadata.ApplicationProtocol": "PROTOCOL_INVALID PROTOCOL_HTTP PROTOCOL_HTTPS",
    "ServiceMesh.Type": "INVALID_MESH APP_MESH CONSUL ISTIO KUMA LINKERD TRAEFIK_MESH OCTARINE NETWORK_SERVICE_MESH "
    "TANZU OPEN_SERVICE_MESH NGINX_SERVICE_MESH CILIUM_SERVICE_MESH",
}

_SCALARS = {"string": 9, "bool": 8, "int32": 5, "int64": 3, "double": 1}
_MESSAGE, _ENUM = 11, 14


def transcription() -> dict[str, list[tuple[int, str, str, bool]]]:
    """Message -> its fields: number, name, type, repeated."""
    found = {}
    for line in re.sub(r"\n\s+", " ", FIELDS).strip().splitlines():
        message, listed = line.split(": ", 1)
        found[message] = [
            (int(number), name, kind.removeprefix("*"), kind.startswith("*"))
            for number, name, kind in (one.split() for one in listed.split(","))
        ]
    return found


def _add(file: descriptor_pb2.FileDescriptorProto, name: str) -> descriptor_pb2.DescriptorProto:
    *outer, own = name.split(".")
    home = next(one for one in file.message_type if one.name == outer[0]).nested_type if outer else file.message_type
    return home.add(name=own)


def classes() -> dict[str, type]:
    """Message -> its protobuf class."""
    file = descriptor_pb2.FileDescriptorProto(
        name="smp.proto", package="smp", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    messages = transcription()
    made = {name: _add(file, name) for name in messages}
    for name, values in ENUMS.items():
        owner, own = name.rsplit(".", 1)
        enum = made[owner].enum_type.add(name=own)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in messages.items():
        for number, field, kind, repeated in fields:
            _field(made[name], name, number, field, kind, repeated)
    pool = descriptor_pool.DescriptorPool()
    stamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
    pool.Add(stamp)
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"smp.{name}")) for name in messages}


def _field(message, owner: str, number: int, name: str, kind: str, repeated: bool) -> None:
    label = 3 if repeated or kind == "map" else 1
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind == "map":
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=9, label=1)
        entry.field.add(name="value", number=2, type=9, label=1)
        field.type, field.type_name = _MESSAGE, f".smp.{owner}.{entry.name}"
    elif kind == "Timestamp":
        field.type, field.type_name = _MESSAGE, ".google.protobuf.Timestamp"
    else:
        full = f"{owner}{kind}" if kind.startswith(".") else kind
        field.type, field.type_name = (_ENUM if full in ENUMS else _MESSAGE), f".smp.{full}"
