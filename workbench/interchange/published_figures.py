"""Figures that others published, as data: every one with its source, circumstances, definition and confidence.

They stand in ``data/reference/*.toml``, one file for each source, and are shown beside measured numbers, never mixed
with them and never averaged. The reader checks that none comes without what it takes to judge it; it does not
correct what a source got wrong: that is what `workbench.interchange.audit` says.

A file::

    format = 1
    [source]       id, title, publisher, party, date, where, commit
    [setup]        environment, workload, generator, loop, latency_from, connections, repetitions, discards ...
    [definitions]  metric -> what exactly it is, in the source's sense
    [defaults]     for all figures below
    [[figures]]    mesh, version, rate_per_s, metric, unit, kind, per, confidence, and value or values = {p50 = 1.2}
    [[verdicts]]   what the source concludes, and what kind of numbers it set side by side
    [[contradictions]], [[defects]]   what it says differently elsewhere, and what else is wrong with it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError, Faults, UnknownNameError
from workbench.fields import FILLED, asked, read_table, toml_table
from workbench.interchange.documents import read_file, text_of
from workbench.interchange.publications import (
    UNITS,
    Confidence,
    Figure,
    Kind,
    Origin,
    Publication,
    Setup,
    Verdict,
)

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure as a file has it, or several of one metric under the names of their aspects."""

    mesh: str = asked("The mesh, as the source names it.", form=FILLED)
    version: str = ""
    data_plane: str = ""
    layer: str = ""
    is_baseline: bool = False
    run: int = 0
    rate_per_s: float | None = None
    metric: str = asked("One of the [definitions].", form=FILLED)
    kind: Kind
    per: str = ""
    unit: str = asked("The unit as published.", known=tuple(UNITS))
    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    plus_minus: float | None = None
    approximate: bool = False
    confidence: Confidence
    note: str = ""
    # what a figure may say differently from its source, and from the source's set-up
    where: str | None = None
    commit: str | None = None
    date: str | None = None
    environment: str | None = None
    workload: str | None = None
    generator: str | None = None
    connections: int | None = None

    def __post_init__(self) -> None:
        if self.confidence == "Px" and self.plus_minus is None:
            raise BadInputError("A value measured on pixels (Px) needs its error: plus_minus.")
        if (self.value is None) == (not self.values):
            raise BadInputError("A figure must have either value or values.")

    def own(self, *names: str) -> dict[str, Any]:
        """Return those of these fields that it has."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


_AS_IT_IS = (
    *("mesh", "version", "data_plane", "layer", "is_baseline", "run", "rate_per_s", "metric", "kind", "per"),
    *("approximate", "confidence", "note"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """What a source says differently elsewhere."""

    text: str = asked("What is said differently.", form=FILLED)
    figure: float
    other: float
    where: str = asked("Where the other figure stands.", form=FILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong with a source beyond what its figures show."""

    rule: str = asked("Name of the audit's rule.", form=FILLED)
    text: str = asked("What is wrong.", form=FILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What stands in a file."""

    format: int
    source: Origin
    setup: Setup = field(default_factory=Setup)
    definitions: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[Mapping[str, Any], ...] = asked("What was published, as [[figures]] tables.")
    verdicts: tuple[Verdict, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    defects: tuple[Defect, ...] = ()


def read_publication(path: Path) -> Publication:
    """Read a file of published figures.

    Raises
    ------
    BadInputError
        When it is not TOML, lacks something, or says something that it cannot mean; with the file and the figure.
    """
    where = str(path)
    table = toml_table(text_of(read_file(path), where), where)
    if table.get("format") != FORMAT:
        raise BadInputError(f"{where}: format is {table.get('format')!r}; this workbench reads {FORMAT}.")
    file, faults = read_table(File, table, where), Faults()
    if not file.figures:
        raise BadInputError(f"{where} holds no [[figures]].")
    figures: list[Figure] = []
    for n, one in enumerate(file.figures, start=1):
        with faults:
            figures += _figures({**file.defaults, **one}, file, f"{where}: [[figures]] {n}")
    faults.tell()
    unused = sorted(set(file.definitions) - {figure.metric for figure in figures})
    if unused:
        raise BadInputError(f"{where}: [definitions] defines {', '.join(unused)}, of which there is no figure.")
    return Publication(
        origin=file.source,
        setup=file.setup,
        figures=tuple(figures),
        verdicts=file.verdicts,
        contradictions=tuple((one.text, one.figure, one.other, one.where) for one in file.contradictions),
        defects=tuple((one.rule, one.text) for one in file.defects),
        path=path.name,
    )


def read_folder(folder: Path) -> list[Publication]:
    """Read all files of published figures in a folder, in order of their names.

    Raises
    ------
    BadInputError
        When one of them cannot be read, or two bear one id.
    """
    found = [read_publication(path) for path in sorted(folder.glob("*.toml"))]
    ids = [one.origin.id for one in found]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise BadInputError(f"{folder} holds {', '.join(twice)} twice; every source may stand there once.")
    return found


def figures_of(publications: Sequence[Publication], *, secondary: bool = False) -> list[Figure]:
    """Return all figures, those from secondary sources only when asked for."""
    return [one for publication in publications for one in publication.figures if secondary or not one.is_secondary]


def _figures(table: Mapping[str, Any], file: File, where: str) -> list[Figure]:
    row = read_table(Row, table, where)
    if row.metric not in file.definitions:
        raise UnknownNameError("metric (none is shown without its definition)", row.metric, file.definitions, where)
    unit, factor = UNITS[row.unit]
    return [
        Figure(
            **{name: getattr(row, name) for name in _AS_IT_IS},
            origin=replace(file.source, **row.own("where", "commit", "date")),
            setup=replace(file.setup, **row.own("environment", "workload", "generator", "connections")),
            definition=file.definitions[row.metric],
            aspect=aspect,
            value=value * factor,
            unit=unit,
            published_value=value,
            published_unit=row.unit,
            plus_minus=None if row.plus_minus is None else row.plus_minus * factor,
        )
        for aspect, value in (row.values or {"": row.value or 0.0}).items()
    ]
