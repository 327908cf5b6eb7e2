"""``echo``: one service that answers with the request's own body; one hop."""

from __future__ import annotations

from workbench.cluster_steps import ClusterApplication
from workbench.spec import Workload
from workbench.steps import Application, Endpoint
from workbench.workloads._cluster import NAMESPACE, cluster_application
from workbench.workloads._services import service


class Echo:
    """Client -> server."""

    name = "echo"
    title = "one service that echoes the request's body (one hop)"
    environments: tuple[str, ...] = ("lab", "kubernetes")

    def application(self, workload: Workload) -> Application:
        """Return the server, called directly."""
        return Application(
            services=(service("server", workload),),
            entry="server",
            routes={"client>server": Endpoint(component="server", port="http")},
        )

    def cluster_application(
        self, workload: Workload, *, namespace: str = NAMESPACE, registry: str = ""
    ) -> ClusterApplication:
        """Return the same on a cluster; see `workbench.workloads._cluster`."""
        return cluster_application(workload, {"server": ()}, namespace=namespace, registry=registry)


ADAPTER = Echo()
