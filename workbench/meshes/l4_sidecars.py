"""``l4-sidecars``: two stock Envoys that carry bytes over mTLS (tcp_proxy both sides, network RBAC)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.meshes import _envoy as envoy
from workbench.meshes._sidecars import SidecarMesh


class _Bytes:
    """Carry connections, not requests."""

    def outbound(self, pod: str, callee: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Carry TCP to the other side's proxy, over mTLS when on."""
        to = f"outbound|8080||{callee}.lab"
        chain = {"filters": [envoy.tcp_proxy(f"upstream.{callee}", to, options["access_log"])]}
        return chain, envoy.client_tls(pod, callee) if options["mtls"] else {}

    def inbound(self, service: str, callers: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        """Decide intentions once a connection, then TCP to the service."""
        carry = envoy.tcp_proxy("local_app", "local_app", options["access_log"])
        if not options["mtls"]:
            return {"filters": [carry]}
        return {
            "filters": [envoy.network_rbac(callers), carry],
            "transport_socket": envoy.server_tls(service),
        }


ADAPTER = SidecarMesh(
    name="l4-sidecars",
    title="an Envoy beside each pod carries bytes over mTLS (TCP proxy, network RBAC)",
    layer_name="L4",
    layer=_Bytes(),
    shape_of=("Consul (its default protocol, tcp)",),
    lacks=(
        "a control plane and xDS: the configuration is static and small",
        "traffic redirection by iptables: the application dials its proxy",
        "the product's own start-up, certificates rotation and telemetry",
    ),
)
