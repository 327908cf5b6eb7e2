"""``own``: the user's own application, from Kubernetes manifests; on clusters only."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import BadInputError
from workbench.model.cluster_steps import ClusterApplication
from workbench.model.experiment import PROTOCOLS, Workload
from workbench.model.lab_steps import Application
from workbench.workloads._cluster import NAMESPACE
from workbench.workloads._own import own_application
from workbench.workloads._settings import refuse_unused


class Own:
    """Client -> whatever the manifests deploy."""

    name = "own"
    title = "your own application: Kubernetes manifests (a file or a folder) and the URL to call"
    environments: tuple[str, ...] = ("kubernetes",)
    protocols: Mapping[str, tuple[str, ...]] = {"kubernetes": PROTOCOLS}

    def application(self, workload: Workload) -> Application:
        """Refuse: the lab runs no containers.

        Raises
        ------
        BadInputError
            Always, saying where it runs.
        """
        raise BadInputError(
            "The workload 'own' consists of Kubernetes manifests, so it runs on clusters only, not in the lab."
        )

    def cluster_application(
        self, workload: Workload, protocol: str = "http/1.1", *, namespace: str = NAMESPACE, registry: str = ""
    ) -> ClusterApplication:
        """Return the objects of `workload.manifests` in ``namespace``; see `workbench.workloads._own`."""
        refuse_unused(workload, ("payload_bytes", "manifests", "url"))
        return own_application(workload.manifests, workload.url, protocol, namespace=namespace, registry=registry)


ADAPTER = Own()
