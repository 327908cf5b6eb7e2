"""Any CSV table, read by a mapping file that says what its columns mean.

A mapping is TOML::

    kind = "requests"            # a line for each request; "runs": a line for each run
    generator = "jmeter"         # what made the table
    latency_from = "send"        # or "schedule": what its latency counts from
    loop = "closed"              # or "open"; left out: unknown
    delimiter = ","

    [columns]                    # meaning = "name of the column"
    label = "mesh"               # the data plane
    latency = "elapsed"          # requests: one latency a line
    status = "responseCode"
    start = "timeStamp"

    [units]                      # of the columns with durations and times
    latency = "ms"
    start = "ms"

    [known]                      # of all runs in the file
    connections = 16
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import shown
from workbench.interchange.importing.circumstances import known_value
from workbench.interchange.importing.figures import UNITS_S, checked, started
from workbench.interchange.importing.imported import WIDE, FileKind, Imported, Importer, Loop, Options, Tool, Usage
from workbench.interchange.importing.requests import Layout, header_of, rows_of, runs_of
from workbench.interchange.importing.source import InputFile

_TOP = ("kind", "generator", "generator_version", "latency_from", "loop", "delimiter", "columns", "units", "known")
_GROUPS = ("label", "workload", "block", "rate_per_s", "connections", "protocol", "payload_bytes")
_REQUESTS = ("latency", "status", "start", *_GROUPS)
_FIGURES = ("p50", "p75", "p90", "p99", "p999", "low", "high")
_COUNTS = ("requests", "errors", "duration", "achieved_rate_per_s", "started")
_USED = ("proxy_cpu_cores", "application_cpu_cores")
_RUNS = (*_GROUPS, *_FIGURES, *_COUNTS, *_USED)
_DURATIONS = frozenset((*_FIGURES, "latency", "duration", "start"))
_MOST_RUNS = 10_000
ISO = "iso"
"""Unit of times that are texts with a zone, such as ``2026-01-01T00:00:00Z``."""

_NOTHING = frozenset(("", "-", "n/a", "na", "none", "null", "unknown"))
"""What a cell without a figure holds, in lower case."""


def matches(source: InputFile) -> bool:
    """Nothing tells it; a mapping does."""
    return False


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs of a table by its mapping.

    Raises
    ------
    BadInputError
        When there is no mapping, or table and mapping do not fit, with the place.
    """
    if options.mapping is None:
        raise BadInputError(f"{source.where} is a table of unknown layout; describe its columns with --map FILE.toml.")
    mapping = _Mapping(*options.mapping)
    if mapping.kind == "requests":
        return runs_of(source, mapping.layout())
    return _runs(source, mapping)


class _Mapping:
    """A mapping file, checked."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadInputError(f"{where} is not valid TOML: {error}.") from error
        _known_names("key", table, _TOP, where)
        self.kind = _one_of(table, "kind", ("requests", "runs"), where)
        self.tool = _tool(table, where)
        self.loop: Loop = _one_of(table, "loop", ("open", "closed", "unknown"), where, "unknown")  # type: ignore[assignment]
        self.version = str(table.get("generator_version", ""))
        self.delimiter = str(table.get("delimiter", ","))
        if len(self.delimiter) != 1:
            raise BadInputError(f"{where}: delimiter must be one character, not {shown(self.delimiter)}.")
        self.columns = _texts(table, "columns", where)
        meanings = _REQUESTS if self.kind == "requests" else _RUNS
        _known_names("meaning", self.columns, meanings, f"{where}: [columns]")
        self.units = _texts(table, "units", where)
        _known_names("column with a unit", self.units, _DURATIONS, f"{where}: [units]")
        for meaning, unit in self.units.items():
            known_units = (*UNITS_S, ISO) if meaning == "start" else tuple(UNITS_S)
            _known_names("unit", [unit], known_units, f"{where}: [units]")
        known = table.get("known", {})
        if not isinstance(known, dict):
            raise BadInputError(f"{where}: [known] must be a table.")
        self.known = {name: known_value(name, value, f"{where}: [known]") for name, value in known.items()}

    def unit_s(self, meaning: str) -> float:
        """Return the unit of a column in seconds; one that is not told is refused, never guessed."""
        if meaning not in self.units:
            raise BadInputError(f'{self.where}: [units] must state the unit of {meaning}, such as {meaning} = "ms".')
        return UNITS_S[self.units[meaning]]

    def start_unit_s(self) -> float | None:
        """Return the unit of the times in seconds; None where they are texts such as ``2026-01-01T00:00:00Z``."""
        if "start" not in self.columns:
            return 1.0
        return None if self.units.get("start") == ISO else self.unit_s("start")

    def layout(self) -> Layout:
        """Return the mapping as the layout of a table of requests."""
        if "latency" not in self.columns:
            raise BadInputError(f'{self.where}: [columns] must name the column of the latency: latency = "...".')
        return Layout(
            tool=self.tool,
            delimiter=self.delimiter,
            latency=self.columns["latency"],
            unit_s=self.unit_s("latency"),
            status=self.columns.get("status"),
            start=self.columns.get("start"),
            start_unit_s=self.start_unit_s(),
            groups={name: self.columns[name] for name in _GROUPS if name in self.columns},
            optional=frozenset(_GROUPS),
            known={"loop": self.loop, "tool_version": self.version, **self.known},
        )


def _tool(table: Mapping[str, Any], where: str) -> Tool:
    latency_from = _one_of(table, "latency_from", ("send", "schedule"), where)
    name = table.get("generator")
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 64:
        raise BadInputError(f'{where} must name the tool that made the table: generator = "...".')
    if latency_from == "schedule":
        omission = "Latency is measured from the moment the request was due, as stated in the mapping file."
    else:
        omission = "Latency is measured from the actual send, as stated in the mapping file (coordinated omission)."
    return Tool(
        name=name,
        title=name,
        latency_from=latency_from,  # type: ignore[arg-type]  # one of the two
        omission=omission,
        units="As stated in the mapping file.",
        percentiles="Computed from all requests, or taken from the table.",
    )


def _one_of(table: Mapping[str, Any], name: str, known: tuple[str, ...], where: str, default: str = "") -> str:
    value = table.get(name, default)
    if value not in known:
        raise (
            UnknownNameError(name, str(value), known, where)
            if value
            else BadInputError(f"{where} must set {name}: {' or '.join(known)}.")
        )
    return str(value)


def _texts(table: Mapping[str, Any], name: str, where: str) -> dict[str, str]:
    found = table.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise BadInputError(f"{where}: [{name}] must be a table of texts.")
    return found


def _known_names(kind: str, names: Any, known: Any, where: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known, where)


def _runs(source: InputFile, mapping: _Mapping) -> list[Imported]:
    names = header_of(source, mapping.delimiter)
    _known_names("column", mapping.columns.values(), names, source.where)
    found: list[Imported] = []
    for where, row in rows_of(source, names, mapping.delimiter):
        found.append(_run({meaning: row[name] for meaning, name in mapping.columns.items()}, mapping, where))
        if len(found) > _MOST_RUNS:
            raise BadInputError(
                f'{where}: more than {_MOST_RUNS:,} runs; is it a table of requests (kind = "requests")?'
            )
    if not found:
        raise BadInputError(f"{source.where} contains no run.")
    return found


def _run(row: dict[str, str], mapping: _Mapping, where: str) -> Imported:
    kind = "from_schedule" if mapping.tool.latency_from == "schedule" else "from_send"
    cells = _Cells(row, where)
    told = {
        f"{name}_s": checked(value * mapping.unit_s(name), f"{where}: {name}")
        for name in _FIGURES
        if name in row and (value := cells.number(name)) is not None
    }
    numbers = {name: cells.number(name) for name in ("rate_per_s", "achieved_rate_per_s") if name in row}
    wholes = {name: cells.whole(name) for name in _WHOLES if name in row}
    duration = cells.number("duration") if "duration" in row else None
    texts = {name: row[name] for name in ("label", "workload", "protocol") if row.get(name)}
    pairs: list[tuple[str, float | int | None]] = [*numbers.items(), *wholes.items()]
    found = {name: value for name, value in pairs if value is not None}
    usage = _usage(cells)
    made = Imported(
        tool=mapping.tool,
        tool_version=mapping.version,
        where=where,
        loop=mapping.loop,
        window_s=(duration * mapping.unit_s("duration") or None) if duration is not None else None,
        started_at_s=started(row["started"], where) if row.get("started") else None,
        quantiles={kind: told} if told else {},
        usage=usage,
        notes=tuple(cells.doubts),
        raw=(",".join(row) + "\n" + ",".join(row.values()) + "\n").encode(),
        raw_name="row.csv",
    )
    return replace(made, **{**mapping.known, **found, **texts})


_WHOLES = ("requests", "errors", "connections", "block", "payload_bytes")
_NEVER_ZERO = ("rate_per_s", "connections", "block")
"""Of these 0 is a way to say that there is none."""


class _Cells:
    """The cells of a line by meaning; `doubts` says which of them are unknown, and why."""

    def __init__(self, row: Mapping[str, str], where: str) -> None:
        self.row, self.where, self.doubts = row, where, list[str]()

    def number(self, name: str) -> float | None:
        """Return a number from 0; None where there is none, or one that cannot be."""
        text = self.row.get(name, "").strip()
        if text.lower() in _NOTHING:
            return None
        try:
            value = float(text)
        except ValueError as error:
            raise BadInputError(f"{self.where}: {shown(text)} is not a number for {name}.") from error
        if not 0 <= value < float("inf"):
            self.doubts.append(f"{name} is {shown(text)}, which is impossible: unknown.")
            return None
        return None if name in _NEVER_ZERO and value == 0 else value

    def whole(self, name: str) -> int | None:
        """Return a whole number from 0; None where there is none, or a fraction, which is never cut off."""
        value = self.number(name)
        if value is not None and not value.is_integer():
            self.doubts.append(f"{name} is {value:g}, which is not a whole number: unknown.")
            return None
        return None if value is None else int(value)


def _usage(cells: _Cells) -> tuple[Usage, ...]:
    found = []
    if (cores := cells.number("proxy_cpu_cores")) is not None:
        found.append(Usage(component="proxies", role="sidecar", cpu_cores=cores))
    if (cores := cells.number("application_cpu_cores")) is not None:
        found.append(Usage(component="application", role="application", cpu_cores=cores))
    return tuple(found)


ADAPTER = Importer(
    name="table",
    kinds=(
        FileKind(
            name="table", title="table with a mapping file", matches=matches, read=read, order=WIDE, by_mapping=True
        ),
    ),
)
