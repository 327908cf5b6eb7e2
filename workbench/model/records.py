"""Records of runs, frozen.

A run's `Run` record becomes its folder's manifest; samples, histograms and raw output are stored next to it. Everything
here is plain data that pydantic can turn into JSON and back without loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from workbench.model.experiment import RunSpec
from workbench.model.lab_steps import Role
from workbench.text.redaction import redacted_text

SCHEMA_VERSION = 3
"""Version of the run folder's format. History: 1, the first; 2 adds a component's node and what it reserves, the
sources that consumption was read from, and the role ``system``; 3 calls the memory that clusters report as RSS what it
is, anonymous, and adds the role ``node-agent``."""

Status = Literal["finished", "failed", "interrupted", "skipped"]
"""finished: numbers count; failed: a gate, the load or the set-up failed; interrupted: cut off, captured data is
kept; skipped: this machine cannot do it. All but finished have a reason."""

Provenance = Literal["measured", "imported", "published", "synthetic"]

LATEST_S = 9_223_372_036
"""The largest valid time in seconds since the epoch (in the year 2262), the limit of pandas' nanoseconds. A time
in milliseconds, read as seconds, is far beyond it."""

MOST = 2**63 - 1
"""Largest valid count: the limit of the index's columns."""

Moment = Annotated[float, Ge(0), Le(LATEST_S)]
"""Seconds since the epoch (UTC). A stored record with any other value is refused when it is read."""

Count = Annotated[int, Ge(0), Le(MOST)]
"""A count. A stored record with a negative or a larger value is refused when it is read."""

LATENCY_KINDS = ("from_schedule", "from_send", "send_lag")
"""Histograms of a run: latency from the scheduled send (what a user experiences; free of coordinated omission), latency
from the actual send (service time), and how late the generator itself sent."""

NOISY_STEAL_RATIO = 0.05
"""Share of the window's CPU time taken by the hypervisor above which a run counts as disturbed."""

NOISY_FOREIGN_RATIO = 0.25
"""Share of the machine's CPUs used by processes outside of the run above which it counts as disturbed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The measured interval in seconds since the epoch (UTC)."""

    start_s: Moment
    end_s: Moment

    def __post_init__(self) -> None:
        if self.end_s < self.start_s:
            raise ValueError(f"the window ends {self.start_s - self.end_s:g} s before it begins")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A whole distribution of durations.

    `encoded` is the HdrHistogram V2 compressed encoding in base64, of whole nanoseconds with three significant digits
    (0.1 % value precision), so that histograms merge exactly. `count` is the number of values in it; `low_s` and
    `high_s` are the exact smallest and largest value (None when empty).
    """

    encoded: str
    count: Count
    low_s: float | None = None
    high_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A running container's requests and limits; None: unset, which is not 0.

    Cores and bytes. Without a request nothing is reserved; without a limit nothing throttles it.
    """

    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: float | None = None
    memory_limit_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One watched part.

    Attributes
    ----------
    name
        ``"backend-sidecar"``, ``"load-generator"``, ``"node"``.
    role
        The role that its consumption is charged to.
    instance
        Process id or container id, for provenance.
    node
        The cluster's node on which it runs; empty if there is only one machine.
    reserved
        Its reservations; None if nothing is reserved here, or they were not read.
    """

    name: str
    role: Role
    instance: str = ""
    node: str = ""
    reserved: Reserved | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUse:
    """A source of a run's consumption data, and its quality.

    Attributes
    ----------
    source
        ``"kubelet"``, ``"prometheus"``, ``"metrics-api"``.
    place
        Where it was read: ``"/metrics/resource, /stats/summary and /metrics/cadvisor of the kubelets"``.
    node
        The node whose consumption it reported.
    coarse
        True for averages over its own windows, which were added up to counters again.
    readings
        Different times within the window at which the node's own CPU counter was read.
    interval_s
        Median time between two of its readings; None with fewer than two.
    reach_s
        The largest distance from the window of the readings used for the counters' values at its edges; None
        if they are on one side only, so that there is no value.
    why
        Why this source was used, if it was not the first choice.
    doubt
        Why its figures are less reliable; empty: no known reason.
    """

    source: str
    place: str
    node: str = ""
    coarse: bool = False
    readings: int = 0
    interval_s: float | None = None
    reach_s: float | None = None
    why: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One running part, and its reservations.

    Attributes
    ----------
    component, role
        As in `Component`.
    where
        Node and namespace of a container; network namespace of a lab process, or this machine.
    program
        Image of a container, program of a process.
    ready
        Whether it reports ready.
    requested_cores, requested_bytes, limit_cores, limit_bytes
        Its requests and limits; None: unset.
    """

    component: str
    role: Role
    where: str
    program: str
    ready: bool
    requested_cores: float | None = None
    requested_bytes: float | None = None
    limit_cores: float | None = None
    limit_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What a load generator reports of one run.

    Attributes
    ----------
    generator, generator_version
        Part of the run's identity: unlike generators are never compared silently.
    arrival
        ``"constant"`` or ``"poisson"``.
    latency_from
        Where the main latency starts: ``"schedule"`` (no coordinated omission) or ``"send"``.
    asked_rate_per_s, achieved_rate_per_s
        Target rate, and requests per second actually sent within the window.
    requests
        Requests scheduled in the window.
    errors
        Of these, the ones without a correct answer.
    counts_by_status
        Status or failure -> count: ``{"200": 2991, "timeout": 2}``.
    histograms
        Kind (see `LATENCY_KINDS`) -> distribution; a kind that the generator does not report is absent.
    quantiles
        Kind -> figure (``p50_s``, ``p99_s``, ``low_s``, ``high_s`` ...) -> seconds, for kinds of which an imported
        source reports figures but no distribution; such a kind is not in `histograms`.
    cpu_per_request_s
        The generator's own CPU in the window per request; None when unknown.
    limited
        Why the generator itself, not the data plane, was the limit; empty when it was not.
    """

    generator: str
    generator_version: str
    arrival: str
    latency_from: Literal["schedule", "send"]
    asked_rate_per_s: float
    achieved_rate_per_s: float
    requests: Count
    errors: Count
    counts_by_status: Mapping[str, Count]
    histograms: Mapping[str, Histogram]
    quantiles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cpu_per_request_s: float | None = None
    limited: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A gate's outcome with its evidence; secrets in the evidence are redacted.

    Attributes
    ----------
    counted
        Requests that the data plane itself counted under the load; None if its counter counts something else.
    """

    name: str
    passed: bool
    evidence: str
    counted: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", redacted_text(self.evidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How disturbed the machine was during the window; None where it cannot be read.

    Attributes
    ----------
    psi_ratio
        Share of the window in which some runnable task waited for a CPU (Linux PSI, ``some``).
    steal_ratio
        Share of the CPUs' time taken by the hypervisor.
    foreign_cores
        Cores used by processes outside the run: in the lab, the node's busy time minus the watched processes'; on a
        cluster, the reported use of others, without unattributed CPU.
    cpus
        CPUs of the machine.
    """

    psi_ratio: float | None = None
    steal_ratio: float | None = None
    foreign_cores: float | None = None
    cpus: int = 1

    @property
    def noisy(self) -> str:
        """Why the run counts as disturbed; empty when it does not."""
        if self.steal_ratio is not None and self.steal_ratio > NOISY_STEAL_RATIO:
            return f"the hypervisor took {self.steal_ratio:.0%} of the CPU time (limit {NOISY_STEAL_RATIO:.0%})"
        if self.foreign_cores is not None and self.foreign_cores > NOISY_FOREIGN_RATIO * self.cpus:
            return (
                f"other processes used {self.foreign_cores:.2f} of {self.cpus} cores (limit {NOISY_FOREIGN_RATIO:.0%})"
            )
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Circumstances of a campaign.

    Attributes
    ----------
    environment
        Name of the environment: ``"lab"``.
    fingerprint
        Short hash over what must be equal for numbers to be comparable (machine, kernel, CPU, software versions).
    details
        Everything known, nested, JSON-able: machine, software with versions and hashes.
    """

    environment: str
    fingerprint: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFacts:
    """Facts to show wherever a mesh's numbers are shown.

    Attributes
    ----------
    label
        ``"l7-sidecars"``, ``"cross-connect/remote"``.
    title
        One line: what forwards requests.
    data_plane
        ``"none"``, ``"sidecar"``, ``"node-proxy"`` or ``"kernel"``.
    layer
        ``"L3"``, ``"L4"``, ``"L7"`` or empty.
    mtls
        Whether the data plane authenticates and encrypts.
    archetype
        True for lab data planes, which never have a product's name.
    shape_of
        Meshes with this shape; never shown as if they had been measured.
    lacks
        What it is missing compared with them.
    features
        What it does beyond forwarding requests, and what is switched off, if that affects the meaning of a number.
    """

    label: str
    title: str
    data_plane: str
    layer: str
    mtls: bool
    archetype: bool
    shape_of: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of one load on one workload under one mesh.

    Attributes
    ----------
    run_id
        Unique, sortable, a folder name: ``"20261123T041200-quick-7f3a-0003"``.
    campaign_id
        The execution of a plan that it belongs to; blocks are compared within a campaign only.
    status, reason
        See `Status`.
    window
        None when no window was measured.
    components
        The watched parts; samples refer to them by position.
    load_result
        None when the load did not report.
    sources
        Where its consumption was read, one for each node of a cluster; empty in the lab, which reads the kernel
        directly.
    unknown
        Columns of the runs frame that the source of an imported run does not state (``rate_per_s``, ``errors`` ...);
        `spec` and `load_result` have placeholders there, which are shown as missing.
    notes
        Properties of the application that affect the measurement: its own load generator, an autoscaler, external
        calls.
    """

    run_id: str
    campaign_id: str
    experiment: str
    spec: RunSpec
    mesh: MeshFacts
    status: Status
    reason: str = ""
    provenance: Provenance = "measured"
    started_at_s: Moment
    ended_at_s: Moment
    window: Window | None = None
    components: tuple[Component, ...] = ()
    load_result: LoadResult | None = None
    gates: tuple[GateResult, ...] = ()
    noise: Noise = Noise()
    environment: str = ""
    fingerprint: str = ""
    sources: tuple[SourceUse, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
