"""What a report is made of: frozen values, as text and numbers, without a word of HTML.

`workbench.report.content` fills them, `workbench.report.page` sets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.model.recording import Recording

Tone = Literal["good", "info", "warning", "error"]
"""How something is to be taken; shown as colour, sign and word, never as colour alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A fact on trust for the first screen: ``label`` says what, ``value`` how it stands, ``detail`` more of it."""

    tone: Tone
    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart.

    Attributes
    ----------
    key
        Identifier, an HTML id: letters, digits, dashes.
    title, lede
        Heading, and how to read it.
    words
        The same in words.
    spec
        Vega-Lite specification without a title.
    """

    key: str
    title: str
    lede: tuple[str, ...]
    words: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its text, a second quieter line, and by what it sorts (None: by its text)."""

    text: str
    more: str = ""
    sort: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; numbers stand on the right."""

    head: str
    number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; its first column names the rows. `filters` names columns that get a drop-down."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    filters: tuple[int, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a data plane is.

    Attributes
    ----------
    label, title
        How charts call it; what carries the request.
    colour
        Its colour in the charts.
    traits
        Short facts, such as ``"mTLS"``.
    archetype
        True for a lab data plane, which bears no product's name.
    shape_of, lacks
        Meshes that work in this shape, and what it lacks against them.
    parts
        Watched processes as (role, names).
    runs
        How many of its runs count.
    """

    label: str
    title: str
    colour: str
    traits: tuple[str, ...]
    archetype: bool
    shape_of: tuple[str, ...]
    lacks: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFinding:
    """What to know before believing: checks of one name with their figure, each with its sentence, and what to do."""

    tone: Tone
    name: str
    scope: str
    figure: str
    messages: tuple[str, ...]
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """An execution that the report is based on, and how to repeat it."""

    campaign_id: str
    experiment: str
    question: str
    status: str
    reason: str
    started: str
    facts: tuple[tuple[str, str], ...]
    toml: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file inside the report: name, media type, bytes (none: too large for a page), and what it holds."""

    name: str
    media: str
    content: bytes
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What others published, beside the report's own numbers.

    Attributes
    ----------
    figure, table
        Own and published values of one kind; as a chart with the nearest kin, and all of them.
    reasons
        Why the two may differ.
    faults
        What the auditor found in the sources that are shown.
    """

    figure: Figure
    table: Table
    reasons: tuple[str, ...]
    faults: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """Everything a report says; one field for each part of the page, in its order.

    `taken` holds what only a cluster has: used and reserved, and the bills of nodes. `measured` says whether the runs
    were measured by the workbench, by its own method; `published` is None where nothing of a like kind was published.
    `badge` stands at the answer and at every chart and table; empty where nothing must be said. `recording` says in
    full where a recording comes from.
    """

    title: str
    question: str
    dateline: str
    banners: tuple[str, ...]
    answer: tuple[str, ...]
    badges: tuple[Badge, ...]
    headline: Figure
    figures: tuple[Figure, ...]
    taken: tuple[Table, ...]
    costs: tuple[Table, ...]
    matrix: Table
    verdicts: Table
    cards: tuple[Card, ...]
    findings: tuple[ReportFinding, ...]
    trust: tuple[Figure, ...]
    gates: Table
    left_out: Table
    load: str
    watching: str
    measured: bool
    definitions: tuple[tuple[str, str], ...]
    campaigns: tuple[Campaign, ...]
    downloads: tuple[Download, ...]
    versions: tuple[tuple[str, str], ...]
    badge: str = ""
    published: Published | None = None
    recording: Recording | None = None
