"""The interfaces of describing adapters: meshes, workloads, load generators, telemetry sources.

They *describe*; only an environment *acts* (`workbench.model.environment`). A description is plain data, so it can be
printed, stored and tested with nothing running.

Environments have their own types for an application, a step, a gate and a load, so the protocols are generic over
these. The lab uses the types of `workbench.model.lab_steps` (processes), clusters those of
`workbench.model.cluster_steps` (manifests). A mesh, workload or load generator runs in an environment if its
`environments` list the environment's `kind`.
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
"""Receives samples as they are read; when it returns, they survive the program's death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutput:
    """The result of a `Job`, as returned by an environment.

    Attributes
    ----------
    window
        The measured interval.
    outputs
        The files of `Job.outputs`, by name.
    stdout, stderr
        Its output (the last 64 KiB of each).
    cpu_s
        The generator's own CPU seconds in the window.
    noise
        How disturbed the machine was in the window.
    sources
        See `Run.sources`.
    gates
        Gates tried during this load, in addition to those tried before it.
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
    """A setting of an adapter: its help, default and, if there are few, its choices.

    ``limits``: the least and the most, of a whole number.
    """

    help: str
    default: Any  # any TOML value
    choices: tuple[Any, ...] = ()
    limits: tuple[int, int] | None = None


Step_co = TypeVar("Step_co", covariant=True)
Gate_co = TypeVar("Gate_co", covariant=True)


class Mesh(Protocol[A, Step_co, Gate_co]):
    """A data plane to measure: one file in ``meshes/`` with ``ADAPTER = ...``."""

    name: str
    environments: tuple[str, ...]
    """Kinds of environments in which it runs."""
    profiles: tuple[str, ...]
    options: Mapping[str, Option]

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return the facts to show with its numbers."""
        ...

    def install(self, spec: MeshSpec, application: A) -> tuple[Step_co, ...]:
        """Return the steps that start the data plane for ``application``; same spec, same steps."""
        ...

    def enrol(self, spec: MeshSpec, application: A) -> A:
        """Return a copy of ``application`` whose calls go through the data plane; do not change the argument."""
        ...

    def gates(self, spec: MeshSpec, application: A) -> tuple[Gate_co, ...]:
        """Return the gates that must pass before a number counts; ``application`` is the enrolled one."""
        ...

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the mesh's rendering of ``intent``: its own objects, and an answer for every requested feature.

        `spec.intent` is the same intent in an experiment and may be None elsewhere; ignore it.
        """
        ...


LabMesh: TypeAlias = Mesh[Application, Step, Gate]
"""A mesh that runs in the lab."""


class ClusterMesh(Mesh[ClusterApplication, ClusterStep, ClusterGate], Protocol):
    """A mesh that runs on clusters."""

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return the roles that its containers are charged to, narrow rules first, without the application's."""
        ...

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the removal, in order: `Delete` and `Uninstall`, executed after the application is gone.

        Objects with the run's label are removed automatically afterwards.
        """
        ...


class WorkloadAdapter(Protocol):
    """The application under test: one file in ``workloads/`` with ``ADAPTER = ...``."""

    name: str
    title: str
    environments: tuple[str, ...]
    """Kinds of environments in which it runs."""
    protocols: Mapping[str, tuple[str, ...]]
    """Kind of environment -> protocols that its services support there."""


class LabWorkload(WorkloadAdapter, Protocol):
    """A workload that runs in the lab."""

    def application(self, workload: Workload) -> Application:
        """Return the services with direct routes, without a mesh."""
        ...


class ClusterWorkload(WorkloadAdapter, Protocol):
    """A workload that runs on clusters."""

    def cluster_application(self, workload: Workload, protocol: str) -> ClusterApplication:
        """Return its objects and the client that calls it in ``protocol``, without a mesh."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTraits:
    """A load generator's properties, for comparisons and messages.

    Attributes
    ----------
    title
        Name for people.
    arrivals
        Arrival processes it can make.
    protocols
        Protocols that it supports.
    latency_from
        ``"schedule"`` or ``"send"`` (suffers coordinated omission).
    environments
        Kinds of environments from which it can send.
    needs
        Program that must be on PATH when it runs as a process; empty: none.
    install_hint
        How to install that program.
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
            When it cannot make this load (arrival, protocol); the message lists what it can.
        """
        ...

    def parse(self, load: Load, output: JobOutput) -> LoadResult:
        """Parse the program's output.

        Raises
        ------
        RunFailedError
            When the output is damaged or the program failed, with the place.
        """
        ...

    def requests(self, output: JobOutput) -> Mapping[str, NDArray[Any]] | None:
        """Return the times of every request, or None if it reports no single requests.

        See `workbench.store.RunWriter.requests`.

        Raises
        ------
        RunFailedError
            When the output is damaged.
        """
        ...


class ClusterLoadGenerator(LoadGenerator, Protocol):
    """A load generator that can also send from a pod on a cluster. `parse` reads its results from both."""

    def client(self, client: KubernetesObject) -> KubernetesObject:
        """Return a copy of the client's Deployment with what this generator needs in its pod."""
        ...

    def cluster_load(self, load: Load, workload: Workload, edge_s: float) -> ClusterLoad:
        """Return the requests that drive it in the client's pod.

        Parameters
        ----------
        edge_s
            Seconds of load before and after the window, because kubelets read their counters rarely.

        Raises
        ------
        BadInputError
            When it cannot make this load; the message lists what it can.
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
        Its name for the source's parser: ``"smaps_rollup"``.
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
        """Return the queries for ``components``."""
        ...

    def parse(self, query: Query, reply: int | bytes) -> Mapping[str, float]:
        """Turn a reply into metric -> value (registered names, SI units); unknown metrics are absent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One page to request from a cluster.

    Attributes
    ----------
    via
        Where to request it: the kubelet of `node`, the API server itself, or the cluster's Prometheus.
    path
        Path and query, relative to that server.
    """

    via: Literal["kubelet", "api", "prometheus"]
    path: str
    node: str = ""


class ClusterReader(Protocol):
    """Reads the consumption of one run's components from the pages that it requests."""

    settle_s: float
    """How long a reading after the window may take to arrive, in seconds."""

    def during(self) -> tuple[Ask, ...]:
        """Return the pages to request periodically while the load runs."""
        ...

    def after(self, window: Window) -> tuple[Ask, ...]:
        """Return the pages to request after the window, repeatedly until every node's counter is known there."""
        ...

    def take(self, ask: Ask, page: bytes) -> list[SampleRow]:
        """Return the new readings in a page, each at its own time; none for a damaged page."""
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
