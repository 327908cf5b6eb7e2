"""``chain``: a frontend that calls a backend, once or `fan_out` times in parallel; two hops."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.model.cluster_steps import ClusterApplication
from workbench.model.experiment import Workload
from workbench.model.lab_steps import Application, Endpoint
from workbench.workloads._cluster import NAMESPACE, cluster_application
from workbench.workloads._services import service, versions


class Chain:
    """Client -> frontend -> backend."""

    name = "chain"
    title = "a frontend that calls a backend for every request (two hops, and a fan-out)"
    environments: tuple[str, ...] = ("lab", "kubernetes")
    protocols: Mapping[str, tuple[str, ...]] = {"lab": ("http/1.1",), "kubernetes": ("http/1.1",)}

    def application(self, workload: Workload) -> Application:
        """Return the frontend in all its versions and the backend, called directly."""
        frontends = tuple(versions("frontend", workload, calls=("backend",)))
        return Application(
            services=(*frontends, service("backend", workload)),
            entry="frontend",
            routes={
                "client>frontend": Endpoint(component="frontend", port="http"),
                **{f"{one.name}>backend": Endpoint(component="backend", port="http") for one in frontends},
            },
        )

    def cluster_application(
        self, workload: Workload, protocol: str = "http/1.1", *, namespace: str = NAMESPACE, registry: str = ""
    ) -> ClusterApplication:
        """Return the same on a cluster, see `workbench.workloads._cluster`.

        The frontend is Fortio's fan-out: it answers with the answers of all its calls, one after the other, and the
        server's delay is the backend's alone.
        """
        services = {"frontend": ("backend",), "backend": ()}
        return cluster_application(workload, services, protocol, namespace=namespace, registry=registry)


ADAPTER = Chain()
