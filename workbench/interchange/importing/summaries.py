"""The summary that hey began with, and oha and ghz print like it: figures, percentiles, statuses, errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.interchange.importing.figures import COLUMNS
from workbench.interchange.importing.texts import Output, known, lasted, latency, per_second

_FIGURE = re.compile(r"\s*(Name|Success rate|Count|Total|Slowest|Fastest|Average|Requests/sec):\s*(.*?)\s*")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%+\s+in\s+(.+?)\s*")
_STATUS = re.compile(r"\s*\[([^\]]+)\]\s+(\d+) responses\s*")
_ERROR = re.compile(r"\s*\[(\d+)\]\s+(.*?)\s*")
_SECTIONS = {
    "Response time histogram:": "bars",
    "Latency distribution:": "percentiles",
    "Response time distribution:": "percentiles",
    "Details (average": "details",
    "Status code distribution:": "status",
    "Error distribution:": "errors",
}
_OTHERS = ("Response time histogram (", "Response time distribution (")
"""Of oha: of right and of wrong answers only."""


@dataclass(slots=True)
class Summary:
    """What it told.

    Attributes
    ----------
    figures
        Name -> its text and place.
    percentiles
        (quantile from 0 to 1, text, place).
    status, errors
        Status -> answers, text of a failure -> how many.
    sections
        The sections that it has.
    """

    output: Output
    figures: dict[str, tuple[str, str]] = field(default_factory=dict)
    percentiles: list[tuple[float, str, str]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)

    @property
    def answered(self) -> int:
        """How many answers have a status."""
        return sum(self.status.values())

    @property
    def failed(self) -> int:
        """How many requests have none."""
        return sum(self.errors.values())

    @property
    def window_s(self) -> float | None:
        """How long it took."""
        return lasted(*self.figures["Total"])

    @property
    def rate_per_s(self) -> float | None:
        """How many requests came to a second."""
        return per_second(*self.figures["Requests/sec"])

    def latencies(self) -> dict[str, float]:
        """Return the figures of the latency by column; none that is not a number, or 0."""
        told = {COLUMNS[q]: latency(text, place) for q, text, place in self.percentiles if q in COLUMNS}
        for column, name in (("low_s", "Fastest"), ("high_s", "Slowest")):
            told[column] = latency(*self.figures[name])
        return known(told)


def summary(output: Output) -> Summary:
    """Return what the lines of an output told.

    Raises
    ------
    BadInputError
        When its totals are missing.
    """
    made, section = Summary(output=output), ""
    for place, line in output.numbered:
        head = next((name for begin, name in _SECTIONS.items() if line.strip().startswith(begin)), None)
        if head is not None:
            section = head
            made.sections.add(head)
        elif line.strip().startswith(_OTHERS):
            section = "others"
        else:
            _take(made, section, place, line)
    if not {"Total", "Slowest", "Fastest", "Requests/sec"} <= set(made.figures):
        raise output.cut_off()
    return made


def _take(made: Summary, section: str, place: str, line: str) -> None:
    """Put what a line tells where it belongs."""
    if section == "" and (found := _FIGURE.fullmatch(line)):
        made.figures.setdefault(found[1], (found[2], place))
    elif section == "percentiles" and (found := _PERCENT.fullmatch(line)):
        made.percentiles.append((round(float(found[1]) / 100, 6), found[2], place))
    elif section == "status" and (found := _STATUS.fullmatch(line)):
        made.status[found[1]] = made.status.get(found[1], 0) + int(found[2])
    elif section == "errors" and (found := _ERROR.fullmatch(line)):
        made.errors[found[2]] = made.errors.get(found[2], 0) + int(found[1])
