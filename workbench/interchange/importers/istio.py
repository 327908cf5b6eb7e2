"""The CSV of Istio's benchmark pipeline (istio/tools, ``perf/benchmark/runner/fortio.py``): one line for each run.

A line holds Fortio's percentiles in microseconds, and the mean CPU and memory of named proxies over part of the run.
The label packs the rest: ``ff93ac4f_qps_1000_c_16_1024_none_mtls_both`` is a random prefix, rate, connections, payload,
configuration and which proxies were in the path (``both``, ``serveronly``, ``baseline``: none).
"""

from __future__ import annotations

import re

from workbench.errors import BadInput
from workbench.interchange.documents import shown
from workbench.interchange.importers.figures import checked, started, told
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool, Usage
from workbench.interchange.importers.requests import header_of, rows_of
from workbench.interchange.importers.source import Source
from workbench.steps import Role

TOOL = Tool(
    name="fortio",
    title="Fortio, by Istio's pipeline",
    latency_from="send",
    omission="Latency counts from the real send (coordinated omission). Runs with more than 10 % errors were dropped "
    "from the table when it was made, so that an overloaded mesh is not in it.",
    units="Latency in whole microseconds, CPU in thousandths of a core, memory in MiB with page cache.",
    percentiles="Interpolated within Fortio's buckets; no distribution is in the table.",
)

_LABEL = re.compile(
    r"(?:[0-9a-f]{8}_)?qps_(?P<rate>\d+)_c_(?P<connections>\d+)_(?P<size>\d+)_(?P<config>.*?)_?"
    r"(?P<path>both|serveronly|clientonly|ingress|(?P<without>base(?:line)?))$"
)
_US = 1e-6
_PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99, "p999": 0.999}
_EXTREMES = {"min": "low_s", "max": "high_s"}
_CPU = "cpu_mili_avg_"
_UNLIMITED = 99_999_999
_NEEDED = ("StartTime", "Labels", "NumThreads", "ActualQPS")
_METRICS_FROM_S = "The CPU figures are means over at most 180 s, from 62 s after the start."


def matches(source: Source) -> bool:
    """Whether its first line has the pipeline's columns."""
    return set(_NEEDED) <= set(source.first_line.split(","))


def read(source: Source, options: Options) -> list[Imported]:
    """Return a run for each line."""
    names = header_of(source)
    found = [_run(row, where) for where, row in rows_of(source, names)]
    if not found:
        raise BadInput(f"{source.where} holds no run.")
    return found


def _run(row: dict[str, str], where: str) -> Imported:
    label = _LABEL.match(row["Labels"])
    config, path = (label["config"] or "default", label["path"]) if label else (row["Labels"], "")
    without = bool(label and label["without"])
    asked = _number(row, "RequestedQPS", where) or (float(label["rate"]) if label else None)
    rate = None if asked is None or asked >= _UNLIMITED or asked == 0 else asked
    values = {name: _number(row, name, where) for name in (*_PERCENTILES, *_EXTREMES)}
    pairs = [(q, _latency(values[name], where)) for name, q in _PERCENTILES.items() if values[name] is not None]
    extremes = {_EXTREMES[name]: _latency(values[name], where) for name in _EXTREMES if values[name] is not None}
    errors_percent = _number(row, "errorPercent", where)
    duration, reached = _number(row, "ActualDuration", where), _number(row, "ActualQPS", where)
    requests = round(duration * reached) if duration and reached else None
    return Imported(
        tool=TOOL,
        where=where,
        label=f"{config}, no proxy in path" if without else f"{config}, {path}" if path else config,
        is_baseline=without if path else None,
        workload=f"istio-{config}" if path else "imported",
        loop="closed",
        arrival="constant" if rate else "closed",
        protocol="http/1.1",
        rate_per_s=rate,
        achieved_rate_per_s=reached,
        duration_s=duration,
        window_s=duration,
        connections=int(label["connections"]) if label else _whole(row, "NumThreads", where),
        payload_bytes=int(label["size"]) if label else None,
        started_at_s=started(row["StartTime"], where),
        requests=requests,
        errors=round(requests * errors_percent / 100) if requests and errors_percent is not None else None,
        quantiles={"from_send": told(pairs, extremes)} if pairs else {},
        usage=_usage(row, where, without),
        extra={name: text for name, text in row.items() if name.startswith(("mem_", "cpu_")) and text not in ("", "-")},
        notes=(
            _METRICS_FROM_S,
            "Memory is container_memory_usage_bytes, page cache included: it is kept beside the run and compared with "
            "nothing.",
        ),
        raw=(",".join(row) + "\n" + ",".join(row.values()) + "\n").encode(),
        raw_name="istio-perf.csv",
        data_plane="none" if without else "sidecar" if path in ("both", "serveronly", "clientonly") else "",
        mtls=True if config.startswith(("none_mtls", "mtls")) else None,
    )


def _latency(value: float | None, where: str) -> float:
    return checked((value or 0.0) * _US, where)


def _number(row: dict[str, str], name: str, where: str) -> float | None:
    text = row.get(name, "")
    if text in ("", "-", "n/a"):
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(f"{where}: column {name} holds {shown(text)}, which is no number.") from error
    if not 0 <= value < float("inf"):
        raise BadInput(f"{where}: column {name} holds {shown(text)}, which is impossible.")
    return value


def _whole(row: dict[str, str], name: str, where: str) -> int | None:
    value = _number(row, name, where)
    return None if value is None else int(value)


def _usage(row: dict[str, str], where: str, without: bool) -> tuple[Usage, ...]:
    """Return the proxies' CPU. A column of zeros is what the pipeline writes when Prometheus had nothing: unknown."""
    found = []
    for name in row:
        if not name.startswith(_CPU):
            continue
        part = name.removeprefix(_CPU)
        value = _number(row, name, where)
        if value:
            found.append(Usage(component=part, role=_role(part, without), cpu_cores=value / 1000))
    return tuple(found)


def _role(part: str, without: bool) -> Role:
    """Return the role of a proxy; sidecars that stand beside the path of a baseline run are unattributed."""
    if "ingress" in part:
        return "unattributed"
    if "mixer" in part or "pilot" in part or "istiod" in part:
        return "control-plane"
    return "unattributed" if without else "sidecar"


IMPORTER = Importer(name="istio-csv", title="CSV of Istio's benchmark pipeline", matches=matches, read=read)
