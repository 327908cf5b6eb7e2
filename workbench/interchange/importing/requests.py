"""Tables with a line for every request, of any size, as runs: grouped, counted and brought into histograms.

The reading itself is the store's (`workbench.store.csv_reading`); here columns get their meaning.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import LONGEST_NAME, shown
from workbench.interchange.importing.imported import Imported, Tool
from workbench.interchange.importing.source import HEAD_BYTES, InputFile
from workbench.model.histograms import record
from workbench.model.records import LATEST_S, Histogram
from workbench.store.csv_reading import Edges, Group, Table, Values, edges_of, summarise_csv

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
    verdict
        Column that says of each request whether it went well (``true``, ``false``); where it says neither, or there is
        none, the status decides.
    start, start_unit_s
        Column with the time of a request since the epoch, and its unit in seconds; None: text such as
        ``2026-01-01T00:00:00Z``.
    start_is_end
        Whether that is the time of the answer, not of the sending.
    offset
        Column with the seconds from the run's start, where there is no time.
    groups
        Meaning (``label``, ``workload``, ``block``, ``rate_per_s``, ``connections``, ``protocol``) -> column whose
        values tell runs apart.
    optional
        Those meanings of `groups` that a row may leave empty: it then belongs to the one run that there is.
    protocol
        Column with the protocol, which a request that got no connection leaves empty; it tells no runs apart.
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
    verdict: str | None = None
    start: str | None = None
    start_unit_s: float | None = 1.0
    start_is_end: bool = False
    offset: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    protocol: str | None = None
    known: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    only_answered: str = ""


def header_of(source: InputFile, delimiter: str = ",") -> tuple[str, ...]:
    """Return the names in a table's first line.

    Raises
    ------
    BadInputError
        When the line does not end early enough, or a name is missing, too long or given twice.
    """
    lines = source.head.splitlines()
    if len(lines) < 2 and len(source.head.encode()) >= HEAD_BYTES - 4:
        raise BadInputError(
            f"{source.where}, line 1: the first line does not end within {HEAD_BYTES:,} bytes, so this is not a table."
        )
    try:
        names = next(csv.reader([source.first_line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadInputError(f"{source.where}, line 1: not the head of a table: {error}.") from error
    for place, name in enumerate(names, start=1):
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadInputError(f"{source.where}, line 1: column {place} has no usable name ({shown(name)}).")
        if names.index(name) != place - 1:
            raise BadInputError(f"{source.where}, line 1: the column {shown(name)} is there twice.")
    if len(names) > MOST_COLUMNS:
        raise BadInputError(f"{source.where}, line 1: {len(names)} columns; the limit is {MOST_COLUMNS}.")
    return tuple(names)


def rows_of(source: InputFile, names: Sequence[str], delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place and the fields by name of each line of a small table, below its first line.

    Raises
    ------
    BadInputError
        When a line has more or fewer fields than there are names, with the line.
    """
    reader = csv.reader(source.lines, delimiter=delimiter, strict=True)
    try:
        for line in reader:
            where = f"{source.where}, line {reader.line_num}"
            if not line or (reader.line_num == 1 and tuple(line) == tuple(names)):
                continue
            if len(line) != len(names):
                raise BadInputError(
                    f"{where}: {len(line)} fields, not {len(names)}; the file was cut off or garbled there."
                )
            yield where, dict(zip(names, line, strict=True))
    except csv.Error as error:
        raise BadInputError(f"{source.where}, line {reader.line_num}: not a line of a table: {error}.") from error


def runs_of(source: InputFile, layout: Layout) -> list[Imported]:
    """Return the runs in a table of requests.

    Raises
    ------
    BadInputError
        When a column is not there, a line is broken, or there is no request in it; with the place.
    """
    names = layout.names or header_of(source, layout.delimiter)
    beside = [name for name in (layout.status, layout.verdict, layout.protocol) if name is not None]
    wanted = [layout.latency, layout.start, layout.offset, *layout.groups.values(), *beside]
    for name in [*wanted, layout.only[0] if layout.only else None]:
        if name is not None and name not in names:
            raise UnknownNameError("column", name, names, source.where)
    table = Table(path=source.path, names=names, delimiter=layout.delimiter, has_header=layout.has_header)
    values = Values(
        value=layout.latency,
        unit_ns=layout.unit_s * 1e9,
        only=layout.only,
        time=layout.start or layout.offset,
        time_unit_s=layout.start_unit_s if layout.start else 1.0,
        time_is_end=layout.start_is_end,
        groups=(*layout.groups.values(), *beside),
    )
    found = [_part(layout, group) for group in summarise_csv(table, values)]
    by_run: dict[tuple[str, ...], list[_Part]] = {}
    for part in found:
        if part.group.values_ns.size or layout.only is None:
            by_run.setdefault(_key(layout, part, found), []).append(part)
    if not any(part.group.values_ns.size for listed in by_run.values() for part in listed):
        raise BadInputError(f"{source.where} contains no request: no line has a latency in column {layout.latency!r}.")
    edges = edges_of(table, values) if any(part.group.whole for part in found) else []
    return [_run(source, layout, key, listed, edges) for key, listed in by_run.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Requests of one run with the same status and verdict."""

    group: Group
    key: tuple[str, ...]
    status: str
    verdict: str
    protocol: str
    is_right: bool


def _part(layout: Layout, group: Group) -> _Part:
    width = len(layout.groups)
    beside = iter(group.keys[width:])
    status, verdict, protocol = (
        next(beside) if column is not None else "" for column in (layout.status, layout.verdict, layout.protocol)
    )
    judged = {"true": True, "false": False}.get(verdict.lower())
    well = judged if judged is not None else layout.status is None or is_right(status, layout.right)
    return _Part(group=group, key=group.keys[:width], status=status, verdict=verdict, protocol=protocol, is_right=well)


def _key(layout: Layout, part: _Part, found: Sequence[_Part]) -> tuple[str, ...]:
    """Return the run that requests belong to: a key that may be empty is the only one that the others have."""
    key = list(part.key)
    for place, meaning in enumerate(layout.groups):
        others = {one.key[place] for one in found if one.key[place]}
        if meaning in layout.optional and not key[place] and len(others) == 1:
            (key[place],) = others
    return tuple(key)


def _run(
    source: InputFile, layout: Layout, key: tuple[str, ...], parts: Sequence[_Part], edges: Sequence[Edges]
) -> Imported:
    is_judged = layout.status is not None or layout.verdict is not None
    groups = [part.group for part in parts]
    requests = sum(group.rows for group in groups)
    own = {group.keys for group in groups}
    spanned = spanned_s(groups, [one for one in edges if one.keys in own])
    wrong = requests - sum(part.group.rows for part in parts if part.is_right)
    kind = "from_schedule" if layout.tool.latency_from == "schedule" else "from_send"
    latency = _histogram([part.group for part in parts if part.is_right])
    made = Imported(
        tool=layout.tool,
        where=source.where,
        requests=requests,
        errors=None if layout.only_answered or not is_judged else wrong,
        counts_by_status=_by_status(parts) if is_judged else {},
        window_s=_window_s(groups, spanned),
        achieved_rate_per_s=requests / spanned if spanned else None,
        started_at_s=_start(groups, layout, source),
        histograms={kind: latency} if latency.count else {},
        notes=(*layout.notes, *_notes(parts, spanned, layout, is_judged)),
        raw_name="source.csv",
    )
    told = {name: _typed(name, text, source) for name, text in zip(layout.groups, key, strict=True)}
    protocols = {part.protocol for part in parts} - {""}
    if len(protocols) == 1:
        (told["protocol"],) = protocols
    return replace(made, **{**dict(layout.known), **told})  # type: ignore[arg-type]  # fields of `Imported` by name


def _by_status(parts: Sequence[_Part]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for part in parts:
        found[part.status or ("none" if not part.verdict else "right" if part.is_right else "wrong")] += part.group.rows
    return dict(found)


def _notes(parts: Sequence[_Part], spanned: float | None, layout: Layout, is_judged: bool) -> list[str]:
    notes = []
    if layout.only_answered:
        wrong = sum(part.group.rows for part in parts if not part.is_right)
        least = f", at least {wrong:,}" if is_judged else ""
        notes.append(f"{layout.only_answered}: errors are unknown{least}.")
    elif is_judged:
        notes.append("Latency is of successful answers; failed requests are counted separately.")
    hops = sum(part.group.rows for part in parts if part.is_right and len(part.status) == 3 and part.status[0] == "3")
    if hops:
        notes.append(f"{hops} of its answers are redirects: every hop counts as a request.")
    protocols = sorted({part.protocol for part in parts} - {""})
    if len(protocols) > 1:
        notes.append(f"Its requests were in several protocols ({', '.join(protocols)}); none is named.")
    if spanned is None and (layout.start or layout.offset):
        notes.append("Its times do not differ by a second, or there are none: duration and rate are unknown.")
    elif _in_whole_seconds([part.group for part in parts]):
        notes.append("Its times are whole seconds: start, duration and rate are known to a second.")
    return notes


def _in_whole_seconds(groups: Sequence[Group]) -> bool:
    """Whether the times of a run are all whole seconds: a single one may be so by chance."""
    timed = [group for group in groups if group.first is not None]
    return bool(timed) and all(group.whole for group in timed)


def _window_s(groups: Sequence[Group], spanned: float | None) -> float | None:
    """Return how long a run took: its intervals, or until its last answer, which may come long after the last send."""
    began = [group.began for group in groups if group.began is not None]
    ended = [group.ended for group in groups if group.ended is not None]
    if spanned is None:
        return None
    unsure = 1.0 if _in_whole_seconds(groups) else 0.0
    return max(spanned, max(ended) - min(began) - unsure)


def spanned_s(groups: Sequence[Group], edges: Sequence[Edges]) -> float | None:
    """Return the seconds that the requests of a run took: as many intervals as requests, not one fewer.

    Of n requests in equal intervals the first and the last are n - 1 intervals apart. Times in whole seconds do not
    show that; there the seconds between the first and the last are full, and tell how much of those two was used.
    None where the times do not tell.
    """
    firsts = [group.first for group in groups if group.first is not None]
    lasts = [group.last for group in groups if group.last is not None]
    timed = sum(group.rows for group in groups if group.first is not None)
    if not firsts or not lasts or max(lasts) <= min(firsts):
        return None
    apart = max(lasts) - min(firsts)
    if not edges or not _in_whole_seconds(groups):
        return apart * timed / (timed - 1)
    first, last = min(one.first for one in edges), max(one.last for one in edges)
    in_first = sum(one.in_first for one in edges if one.first == first)
    in_last = sum(one.in_last for one in edges if one.last == last)
    inside = timed - in_first - in_last
    if timed <= apart or (apart > 1 and inside <= 0):  # fewer than one a second, or a pause
        return apart * timed / (timed - 1)
    rate = inside / (apart - 1) if apart > 1 else max(in_first, in_last)
    return float(min(timed / rate, apart + max(1.0, 1 / rate)))


_NUMBERS = ("rate_per_s", "connections", "block", "payload_bytes")


def whole(value: float) -> int:
    """Return a number as a whole one; a fraction is refused, never cut off."""
    if not value.is_integer():
        raise ValueError(value)
    return int(value)


def _typed(name: str, text: str, source: InputFile) -> object:
    if name not in _NUMBERS:
        return text
    if not text:
        return None
    try:
        value = float(text)
        return value if name == "rate_per_s" else whole(value)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{source.where}: {shown(text)} is not a number for {name}.") from error


def is_right(status: str, right: frozenset[str] = frozenset()) -> bool:
    """Whether a status stands for success."""
    return status in right if right else len(status) == 3 and status.isdigit() and status[0] == "2"


def _start(groups: Sequence[Group], layout: Layout, source: InputFile) -> float | None:
    """Return the time of a run's first request since the epoch; None where it is not told."""
    firsts = [group.first for group in groups if group.first is not None]
    if not firsts or not layout.start:
        return None
    if not 0 <= min(firsts) <= LATEST_S:
        raise BadInputError(
            f"{source.where}: its first time would be {min(firsts):.6g} s since 1970, which "
            "is impossible; check the unit "
            f"of the column {layout.start!r}."
        )
    return min(firsts)


def _histogram(groups: list[Group]) -> Histogram:
    values = numpy.concatenate([group.values_ns for group in groups] or [numpy.empty(0, numpy.int64)])
    weights = numpy.concatenate([group.weights for group in groups] or [numpy.empty(0, numpy.int64)])
    made = record(values, weights)
    lows = [group.low_ns for group in groups if group.low_ns is not None]
    highs = [group.high_ns for group in groups if group.high_ns is not None]
    return replace(made, low_s=min(lows) / 1e9, high_s=max(highs) / 1e9) if lows and highs else made
