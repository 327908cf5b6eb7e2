"""Read the landscape's TOML files and refuse what is not founded: a fact without a source, a source without a date.

Every refusal says file, place and what to do. Nothing is filled in: a missing answer must be written down as unknown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import BadInputError, UnknownNameError
from workbench.files import shipped
from workbench.landscape.facts import (
    FIELDS,
    KINDS,
    PLANES,
    Box,
    Citation,
    Entry,
    Fact,
    Flow,
    Landscape,
    Pattern,
    Sequence,
    Step,
    Topology,
    Zone,
)

T = TypeVar("T")
Table = Mapping[str, Any]

_PICTURE = ("boxes", "zones", "flows")
_ENTRY = ("name", "title", "says", "adapter", "shapes", "sources", "facts", *_PICTURE)
_PATTERN = ("name", "title", "says", "advantages", "disadvantages", "source", *_PICTURE)
_SEQUENCE = ("name", "title", "says", "source", "steps", *_PICTURE)


def read_landscape(folder: Path | None = None) -> Landscape:
    """Read and check everything in ``folder`` (None: the shipped landscape, read once).

    Raises
    ------
    BadInputError, UnknownNameError
        What is wrong, in which file, and what to do.
    """
    return _shipped() if folder is None else _read(folder)


@cache
def _shipped() -> Landscape:
    return _read(shipped.landscape())


def _read(folder: Path) -> Landscape:
    meshes = _each(folder, entry_from)
    if not meshes:
        raise BadInputError(f"There is no landscape in {folder}: it holds no TOML file of a mesh.")
    return Landscape(
        meshes=meshes,
        patterns=_each(folder / "patterns", pattern_from),
        sequences=_each(folder / "sequences", sequence_from),
    )


def _each(folder: Path, made: Callable[[Table, str], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.toml")):
        one = made(_parsed(path), path.name)
        name = str(getattr(one, "name", ""))
        if name in found:
            raise BadInputError(f"{path.name}: {name!r} is described twice; rename one of the two.")
        found[name] = one
    return found


def _parsed(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInputError(f"{path.name} cannot be read: {error}.") from error


def entry_from(table: Table, where: str) -> Entry:
    """Return the mesh that ``table`` describes; ``where`` names the file in errors.

    Raises
    ------
    BadInputError, UnknownNameError
        A key too many or missing, a fact without a source, a source without a date, an unknown word.
    """
    _keys(table, _ENTRY, where)
    sources = {name: _source(one, f"{where}, source {name!r}") for name, one in _table(table, "sources", where).items()}
    given = _table(table, "facts", where)
    _keys(given, tuple(FIELDS), f"{where}, facts")
    missing = [name for name in FIELDS if name not in given]
    if missing:
        raise BadInputError(f"{where} does not answer {', '.join(missing)}: say `values = []` and what was looked for.")
    facts = {name: _fact(name, given[name], sources, where) for name in FIELDS}
    idle = set(sources) - {str(one.get("source")) for one in given.values()}
    if idle:
        raise BadInputError(f"{where}: no fact rests on the source {', '.join(sorted(idle))}; remove it.")
    return Entry(
        name=_text(table, "name", where),
        title=_text(table, "title", where),
        says=_text(table, "says", where),
        adapter=_text(table, "adapter", where, empty=True),
        shapes=_words(table, "shapes", where),
        facts=facts,
        topology=_topology(table, where),
    )


def pattern_from(table: Table, where: str) -> Pattern:
    """Return the way of adopting a mesh that ``table`` describes; raises as `entry_from` does."""
    _keys(table, _PATTERN, where)
    return Pattern(
        name=_text(table, "name", where),
        title=_text(table, "title", where),
        says=_text(table, "says", where),
        advantages=_words(table, "advantages", where, empty=False),
        disadvantages=_words(table, "disadvantages", where, empty=False),
        source=_source(table.get("source"), where),
        topology=_topology(table, where),
    )


def sequence_from(table: Table, where: str) -> Sequence:
    """Return the sequence that ``table`` describes; raises as `entry_from` does."""
    _keys(table, _SEQUENCE, where)
    topology = _topology(table, where)
    steps = tuple(_made(Step, one, f"{where}, step {n}") for n, one in enumerate(table.get("steps", ()), 1))
    if not steps:
        raise BadInputError(f"{where} has no steps.")
    _ends(topology, [(step.start, step.end) for step in steps], where)
    return Sequence(
        name=_text(table, "name", where),
        title=_text(table, "title", where),
        says=_text(table, "says", where),
        source=_source(table.get("source"), where),
        topology=topology,
        steps=steps,
    )


def _fact(name: str, table: Any, sources: Mapping[str, Citation], where: str) -> Fact:
    place = f"{where}, fact {name!r}"
    if not isinstance(table, dict):
        raise BadInputError(f"{place} is not a table with values, says and source.")
    _keys(table, ("values", "says", "source", "not_known"), place)
    values, not_known = _words(table, "values", place), _words(table, "not_known", place)
    for word in (*values, *not_known) if FIELDS[name].allowed else ():
        if word not in FIELDS[name].allowed:
            raise UnknownNameError(f"word for {name}", word, FIELDS[name].allowed, where)
    if set(values) & set(not_known):
        raise BadInputError(f"{place} holds the same word as known and as not known.")
    cited = table.get("source")
    if values and not cited:
        raise BadInputError(
            f"{place} has no source: name one of {', '.join(sorted(sources)) or 'the sources'}, or say `values = []`."
        )
    if cited and cited not in sources:
        raise UnknownNameError("source", str(cited), sources, place)
    source = sources[cited] if values and cited else None
    return Fact(field=name, values=values, says=_text(table, "says", place), source=source, not_known=not_known)


def _source(table: Any, where: str) -> Citation:
    if not isinstance(table, dict) or set(table) != {"text", "read"}:
        raise BadInputError(f"{where}: a source is a table with `text` and the date `read`, and nothing else.")
    read = table["read"]
    if not isinstance(read, date) or isinstance(read, datetime):
        raise BadInputError(f"{where}: `read` must be a date such as 2026-11-22, not {read!r}.")
    return Citation(text=_text(table, "text", where), read=read)


def _topology(table: Table, where: str) -> Topology:
    boxes = tuple(_made(Box, one, f"{where}, box {n}") for n, one in enumerate(table.get("boxes", ()), 1))
    zones = tuple(_made(Zone, one, f"{where}, zone {n}") for n, one in enumerate(table.get("zones", ()), 1))
    flows = tuple(_made(Flow, one, f"{where}, flow {n}") for n, one in enumerate(table.get("flows", ()), 1))
    if not boxes:
        raise BadInputError(f"{where} has no boxes to draw.")
    if len({box.id for box in boxes}) < len(boxes):
        raise BadInputError(f"{where}: two boxes have the same id.")
    for box in boxes:
        if box.plane not in PLANES:
            raise UnknownNameError("plane", box.plane, PLANES, where)
    for flow in flows:
        if flow.kind not in KINDS:
            raise UnknownNameError("kind of flow", flow.kind, KINDS, where)
    topology = Topology(boxes=boxes, zones=zones, flows=flows)
    _ends(topology, [(flow.start, flow.end) for flow in flows], where)
    return topology


def _ends(topology: Topology, pairs: list[tuple[str, str]], where: str) -> None:
    known = {box.id for box in topology.boxes}
    for name in (name for pair in pairs for name in pair):
        if name not in known:
            raise UnknownNameError("box", name, known, where)


_TYPES: Mapping[str, tuple[type, ...]] = {"str": (str,), "float": (int, float), "bool": (bool,)}


def _made(kind: type[T], table: Any, where: str) -> T:
    """Return the dataclass ``kind`` from ``table``, whose keys and types must be those of its fields."""
    if not isinstance(table, dict):
        raise BadInputError(f"{where} is not a table.")
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    _keys(table, tuple(known), where)
    for name, one in known.items():
        if name not in table and one.default is MISSING:
            raise BadInputError(f"{where} has no {name!r}.")
        if name in table and not isinstance(table[name], _TYPES[str(one.type)]):
            raise BadInputError(f"{where}: {name!r} must be {one.type}, not {table[name]!r}.")
    return kind(**table)


def _keys(table: Table, known: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in known:
            raise UnknownNameError("key", name, known, where)


def _table(table: Table, name: str, where: str) -> Table:
    found = table.get(name)
    if not isinstance(found, dict):
        raise BadInputError(f"{where} has no table {name!r}.")
    return found


def _text(table: Table, name: str, where: str, *, empty: bool = False) -> str:
    found = table.get(name)
    if not isinstance(found, str) or not (found.strip() or empty):
        raise BadInputError(f"{where}: {name!r} must be a text{'' if empty else ' that is not empty'}.")
    return found


def _words(table: Table, name: str, where: str, *, empty: bool = True) -> tuple[str, ...]:
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
        raise BadInputError(f"{where}: {name!r} must be a list of texts.")
    if not found and not empty:
        raise BadInputError(f"{where}: {name!r} is empty.")
    return tuple(found)
