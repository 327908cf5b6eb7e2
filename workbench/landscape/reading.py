"""Read the landscape's TOML files and refuse what is not founded: a fact without a source, a source without a date.

Every refusal says file, place and what to do. Nothing is filled in: a missing answer must be written down as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import BadInputError, Faults, UnknownNameError
from workbench.fields import FILLED, asked, placed, read_table, read_value, toml_table
from workbench.files import shipped
from workbench.landscape.facts import FIELDS, Citation, Entry, Fact, Landscape, Pattern, Sequence

T = TypeVar("T", Entry, Pattern, Sequence)
Table = Mapping[str, Any]


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
        if one.name in found:
            raise BadInputError(f"{path.name}: {one.name!r} is described twice; rename one of the two.")
        found[one.name] = one
    return found


def _parsed(path: Path) -> Table:
    try:
        return toml_table(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path.name} cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A fact as a file has it: its source by name."""

    values: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    says: str = asked("A sentence for people.", form=FILLED)
    source: str = ""


def entry_from(table: Table, where: str) -> Entry:
    """Return the mesh that ``table`` describes; ``where`` names the file in errors.

    Raises
    ------
    BadInputError, UnknownNameError
        A key too many or missing, a fact without a source, a source without a date, an unknown word.
    """
    rest, faults = dict(table), Faults()
    citations = read_value(Mapping[str, Citation], rest.pop("sources", {}), where, "sources")
    answers = read_value(Mapping[str, Any], rest.pop("facts", {}), where, "facts")
    facts = {}
    for name, answer in answers.items():
        with faults:
            facts[name] = _fact(name, answer, citations, where)
    faults.tell()
    entry = read_table(Entry, {**rest, "facts": facts}, where)
    idle = set(citations) - {one.get("source") for one in answers.values()}
    if idle:
        raise BadInputError(f"{where}: no fact rests on the source {', '.join(sorted(idle))}; remove it.")
    return entry


def _fact(name: str, table: Any, citations: Mapping[str, Citation], where: str) -> Fact:
    if name not in FIELDS:
        raise UnknownNameError("key", name, FIELDS, f"{where}: [facts]")
    place = f"{where}: [facts.{name}]"
    answer = read_table(Answer, table, place)
    if answer.source and answer.source not in citations:
        raise UnknownNameError("source", answer.source, citations, place)
    source = citations[answer.source] if answer.values and answer.source else None
    with placed(place):
        return Fact(field=name, values=answer.values, says=answer.says, source=source, not_known=answer.not_known)


def pattern_from(table: Table, where: str) -> Pattern:
    """Return the way of adopting a mesh that ``table`` describes; raises as `entry_from` does."""
    return read_table(Pattern, table, where)


def sequence_from(table: Table, where: str) -> Sequence:
    """Return the sequence that ``table`` describes; raises as `entry_from` does."""
    return read_table(Sequence, table, where)
