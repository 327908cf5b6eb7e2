"""k6's summaries (``--summary-export``, ``handleSummary``, old and new form) and its samples (``--out csv``)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping

from workbench.errors import BadInputError
from workbench.interchange.documents import Node, shown
from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.figures import checked, started, told
from workbench.interchange.importing.imported import DOCUMENT, TABLE, FileKind, Imported, Importer, Loop, Options, Tool
from workbench.interchange.importing.requests import Layout, header_of, runs_of
from workbench.interchange.importing.source import InputFile

TOOL = Tool(
    name="k6",
    title="k6",
    latency_from="send",
    omission="http_req_duration is measured from the actual send and excludes waiting for a connection. Arrival-rate "
    "executors keep the schedule and count iterations that they could not start as dropped_iterations, which have no "
    "latency; all other executors are closed loops (coordinated omission).",
    units="Milliseconds.",
    percentiles="Of all samples, interpolated between neighbours; errors are among them unless filtered.",
)

_MS = 1e-3
_REQUESTS, _DURATION, _FAILED = "http_reqs", "http_req_duration", "http_req_failed"
_RIGHT_ONLY = f"{_DURATION}{{expected_response:true}}"
_BUILT_IN = frozenset((_REQUESTS, _DURATION, "iterations", "iteration_duration", "vus", "data_sent"))
_QUANTILE = re.compile(r"p\((\d+(?:\.\d+)?)\)")
_EXTREMES = {"min": "low_s", "max": "high_s"}
_HEAD = ("metric_name", "timestamp", "metric_value")
_REDIRECTS = "Redirects are among its requests: k6 counts every hop as one."


def matches(source: InputFile) -> bool:
    """Whether it is a table, or the newer form's list, of metrics with k6's names."""
    return bool(source.tables) and all(_is_summary(node) for node, _ in source.tables)


def _is_summary(tree: Node) -> bool:
    listed = tree.get("results", "metrics")
    if listed is not None and isinstance(listed.value, list):
        return bool(_BUILT_IN & _listed(listed).keys())
    metrics = tree.get("metrics")
    named = metrics.value if metrics is not None and isinstance(metrics.value, dict) else {}
    marked = any(tree.get(name) is not None for name in ("root_group", "state", "setup_data"))
    return marked and bool(_BUILT_IN & named.keys())


def matches_csv(source: InputFile) -> bool:
    """Whether its first line begins as k6's table does."""
    return tuple(source.first_line.split(",")[:3]) == _HEAD


def _listed(node: Node) -> dict[str, Node]:
    """Return the newer form's metrics by their name."""
    named = [(one.get("name"), one) for one in node.value]
    return {str(name.value): one for name, one in named if name is not None}


def _metrics(root: Node, where: str) -> Table:
    listed = root.get("results", "metrics")
    if listed is not None and isinstance(listed.value, list):
        return Table(Node(value=_listed(listed), line=listed.line), where, "results.metrics")
    return Table(root, where).table("metrics")


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the run in each summary."""
    return [_run(node, where, source.text.encode()) for node, where in source.tables]


def _run(root: Node, where: str, raw: bytes) -> Imported:
    metrics = _metrics(root, where)
    if _DURATION not in metrics and _REQUESTS not in metrics:
        raise BadInputError(f"{where}: there is no metric {_DURATION}; only k6's HTTP runs are supported.")
    requests = _values(metrics, _REQUESTS).maybe_whole("count")
    took = _took_s(root, where)
    rate = _values(metrics, _REQUESTS).maybe_number("rate") or None
    rate = rate if rate is not None or not took or requests is None else requests / took
    wrong = _wrong(_values(metrics, _FAILED), requests) if _FAILED in metrics else None
    vus = _values(metrics, "vus_max").maybe_whole("value")
    dropped = _values(metrics, "dropped_iterations").maybe_whole("count") or 0
    chosen = _RIGHT_ONLY if _RIGHT_ONLY in metrics else _DURATION
    nothing = requests == 0 or (wrong is not None and wrong == requests)
    doubts: list[str] = []
    figures = {} if nothing else _figures(_values(metrics, chosen), doubts)
    loop: Loop = "open" if dropped else "unknown"
    return Imported(
        tool=TOOL,
        tool_version=_version(root),
        where=where,
        loop=loop,
        achieved_rate_per_s=rate,
        window_s=took or (requests / rate if rate and requests else None),
        requests=requests,
        errors=wrong,
        counts_by_status={"right": requests - wrong, "wrong": wrong}
        if wrong is not None and requests is not None
        else {},
        quantiles={"from_send": figures} if figures else {},
        extra={"vus_max": vus, "dropped_iterations": dropped},
        notes=(*_notes(chosen, dropped, vus, wrong), *doubts),
        raw=raw,
        raw_name="k6-summary.json",
    )


def _values(metrics: Table, name: str) -> Table:
    """Return a metric's figures, which handleSummary keeps one level deeper; an empty table of a metric not there."""
    if name not in metrics:
        return Table(Node(value={}, line=metrics.node.line), metrics.where, name)
    metric = metrics.table(name)
    return metric.table("values") if "values" in metric else metric


def _took_s(root: Node, where: str) -> float | None:
    """Return how long the whole test took, in seconds; a summary that was exported without its state has none."""
    state, config = root.get("state"), root.get("config")
    if state is not None and isinstance(state.value, dict):
        found = Table(state, where, "state").maybe_number("testRunDurationMs")
        return found * _MS if found else None
    if config is not None and isinstance(config.value, dict):
        return Table(config, where, "config").maybe_number("duration") or None
    return None


def _version(root: Node) -> str:
    named = (root.get("metadata", name) for name in ("k6_version", "k6Version"))
    return next((one.value for one in named if one is not None and isinstance(one.value, str)), "")


def _wrong(failed: Table, requests: int | None) -> int | None:
    """Return how many requests failed, by the share that did.

    k6 calls a failure a pass of the metric http_req_failed, and in its newer form a match. Writers of summaries of
    their own turn the two round, so that the share decides which of the counts is meant.
    """
    share = next((failed.maybe_number(name) for name in ("rate", "value") if name in failed), None)
    if "matches" in failed:
        return failed.whole("matches")
    counts = [failed.whole(name) for name in ("passes", "fails") if name in failed]
    total: int = sum(counts)
    if share is not None and len(counts) == 2 and total > 0:
        wanted = share
        return min(counts, key=lambda count: abs(count / total - wanted))
    if counts:
        return counts[0]
    return round(share * requests) if share is not None and share <= 1 and requests is not None else None


def _figures(latency: Table, doubts: list[str]) -> dict[str, float]:
    pairs, extremes = [], {}
    for name in latency:
        quantile = 0.5 if name == "med" else float(found[1]) / 100 if (found := _QUANTILE.fullmatch(name)) else None
        if quantile is None and name not in _EXTREMES:
            continue
        value = latency.figure(name, doubts)
        if value is None:
            continue
        seconds = checked(value * _MS, latency.where)
        if quantile is None:
            extremes[_EXTREMES[name]] = seconds
        else:
            pairs.append((quantile, seconds))
    return told(pairs, extremes)


def _notes(chosen: str, dropped: int, vus: int | None, wrong: int | None) -> tuple[str, ...]:
    notes = ["A summary names no executor: whether the loop was open is unknown unless iterations were dropped."]
    if chosen == _RIGHT_ONLY:
        notes.append("Latency is of expected answers; the others are counted as failed.")
    elif wrong:
        notes.append(f"Latency is of all requests, including the {wrong} failed ones: there is no figure without them.")
    if dropped:
        notes.append(f"{dropped} iterations were dropped: they were due but never sent, and have no latency.")
    if vus is not None:
        notes.append(
            f"It had {vus} virtual users, each with its own connections; the number of connections is unknown."
        )
    return (*notes, _REDIRECTS)


_FORMATS: Mapping[str, float] = {"unix": 1.0, "unix_milli": 1e-3, "unix_micro": 1e-6, "unix_nano": 1e-9}
"""K6_CSV_TIME_FORMAT -> unit of its times in seconds; its other formats are texts (``rfc3339``, ``rfc3339_nano``)."""

_YEARS = (631_152_000.0, 4_102_444_800.0)
"""1990 to 2100 in seconds: in which of the units a time lies between them, is its unit. No two of them do."""


def _time_unit(source: InputFile, names: tuple[str, ...]) -> float | None:
    """Return the unit of the first time in seconds; None where times are texts.

    Raises
    ------
    BadInputError
        When it is not a time in any format that k6 writes.
    """
    text = _first_time(source, names)
    try:
        value = float(text)
    except ValueError:
        try:
            started(text, source.where)
        except BadInputError:
            return 1.0  # the reading of the table names the line
        return None
    fitting = [unit for unit in _FORMATS.values() if _YEARS[0] <= value * unit <= _YEARS[1]]
    if not fitting:
        raise BadInputError(
            f"{source.where}: {shown(text)} is not a time in a format that k6 writes (K6_CSV_TIME_FORMAT: "
            f"{', '.join(_FORMATS)}, rfc3339, rfc3339_nano)."
        )
    return fitting[0]


def _first_time(source: InputFile, names: tuple[str, ...]) -> str:
    rows = csv.reader(source.head.splitlines()[1:])
    metric, time = names.index(_HEAD[0]), names.index(_HEAD[1])
    return next((row[time] for row in rows if len(row) > time and row[metric] == _DURATION and row[time]), "0x")


def read_csv(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs in a table of samples, one for each scenario; it may have any size."""
    names = header_of(source)
    has = {name: name if name in names else None for name in ("status", "expected_response", "proto")}
    layout = Layout(
        tool=TOOL,
        names=names,
        latency="metric_value",
        unit_s=_MS,
        only=("metric_name", _DURATION),
        status=has["status"],
        verdict=has["expected_response"],
        protocol=has["proto"],
        start="timestamp",
        start_unit_s=_time_unit(source, names),
        start_is_end=True,
        groups={"workload": "scenario"} if "scenario" in names else {},
        optional=frozenset({"workload"}),
    )
    return runs_of(source, layout)


ADAPTER = Importer(
    name="k6",
    kinds=(
        FileKind(name="k6", title="summary of k6", matches=matches, read=read, order=DOCUMENT),
        FileKind(name="k6-csv", title="k6's table of samples", matches=matches_csv, read=read_csv, order=TABLE),
    ),
)
