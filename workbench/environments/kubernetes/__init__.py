"""A Kubernetes cluster: meshes and applications as they run in production, on whatever a kubeconfig reaches.

The only package that imports a Kubernetes client, and only when a cluster is really opened. Everything it makes bears
labels, everything it makes is removed by these labels, and what was there before is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.model.experiment import EnvironmentSpec
from workbench.model.records import GateResult

if TYPE_CHECKING:
    from workbench.environments.kubernetes.designs.configuring import Configuration
    from workbench.environments.kubernetes.session import OpenCluster
    from workbench.model.cluster_steps import ClusterStep


class Kubernetes:
    """The adapter: opens a cluster and says what it can do."""

    name = "kubernetes"

    def __call__(self, spec: EnvironmentSpec) -> OpenCluster:
        """Return the cluster, to be used as a context manager.

        Raises
        ------
        UnsupportedError
            Without a usable kubeconfig.
        UnknownNameError, BadInputError
            For options that do not exist or have values of the wrong type.
        """
        from workbench.environments.kubernetes.session import OpenCluster, Options

        return OpenCluster(Options.read(spec))

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        """Return the environment with the context that is meant by name, so that a campaign stays on its cluster.

        Raises
        ------
        UnsupportedError, BadInputError, UnknownNameError
            As when it is opened; nothing is asked of the cluster yet.
        """
        from workbench.environments.kubernetes.client import Cluster
        from workbench.environments.kubernetes.session import Options

        options = Options.read(spec)
        context = Cluster.connect(options.context, options.kubeconfig).context
        return replace(spec, options={**spec.options, "context": context})

    def collector(self, spec: EnvironmentSpec, client: Mapping[str, Any]) -> tuple[tuple[ClusterStep, ...], str]:
        """Return how the pod that asks the kubelets comes up before each mesh, and where only; see `collecting`.

        Parameters
        ----------
        client
            The Deployment of the application's client, whose image the pod runs.

        Returns
        -------
        steps, only_where
            No steps where the options ask for another source. `only_where` is empty where they ask for the pod;
            otherwise it says what about the cluster decides, which is asked when it is opened.

        Raises
        ------
        UnknownNameError, BadInputError
            For options that do not exist or have values of the wrong type.
        """
        from workbench.environments.kubernetes import collecting
        from workbench.environments.kubernetes.session import Options

        options = Options.read(spec)
        if options.telemetry == "collector":
            return collecting.steps(collecting.image_of(client)), ""
        if options.telemetry or options.prometheus:
            return (), ""
        return collecting.steps(collecting.image_of(client)), collecting.ONLY_WHERE

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        """Say what the cluster of the present context can do and why not, changing nothing."""
        from workbench.environments.kubernetes.diagnosis import diagnose
        from workbench.environments.kubernetes.session import Options

        try:
            return diagnose(Options.read(spec or EnvironmentSpec(name=self.name)))
        except WorkbenchError as error:
            return (GateResult(name="a cluster", passed=False, evidence=str(error)),)

    def clean(
        self, spec: EnvironmentSpec, *, force: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> tuple[str, ...]:
        """Remove what interrupted runs left; return how the cluster differs from before. See `diagnosis.clean`."""
        from workbench.environments.kubernetes.diagnosis import clean
        from workbench.environments.kubernetes.session import Options

        return clean(Options.read(spec), force=force, say=say)

    def configuration(
        self, spec: EnvironmentSpec, say: Callable[[str], None] = lambda _: None
    ) -> AbstractContextManager[Configuration]:
        """Open the cluster for designs of the playground. See `designs.configuring.open_configuration`."""
        from workbench.environments.kubernetes.designs.configuring import open_configuration

        return open_configuration(spec, say)

    def cluster_role(self, name: str, *, metrics_only: bool = False) -> dict[str, Any]:
        """Return the manifest of the ClusterRole that a run needs; ``metrics_only``: without ``nodes/proxy``."""
        from workbench.environments.kubernetes.rights import cluster_role

        return cluster_role(name, metrics_only=metrics_only)


ADAPTER = Kubernetes()
