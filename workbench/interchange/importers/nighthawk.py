"""Nighthawk's JSON (``nighthawk_client --output-format json``)."""

from __future__ import annotations

from workbench.interchange.documents import Node
from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.figures import from_cumulative, seconds, started
from workbench.interchange.importing.imported import DOCUMENT, FileKind, Imported, Importer, Options
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.tools import NIGHTHAWK
from workbench.model.records import Histogram

_LATENCY = "benchmark_http_client.request_to_response"
_NOT_PER_WORKER = "global"
_FAILURES = {"reset": "benchmark.stream_resets", "pool-failure": "benchmark.pool_connection_failure"}
"""What failed without an answer -> Nighthawk's counter of it."""


def matches(source: InputFile) -> bool:
    """Whether it is a table of options and results with statistics."""
    return bool(source.tables) and all(_is_output(node) for node, _ in source.tables)


def _is_output(tree: Node) -> bool:
    results = tree.get("results")
    if tree.get("options") is None or results is None or not isinstance(results.value, list):
        return False
    return any(isinstance(one.value, dict) and "statistics" in one.value for one in results.value)


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the run in each document of Nighthawk: its ``global`` result."""
    return [_run(Table(node, where), source.text.encode()) for node, where in source.tables]


def _run(root: Table, raw: bytes) -> Imported:
    asked, results = root.table("options"), root.tables("results")
    workers = max(1, sum(one.maybe_text("name") != _NOT_PER_WORKER for one in results))
    whole = next((one for one in results if one.maybe_text("name") == _NOT_PER_WORKER), results[-1])
    counters = {one.text("name"): one.whole("value") for one in whole.tables("counters")}
    rate = asked.maybe_whole("requests_per_second")
    window = _seconds(whole, "execution_duration") or _seconds(asked, "duration")
    requests, errors, status = _counts(counters)
    skipped = counters.get("benchmark.pool_overflow", 0)
    latency = _histogram(whole)
    return Imported(
        tool=NIGHTHAWK,
        tool_version=_version(root.node),
        where=root.where,
        label=_label(asked),
        loop="open" if _is_open(asked) else "closed",
        arrival="constant" if rate else "",
        protocol=_protocol(asked),
        rate_per_s=float(rate * workers) if rate else None,
        achieved_rate_per_s=requests / window if window and requests is not None else None,
        duration_s=_seconds(asked, "duration"),
        window_s=window,
        connections=_connections(asked, workers),
        payload_bytes=asked.table("request_options").maybe_whole("request_body_size")
        if "request_options" in asked
        else None,
        started_at_s=started(root.text("timestamp"), root.where) if "timestamp" in root else None,
        requests=requests,
        errors=errors,
        counts_by_status=status,
        histograms={"from_send": latency} if latency.count else {},
        extra={"options": asked.node.plain, "workers": workers},
        notes=_notes(skipped, status, latency),
        raw=raw,
        raw_name="nighthawk.json",
    )


def _notes(skipped: int, status: dict[str, int], latency: Histogram) -> tuple[str, ...]:
    answers = sum(count for name, count in status.items() if name not in _FAILURES)
    notes = [f"{skipped} requests found no free connection and have no latency."] if skipped else []
    if status and answers != latency.count:
        notes.append(f"It counts {answers} answers and {latency.count} latencies: the two differ.")
    return tuple(notes)


def _is_open(asked: Table) -> bool:
    """Whether it was run with --open-loop; the option is a truth value, or a table that holds one."""
    held = asked.node.get("open_loop")
    inner = held.get("value") if held is not None else None
    return (inner or held) is not None and (inner or held).plain is True  # type: ignore[union-attr]


def _version(root: Node) -> str:
    found = root.get("version", "version", "version_number") or root.get("version", "version")
    return str(found.plain) if found is not None and isinstance(found.value, str) else ""


def _label(asked: Table) -> str:
    held = asked.node.get("labels")
    if held is not None and isinstance(held.value, list):
        return ", ".join(str(one.plain) for one in held.value)
    return str(held.plain) if held is not None and isinstance(held.value, str) else ""


def _protocol(asked: Table) -> str:
    held = asked.node.get("protocol")
    if held is not None and isinstance(held.value, dict):
        held = held.get("value")
    named = str(held.plain).lower() if held is not None and held.value is not None else ""
    is_h2 = asked.node.get("h2")
    if named.startswith("http"):
        return {"http1": "http/1.1", "http2": "h2", "http3": "h3"}.get(named, named)
    return "h2" if is_h2 is not None and is_h2.value is True else "http/1.1"


def _connections(asked: Table, workers: int) -> int | None:
    each = asked.maybe_whole("connections")
    return each * workers if each else None


def _seconds(table: Table, name: str) -> float | None:
    return seconds(table.text(name), f"{table.where}: {name}") or None if name in table else None


def _counts(counters: dict[str, int]) -> tuple[int | None, int | None, dict[str, int]]:
    """Return requests, errors and counts by status class; None where no counter tells."""
    classes = {
        name: counters[f"benchmark.http_{name}"]
        for name in ("2xx", "3xx", "4xx", "5xx", "xxx")
        if f"benchmark.http_{name}" in counters
    }
    failures = {name: counters.get(counter, 0) for name, counter in _FAILURES.items()}
    status = {**classes, **{name: count for name, count in failures.items() if count}}
    if not status and "upstream_rq_total" not in counters:
        return None, None, {}
    requests = max(counters.get("upstream_rq_total", 0), sum(status.values()))
    return requests, requests - classes.get("2xx", 0) if status else None, status


def _histogram(whole: Table) -> Histogram:
    found = [one for one in whole.tables("statistics") if one.maybe_text("id") == _LATENCY]
    if not found:
        return from_cumulative([], [], whole.where)
    rows = found[0].tables("percentiles")
    place = f"{whole.where}: {_LATENCY}"
    values = [seconds(one.text("duration"), place) for one in rows]
    made = from_cumulative(values, [one.whole("count") for one in rows], place)
    if made.count != (found[0].maybe_whole("count") or 0):
        raise found[0].wrong("count", f"is {found[0].whole('count')}, but its percentiles end at {made.count}")
    return made


ADAPTER = Importer(
    name="nighthawk",
    kinds=(FileKind(name="nighthawk", title="Nighthawk JSON", matches=matches, read=read, order=DOCUMENT),),
)
