"""A Kubernetes cluster: meshes and applications as they run in production, on whatever a kubeconfig reaches.

The only package that imports a Kubernetes client, and only when a cluster is really opened. Everything it makes bears
labels, everything it makes is removed by these labels, and what was there before is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.environments.kubernetes.options import KIND, Options
from workbench.errors import WorkbenchError
from workbench.model.experiment import EnvironmentSpec, Load, RunSpec, Workload
from workbench.model.records import GateResult

if TYPE_CHECKING:
    from workbench.environments.kubernetes.designs.configuring import Configuration
    from workbench.environments.kubernetes.session import OpenCluster
    from workbench.model.cluster_load import ClusterLoad
    from workbench.model.cluster_steps import ClusterApplication, ClusterGate, ClusterStep
    from workbench.model.deployment import Described


class Kubernetes:
    """The adapter: opens a cluster and says what it can do."""

    name = "kubernetes"
    kind = KIND
    generator = "fortio"

    def __call__(self, spec: EnvironmentSpec) -> OpenCluster:
        """Return the cluster, to be used as a context manager.

        Raises
        ------
        UnsupportedError
            Without a usable kubeconfig.
        UnknownNameError, BadInputError
            For options that do not exist or have values of the wrong type.
        """
        from workbench.environments.kubernetes.session import OpenCluster

        return OpenCluster(Options.read(spec))

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        """Return the environment with the context that is meant by name, so that a campaign stays on its cluster.

        Raises
        ------
        UnsupportedError, BadInputError, UnknownNameError
            As when it is opened; nothing is asked of the cluster yet.
        """
        from workbench.environments.kubernetes.client import Cluster

        options = Options.read(spec)
        context = Cluster.connect(options.context, options.kubeconfig).context
        return replace(spec, options={**spec.options, "context": context})

    def describe(
        self, spec: EnvironmentSpec, runs: Sequence[RunSpec]
    ) -> Described[ClusterApplication, ClusterStep, ClusterGate]:
        """Describe the deployment that ``runs`` share; see `workbench.model.environment.Environment`."""
        from workbench.environments.kubernetes.describing import describe

        return describe(Options.read(spec), runs)

    def load_of(self, spec: EnvironmentSpec, load: Load, workload: Workload, seed: int) -> ClusterLoad:
        """Return what makes the load; generators on clusters have no use for a seed."""
        from workbench.environments.kubernetes.describing import load_of

        return load_of(Options.read(spec), load, workload)

    def estimate_s(self, spec: EnvironmentSpec, runs: Sequence[RunSpec], deployments: int) -> float:
        """Return about how many seconds the runs take in so many deployments."""
        from workbench.environments.kubernetes.describing import estimate_s

        return estimate_s(Options.read(spec), runs, deployments)

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        """Say what the cluster of the present context can do and why not, changing nothing."""
        from workbench.environments.kubernetes.diagnosis import diagnose

        try:
            return diagnose(Options.read(spec or EnvironmentSpec(name=self.name)))
        except WorkbenchError as error:
            return (GateResult(name="a cluster", passed=False, evidence=str(error)),)

    def clean(
        self, spec: EnvironmentSpec, *, force: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> tuple[str, ...]:
        """Remove what interrupted runs left; return how the cluster differs from before. See `diagnosis.clean`."""
        from workbench.environments.kubernetes.diagnosis import clean

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
