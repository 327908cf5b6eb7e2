"""``l4-sidecars``: two stock Envoys that carry bytes over mTLS (tcp_proxy both sides, network RBAC)."""

from __future__ import annotations

from typing import Any

from workbench.intents import Answer, Intent, Target
from workbench.meshes import _envoy as envoy
from workbench.meshes import _traffic as traffic
from workbench.meshes._answers import of_connections
from workbench.meshes._sidecars import Call, Inbound, SidecarMesh
from workbench.meshes._wishes import Wishes


class _Bytes:
    """Carry connections, not requests."""

    def transport(self, call: Call, asked: Wishes) -> dict[str, Any]:
        """Return mTLS as the caller, or nothing where it is off."""
        return envoy.client_tls(call.caller, call.callee) if asked.encrypted else {}

    def outbound(self, call: Call, asked: Wishes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Carry TCP to the other side's proxy; a split is one of connections."""
        transport = self.transport(call, asked)
        more = traffic.cluster_settings(asked.intent, connections_only=True)
        to: str | list[dict[str, Any]] = call.cluster
        clusters = [envoy.cluster(call.cluster, call.inbound(), transport, **more)]
        if asked.intent.split:
            to = traffic.weights(call.cluster, call.versions, asked.intent)
            clusters = [
                envoy.cluster(traffic.version_cluster(call.cluster, one.version), call.inbound(one), transport, **more)
                for one in call.versions
            ]
        return {"filters": [envoy.tcp_proxy(f"upstream.{call.callee}", to, asked.access_log)]}, clusters

    def inbound(self, service: str, callers: tuple[str, ...], asked: Wishes) -> Inbound:
        """Decide intentions once a connection, then TCP to the service."""
        authorization = asked.intent.authorization
        carry = envoy.tcp_proxy("local_app", "local_app", asked.access_log)
        named = authorization is not None and bool(authorization.callers)
        rbac = envoy.network_rbac(traffic.caller_rules(callers, authorization))
        plain = {"filters": [rbac, carry] if named else [carry]}
        if not asked.encrypted:
            return [plain], []
        over_tls = {"filters": [rbac, carry], "transport_socket": envoy.server_tls(service)}
        return envoy.by_transport(over_tls, plain, asked.mtls)

    def answers(self, intent: Intent, target: Target) -> tuple[Answer, ...]:
        """Return what becomes of each feature: those that work on connections are supported."""
        return of_connections(intent)


ADAPTER = SidecarMesh(
    name="l4-sidecars",
    title="an Envoy next to each pod forwards bytes over mTLS (TCP proxy, network RBAC)",
    layer_name="L4",
    layer=_Bytes(),
    shape_of=("Consul (its default protocol, tcp)",),
    lacks=(
        "a control plane and xDS: the configuration is static and small",
        "traffic redirection by iptables: the application connects to its proxy",
        "the product's own start-up, certificates rotation and telemetry",
    ),
)
