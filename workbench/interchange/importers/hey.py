"""What hey prints, and its table of requests (``-o csv``)."""

from __future__ import annotations

import re

from workbench.errors import BadInput
from workbench.interchange.importers.figures import checked, told
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool
from workbench.interchange.importers.requests import Layout, runs_of
from workbench.interchange.importers.source import Source

TOOL = Tool(
    name="hey",
    title="hey",
    latency_from="send",
    omission="Latency counts from the real send, and each worker waits for its answer (coordinated omission); -q only "
    "holds workers back.",
    units="Seconds with four decimals: nothing below 0.1 ms can be told apart.",
    percentiles="Of all answers, rounded to 0.1 ms; the histogram it prints has eleven bars and is not used.",
)

RESOLUTION_S = 1e-4
"""hey prints seconds with four decimals."""

_FIGURE = re.compile(r"^\s*(Total|Slowest|Fastest|Average|Requests/sec):\s+(\S+)", re.MULTILINE)
_PERCENT = re.compile(r"^\s*(\d+)%\s+in\s+(\S+)\s+secs", re.MULTILINE)
_STATUS = re.compile(r"^\s*\[(\d{3})\]\s+(\d+) responses", re.MULTILINE)
_ERROR = re.compile(r"^\s*\[(\d+)\]\s+(\D.*)$", re.MULTILINE)
_CSV = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"


def matches(source: Source) -> bool:
    """Whether it has hey's summary."""
    return "Summary:" in source.head and "Response time histogram:" in source.head


def matches_csv(source: Source) -> bool:
    """Whether its first line is hey's table head."""
    return source.first_line == _CSV


def read(source: Source, options: Options) -> list[Imported]:
    """Return the one run that the text tells."""
    found = dict(_FIGURE.findall(source.text))
    if (
        not {"Requests/sec", "Total", "Slowest", "Fastest"} <= set(found)
        or "Status code distribution" not in source.text
    ):
        raise BadInput(f"{source.where}, line {len(source.lines)}: the text ends before hey's totals; it was cut off.")
    _, _, after = source.text.partition("Error distribution:")
    failed = sum(int(count) for count, _ in _ERROR.findall(after))
    status = {code: int(count) for code, count in _STATUS.findall(source.text)}
    requests = sum(status.values()) + failed
    pairs = [(int(percent) / 100, _seconds(value, source)) for percent, value in _PERCENT.findall(source.text)]
    extremes = {"low_s": _seconds(found["Fastest"], source), "high_s": _seconds(found["Slowest"], source)}
    figures = {name: value for name, value in told(pairs, extremes).items() if value >= RESOLUTION_S}
    below = len(told(pairs, extremes)) - len(figures) if status else 0
    return [
        Imported(
            tool=TOOL,
            where=source.where,
            loop="closed",
            arrival="closed",
            achieved_rate_per_s=_number(found["Requests/sec"], source),
            window_s=_seconds(found["Total"], source) or None,
            requests=requests,
            errors=requests - sum(count for code, count in status.items() if code[0] == "2"),
            counts_by_status={**status, **({"transport-error": failed} if failed else {})},
            quantiles={"from_send": figures} if status and figures else {},
            notes=_notes(below),
            raw=source.text.encode(),
            raw_name="hey.txt",
        )
    ]


def _notes(below: int) -> tuple[str, ...]:
    notes = ["hey prints neither the connections (-c) nor the rate (-q) that it was asked for."]
    if below:
        notes.append(f"{below} of its figures are printed as 0.0000 s, below its resolution, and count as unknown.")
    return tuple(notes)


def _number(text: str, source: Source) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadInput(f"{source.where}: {text!r} is no number.") from error


def _seconds(text: str, source: Source) -> float:
    return checked(_number(text, source), source.where)


def read_csv(source: Source, options: Options) -> list[Imported]:
    """Return the one run in a table of requests."""
    layout = Layout(
        tool=TOOL,
        names=tuple(_CSV.split(",")),
        latency="response-time",
        unit_s=1.0,
        status="status-code",
        offset="offset",
        notes=(
            "hey writes seconds with four decimals: its latencies are rounded to 0.1 ms, those below 0.05 ms to 0.",
        ),
    )
    return runs_of(source, layout)


IMPORTER = Importer(name="hey", title="text of hey", matches=matches, read=read)
CSV_IMPORTER = Importer(name="hey-csv", title="hey's table of requests", matches=matches_csv, read=read_csv)
