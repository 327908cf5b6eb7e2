"""``node-tunnel``: one stock Envoy on each of two nodes tunnels connections in HTTP/2 CONNECT over mTLS.

Pods are placed on the nodes in turn, the client on the first, so that every call leaves its node. Each connection
carries the identity of the calling pod, not of the node, as ambient's ztunnel does it.
"""

from __future__ import annotations

from typing import Any

from workbench.intents import Answer, Intent
from workbench.meshes import _envoy as envoy
from workbench.meshes import _traffic as traffic
from workbench.meshes._answers import of_tunnels
from workbench.meshes._nodes import NodeProxies
from workbench.meshes._sidecars import STRANGER, answer_gate, mtls_gates
from workbench.meshes._wishes import Wishes, patience, wishes
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Certificates, Crossing, Endpoint, Gate, Process, Step
from workbench.model.records import MeshFacts

NODES = ("node-1-proxy", "node-2-proxy")


def _node_of(pod: str, application: Application) -> str:
    """Return the node of ``pod``; all versions of a service share one."""
    pods = ("client", *(service.name for service in application.services if not service.answers_for))
    return NODES[pods.index(pod if pod == "client" else application.service(pod).called) % 2]


def _authority(service: str) -> str:
    return f"{service}.lab:8080"


class NodeTunnel(NodeProxies):
    """Every call passes the proxy of the caller's node and that of the callee's."""

    name = "node-tunnel"
    said = MeshFacts(
        label="node-tunnel",
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
        asked, others = self.asked(spec)
        pods = ("client", *(service.name for service in application.services))
        identities = tuple(dict.fromkeys(application.identity(pod) for pod in pods))
        certificates = Certificates(trust_domain=envoy.TRUST_DOMAIN, identities=(*identities, STRANGER))
        return (certificates, *(self._proxy(node, application, asked, others) for node in NODES))

    def _proxy(self, node: str, application: Application, asked: Wishes, others: Wishes) -> Process:
        ports, listeners, clusters = [], [], []
        for caller, callee in application.edges():
            if _node_of(caller, application) != node:
                continue
            port, to = f"{caller}-to-{callee}", f"{caller}|{callee}"
            carry = envoy.tcp_proxy(f"outbound.{callee}", to, asked.access_log, _authority(callee))
            ports.append(port)
            listeners.append(envoy.listener(to, Endpoint(component=node, port=port), [{"filters": [carry]}]))
            far = Endpoint(component=_node_of(callee, application), port="tunnel")
            transport = envoy.client_tls(application.identity(caller), callee, ("h2",))
            clusters.append(envoy.cluster(to, [far], transport, http2=True))
        clusters += envoy.further_clusters(asked.services, None)
        called = [service.name for service in application.services if not service.answers_for]
        local = [name for name in called if _node_of(name, application) == node]
        if local:
            ports.append("tunnel")
            chains = [self._terminate(one, application, asked if one == application.entry else others) for one in local]
            at = Endpoint(component=node, port="tunnel")
            listeners.append(envoy.listener("tunnel", at, chains, [envoy.TLS_INSPECTOR]))
            clusters += [
                envoy.cluster(one, [Endpoint(component=each.name, port="http") for each in application.behind(one)])
                for one in local
            ]
        return envoy.proxy(node, "node-proxy", ports, listeners, clusters, asked.concurrency)

    def _terminate(self, service: str, application: Application, asked: Wishes) -> dict[str, Any]:
        connect = {"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}], "cluster": service}
        host = {
            "name": service,
            "domains": [_authority(service)],
            "routes": [{"match": {"connect_matcher": {}}, "route": {**connect, "timeout": "0s"}}],
        }
        callers = [application.identity(caller) for caller in application.callers(service)]
        manager = envoy.http_manager(
            f"tunnel.{service}",
            [host],
            [envoy.http_rbac(traffic.caller_rules(callers, asked.intent.authorization))],
            http2_protocol_options={"allow_connect": True},
            upgrade_configs=[{"upgrade_type": "CONNECT"}],
            **envoy.access_log(asked.access_log),
        )
        return {
            "filter_chain_match": {"server_names": [f"{service}.lab"]},
            "filters": [manager],
            "transport_socket": envoy.server_tls(service, ("h2", "http/1.1")),
        }

    def answers(self, intent: Intent) -> tuple[Answer, ...]:
        """Return what it makes of each feature asked."""
        return of_tunnels(intent)

    def door(self, caller: str, callee: str, application: Application) -> Endpoint:
        """Return the proxy of the caller's node, which has a port for each call."""
        return Endpoint(component=_node_of(caller, application), port=f"{caller}-to-{callee}")

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer, both proxies crossed, strangers and plaintext refused."""
        how = patience(wishes(spec, self.options).intent)
        gates: list[Gate] = [answer_gate(application)]
        gates += [Crossing(name=f"the call crossed {node}", component=node, **how) for node in NODES]
        for service in [service for service in application.services if not service.answers_for]:
            tunnel = Endpoint(component=_node_of(service.name, application), port="tunnel")
            caller = application.identity(application.callers(service.name)[0])
            gates += mtls_gates(service.name, caller, tunnel, _authority(service.name))
        return tuple(gates)


ADAPTER = NodeTunnel()
