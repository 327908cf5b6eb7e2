"""``echo``: one service that answers with the request's own body; one hop."""

from __future__ import annotations

from workbench.spec import Workload
from workbench.steps import Application, Endpoint
from workbench.workloads._services import service


class Echo:
    """Client -> server."""

    name = "echo"
    title = "one service that echoes the request's body (one hop)"

    def application(self, workload: Workload) -> Application:
        """Return the server, called directly."""
        return Application(
            services=(service("server", workload),),
            entry="server",
            routes={"client>server": Endpoint(component="server", port="http")},
        )


ADAPTER = Echo()
