"""k6's summaries (``--summary-export``, ``handleSummary``) and its table of samples (``--out csv``)."""

from __future__ import annotations

import re

from workbench.errors import BadInput
from workbench.interchange.importers.asking import Table
from workbench.interchange.importers.figures import checked, told
from workbench.interchange.importers.imported import Imported, Importer, Loop, Options, Tool
from workbench.interchange.importers.requests import Layout, header_of, runs_of
from workbench.interchange.importers.source import Source

TOOL = Tool(
    name="k6",
    title="k6",
    latency_from="send",
    omission="http_req_duration counts from the real send and leaves out waiting for a connection. Arrival-rate "
    "executors keep the schedule and count what they could not start as dropped_iterations, which have no latency; "
    "all other executors are closed loops (coordinated omission).",
    units="Milliseconds.",
    percentiles="Of all samples, interpolated between neighbours; errors are among them unless filtered.",
)

_MS = 1e-3
_DURATION = "http_req_duration"
_RIGHT_ONLY = f"{_DURATION}{{expected_response:true}}"
_QUANTILE = re.compile(r"p\((\d+(?:\.\d+)?)\)")
_EXTREMES = {"min": "low_s", "max": "high_s"}
_HEAD = ("metric_name", "timestamp", "metric_value")


def matches(source: Source) -> bool:
    """Whether it is a table of metrics with k6's names."""
    tree = source.tree
    return tree is not None and tree.get("metrics", "iterations") is not None and tree.get("root_group") is not None


def matches_csv(source: Source) -> bool:
    """Whether its first line begins as k6's table does."""
    return tuple(source.first_line.split(",")[:3]) == _HEAD


def read(source: Source, options: Options) -> list[Imported]:
    """Return the one run in a summary."""
    metrics = Table(source.nodes[0], source.where).table("metrics")
    if _DURATION not in metrics:
        raise BadInput(f"{source.where}: there is no metric {_DURATION}; only HTTP runs of k6 are read.")
    reqs = _values(metrics, "http_reqs")
    requests = reqs.whole("count")
    failed = _values(metrics, "http_req_failed") if "http_req_failed" in metrics else None
    wrong = failed.maybe_whole("passes") if failed is not None else None  # k6 calls a failure a pass of this metric
    vus = _values(metrics, "vus_max").maybe_whole("value") if "vus_max" in metrics else None
    dropped = _values(metrics, "dropped_iterations").maybe_whole("count") if "dropped_iterations" in metrics else 0
    chosen = _RIGHT_ONLY if _RIGHT_ONLY in metrics else _DURATION
    latency = _values(metrics, chosen)
    loop: Loop = "open" if dropped else "unknown"
    return [
        Imported(
            tool=TOOL,
            where=source.where,
            loop=loop,
            achieved_rate_per_s=reqs.number("rate"),
            window_s=requests / reqs.number("rate") if reqs.number("rate") > 0 else None,
            requests=requests,
            errors=wrong,
            counts_by_status={"right": requests - wrong, "wrong": wrong} if wrong is not None else {},
            quantiles={"from_send": _figures(latency, source)} if requests else {},
            extra={"vus_max": vus, "dropped_iterations": dropped},
            notes=_notes(chosen, dropped or 0, vus),
            raw=source.text.encode(),
            raw_name="k6-summary.json",
        )
    ]


def _values(metrics: Table, name: str) -> Table:
    """Return a metric's figures, which handleSummary keeps one level deeper than --summary-export."""
    metric = metrics.table(name)
    return metric.table("values") if "values" in metric else metric


def _figures(latency: Table, source: Source) -> dict[str, float]:
    pairs, extremes = [], {}
    for name in latency:
        if name in _EXTREMES:
            extremes[_EXTREMES[name]] = checked(latency.number(name) * _MS, source.where)
        elif name == "med":
            pairs.append((0.5, checked(latency.number(name) * _MS, source.where)))
        elif found := _QUANTILE.fullmatch(name):
            pairs.append((float(found[1]) / 100, checked(latency.number(name) * _MS, source.where)))
    return told(pairs, extremes)


def _notes(chosen: str, dropped: int, vus: int | None) -> tuple[str, ...]:
    notes = ["A summary names no executor: whether the loop was open is unknown unless iterations were dropped."]
    if chosen == _RIGHT_ONLY:
        notes.append("Latency is of expected answers; the others are counted as failed.")
    if dropped:
        notes.append(f"{dropped} iterations were dropped: they were due and were never sent, and have no latency.")
    if vus is not None:
        notes.append(f"It had {vus} virtual users, each with connections of its own; their number is not told.")
    return tuple(notes)


def read_csv(source: Source, options: Options) -> list[Imported]:
    """Return the runs in a table of samples, one for each scenario; it may have any size."""
    names = header_of(source)
    groups = {"workload": "scenario"} if "scenario" in names else {}
    if "proto" in names:
        groups["protocol"] = "proto"
    layout = Layout(
        tool=TOOL,
        names=names,
        latency="metric_value",
        unit_s=_MS,
        only=("metric_name", _DURATION),
        status="status" if "status" in names else None,
        start="timestamp",
        groups=groups,
        notes=("k6 writes times in whole seconds: duration and rate are known to a second.",),
    )
    return runs_of(source, layout)


IMPORTER = Importer(name="k6", title="summary of k6", matches=matches, read=read)
CSV_IMPORTER = Importer(name="k6-csv", title="k6's table of samples", matches=matches_csv, read=read_csv)
