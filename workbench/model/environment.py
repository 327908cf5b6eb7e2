"""The interface of an environment, the only kind of adapter that acts.

Environments have their own types for an application, a step, a gate and a load, so the protocols are generic over
these. The runner passes them from one method to the next without looking inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from workbench.model.cluster_steps import PartRule
from workbench.model.deployment import A, Described, G, L, S
from workbench.model.experiment import EnvironmentSpec, Load, RunSpec, Workload
from workbench.model.protocols import JobOutput, SampleSink
from workbench.model.records import Facts, GateResult, Placed

G_contra = TypeVar("G_contra", contravariant=True)
L_contra = TypeVar("L_contra", contravariant=True)
A_contra = TypeVar("A_contra", contravariant=True)
S_contra = TypeVar("S_contra", contravariant=True)


class Deployment(Protocol[G_contra, L_contra]):
    """A running data plane and application."""

    def check(self, gates: Sequence[G_contra]) -> tuple[GateResult, ...]:
        """Try every gate and return the evidence; a gate that cannot be tried has failed."""
        ...

    def inventory(self) -> tuple[Placed, ...]:
        """Return every running part of the application and the data plane, with its reservations."""
        ...

    # `Any`: the telemetry adapter that `OpenEnvironment.telemetry` names, of the protocol that the environment uses.
    def run(self, job: L_contra, source: Any, sink: SampleSink) -> JobOutput:
        """Run the load to its end while watching every part through ``source``.

        Raises
        ------
        RunFailedError
            When the load or a watched part dies, with its output.
        DeadlineExceededError
            When it does not end in time.
        """
        ...


class OpenEnvironment(Protocol[A_contra, S_contra, G_contra, L_contra]):
    """An environment in use.

    Attributes
    ----------
    say
        Called with the current step during long operations. Set it to follow the progress.
    telemetry
        Name of the telemetry adapter for this environment.
    left_behind
        What the last removal left or could not restore, in sentences; empty: everything is as before.
    """

    say: Callable[[str], None]
    left_behind: tuple[str, ...]

    @property
    def telemetry(self) -> str: ...  # noqa: D102 - see the class

    def facts(self) -> Facts:
        """Return the circumstances."""
        ...

    def refuses(self, steps: Sequence[S_contra], *, existing: bool = False) -> str:
        """Return why these steps cannot run here; empty if they can. Changes nothing."""
        ...

    def deploy(
        self,
        steps: Sequence[S_contra],
        application: A_contra,
        *,
        parts: Sequence[PartRule] = (),
        removal: Sequence[S_contra] = (),
        existing: bool = False,
    ) -> AbstractContextManager[Deployment[G_contra, L_contra]]:
        """Apply the steps, start the application, and wait until both are ready; leaving the context removes them.

        The keywords are those of `workbench.model.deployment.Described`.

        Raises
        ------
        RunFailedError
            When a part does not start, with its output.
        """
        ...


class Environment(Protocol[A, S, G, L]):
    """Where runs happen; the only adapters that act. One file in ``environments/`` with ``ADAPTER = ...``.

    Attributes
    ----------
    kind
        Meshes, workloads and load generators that list it run here: ``"lab"``, ``"kubernetes"``.
    generator
        The default load generator.
    """

    name: str
    kind: str
    generator: str

    def __call__(self, spec: EnvironmentSpec) -> AbstractContextManager[OpenEnvironment[A, S, G, L]]:
        """Open it; leaving the context removes everything it created.

        Raises
        ------
        UnsupportedError
            When it cannot work on this machine, with the reason.
        UnknownNameError, BadInputError
            For options that do not exist, or that have values of the wrong type.
        """
        ...

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        """Return the environment with its defaults filled in, such as a cluster's context."""
        ...

    def describe(self, spec: EnvironmentSpec, runs: Sequence[RunSpec]) -> Described[A, S, G]:
        """Describe the deployment that ``runs`` share; start nothing.

        Raises
        ------
        BadInputError
            For adapters, options and intents that do not work together, or not here.
        """
        ...

    def load_of(self, spec: EnvironmentSpec, load: Load, workload: Workload, seed: int) -> L:
        """Return the load as this environment runs it.

        Raises
        ------
        BadInputError
            When the generator cannot make it, or cannot run here.
        """
        ...

    def estimate_s(self, spec: EnvironmentSpec, runs: Sequence[RunSpec], deployments: int) -> float:
        """Return the approximate seconds that the runs take in this many deployments."""
        ...

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        """Return what this environment can do here, and why not; changes nothing permanently. None: all defaults."""
        ...


AnyEnvironment: TypeAlias = Environment[Any, Any, Any, Any]
"""An environment found by its name. Its four types belong together and are opaque to the runner."""

AnyOpenEnvironment: TypeAlias = OpenEnvironment[Any, Any, Any, Any]
AnyDeployment: TypeAlias = Deployment[Any, Any]
AnyDescribed: TypeAlias = Described[Any, Any, Any]
