"""``echo``: one service that answers with the request's own body; one hop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.intents import Target
from workbench.model.cluster_steps import ClusterApplication
from workbench.model.experiment import PROTOCOLS, Workload
from workbench.model.lab_steps import Application, Endpoint
from workbench.workloads._cluster import NAMESPACE, cluster_application
from workbench.workloads._services import service, versions


class Echo:
    """Client -> server."""

    name = "echo"
    title = "one service that echoes the request's body (one hop)"
    environments: tuple[str, ...] = ("lab", "kubernetes")
    protocols: Mapping[str, tuple[str, ...]] = {"lab": ("http/1.1",), "kubernetes": PROTOCOLS}

    def application(self, workload: Workload) -> Application:
        """Return the server in all its versions; without a mesh the client dials the first."""
        return Application(
            services=tuple(versions("server", workload)),
            entry="server",
            routes={"client>server": Endpoint(component="server", port="http")},
        )

    def played(self, target: Target, behaves: Mapping[str, Sequence[str]]) -> Application:
        """Return the same under a design's own names, for play and not for measuring.

        ``behaves``: version -> further arguments of its server.
        """
        services = [
            service(
                target.version_service(version) if number else target.service,
                Workload(),
                version=version,
                answers_for=target.service if number else "",
                behaves=behaves.get(version, ()),
            )
            for number, version in enumerate(target.versions)
        ]
        return Application(
            services=tuple(services),
            entry=target.service,
            routes={f"client>{target.service}": Endpoint(component=target.service, port="http")},
            caller=target.caller,
        )

    def cluster_application(
        self, workload: Workload, protocol: str = "http/1.1", *, namespace: str = NAMESPACE, registry: str = ""
    ) -> ClusterApplication:
        """Return the same on a cluster; see `workbench.workloads._cluster`."""
        return cluster_application(workload, {"server": ()}, protocol, namespace=namespace, registry=registry)


ADAPTER = Echo()
