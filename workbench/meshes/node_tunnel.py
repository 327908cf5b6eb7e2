"""``node-tunnel``: one stock Envoy on each of two nodes tunnels connections in HTTP/2 CONNECT over mTLS.

Pods are placed on the nodes in turn, the client on the first, so that every call leaves its node. Each connection
carries the identity of the calling pod, not of the node, as ambient's ztunnel does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.meshes import _envoy as envoy
from workbench.meshes._sidecars import STRANGER, answer_gate, check_profile, mtls_gates
from workbench.protocols import Option
from workbench.records import MeshFacts
from workbench.spec import MeshSpec
from workbench.steps import Application, Certificates, Crossing, Endpoint, Gate, Process, Step

NODES = ("node-1-proxy", "node-2-proxy")


def _node_of(pod: str, application: Application) -> str:
    pods = ("client", *(service.name for service in application.services))
    return NODES[pods.index(pod) % 2]


def _authority(service: str) -> str:
    return f"{service}.lab:8080"


class NodeTunnel:
    """Every call passes the proxy of the caller's node and that of the callee's."""

    name = "node-tunnel"
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = ("default",)
    options: Mapping[str, Option] = envoy.COMMON_OPTIONS

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        check_profile(spec, self.profiles)
        envoy.settings(spec, self.options)
        return MeshFacts(
            label=spec.label,
            title="an Envoy on each node tunnels connections in HTTP/2 CONNECT over mTLS",
            data_plane="node-proxy",
            layer="L4",
            mtls=True,
            archetype=True,
            shape_of=("Istio (ambient mode, ztunnel)",),
            lacks=(
                "ztunnel itself: a Rust proxy made for this one task",
                "a control plane and xDS: the configuration is static and small",
                "redirection inside the pod, and a real network between the nodes",
            ),
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return certificates and the proxies of both nodes."""
        check_profile(spec, self.profiles)
        options = envoy.settings(spec, self.options)
        pods = ("client", *(service.name for service in application.services))
        certificates = Certificates(trust_domain=envoy.TRUST_DOMAIN, identities=(*pods, STRANGER))
        return (certificates, *(self._proxy(node, application, options) for node in NODES))

    def _proxy(self, node: str, application: Application, options: Mapping[str, Any]) -> Process:
        ports, listeners, clusters = [], [], []
        for caller, callee in application.edges():
            if _node_of(caller, application) != node:
                continue
            port, to = f"{caller}-to-{callee}", f"{caller}|{callee}"
            carry = envoy.tcp_proxy(f"outbound.{callee}", to, options["access_log"], _authority(callee))
            ports.append(port)
            listeners.append(envoy.listener(to, Endpoint(component=node, port=port), [{"filters": [carry]}]))
            far = Endpoint(component=_node_of(callee, application), port="tunnel")
            clusters.append(envoy.cluster(to, far, envoy.client_tls(caller, callee, ("h2",)), http2=True))
        clusters += envoy.further_clusters(options["services"], None)
        local = [service.name for service in application.services if _node_of(service.name, application) == node]
        if local:
            ports.append("tunnel")
            chains = [self._terminate(service, application.callers(service), options) for service in local]
            inspector = {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
                },
            }
            listeners.append(envoy.listener("tunnel", Endpoint(component=node, port="tunnel"), chains, [inspector]))
            clusters += [envoy.cluster(service, Endpoint(component=service, port="http")) for service in local]
        return envoy.proxy(node, "node-proxy", ports, listeners, clusters, options["concurrency"])

    def _terminate(self, service: str, callers: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        connect = {"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}], "cluster": service}
        host = {
            "name": service,
            "domains": [_authority(service)],
            "routes": [{"match": {"connect_matcher": {}}, "route": {**connect, "timeout": "0s"}}],
        }
        manager = envoy.http_manager(
            f"tunnel.{service}",
            [host],
            [envoy.http_rbac(callers)],
            http2_protocol_options={"allow_connect": True},
            upgrade_configs=[{"upgrade_type": "CONNECT"}],
            **envoy.access_log(options["access_log"]),
        )
        return {
            "filter_chain_match": {"server_names": [f"{service}.lab"]},
            "filters": [manager],
            "transport_socket": envoy.server_tls(service, ("h2", "http/1.1")),
        }

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy in which every caller dials its node's proxy."""
        return application.rewired(
            {
                f"{caller}>{callee}": Endpoint(component=_node_of(caller, application), port=f"{caller}-to-{callee}")
                for caller, callee in application.edges()
            }
        )

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer, both proxies crossed, strangers and plaintext refused."""
        gates: list[Gate] = [answer_gate(application)]
        gates += [Crossing(name=f"the call crossed {node}", component=node) for node in NODES]
        for service in application.services:
            tunnel = Endpoint(component=_node_of(service.name, application), port="tunnel")
            caller = application.callers(service.name)[0]
            gates += mtls_gates(service.name, caller, tunnel, _authority(service.name))
        return tuple(gates)


ADAPTER = NodeTunnel()
