"""The seams: what a mesh, a load generator, a telemetry source, a workload and an environment must offer.

Meshes, load generators, telemetry sources and workloads *describe*; only an environment *acts*. A description is made
of the types in `workbench.model.lab_steps`, so it can be printed, stored and tested with nothing running.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workbench.intents import Intent, Rendering, Target
from workbench.model.cluster_steps import ClusterApplication, ClusterGate, ClusterLoad, ClusterStep, PartRule
from workbench.model.experiment import EnvironmentSpec, Load, MeshSpec, Workload
from workbench.model.lab_steps import Application, Gate, Job, Step
from workbench.model.records import (
    Component,
    Facts,
    GateResult,
    LoadResult,
    MeshFacts,
    Noise,
    Placed,
    SourceUse,
    Window,
)

SampleRow = tuple[float, int, Mapping[str, float]]
"""(seconds since the epoch, position in the component list, metric -> value); absent metrics are unknown, never 0."""

SampleSink = Callable[[Sequence[Component], Sequence[SampleRow]], None]
"""Takes samples as they are read; when it returns they survive the program's death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutput:
    """What an environment gives back of a `Job`.

    Attributes
    ----------
    window
        The measured interval.
    outputs
        The files of `Job.outputs`, by name.
    stdout, stderr
        What it printed (the last 64 KiB of each).
    cpu_s
        The generator's own CPU seconds in the window.
    noise
        How disturbed the machine was in the window.
    sources
        See `Run.sources`.
    gates
        What was proven during this very load, beside the gates that were tried before it.
    """

    window: Window
    outputs: Mapping[str, bytes]
    stdout: str
    stderr: str
    cpu_s: float | None
    noise: Noise
    sources: tuple[SourceUse, ...] = ()
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting that an adapter understands: its help, default and, where there are few, its choices."""

    help: str
    default: Any
    choices: tuple[Any, ...] = ()


class Mesh(Protocol):
    """A data plane to measure: one file in ``meshes/`` with ``ADAPTER = ...``."""

    name: str
    environments: tuple[str, ...]
    profiles: tuple[str, ...]
    options: Mapping[str, Option]

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        ...

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return the steps that bring the data plane up for ``application``; same spec, same steps."""
        ...

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy of ``application`` whose calls lead through the data plane; the argument stays as it was."""
        ...

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return what must hold before a number counts; ``application`` is the enrolled one."""
        ...

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return what this mesh makes of ``intent``: its own objects, and an answer for every feature asked.

        `spec.intent` is the same intent within an experiment and may be None elsewhere; it is not looked at.
        """
        ...


class WorkloadAdapter(Protocol):
    """The services that answer: one file in ``workloads/`` with ``ADAPTER = ...``."""

    name: str
    title: str
    environments: tuple[str, ...]
    protocols: Mapping[str, tuple[str, ...]]
    """Environment -> protocols in which it can be called there."""

    def application(self, workload: Workload) -> Application:
        """Return the services with direct routes, no mesh."""
        ...


class ClusterMesh(Mesh, Protocol):
    """A mesh that runs on clusters: its methods speak of `ClusterApplication` and `workbench.model.cluster_steps`."""

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to, the narrow ones first; the application's are not among them."""
        ...

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back, in order: `Delete` and `Uninstall`, done when the application is gone.

        What bears the run's label goes by itself afterwards.
        """
        ...


class ClusterWorkload(WorkloadAdapter, Protocol):
    """A workload that runs on clusters."""

    def cluster_application(self, workload: Workload, protocol: str) -> ClusterApplication:
        """Return its objects and the client that calls it in ``protocol``, no mesh."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTraits:
    """What a load generator is, for comparisons and messages.

    Attributes
    ----------
    title
        For people.
    arrivals
        Arrival processes it can make.
    protocols
        Protocols of loads that it speaks.
    latency_from
        ``"schedule"`` or ``"send"`` (suffers coordinated omission).
    needs
        Program that must be on PATH; empty when nothing is.
    install_hint
        How to get it.
    """

    title: str
    arrivals: tuple[str, ...]
    protocols: tuple[str, ...]
    latency_from: str
    needs: str = ""
    install_hint: str = ""


class LoadGenerator(Protocol):
    """Makes load: one file in ``loadgens/`` with ``ADAPTER = ...``."""

    name: str
    traits: GeneratorTraits

    def job(self, load: Load, workload: Workload, seed: int) -> Job:
        """Return the program to run; placeholders ``${target.host}`` and ``${target.port}`` say where to send.

        Raises
        ------
        BadInputError
            When it cannot make this load (arrival, protocol), saying what it can.
        """
        ...

    def parse(self, load: Load, output: JobOutput) -> LoadResult:
        """Read what the program left.

        Raises
        ------
        RunFailedError
            When the output is damaged or the program failed, with the place.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One thing to read about one component.

    Attributes
    ----------
    component
        Position in the component list.
    kind
        ``"cpu-clock"``: the process CPU clock of pid `target` in ns; ``"file"``: the bytes of the file `target`, or of
        several joined, separated by colons; ``"tasks"``: the file `name` of every thread of pid `target`, joined.
    target
        A pid or a path.
    name
        What it is for the source's parser: ``"smaps_rollup"``.
    cadence
        ``"fast"``: at every tick and at the window's edges; ``"slow"``: at the edges and every few seconds.
    """

    component: int
    kind: str
    target: str
    name: str
    cadence: str


class TelemetrySource(Protocol):
    """Watches: one file in ``telemetry/`` with ``ADAPTER = ...``."""

    name: str

    def queries(self, components: Sequence[Component]) -> tuple[Query, ...]:
        """Return what to read about ``components``."""
        ...

    def parse(self, query: Query, reply: int | bytes) -> Mapping[str, float]:
        """Turn a reply into metric -> value (registered names, SI units); nothing for what it does not tell."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One page to ask a cluster for.

    Attributes
    ----------
    via
        Who is asked: the kubelet of `node`, the API server itself, or the cluster's Prometheus.
    path
        Path and query, relative to whoever is asked.
    """

    via: Literal["kubelet", "api", "prometheus"]
    path: str
    node: str = ""


class ClusterReader(Protocol):
    """Reads what one run's components consume, out of the pages that it asks for."""

    settle_s: float
    """How long a reading after the window may take to come, in seconds."""

    def during(self) -> tuple[Ask, ...]:
        """Return what to ask now and then while the load runs."""
        ...

    def after(self, window: Window) -> tuple[Ask, ...]:
        """Return what to ask when the window is over, again and again until every node's counter is known there."""
        ...

    def take(self, ask: Ask, page: bytes) -> list[SampleRow]:
        """Return the readings in a page that are new, each at its own time; none of a damaged one."""
        ...

    def edges(self, moments: Sequence[float]) -> list[SampleRow]:
        """Return the counters at these moments."""
        ...

    def used(self, window: Window) -> tuple[SourceUse, ...]:
        """Return how well each node was read; its `place` and `why` are the environment's."""
        ...


class ClusterSource(Protocol):
    """Watches a cluster: one file in ``telemetry/`` with ``ADAPTER = ...``."""

    name: str

    def reader(self, components: Sequence[Component], addresses: Mapping[str, str] | None = None) -> ClusterReader:
        """Return a reader for one run; ``addresses``: node -> its internal address."""
        ...


class Deployment(Protocol):
    """A data plane and application that are up."""

    def check(self, gates: Sequence[Gate | ClusterGate]) -> tuple[GateResult, ...]:
        """Try every gate and return the evidence; a gate that cannot be tried has not passed."""
        ...

    def inventory(self) -> tuple[Placed, ...]:
        """Return every part that is up, the application's and the data plane's, with what is reserved for it."""
        ...

    def run(self, job: Job | ClusterLoad, source: Any, sink: SampleSink) -> JobOutput:
        """Run the job to its end while watching every part through ``source``: of the kind the environment names.

        Raises
        ------
        RunFailedError
            When the job or a watched part dies, with what it printed.
        DeadlineExceededError
            When it does not end in time.
        """
        ...


class Environment(Protocol):
    """Where runs happen; the only adapters that act. One file in ``environments/`` with ``ADAPTER = ...``."""

    name: str

    def __call__(self, spec: EnvironmentSpec) -> AbstractContextManager[OpenEnvironment]:
        """Open it; leaving the context removes everything it created.

        Raises
        ------
        UnsupportedError
            When it cannot work on this machine, saying why.
        """
        ...

    def diagnose(self) -> tuple[GateResult, ...]:
        """Say what this machine can do and why not, changing nothing that outlives the call."""
        ...


class OpenEnvironment(Protocol):
    """An environment in use."""

    say: Callable[[str], None]
    """Told what is done just now, where that takes a while; set by whoever wants to hear it."""

    def facts(self) -> Facts:
        """Return the circumstances."""
        ...

    def refuses(self, steps: Sequence[Step | ClusterStep]) -> str:
        """Why these steps cannot be done here; empty when they can. Changes nothing."""
        ...

    def deploy(
        self,
        steps: Sequence[Step | ClusterStep],
        application: Application | ClusterApplication,
        **of_clusters: Any,
    ) -> AbstractContextManager[Deployment]:
        """Bring steps and application up and wait until they are ready; leaving the context removes them.

        On a cluster with the keywords `parts` and `removal`, see `ClusterMesh`.

        Raises
        ------
        RunFailedError
            When a part does not come up, with what it printed.
        """
        ...
