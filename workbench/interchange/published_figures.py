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

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import read_file, text_of
from workbench.interchange.publications import (
    CONFIDENCES,
    PARTIES,
    UNITS,
    Figure,
    Kind,
    Origin,
    Publication,
    Setup,
    Verdict,
)

FORMAT = 1

_TOP = ("format", "source", "setup", "definitions", "defaults", "figures", "verdicts", "contradictions", "defects")
_ORIGIN = tuple(one.name for one in fields(Origin))
_SETUP = tuple(one.name for one in fields(Setup))
_OWN = (
    *("mesh", "version", "data_plane", "layer", "is_baseline", "run", "rate_per_s", "metric", "kind", "per", "unit"),
    *("value", "values", "plus_minus", "approximate", "confidence", "note"),
)
_OVERRIDES = ("where", "commit", "date", "environment", "workload", "generator", "connections")
"""What a figure may say differently from its source."""

_NEEDED = ("mesh", "metric", "kind", "unit", "confidence")


def read_publication(path: Path) -> Publication:
    """Read a file of published figures.

    Raises
    ------
    BadInputError
        When it is not TOML, lacks something, or says something that it cannot mean; with the file and the figure.
    """
    where = str(path)
    try:
        table = tomllib.loads(text_of(read_file(path), where))
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{where} is not valid TOML: {error}.") from error
    _known(table, _TOP, where)
    if table.get("format") != FORMAT:
        raise BadInputError(f"{where}: format is {table.get('format')!r}; this workbench reads {FORMAT}.")
    source, setup = _table(table, "source", where), _table(table, "setup", where)
    _known(source, _ORIGIN, f"{where}: [source]")
    _known(setup, _SETUP, f"{where}: [setup]")
    origin = _built(Origin, source, f"{where}: [source]")
    if origin.party not in PARTIES:
        raise UnknownNameError("party", origin.party, PARTIES, f"{where}: [source]")
    definitions, defaults = _table(table, "definitions", where), _table(table, "defaults", where)
    listed = _tables(table, "figures", where)
    if not listed:
        raise BadInputError(f"{where} holds no [[figures]].")
    figures = [
        figure
        for place, one in enumerate(listed, start=1)
        for figure in _figures({**defaults, **one}, source, setup, definitions, f"{where}: figure {place}")
    ]
    unused = sorted(set(definitions) - {figure.metric for figure in figures})
    if unused:
        raise BadInputError(f"{where}: [definitions] defines {', '.join(unused)}, of which there is no figure.")
    return Publication(
        origin=origin,
        setup=_built(Setup, setup, f"{where}: [setup]"),
        figures=tuple(figures),
        verdicts=tuple(_verdict(one, where) for one in _tables(table, "verdicts", where)),
        contradictions=tuple(_contradiction(one, where) for one in _tables(table, "contradictions", where)),
        defects=tuple(
            (_text(one, "rule", where), _text(one, "text", where)) for one in _tables(table, "defects", where)
        ),
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


def _table(table: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise BadInputError(f"{where}: [{name}] must be a table.")
    return found


def _tables(table: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadInputError(f"{where}: {name} must be written as [[{name}]] tables.")
    return found


def _known(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name in table:
        if name not in known:
            raise UnknownNameError("key", name, known, where)


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f"{where} lacks {name}.")
    return value


def _built(cls: Any, table: Mapping[str, Any], where: str) -> Any:
    try:
        return cls(**table)
    except TypeError as error:
        raise BadInputError(f"{where}: {str(error).removeprefix(f'{cls.__name__}.__init__() ')}.") from error


def _figures(
    row: dict[str, Any],
    source: Mapping[str, Any],
    setup: Mapping[str, Any],
    definitions: Mapping[str, Any],
    where: str,
) -> list[Figure]:
    _known(row, (*_OWN, *_OVERRIDES), where)
    for name in _NEEDED:
        _text(row, name, where)
    _one_of(row, "kind", get_args(Kind), where)
    _one_of(row, "confidence", tuple(CONFIDENCES), where)
    _one_of(row, "unit", tuple(UNITS), where)
    if row["metric"] not in definitions:
        raise UnknownNameError("metric (none is shown without its definition)", row["metric"], definitions, where)
    if row["confidence"] == "Px" and "plus_minus" not in row:
        raise BadInputError(f"{where}: a value measured on pixels (Px) needs its error: plus_minus.")
    values = row.get("values", {"": row["value"]} if "value" in row else {})
    if not values or ("value" in row) == ("values" in row):
        raise BadInputError(f"{where} must have either value or values.")
    unit, factor = UNITS[row["unit"]]
    told: dict[str, Any] = {name: row[name] for name in _OVERRIDES[:3] if name in row}
    differing = {name: row[name] for name in _OVERRIDES[3:] if name in row}
    common = {name: row[name] for name in _OWN[:10] if name in row}
    error = row.get("plus_minus")
    return [
        Figure(
            **common,
            origin=_built(Origin, {**source, **told}, where),
            setup=_built(Setup, {**setup, **differing}, where),
            definition=str(definitions[row["metric"]]),
            aspect=aspect,
            value=_number(value, f"{where}: {aspect or 'value'}") * factor,
            unit=unit,
            published_value=float(value),
            published_unit=row["unit"],
            plus_minus=None if error is None else _number(error, f"{where}: plus_minus") * factor,
            approximate=bool(row.get("approximate", False)),
            confidence=row["confidence"],
            note=str(row.get("note", "")),
        )
        for aspect, value in values.items()
    ]


def _one_of(row: Mapping[str, Any], name: str, known: tuple[str, ...], where: str) -> None:
    if row[name] not in known:
        raise UnknownNameError(name, str(row[name]), known, where)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInputError(f"{where} is {value!r:.40}, not a number.")
    return float(value)


def _verdict(row: Mapping[str, Any], where: str) -> Verdict:
    compares = row.get("compares", [])
    for one in compares:
        if one not in get_args(Kind):
            raise UnknownNameError("kind", str(one), get_args(Kind), f"{where}: [[verdicts]]")
    return Verdict(
        text=_text(row, "text", f"{where}: [[verdicts]]"),
        compares=tuple(compares),
        rate_per_s=row.get("rate_per_s"),
        note=str(row.get("note", "")),
    )


def _contradiction(row: Mapping[str, Any], where: str) -> tuple[str, float, float, str]:
    place = f"{where}: [[contradictions]]"
    pair = [_number(row.get(name), f"{place}: {name}") for name in ("figure", "other")]
    return _text(row, "text", place), pair[0], pair[1], _text(row, "where", place)
