"""``l7-sidecars``: two stock Envoys that understand every request (HTTP both sides, mTLS, HTTP RBAC, retries)."""

from __future__ import annotations

from typing import Any

from workbench.intents import Answer, Intent, Target
from workbench.meshes import _envoy as envoy
from workbench.meshes import _traffic as traffic
from workbench.meshes._answers import of_requests
from workbench.meshes._sidecars import Call, Inbound, SidecarMesh
from workbench.meshes._wishes import Wishes

_ALPN = ("istio-http/1.1", "istio", "http/1.1")


class _Requests:
    """Parse, route, authorize and count every request on both sides."""

    def transport(self, call: Call, asked: Wishes) -> dict[str, Any]:
        """Return mTLS as the caller, or nothing where it is off."""
        return envoy.client_tls(call.caller, call.callee, _ALPN) if asked.encrypted else {}

    def outbound(self, call: Call, asked: Wishes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Route by HTTP with a retry policy to the other side's proxy; injected faults come before the routing."""
        action = traffic.route_action(call.cluster, call.versions, asked.intent, envoy.RETRIES)
        hosts = [envoy.virtual_host(f"{call.callee}.lab:8080", action)]
        hosts += [
            envoy.virtual_host(f"further-{n}", f"outbound|8080||further-{n}.lab", envoy.RETRIES, (f"further-{n}.lab",))
            for n in range(asked.services)
        ]
        manager = envoy.http_manager(
            "outbound_0.0.0.0_8080",
            hosts,
            envoy.mesh_http_filters(traffic.fault(asked.intent)),
            generate_request_id=True,
            **envoy.access_log(asked.access_log),
        )
        return {"filters": [manager]}, self._clusters(call, asked)

    def _clusters(self, call: Call, asked: Wishes) -> list[dict[str, Any]]:
        transport, more = self.transport(call, asked), traffic.cluster_settings(asked.intent)
        if not asked.intent.split:
            return [envoy.cluster(call.cluster, call.inbound(), transport, **more)]
        return [
            envoy.cluster(traffic.version_cluster(call.cluster, one.version), call.inbound(one), transport, **more)
            for one in call.versions
        ]

    def inbound(self, service: str, callers: tuple[str, ...], asked: Wishes) -> Inbound:
        """Authorize every request, then HTTP to the service; permissive takes plain requests beside those over TLS."""
        plain = {"filters": [self._admit(callers, asked, known=False)]}
        if not asked.encrypted:
            return [plain], []
        over_tls = {
            "filters": [self._admit(callers, asked, known=True)],
            "transport_socket": envoy.server_tls(service, _ALPN),
        }
        return envoy.by_transport(over_tls, plain, asked.mtls)

    def _admit(self, callers: tuple[str, ...], asked: Wishes, *, known: bool) -> dict[str, Any]:
        """Return the HTTP side in front of the service; ``known``: callers have shown a certificate."""
        filters, authorization = [], asked.intent.authorization
        if known or authorization is not None:
            filters.append(envoy.http_rbac(traffic.rules(callers, authorization)))
        if asked.intent.rate_limit is not None:
            filters.append(traffic.rate_limit_filter(asked.intent.rate_limit))
        return envoy.http_manager(
            "inbound_0.0.0.0_8080",
            [envoy.virtual_host("inbound|http|8080", "local_app")],
            [*filters, *envoy.mesh_http_filters()],
            forward_client_cert_details="APPEND_FORWARD",
            set_current_client_cert_details={"subject": True, "dns": True, "uri": True},
            **envoy.access_log(asked.access_log),
        )

    def answers(self, intent: Intent, target: Target) -> tuple[Answer, ...]:
        """Return what becomes of each feature: nearly all are supported."""
        return of_requests(intent)


ADAPTER = SidecarMesh(
    name="l7-sidecars",
    title="an Envoy next to each pod parses, authorizes and routes every request over mTLS",
    layer_name="L7",
    layer=_Requests(),
    shape_of=("Istio (sidecar mode)", "Linkerd (with its own Rust proxy)"),
    lacks=(
        "a control plane and xDS: the configuration is static and small",
        "traffic redirection by iptables: the application connects to its proxy",
        "the products' own statistics and metadata-exchange filters, and Linkerd's proxy itself",
    ),
)
