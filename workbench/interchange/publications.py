"""What a published figure is, with everything that it takes to judge it.

The types that `workbench.interchange.published_figures` reads from files and that audit, tables and charts show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.fields import FILLED, asked

Confidence = Literal["F", "I", "X", "Px", "S"]
CONFIDENCES: dict[str, str] = {
    "F": "read in a first-party file",
    "I": "printed as a label in a first-party image",
    "X": "read in an excerpt of the first-party page or issue",
    "Px": "measured on the pixels of a first-party image, with its error",
    "S": "from a secondary source only",
}
"""Marks and what they mean; secondary figures are hidden unless asked for."""

Kind = Literal["absolute", "added", "ratio"]
"""absolute: the quantity itself; added: minus the case without a mesh; ratio: over that case, or a change of it."""

PARTIES = ("contestant", "vendor", "independent")
"""contestant: a project that is compared, on its own numbers; vendor: somebody who sells a mesh's
operation; independent: neither."""

UNITS: dict[str, tuple[str, float]] = {
    "s": ("s", 1.0),
    "ms": ("s", 1e-3),
    "us": ("s", 1e-6),
    "cores": ("cores", 1.0),
    "mcores": ("cores", 1e-3),
    "B": ("bytes", 1.0),
    "MB": ("bytes", 1e6),
    "GB": ("bytes", 1e9),
    "MiB": ("bytes", 2.0**20),
    "GiB": ("bytes", 2.0**30),
    "1/s": ("1/s", 1.0),
    "Gbit/s": ("bit/s", 1e9),
    "%": ("1", 0.01),
    "1": ("1", 1.0),
    "sidecars": ("1", 1.0),
    "instances": ("1", 1.0),
}
"""Unit as published -> SI unit and factor."""

PERCENTILES = {
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
    "p9999": 0.9999,
    "max": 1.0,
}
"""Aspect of a latency -> quantile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where figures come from.

    Attributes
    ----------
    id, title, publisher
        Of the source as a whole.
    party
        See `PARTIES`.
    date
        Of publication, as far as it is known; ``"unknown"`` otherwise.
    where, commit
        File, page or issue, and the commit at which it was read; empty for pages.
    """

    id: str
    title: str
    publisher: str
    party: str = asked("Who publishes it.", known=PARTIES)
    date: str
    where: str
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Circumstances, as far as the source tells them; empty or None: it does not.

    Attributes
    ----------
    loop
        ``"open"`` or ``"closed"``.
    called
        What the source calls its load, where that differs: ``"constant rate"``.
    repetitions
        Runs of one cell.
    order
        ``"fixed"`` or ``"randomized"``.
    statistic, spread
        What a figure is of several runs, and what says how far they lay apart.
    discards, discards_by
        Which runs were left out, and by what: ``"outcome"`` (the measured values) or ``"cause"``.
    memory_definition
        How memory was measured, where it is not part of the metric's definition.
    saturated
        Whether it was driven as fast as it would go.
    """

    environment: str = ""
    workload: str = ""
    generator: str = ""
    loop: str = ""
    called: str = ""
    latency_from: str = ""
    connections: int | None = None
    duration_s: float | None = None
    repetitions: int | None = None
    order: str = ""
    statistic: str = ""
    spread: str = ""
    discards: str = ""
    discards_by: str = ""
    memory_definition: str = ""
    saturated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published value.

    Attributes
    ----------
    origin, setup
        Where it comes from and in what circumstances it was found.
    mesh, version
        As the source names them; ``"none"`` for the case without a mesh.
    data_plane, layer
        Shape, as in `workbench.model.records.MeshFacts`; empty where it is not told.
    run
        Which of several runs of one cell; 0: the only one.
    metric, definition
        Name within the source, and what exactly it means there.
    aspect
        ``"p99"``, ``"client"``; empty for a metric's only value.
    kind, per
        See `Kind`; and what the value is of: proxy, path (both proxies and what lies between), control plane ...
    value, unit
        In the SI unit.
    published_value, published_unit
        As the source has it.
    plus_minus
        Error in the SI unit; None: not told.
    approximate
        Whether the source itself says "about", "more than".
    """

    origin: Origin
    setup: Setup
    mesh: str
    version: str = ""
    data_plane: str = ""
    layer: str = ""
    is_baseline: bool = False
    run: int = 0
    rate_per_s: float | None = None
    metric: str
    definition: str
    aspect: str = ""
    kind: Kind
    per: str = ""
    value: float
    unit: str
    published_value: float
    published_unit: str
    plus_minus: float | None = None
    approximate: bool = False
    confidence: Confidence
    note: str = ""

    @property
    def is_secondary(self) -> bool:
        """Whether it is hidden unless asked for."""
        return self.confidence == "S"

    @property
    def shown(self) -> str:
        """The value as published, with its unit and what is known of its error."""
        about = "about " if self.approximate else ""
        error = ""
        if self.plus_minus is not None:
            error = f" ± {self.plus_minus * self.published_value / self.value if self.value else 0:.3g}"
        unit = "" if self.published_unit == "1" else f" {self.published_unit}"
        return f"{about}{self.published_value:g}{error}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a source concludes: its words, and the kinds of the numbers that it sets side by side."""

    text: str = asked("What the source concludes.", form=FILLED)
    compares: tuple[Kind, ...] = ()
    rate_per_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A source with everything that is kept of it.

    Attributes
    ----------
    contradictions
        (text, figure, other figure, where the other stands).
    defects
        Rule -> text: what is wrong with it beyond what its figures show.
    """

    origin: Origin
    setup: Setup
    figures: tuple[Figure, ...]
    verdicts: tuple[Verdict, ...] = ()
    contradictions: tuple[tuple[str, float, float, str], ...] = ()
    defects: tuple[tuple[str, str], ...] = ()
    path: str = ""
