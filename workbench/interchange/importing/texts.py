"""What load generators print for people: which tool, where each output begins, durations as they write them.

Loops and scripts append the output of many runs to one file. Each is read by itself, and a file in which two tools
stand is refused, so that no run is ever mixed of several.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.errors import BadInputError
from workbench.interchange.documents import shown
from workbench.interchange.importing.figures import UNITS_S, checked
from workbench.interchange.importing.source import InputFile

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\ufeff")
"""Colours, as they are kept by whoever records a terminal, and the mark of a file that was appended to another."""

_NAMES = {"secs": "s", "second": "s", "seconds": "s", "mins": "min", "minute": "min", "minutes": "min", "hour": "h"}
_MEASURE = re.compile(r"([+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan|inf))\s*([a-zµμ]+)", re.IGNORECASE)

_WRK = re.compile(r"\s*Running \S+ test @ \S+")
_SUMMARY = re.compile(r"\s*Summary:\s*")
_H2LOAD = re.compile(r"\s*starting benchmark\.\.\.")
_H2LOAD_TOTALS = re.compile(r"\s*finished in \S+, \S+ req/s")
_OHA = re.compile(r"\s*Success rate:\s")
_GHZ = re.compile(r"\s*Count:\s+\d")
_HEY = re.compile(r"\s*Total:\s+\S+ secs")
_TABLE = re.compile(r"\s*(response-time,DNS|request-start,DNS|metric_name,timestamp)")
"""Heads of the tables of requests that hey, oha and k6 write."""

_TELLING_LINES = 8
"""Below the word "Summary:", where hey, oha and ghz tell themselves apart."""

TITLES = {
    "wrk": "wrk",
    "hey": "hey",
    "oha": "oha",
    "ghz": "ghz",
    "h2load": "h2load",
    "table": "a table of requests",
    "": "another tool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The output of one run.

    Attributes
    ----------
    tool
        As in `TITLES`; empty: begins like one of them and is of none.
    where
        The file, and the line where it begins when the file holds several.
    first
        Its first line in the file, from 1.
    lines
        Without their ends, colours and marks.
    note
        Which of several it is; empty when it is the only one.
    """

    tool: str
    where: str
    first: int
    lines: tuple[str, ...]
    note: str = ""

    @property
    def raw(self) -> bytes:
        """Its words."""
        return ("\n".join(self.lines) + "\n").encode()

    @property
    def numbered(self) -> Iterator[tuple[str, str]]:
        """Place and text of each line."""
        file = self.where.rpartition(", line ")[0] if self.note else self.where
        for number, line in enumerate(self.lines, start=self.first):
            yield f"{file}, line {number}", line

    def cut_off(self) -> BadInputError:
        """Return the error that says that its end is missing."""
        last = self.first + len(self.lines) - 1
        file = self.where.rpartition(", line ")[0] if self.note else self.where
        begun = f" The output that begins on line {self.first} is incomplete." if self.note else ""
        return BadInputError(
            f"{file}, line {last}: the text ends before {TITLES[self.tool]}'s totals; it was cut off.{begun}"
        )


def _plain(text: str) -> list[str]:
    return _STYLE.sub("", text).splitlines()


def _words(tool: str) -> str:
    return TITLES[tool] if tool == "table" else f"the output of {TITLES[tool]}"


def _begins(lines: list[str]) -> list[tuple[int, str]]:
    """Return where outputs begin (index of the line), and the tool that each is of."""
    found: list[tuple[int, str]] = []
    waiting = False  # for the totals of an h2load that has begun
    for place, line in enumerate(lines):
        if _WRK.match(line):
            found.append((place, "wrk"))
        elif _SUMMARY.fullmatch(line):
            tool = _summary_of(lines[place + 1 : place + 1 + _TELLING_LINES])
            found += [(place, tool)] if tool is not None else []
        elif _TABLE.match(line) and found:
            found.append((place, "table"))
        elif _H2LOAD.match(line):
            found.append((place, "h2load"))
            waiting = True
        elif _H2LOAD_TOTALS.match(line):
            found += [] if waiting else [(place, "h2load")]
            waiting = False
    return found


def _summary_of(lines: list[str]) -> str | None:
    """Return which tool's summary stands in the lines below its head; None: it is no load generator's."""
    for tool, pattern in (("oha", _OHA), ("ghz", _GHZ), ("hey", _HEY)):
        if any(pattern.match(line) for line in lines):
            return tool
    return "" if any(line.lstrip().startswith("Requests/sec:") for line in lines) else None


def tool_of(text: str) -> str | None:
    """Return the tool whose output stands first in ``text``; None when there is none."""
    found = _begins(_plain(text))
    return found[0][1] if found else None


def outputs(source: InputFile, tool: str) -> list[Output]:
    """Return the outputs of ``tool`` in a file, one for each run.

    Raises
    ------
    BadInputError
        When another tool's output stands in the file too, with the line where it begins.
    """
    lines = _plain(source.text)
    begins = _begins(lines)
    if not begins:
        return [Output(tool=tool, where=source.where, first=1, lines=tuple(lines))]
    for place, other in begins:
        if other != tool:
            raise BadInputError(
                f"{source.where}, line {place + 1}: {_words(other)} begins here, not {_words(tool)}. "
                "Put the output of each tool into a separate file."
            )
    starts = [place for place, _ in begins]
    ends = [*starts[1:], len(lines)]
    several = len(starts) > 1
    return [
        Output(
            tool=tool,
            where=f"{source.where}, line {start + 1}" if several else source.where,
            first=start + 1 if several else 1,
            lines=tuple(lines[start if several else 0 : end]),
            note=f"Run {number} of {len(starts)} in the file, which count as repetitions of one measurement unless "
            "their facts differ; put other runs (warm-ups, other rates) into separate files."
            if several
            else "",
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def lasted(text: str, where: str) -> float | None:
    """Return how long a run took, in seconds, however long; None for no number and for 0, which no run takes.

    Raises
    ------
    BadInputError
        When it has no unit that is known, or is negative.
    """
    plain = text.strip().removesuffix(".")  # hey's forerunner ended its figures with a full stop
    found = list(_MEASURE.finditer(plain))
    if not found or "".join(one[0] for one in found) != plain:
        raise BadInputError(f"{where}: {shown(text)} is not a duration such as 1.5ms or 2 secs.")
    total = math.fsum(float(number) * _unit_s(unit, text, where) for number, unit in (one.groups() for one in found))
    if total < 0 and not math.isinf(total):
        raise BadInputError(f"{where}: {shown(text)} is impossible for a duration.")
    return total if 0 < total < math.inf else None


def _unit_s(unit: str, text: str, where: str) -> float:
    plain = _NAMES.get(unit.lower(), unit)
    if plain not in UNITS_S:
        raise BadInputError(f"{where}: {shown(text)} has no known unit: {', '.join(UNITS_S)}.")
    return UNITS_S[plain]


def latency(text: str, where: str) -> float | None:
    """Return a latency in seconds; None for no number and for 0, which no answer takes.

    Raises
    ------
    BadInputError
        When it has no unit that is known, or is impossible.
    """
    value = lasted(text, where)
    return None if value is None else checked(value, where)


def per_second(text: str, where: str) -> float | None:
    """Return a rate; None where a tool divided by nothing (nan, inf).

    Raises
    ------
    BadInputError
        When it is not a number, or negative.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise BadInputError(f"{where}: {shown(text)} is not a rate.") from error
    if value < 0 and math.isfinite(value):
        raise BadInputError(f"{where}: {shown(text)} is impossible for a rate.")
    return value if math.isfinite(value) else None


def known(figures: dict[str, float | None]) -> dict[str, float]:
    """Return the figures that have a value."""
    return {name: value for name, value in figures.items() if value is not None}
