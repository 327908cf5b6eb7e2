"""Tables of requests in CSV files of others, summarised while they stream: distributions, counts, times.

A load generator that writes a line for every request writes gigabytes. DuckDB reads them in parallel and keeps, for
each combination of the grouping columns, only how many values fell into each bucket of a thousandth of their size; so
the memory needed does not grow with the file. Nothing is written, and the index is not touched.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInputError, StoreError
from workbench.model.histograms import HIGHEST_NS
from workbench.store.catchup import as_glob
from workbench.store.tables import literal, quoted
from workbench.text.decoding import encoding_of

MEMORY = "512MB"
"""What DuckDB may take; a gigabyte of CSV needs a fifth of it."""

LONGEST_LINE = 1_000_000
"""Bytes of one line."""

MOST_GROUPS = 10_000
"""Combinations of the grouping columns; more are a wrong choice of columns."""

_BITS = 10
"""Values are kept to one part in 2**10, as finely as the histograms that they go into."""

_WHOLE = 1e-6
"""Seconds by which a time may miss a whole second and be one: a time in nanoseconds is not an exact floating number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The layout of a CSV file.

    Attributes
    ----------
    names
        All its columns, in order.
    has_header
        Whether the first line holds the names.
    """

    path: Path
    names: tuple[str, ...]
    delimiter: str = ","
    has_header: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What is to be read of a table.

    Attributes
    ----------
    value
        Column with a duration.
    unit_ns
        Its unit in nanoseconds.
    only
        Column and the text that it must hold for a row to count; None: every row does.
    time
        Column with a time, of which the first and last are told; None: none.
    time_unit_s
        The unit of a time that is a number, in seconds; None: it is text such as ``2026-01-01T00:00:00Z``.
    time_is_end
        Whether it is the time at which the duration ended, not the one at which it began.
    groups
        Columns whose combinations are told apart.
    """

    value: str
    unit_ns: float
    only: tuple[str, str] | None = None
    time: str | None = None
    time_unit_s: float | None = 1.0
    time_is_end: bool = False
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of one combination.

    Attributes
    ----------
    keys
        Text of each grouping column; empty for none.
    rows
        How many there are.
    values_ns, weights
        Durations, known to a thousandth, and how often each occurred; shape (n,). Rows without one are in `rows` only.
    low_ns, high_ns
        Exact smallest and largest duration; None when there is none.
    first, last
        Smallest and largest time in seconds; None when there is none.
    began, ended
        When the first duration began and the last one ended, in seconds; None when there is no time.
    whole
        Whether all times are whole seconds; None when there is none.
    """

    keys: tuple[str, ...]
    rows: int
    values_ns: NDArray[np.int64]
    weights: NDArray[np.int64]
    low_ns: int | None
    high_ns: int | None
    first: float | None
    last: float | None
    began: float | None = None
    ended: float | None = None
    whole: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """How many rows of one combination lie in the first and in the last second of its times.

    Attributes
    ----------
    first, last
        These seconds, as whole numbers.
    in_first, in_last
        Rows in each; equal where it is one and the same.
    rows
        Rows with a time.
    """

    keys: tuple[str, ...]
    first: int
    last: int
    in_first: int
    in_last: int
    rows: int


def edges_of(table: Table, values: Values) -> list[Edges]:
    """Return how full the first and the last second of each combination are, for times in whole seconds.

    Raises
    ------
    BadInputError, StoreError
        As `summarise_csv`.
    """
    rows = _fetched(table, values, _edges_query(table, values))
    width = len(values.groups)
    return [
        Edges(
            keys=tuple(str(key) for key in row[:width]),
            **dict(
                zip(("first", "last", "in_first", "in_last", "rows"), (int(str(n)) for n in row[width:]), strict=True)
            ),
        )
        for row in rows
    ]


def summarise_csv(table: Table, values: Values) -> list[Group]:
    """Return the groups of a CSV file, in order of their keys.

    Raises
    ------
    BadInputError
        When a line has too many or too few fields, a value is not a number, or a duration is impossible, with the line.
    StoreError
        When the memory does not suffice.
    """
    return _groups(table, values, _fetched(table, values, _query(table, values)))


def _fetched(table: Table, values: Values, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query over the file; what DuckDB says of it becomes a sentence."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET temp_directory = ''")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        with _in_utf8(table.path) as path:
            return connection.execute(query, [as_glob(str(path))]).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise StoreError(f"{table.path} needs more than {MEMORY} of memory; group by fewer columns.") from error
    except duckdb.Error as error:
        raise BadInputError(_explained(table, values, error)) from error
    finally:
        connection.close()


def _source(table: Table, values: Values) -> str:
    """Return the file as a table of SQL, its columns typed."""
    kinds = {values.value: "DOUBLE"}
    if values.time:
        kinds[values.time] = "DOUBLE" if values.time_unit_s else "TIMESTAMPTZ"
    types = ", ".join(f"{literal(name)}: '{kinds.get(name, 'VARCHAR')}'" for name in table.names)
    counts = f"{quoted(values.only[0])} = {literal(values.only[1])}" if values.only else "true"
    return (
        f"read_csv($1, auto_detect = false, header = {str(table.has_header).lower()}, "
        f"""delim = {literal(table.delimiter)}, quote = '"', escape = '"', columns = {{{types}}}, """
        f"max_line_size = {LONGEST_LINE}) WHERE {counts}"
    )


def _moment(values: Values) -> str:
    """Return the time of a row in seconds as SQL; NULL where it has none, or one that is not finite."""
    if values.time is None:
        return "NULL::DOUBLE"
    name, unit = quoted(values.time), values.time_unit_s
    return f"CASE WHEN isfinite({name}) THEN {f'{name} * {unit!r}' if unit else f'epoch_us({name}) / 1e6'} END"


def _keys(values: Values) -> str:
    return "".join(f"coalesce({quoted(name)}, '') AS k{place}, " for place, name in enumerate(values.groups))


@contextmanager
def _in_utf8(path: Path) -> Iterator[Path]:
    """Give a file that DuckDB can read: itself, or for the time of reading a copy in UTF-8 of one in UTF-16."""
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(4096))
    if encoding.startswith("utf-8"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "table.csv"
        try:
            with path.open(encoding=encoding, newline="") as old, copy.open("w", encoding="utf-8", newline="") as new:
                shutil.copyfileobj(old, new)
        except UnicodeDecodeError as error:
            raise BadInputError(
                f"{path} contains bytes that are not {encoding.upper()} text; save it as UTF-8."
            ) from error
        yield copy


def _query(table: Table, values: Values) -> str:
    listed = "".join(f"k{place}, " for place in range(len(values.groups)))
    value, unit = quoted(values.value), repr(values.unit_ns)
    took = "coalesce(ns, 0) / 1e9"
    before, after = (f" - {took}", "") if values.time_is_end else ("", f" + {took}")
    # -1 stands for a duration that is impossible, so that the query goes on and its line can be looked for
    return f"""
        SELECT {listed} CASE WHEN ns > 0 THEN ((ns >> cut) << cut) + ((1 << cut) >> 1) ELSE ns END AS near,
            count(*), min(ns), max(ns), min(moment), max(moment), min(moment{before}), max(moment{after}),
            bool_and(abs(moment - round(moment)) < {_WHOLE})
        FROM (
            SELECT *, CASE WHEN ns < {2 << _BITS} THEN 0 ELSE CAST(floor(log2(ns)) AS INTEGER) - {_BITS} END AS cut
            FROM (
                SELECT {_keys(values)}{_moment(values)} AS moment,
                    CASE WHEN {value} >= 0 AND {value} * {unit} <= {HIGHEST_NS} THEN CAST({value} * {unit} AS BIGINT)
                        WHEN {value} IS NOT NULL THEN -1
                    END AS ns
                FROM {_source(table, values)}
            )
        ) GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - names are quoted, texts are literals, numbers are ours


def _edges_query(table: Table, values: Values) -> str:
    listed = "".join(f"k{place}, " for place in range(len(values.groups)))
    return f"""
        SELECT {listed} min(second), max(second), arg_min(rows, second), arg_max(rows, second), sum(rows)
        FROM (
            SELECT {listed} CAST(round(moment) AS BIGINT) AS second, count(*) AS rows
            FROM (SELECT {_keys(values)}{_moment(values)} AS moment FROM {_source(table, values)})
            WHERE moment IS NOT NULL GROUP BY ALL
        ) GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - as above


def _groups(table: Table, values: Values, rows: Sequence[tuple[object, ...]]) -> list[Group]:
    width = len(values.groups)
    sorted_out: dict[tuple[str, ...], list[tuple[object, ...]]] = {}
    for row in rows:
        sorted_out.setdefault(tuple(str(key) for key in row[:width]), []).append(row[width:])
        if len(sorted_out) > MOST_GROUPS:
            raise BadInputError(f"{table.path} has more than {MOST_GROUPS:,} groups of {', '.join(values.groups)}.")
    if any(one[2] == -1 for listed in sorted_out.values() for one in listed):
        raise BadInputError(_impossible(table, values))
    return [_group(keys, listed) for keys, listed in sorted_out.items()]


def _group(keys: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Group:
    near, counts, low, high, first, last, began, ended, whole = zip(*rows, strict=True)
    told = [bool(one) for one in whole if one is not None]
    kept = [place for place, value in enumerate(near) if value is not None]
    known = {"low_ns": low, "high_ns": high, "first": first, "last": last, "began": began, "ended": ended}
    smallest = {name: min((one for one in column if one is not None), default=None) for name, column in known.items()}
    largest = {name: max((one for one in column if one is not None), default=None) for name, column in known.items()}
    return Group(
        keys=keys,
        rows=sum(int(str(one)) for one in counts),
        values_ns=np.array([near[place] for place in kept], np.int64),
        weights=np.array([counts[place] for place in kept], np.int64),
        low_ns=smallest["low_ns"],
        high_ns=largest["high_ns"],
        first=smallest["first"],
        last=largest["last"],
        began=smallest["began"],
        ended=largest["ended"],
        whole=all(told) if told else None,
    )


_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CONVERT = re.compile(
    r'Error when converting column "(?P<column>[^"]*)"\. Could not convert string "(?P<text>.*?)" to', re.S
)
_COLUMNS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_SHOWN = 40


def _explained(table: Table, values: Values, error: duckdb.Error) -> str:
    """Say what DuckDB found, with the line; its own message repeats the whole line and its options."""
    text = str(error)
    found = _LINE.search(text)
    place = f"{table.path}, line {found[1]}" if found else str(table.path)
    if convert := _CONVERT.search(text):
        is_text = convert["column"] == values.time and values.time_unit_s is None
        what = "time such as 2026-01-01T00:00:00Z" if is_text else "number"
        return (
            f"{place}: column {convert['column']!r:.60} contains {convert['text'][:_SHOWN]!r}, which is not a {what}."
        )
    if columns := _COLUMNS.search(text):
        return (
            f"{place}: {columns[2]} fields where the table has {columns[1]}; the file was cut off or garbled there, or "
            f"its delimiter is not {table.delimiter!r}."
        )
    if "aximum line size" in text:
        return f"{place}: a line of more than {LONGEST_LINE:,} bytes. Is it the right file?"
    return f"{place}: not such a table: {text.splitlines()[0][:160]}"


def _impossible(table: Table, values: Values) -> str:
    """Say where the first impossible duration stands; the file is read once more, line by line."""
    import csv

    place = table.names.index(values.value)
    only = None if values.only is None else (table.names.index(values.only[0]), values.only[1])
    with _in_utf8(table.path) as path, path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=table.delimiter)
        if table.has_header:
            next(reader, None)
        for row in reader:
            counts = only is None or row[only[0]] == only[1]
            if counts and row[place] and not 0 <= float(row[place]) * values.unit_ns <= HIGHEST_NS:
                return (
                    f"{table.path}, line {reader.line_num}: {row[place][:_SHOWN]!r} in column {values.value!r:.60} is "
                    "not a possible latency; check the unit."
                )
    return f"{table.path}: column {values.value!r:.60} contains an impossible latency; check the unit."
