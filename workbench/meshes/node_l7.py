"""``node-l7``: one stock Envoy for the whole node parses and routes every request; no mTLS."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.meshes import _envoy as envoy
from workbench.meshes._sidecars import answer_gate, check_profile
from workbench.protocols import Option
from workbench.records import MeshFacts
from workbench.spec import MeshSpec
from workbench.steps import Application, Crossing, Endpoint, Gate, Step

PROXY = "node-proxy"


class NodeL7:
    """Every call passes the node's one proxy once."""

    name = "node-l7"
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = ("default",)
    options: Mapping[str, Option] = envoy.COMMON_OPTIONS

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        check_profile(spec, self.profiles)
        envoy.settings(spec, self.options)
        return MeshFacts(
            label=spec.label,
            title="one Envoy for the whole node parses and routes every request, without mTLS",
            data_plane="node-proxy",
            layer="L7",
            mtls=False,
            archetype=True,
            shape_of=("Cilium (its per-node Envoy, for L7 rules)",),
            lacks=(
                "a control plane and xDS: the configuration is static and small",
                "redirection by eBPF: the application dials the proxy",
                "encryption: the shape has none by itself",
            ),
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return the one proxy, with a listener for every service."""
        check_profile(spec, self.profiles)
        options = envoy.settings(spec, self.options)
        ports, listeners, clusters = [], [], []
        for service in application.services:
            port = f"to-{service.name}"
            hosts = [envoy.virtual_host(service.name, service.name, retries=2)]
            manager = envoy.http_manager(
                f"node.{service.name}",
                hosts,
                envoy.mesh_http_filters(),
                generate_request_id=True,
                **envoy.access_log(options["access_log"]),
            )
            ports.append(port)
            listeners.append(
                envoy.listener(service.name, Endpoint(component=PROXY, port=port), [{"filters": [manager]}])
            )
            clusters.append(envoy.cluster(service.name, Endpoint(component=service.name, port="http")))
        clusters += envoy.further_clusters(options["services"], None)
        return (envoy.proxy(PROXY, "node-proxy", ports, listeners, clusters, options["concurrency"]),)

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy in which every caller dials the node's proxy."""
        return application.rewired(
            {
                f"{caller}>{callee}": Endpoint(component=PROXY, port=f"to-{callee}")
                for caller, callee in application.edges()
            }
        )

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer and the proxy crossed."""
        return (answer_gate(application), Crossing(name=f"the call crossed {PROXY}", component=PROXY))


ADAPTER = NodeL7()
