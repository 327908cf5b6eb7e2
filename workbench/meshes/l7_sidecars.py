"""``l7-sidecars``: two stock Envoys that understand every request (HTTP both sides, mTLS, HTTP RBAC, retries)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.meshes import _envoy as envoy
from workbench.meshes._sidecars import SidecarMesh

_ALPN = ("istio-http/1.1", "istio", "http/1.1")


class _Requests:
    """Parse, route, authorize and count every request on both sides."""

    def outbound(self, pod: str, callee: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Route by HTTP with a retry policy to the other side's proxy."""
        hosts = [envoy.virtual_host(f"{callee}.lab:8080", f"outbound|8080||{callee}.lab", retries=2)]
        hosts += [
            envoy.virtual_host(f"further-{n}", f"outbound|8080||further-{n}.lab", 2, (f"further-{n}.lab",))
            for n in range(options["services"])
        ]
        manager = envoy.http_manager(
            "outbound_0.0.0.0_8080",
            hosts,
            envoy.mesh_http_filters(),
            generate_request_id=True,
            **envoy.access_log(options["access_log"]),
        )
        return {"filters": [manager]}, envoy.client_tls(pod, callee, _ALPN) if options["mtls"] else {}

    def inbound(self, service: str, callers: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        """Authorize every request, then HTTP to the service."""
        filters = envoy.mesh_http_filters()
        if options["mtls"]:
            filters = [envoy.http_rbac(callers), *filters]
        manager = envoy.http_manager(
            "inbound_0.0.0.0_8080",
            [envoy.virtual_host("inbound|http|8080", "local_app")],
            filters,
            forward_client_cert_details="APPEND_FORWARD",
            set_current_client_cert_details={"subject": True, "dns": True, "uri": True},
            **envoy.access_log(options["access_log"]),
        )
        if not options["mtls"]:
            return {"filters": [manager]}
        return {"filters": [manager], "transport_socket": envoy.server_tls(service, _ALPN)}


ADAPTER = SidecarMesh(
    name="l7-sidecars",
    title="an Envoy beside each pod parses, authorizes and routes every request over mTLS",
    layer_name="L7",
    layer=_Requests(),
    shape_of=("Istio (sidecar mode)", "Linkerd (with its own Rust proxy)"),
    lacks=(
        "a control plane and xDS: the configuration is static and small",
        "traffic redirection by iptables: the application dials its proxy",
        "the products' own statistics and metadata-exchange filters, and Linkerd's proxy itself",
    ),
)
