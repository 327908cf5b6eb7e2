"""What a source told of one run, before it becomes a run folder.

Every number is in SI units; None is what the source does not tell, never 0. With each run travel the facts of the tool
that made it, in words: what it does about coordinated omission, its units, what its percentiles are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.interchange.importing.source import InputFile
from workbench.model.lab_steps import Role
from workbench.model.records import Histogram

Loop = Literal["open", "closed", "unknown"]
"""open: requests are sent on a schedule whether or not answers keep up; closed: each connection waits for its answer
before it sends again, so that a slow answer prevents the requests it would have delayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool, as it must be described beside its numbers.

    Attributes
    ----------
    name, title
        Generator's name in the store, and for people.
    latency_from
        What its latency counts from: ``"schedule"`` or ``"send"``.
    omission
        What it does about coordinated omission, one sentence.
    units
        The units it writes.
    percentiles
        What its percentiles are, one sentence.
    """

    name: str
    title: str
    latency_from: Literal["schedule", "send"]
    omission: str
    units: str
    percentiles: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a part consumed on average over the run; None: not told.

    Attributes
    ----------
    cpu_cores
        CPU used, in cores.
    memory
        Registered metric (``mem_working_set_bytes`` ...) -> bytes.
    """

    component: str
    role: Role
    cpu_cores: float | None = None
    memory: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One run as a source tells it.

    Attributes
    ----------
    where
        File and place in it.
    label
        The data plane's name, as far as the source tells one; empty otherwise.
    is_baseline
        None when the source does not say.
    rate_per_s
        The rate that was asked for; None when there was none (closed loop) or it is not told.
    duration_s, window_s
        How long it was to take, and how long it took: figures are compared where the former is equal.
    histograms, quantiles
        Kind (`workbench.model.records.LATENCY_KINDS`) -> distribution, or the figures told without one
        (``p50_s``, ``low_s`` ...).
    extra
        Figures that the store has no place for, by name, JSON-able; kept beside the run.
    notes
        What was repaired or is peculiar, in sentences.
    raw
        The source's own words about this run.
    data_plane, layer, mtls
        As in `workbench.model.records.MeshFacts`; empty or None when not told.
    """

    tool: Tool
    tool_version: str = ""
    where: str
    label: str = ""
    title: str = ""
    is_baseline: bool | None = None
    block: int | None = None
    workload: str = "imported"
    loop: Loop = "unknown"
    arrival: str = ""
    protocol: str | None = None
    rate_per_s: float | None = None
    achieved_rate_per_s: float | None = None
    duration_s: float | None = None
    window_s: float | None = None
    warmup_s: float | None = None
    connections: int | None = None
    payload_bytes: int | None = None
    server_delay_s: float | None = None
    started_at_s: float | None = None
    requests: int | None = None
    errors: int | None = None
    counts_by_status: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    quantiles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    usage: tuple[Usage, ...] = ()
    limited: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    raw: bytes = b""
    raw_name: str = "source.txt"
    data_plane: str = ""
    layer: str = ""
    mtls: bool | None = None


TELLABLE = (
    "rate_per_s",
    "achieved_rate_per_s",
    "duration_s",
    "window_s",
    "warmup_s",
    "connections",
    "payload_bytes",
    "server_delay_s",
    "started_at_s",
    "requests",
    "errors",
    "protocol",
    "mtls",
)
"""What a source may leave unsaid, as columns of the runs frame."""


def missing(run: Imported) -> tuple[str, ...]:
    """Return the names of what the source does not tell of ``run``."""
    return tuple(name for name in TELLABLE if getattr(run, name) is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user adds to the files.

    Attributes
    ----------
    facts
        Circumstances that no file tells, by field of `Imported`.
    mapping
        Text of a mapping file for tables of unknown layout, and its name.
    latencies_in
        ``"ms"`` or ``"s"``: what a suspect SMP result holds; empty: ask.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    mapping: tuple[str, str] | None = None
    latencies_in: str = ""


DOCUMENT, TEXT, TABLE, WIDE = 100, 200, 300, 900
"""Usual values of `FileKind.order`: a document known by names in it, text known by its first lines, a table known by
its head, and what takes in files that others may know better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """A kind of file.

    Attributes
    ----------
    name, title
        What ``--kind`` takes, and what it is called for people.
    matches
        Whether a file is of this kind; looks at its head or its tree. Raises `BadInputError` when it might be and
        cannot be read.
    read
        The runs in it.
    order
        A file is tried as the kinds with the lowest order first; of equal ones, by name.
    by_mapping
        Whether it reads any table that a mapping file describes.
    """

    name: str
    title: str
    matches: Callable[[InputFile], bool]
    read: Callable[[InputFile, Options], list[Imported]]
    order: int
    by_mapping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """What reads one tool's output; ``ADAPTER`` of its module. ``kinds``: the kinds of file that it reads."""

    name: str
    kinds: tuple[FileKind, ...]
