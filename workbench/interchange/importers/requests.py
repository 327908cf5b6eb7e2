"""Tables with a line for every request, of any size, as runs: grouped, counted and brought into histograms.

The reading itself is the store's (`workbench.store.csv_reading`); here columns get their meaning.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy

from workbench.distributions import record
from workbench.errors import BadInput, UnknownName
from workbench.interchange.documents import LONGEST_NAME, shown
from workbench.interchange.importers.imported import Imported, Tool
from workbench.interchange.importers.source import HEAD_BYTES, Source
from workbench.records import Histogram
from workbench.store.csv_reading import Group, Table, Values, summarise_csv

MOST_COLUMNS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the columns of a table of requests mean.

    Attributes
    ----------
    names
        Its columns; empty: taken from the first line.
    latency, unit_s
        Column with the latency, and its unit in seconds.
    only
        Column and text that mark the rows of requests, where there are other rows; None: all are.
    status
        Column with the HTTP status or the like; None: not told, and then errors are unknown.
    right
        Statuses of success; empty: 200 to 299.
    start, start_unit_s
        Column with the time of sending since the epoch, and its unit.
    offset
        Column with the seconds from the run's start, where there is no time.
    groups
        Meaning (``label``, ``workload``, ``block``, ``rate_per_s``, ``connections``, ``protocol``) -> column whose
        values tell runs apart.
    known
        What is known of all runs beside: fields of `Imported`.
    notes
        Sentences for each run.
    only_answered
        Why requests that failed have no line, as far as they have none; empty: every request has one.
    """

    tool: Tool
    names: tuple[str, ...] = ()
    delimiter: str = ","
    has_header: bool = True
    latency: str
    unit_s: float
    only: tuple[str, str] | None = None
    status: str | None = None
    right: frozenset[str] = frozenset()
    start: str | None = None
    start_unit_s: float = 1.0
    offset: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    only_answered: str = ""


def header_of(source: Source, delimiter: str = ",") -> tuple[str, ...]:
    """Return the names in a table's first line.

    Raises
    ------
    BadInput
        When the line does not end early enough, or a name is missing, too long or given twice.
    """
    lines = source.head.splitlines()
    if len(lines) < 2 and len(source.head.encode()) >= HEAD_BYTES - 4:
        raise BadInput(f"{source.where}, line 1: the first line does not end within {HEAD_BYTES:,} bytes; no table.")
    try:
        names = next(csv.reader([source.first_line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadInput(f"{source.where}, line 1: not the head of a table: {error}.") from error
    for place, name in enumerate(names, start=1):
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadInput(f"{source.where}, line 1: column {place} has no usable name ({shown(name)}).")
        if names.index(name) != place - 1:
            raise BadInput(f"{source.where}, line 1: the column {shown(name)} stands there twice.")
    if len(names) > MOST_COLUMNS:
        raise BadInput(f"{source.where}, line 1: {len(names)} columns; {MOST_COLUMNS} are the most.")
    return tuple(names)


def rows_of(source: Source, names: Sequence[str], delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place and the fields by name of each line of a small table, below its first line.

    Raises
    ------
    BadInput
        When a line has more or fewer fields than there are names, with the line.
    """
    reader = csv.reader(source.lines, delimiter=delimiter, strict=True)
    try:
        for line in reader:
            where = f"{source.where}, line {reader.line_num}"
            if not line or (reader.line_num == 1 and tuple(line) == tuple(names)):
                continue
            if len(line) != len(names):
                raise BadInput(f"{where}: {len(line)} fields, not {len(names)}; the file was cut off or garbled there.")
            yield where, dict(zip(names, line, strict=True))
    except csv.Error as error:
        raise BadInput(f"{source.where}, line {reader.line_num}: not a line of a table: {error}.") from error


def runs_of(source: Source, layout: Layout) -> list[Imported]:
    """Return the runs in a table of requests.

    Raises
    ------
    BadInput
        When a column is not there, a line is broken, or there is no request in it; with the place.
    """
    names = layout.names or header_of(source, layout.delimiter)
    wanted = [layout.latency, layout.status, layout.start, layout.offset, *layout.groups.values()]
    for name in [*wanted, layout.only[0] if layout.only else None]:
        if name is not None and name not in names:
            raise UnknownName("column", name, names, source.where)
    time = layout.start or layout.offset
    table = Table(path=source.path, names=names, delimiter=layout.delimiter, has_header=layout.has_header)
    keys = tuple(layout.groups.values()) + ((layout.status,) if layout.status else ())
    groups = summarise_csv(
        table,
        Values(value=layout.latency, unit_ns=layout.unit_s * 1e9, only=layout.only, time=time, groups=keys),
    )
    by_run: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        if group.values_ns.size or layout.only is None:
            by_run.setdefault(group.keys[: len(layout.groups)], []).append(group)
    if not any(group.values_ns.size for listed in by_run.values() for group in listed):
        raise BadInput(f"{source.where} holds no request: no line has a latency in column {layout.latency!r}.")
    return [_run(source, layout, key, listed) for key, listed in by_run.items()]


def _run(source: Source, layout: Layout, key: tuple[str, ...], groups: list[Group]) -> Imported:
    counts = {group.keys[-1] or "none": group.rows for group in groups} if layout.status else {}
    right = [group for group in groups if layout.status is None or is_right(group.keys[-1], layout.right)]
    requests = sum(group.rows for group in groups)
    wrong = requests - sum(group.rows for group in right)
    first, last, start = _times(groups, layout)
    duration = last - first if last is not None and first is not None and last > first else None
    kind = "from_schedule" if layout.tool.latency_from == "schedule" else "from_send"
    latency = _histogram(right)
    made = Imported(
        tool=layout.tool,
        where=source.where,
        requests=requests,
        errors=wrong if layout.status and not layout.only_answered else None,
        counts_by_status=counts,
        window_s=duration,
        achieved_rate_per_s=requests / duration if duration else None,
        started_at_s=start,
        histograms={kind: latency} if latency.count else {},
        window_from="sends",
        notes=(*layout.notes, *_counting(layout, wrong)),
        raw_name="source.csv",
    )
    told = {name: _typed(name, text, source) for name, text in zip(layout.groups, key, strict=True)}
    return replace(made, **{**dict(layout.known), **told})  # type: ignore[arg-type]  # fields of `Imported` by name


def _counting(layout: Layout, wrong: int) -> tuple[str, ...]:
    """Say what is counted of the requests that failed."""
    if layout.only_answered:
        return (f"{layout.only_answered}: errors are unknown{f', at least {wrong:,}' if layout.status else ''}.",)
    return ("Latency is of right answers; failed requests are counted beside.",) if layout.status else ()


_NUMBERS = ("rate_per_s", "connections", "block", "payload_bytes")


def _typed(name: str, text: str, source: Source) -> object:
    if name not in _NUMBERS:
        return text
    try:
        return float(text) if name == "rate_per_s" else int(text)
    except ValueError as error:
        raise BadInput(f"{source.where}: {shown(text)} is no number for {name}.") from error


def is_right(status: str, right: frozenset[str] = frozenset()) -> bool:
    """Whether a status stands for success."""
    return status in right if right else len(status) == 3 and status.isdigit() and status[0] == "2"


def _times(groups: list[Group], layout: Layout) -> tuple[float | None, float | None, float | None]:
    """Return the first and last moment in seconds, and the run's start since the epoch where it is told."""
    firsts = [group.first for group in groups if group.first is not None]
    lasts = [group.last for group in groups if group.last is not None]
    if not firsts or not lasts:
        return None, None, None
    unit = layout.start_unit_s if layout.start else 1.0
    first, last = min(firsts) * unit, max(lasts) * unit
    return first, last, first if layout.start else None


def _histogram(groups: list[Group]) -> Histogram:
    values = numpy.concatenate([group.values_ns for group in groups] or [numpy.empty(0, numpy.int64)])
    weights = numpy.concatenate([group.weights for group in groups] or [numpy.empty(0, numpy.int64)])
    made = record(values, weights)
    lows = [group.low_ns for group in groups if group.low_ns is not None]
    highs = [group.high_ns for group in groups if group.high_ns is not None]
    return replace(made, low_s=min(lows) / 1e9, high_s=max(highs) / 1e9) if lows and highs else made
