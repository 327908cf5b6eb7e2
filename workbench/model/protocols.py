"""What each kind of adapter that describes must offer: meshes, workloads, load generators, telemetry sources.

They *describe*; only an environment *acts* (`workbench.model.environment`). A description is plain data, so it can be
printed, stored and tested with nothing running.

Environments differ in what an application, a step, a gate and a load are, so the protocols are generic over these four.
The lab uses the types of `workbench.model.lab_steps` (processes), clusters those of `workbench.model.cluster_steps`
(manifests). An environment's `kind` says which meshes, workloads and load generators run in it: those that list it in
their `environments`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from numpy.typing import NDArray

from workbench.intents import Intent, Rendering, Target
from workbench.model.cluster_load import ClusterLoad
from workbench.model.cluster_steps import (
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    KubernetesObject,
    PartRule,
)
from workbench.model.deployment import A
from workbench.model.experiment import Load, MeshSpec, Workload
from workbench.model.lab_steps import Application, Gate, Job, Step
from workbench.model.records import (
    Component,
    GateResult,
    LoadResult,
    MeshFacts,
    Noise,
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
    """A setting that an adapter understands: its help, default and, where there are few, its choices.

    ``limits``: the least and the most, of a whole number.
    """

    help: str
    default: Any  # whatever TOML can hold
    choices: tuple[Any, ...] = ()
    limits: tuple[int, int] | None = None


Step_co = TypeVar("Step_co", covariant=True)
Gate_co = TypeVar("Gate_co", covariant=True)


class Mesh(Protocol[A, Step_co, Gate_co]):
    """A data plane to measure: one file in ``meshes/`` with ``ADAPTER = ...``."""

    name: str
    environments: tuple[str, ...]
    """Kinds of environments that it runs in."""
    profiles: tuple[str, ...]
    options: Mapping[str, Option]

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be shown beside its numbers."""
        ...

    def install(self, spec: MeshSpec, application: A) -> tuple[Step_co, ...]:
        """Return the steps that bring the data plane up for ``application``; same spec, same steps."""
        ...

    def enrol(self, spec: MeshSpec, application: A) -> A:
        """Return a copy of ``application`` whose calls lead through the data plane; the argument stays as it was."""
        ...

    def gates(self, spec: MeshSpec, application: A) -> tuple[Gate_co, ...]:
        """Return what must hold before a number counts; ``application`` is the enrolled one."""
        ...

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return what this mesh makes of ``intent``: its own objects, and an answer for every feature asked.

        `spec.intent` is the same intent within an experiment and may be None elsewhere; it is not looked at.
        """
        ...


LabMesh: TypeAlias = Mesh[Application, Step, Gate]
"""A mesh that runs in the lab."""


class ClusterMesh(Mesh[ClusterApplication, ClusterStep, ClusterGate], Protocol):
    """A mesh that runs on clusters."""

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to, the narrow ones first; the application's are not among them."""
        ...

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back, in order: `Delete` and `Uninstall`, done when the application is gone.

        What bears the run's label goes by itself afterwards.
        """
        ...


class WorkloadAdapter(Protocol):
    """The services that answer: one file in ``workloads/`` with ``ADAPTER = ...``."""

    name: str
    title: str
    environments: tuple[str, ...]
    """Kinds of environments that it runs in."""
    protocols: Mapping[str, tuple[str, ...]]
    """Kind of environment -> protocols in which it can be called there."""


class LabWorkload(WorkloadAdapter, Protocol):
    """A workload that runs in the lab."""

    def application(self, workload: Workload) -> Application:
        """Return the services with direct routes, no mesh."""
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
    environments
        Kinds of environments that it can send from.
    needs
        Program that must be on PATH where it runs as a process; empty when nothing is.
    install_hint
        How to get it.
    """

    title: str
    arrivals: tuple[str, ...]
    protocols: tuple[str, ...]
    latency_from: str
    environments: tuple[str, ...] = ("lab",)
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

    def requests(self, output: JobOutput) -> Mapping[str, NDArray[Any]] | None:
        """Return the times of every request, see `workbench.store.RunWriter.requests`; None: it tells no single ones.

        Raises
        ------
        RunFailedError
            When the output is damaged.
        """
        ...


class ClusterLoadGenerator(LoadGenerator, Protocol):
    """A load generator that can also send from a pod on a cluster. `parse` reads its results of both places."""

    def client(self, client: KubernetesObject) -> KubernetesObject:
        """Return the client's Deployment with what this generator needs in its pod; the argument stays as it was."""
        ...

    def cluster_load(self, load: Load, workload: Workload, edge_s: float) -> ClusterLoad:
        """Return what it is asked in the client's pod.

        Parameters
        ----------
        edge_s
            Seconds that the load lasts beyond the window at both ends: kubelets read their counters that seldom.

        Raises
        ------
        BadInputError
            When it cannot make this load, saying what it can.
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
