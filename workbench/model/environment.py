"""What an environment must offer: the only kind of adapter that acts.

Environments differ in what an application, a step, a gate and a load are, so the protocols are generic over these four.
What runs a plan passes them from one method to the next without looking inside.
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
    """A data plane and application that are up."""

    def check(self, gates: Sequence[G_contra]) -> tuple[GateResult, ...]:
        """Try every gate and return the evidence; a gate that cannot be tried has not passed."""
        ...

    def inventory(self) -> tuple[Placed, ...]:
        """Return every part that is up, the application's and the data plane's, with what is reserved for it."""
        ...

    # `Any`: the telemetry adapter that `OpenEnvironment.telemetry` names, of whichever protocol the environment reads.
    def run(self, job: L_contra, source: Any, sink: SampleSink) -> JobOutput:
        """Run the load to its end while watching every part through ``source``.

        Raises
        ------
        RunFailedError
            When the load or a watched part dies, with what it printed.
        DeadlineExceededError
            When it does not end in time.
        """
        ...


class OpenEnvironment(Protocol[A_contra, S_contra, G_contra, L_contra]):
    """An environment in use.

    Attributes
    ----------
    say
        Called with the current step where that takes a while. Set it to follow the progress.
    telemetry
        Name of the telemetry adapter that reads what runs here.
    left_behind
        What the last removal left, or could not put back, in sentences; empty: everything is as it was.
    """

    say: Callable[[str], None]
    left_behind: tuple[str, ...]

    @property
    def telemetry(self) -> str: ...  # noqa: D102 - see the class

    def facts(self) -> Facts:
        """Return the circumstances."""
        ...

    def refuses(self, steps: Sequence[S_contra], *, existing: bool = False) -> str:
        """Why these steps cannot be done here; empty when they can. Changes nothing."""
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
        """Bring steps and application up and wait until they are ready; leaving the context removes them.

        The keywords are those of `workbench.model.deployment.Described`.

        Raises
        ------
        RunFailedError
            When a part does not come up, with what it printed.
        """
        ...


class Environment(Protocol[A, S, G, L]):
    """Where runs happen; the only adapters that act. One file in ``environments/`` with ``ADAPTER = ...``.

    Attributes
    ----------
    kind
        Meshes, workloads and load generators that list it run here: ``"lab"``, ``"kubernetes"``.
    generator
        The load generator to take where none is named.
    """

    name: str
    kind: str
    generator: str

    def __call__(self, spec: EnvironmentSpec) -> AbstractContextManager[OpenEnvironment[A, S, G, L]]:
        """Open it; leaving the context removes everything it created.

        Raises
        ------
        UnsupportedError
            When it cannot work on this machine, saying why.
        UnknownNameError, BadInputError
            For options that do not exist, or that have values of the wrong type.
        """
        ...

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        """Return the environment with what it would take from a default said by name, such as a cluster's context."""
        ...

    def describe(self, spec: EnvironmentSpec, runs: Sequence[RunSpec]) -> Described[A, S, G]:
        """Describe the deployment that ``runs`` share; nothing is started.

        Raises
        ------
        BadInputError
            For adapters, options and intents that do not go together, or not here.
        """
        ...

    def load_of(self, spec: EnvironmentSpec, load: Load, workload: Workload, seed: int) -> L:
        """Return what makes the load here.

        Raises
        ------
        BadInputError
            When the generator cannot make it, or cannot run here.
        """
        ...

    def estimate_s(self, spec: EnvironmentSpec, runs: Sequence[RunSpec], deployments: int) -> float:
        """Return about how many seconds the runs take in so many deployments."""
        ...

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        """Say what can be done here and why not, changing nothing that outlives the call; None: with all defaults."""
        ...


AnyEnvironment: TypeAlias = Environment[Any, Any, Any, Any]
"""An environment found by its name. Its four types belong together and are opaque to what runs a plan in it."""

AnyOpenEnvironment: TypeAlias = OpenEnvironment[Any, Any, Any, Any]
AnyDeployment: TypeAlias = Deployment[Any, Any]
AnyDescribed: TypeAlias = Described[Any, Any, Any]
