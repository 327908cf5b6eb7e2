"""``chain``: a frontend that calls a backend, once or `fan_out` times in parallel; two hops."""

from __future__ import annotations

from workbench.spec import Workload
from workbench.steps import Application, Endpoint
from workbench.workloads._services import service


class Chain:
    """Client -> frontend -> backend."""

    name = "chain"
    title = "a frontend that calls a backend for every request (two hops, and a fan-out)"

    def application(self, workload: Workload) -> Application:
        """Return frontend and backend, called directly."""
        return Application(
            services=(service("frontend", workload, calls=("backend",)), service("backend", workload)),
            entry="frontend",
            routes={
                "client>frontend": Endpoint(component="frontend", port="http"),
                "frontend>backend": Endpoint(component="backend", port="http"),
            },
        )


ADAPTER = Chain()
