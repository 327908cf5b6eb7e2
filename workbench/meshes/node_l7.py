"""``node-l7``: one stock Envoy for the whole node parses and routes every request; no mTLS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.intents import Answer, Intent
from workbench.meshes import _envoy as envoy
from workbench.meshes import _traffic as traffic
from workbench.meshes._answers import of_nodes
from workbench.meshes._nodes import NodeProxies
from workbench.meshes._sidecars import answer_gate
from workbench.meshes._wishes import Wishes, patience, wishes
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Crossing, Endpoint, Gate, Service, Step
from workbench.model.records import MeshFacts

PROXY = "node-proxy"


class NodeL7(NodeProxies):
    """Every call passes the node's one proxy once."""

    name = "node-l7"
    said = MeshFacts(
        label="node-l7",
        title="one Envoy for the whole node parses and routes every request, without mTLS",
        data_plane="node-proxy",
        layer="L7",
        mtls=False,
        archetype=True,
        shape_of=("Cilium (its per-node Envoy, for L7 rules)",),
        lacks=(
            "a control plane and xDS: the configuration is static and small",
            "redirection by eBPF: the application connects to the proxy",
            "encryption: this shape has none",
        ),
    )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return the one proxy, with a listener for every service."""
        asked, others = self.asked(spec)
        ports, listeners, clusters = [], [], []
        for service in [service for service in application.services if not service.answers_for]:
            port, versions = f"to-{service.name}", application.behind(service.name)
            mine = asked if service.name == application.entry else others
            ports.append(port)
            manager = self._manager(service, versions, mine)
            listeners.append(
                envoy.listener(service.name, Endpoint(component=PROXY, port=port), [{"filters": [manager]}])
            )
            clusters += self._clusters(service, versions, mine)
        clusters += envoy.further_clusters(asked.services, None)
        return (envoy.proxy(PROXY, "node-proxy", ports, listeners, clusters, asked.concurrency),)

    def _manager(self, service: Service, versions: tuple[Service, ...], asked: Wishes) -> dict[str, Any]:
        intent, filters = asked.intent, []
        allowed = intent.authorization
        if allowed is not None and (allowed.methods or allowed.paths):  # who calls, it cannot tell
            filters.append(envoy.http_rbac(traffic.rules((), replace(allowed, callers=()))))
        if intent.rate_limit is not None:
            filters.append(traffic.rate_limit_filter(intent.rate_limit))
        action = traffic.route_action(service.name, versions, intent, envoy.RETRIES)
        return envoy.http_manager(
            f"node.{service.name}",
            [envoy.virtual_host(service.name, action)],
            [*filters, *envoy.mesh_http_filters(traffic.fault(intent))],
            generate_request_id=True,
            **envoy.access_log(asked.access_log),
        )

    def _clusters(self, service: Service, versions: tuple[Service, ...], asked: Wishes) -> list[dict[str, Any]]:
        name, more = service.name, traffic.cluster_settings(asked.intent)
        if not asked.intent.split:
            return [envoy.cluster(name, [_place(one) for one in versions], **more)]
        return [envoy.cluster(traffic.version_cluster(name, one.version), [_place(one)], **more) for one in versions]

    def answers(self, intent: Intent) -> tuple[Answer, ...]:
        """Return what it makes of each feature asked."""
        return of_nodes(intent)

    def door(self, caller: str, callee: str, application: Application) -> Endpoint:
        """Return the node's one proxy, which has a port for each service."""
        return Endpoint(component=PROXY, port=f"to-{callee}")

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer and the proxy crossed."""
        intent = wishes(spec, self.options).intent
        crossed = Crossing(name=f"the call crossed {PROXY}", component=PROXY, **patience(intent))
        return (answer_gate(application, intent), crossed)


def _place(service: Service) -> Endpoint:
    return Endpoint(component=service.name, port="http")


ADAPTER = NodeL7()
