"""The CSV of Istio's benchmark pipeline (istio/tools, ``perf/benchmark/runner/fortio.py``): one line for each run.

A line holds Fortio's percentiles in microseconds, and the mean CPU and memory of named proxies over part of the run.
The label packs the rest: ``ff93ac4f_qps_1000_c_16_1024_none_mtls_both`` is a random prefix, rate, connections, payload,
configuration and which proxies were in the path (``both``, ``serveronly``, ``baseline``: none).
"""

from __future__ import annotations

import re

from workbench.errors import BadInputError
from workbench.interchange.documents import shown
from workbench.interchange.importing.figures import checked, started, told
from workbench.interchange.importing.imported import TABLE, FileKind, Imported, Importer, Options, Tool, Usage
from workbench.interchange.importing.requests import header_of, rows_of
from workbench.interchange.importing.source import InputFile
from workbench.model.lab_steps import Role

TOOL = Tool(
    name="fortio",
    title="Fortio, by Istio's pipeline",
    latency_from="send",
    omission="Latency is measured from the actual send (coordinated omission). Runs with "
    "more than 10 % errors were dropped "
    "when the table was made, so it contains no overloaded mesh.",
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


def matches(source: InputFile) -> bool:
    """Whether its first line has the pipeline's columns."""
    return set(_NEEDED) <= set(source.first_line.split(","))


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return a run for each line."""
    names = header_of(source)
    found = [_run(row, where) for where, row in rows_of(source, names)]
    if not found:
        raise BadInputError(f"{source.where} contains no run.")
    return found


def _run(row: dict[str, str], where: str) -> Imported:
    label = _LABEL.match(row["Labels"])
    config, path = (label["config"] or "default", label["path"]) if label else (row["Labels"], "")
    without = bool(label and label["without"])
    doubts: list[str] = []
    asked = _number(row, "RequestedQPS", where, doubts) or (float(label["rate"]) if label else None)
    rate = None if asked is None or asked >= _UNLIMITED or asked == 0 else asked
    values = {name: _number(row, name, where, doubts) for name in (*_PERCENTILES, *_EXTREMES)}
    told_s = {name: checked(value * _US, where) for name, value in values.items() if value}
    pairs = [(q, told_s[name]) for name, q in _PERCENTILES.items() if name in told_s]
    extremes = {_EXTREMES[name]: told_s[name] for name in _EXTREMES if name in told_s}
    errors_percent = _number(row, "errorPercent", where, doubts)
    duration, reached = (_number(row, name, where, doubts) for name in ("ActualDuration", "ActualQPS"))
    requests = round(duration * reached) if duration and reached is not None else None
    usage = _usage(row, where, path, without, doubts)
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
        duration_s=duration or None,
        window_s=duration or None,
        connections=int(label["connections"]) if label else _whole(row, "NumThreads", where, doubts),
        payload_bytes=int(label["size"]) if label else None,
        started_at_s=started(row["StartTime"], where),
        requests=requests,
        errors=_errors(requests, errors_percent),
        quantiles={"from_send": told(pairs, extremes)} if told_s else {},
        usage=usage,
        extra={name: text for name, text in row.items() if name.startswith(("mem_", "cpu_")) and text not in ("", "-")},
        notes=(
            _METRICS_FROM_S,
            "Memory is container_memory_usage_bytes, page cache included: it is stored with the run and compared with "
            "nothing.",
            *_unknown(usage, without),
            *doubts,
        ),
        raw=(",".join(row) + "\n" + ",".join(row.values()) + "\n").encode(),
        raw_name="istio-perf.csv",
        data_plane="none" if without else "sidecar" if path in ("both", "serveronly", "clientonly") else "",
        mtls=True if config.startswith(("none_mtls", "mtls")) else None,
    )


def _errors(requests: int | None, percent: float | None) -> int | None:
    """Return how many requests failed by their share; a share above 0 is at least one of them."""
    if not requests or percent is None:
        return None
    return min(requests, max(round(requests * percent / 100), 1 if percent > 0 else 0))


def _number(row: dict[str, str], name: str, where: str, doubts: list[str]) -> float | None:
    text = row.get(name, "")
    if text.lower() in ("", "-", "n/a", "null", "none"):
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInputError(f"{where}: column {name} contains {shown(text)}, which is not a number.") from error
    if not 0 <= value < float("inf"):
        doubts.append(f"Column {name} contains {shown(text)}, which is impossible: unknown.")
        return None
    return value


def _whole(row: dict[str, str], name: str, where: str, doubts: list[str]) -> int | None:
    value = _number(row, name, where, doubts)
    if value is not None and not value.is_integer():
        doubts.append(f"Column {name} contains {value:g}, which is not a whole number: unknown.")
        return None
    return None if not value else int(value)


def _usage(row: dict[str, str], where: str, path: str, without: bool, doubts: list[str]) -> tuple[Usage, ...]:
    """Return the parts' CPU. A column of zeros is what the pipeline writes when Prometheus had nothing: unknown."""
    found = []
    for name in row:
        if not name.startswith(_CPU):
            continue
        part = name.removeprefix(_CPU)
        value = _number(row, name, where, doubts)
        if value:
            found.append(Usage(component=part, role=_role(part, path, without), cpu_cores=value / 1000))
    return tuple(found)


_BETWEEN = r"(?P<of>fortioclient|fortioserver|fortio|captured|uncaptured)"
_PROXY = re.compile(
    rf"(?:istio[_-])?proxy|[a-z]+[_-]proxy_{_BETWEEN}|{_BETWEEN.replace('of', 'by')}(?:_deployment)?_(?:[a-z]+_)?proxy"
)
"""A proxy's column: ``istio_proxy`` of both applications, ``istio_proxy_fortioclient``, ``fsm_proxy_fortioserver``,
``fortioserver_deployment_proxy``. What is named otherwise is no proxy between the two applications."""

_BYPASSED = {"serveronly": ("fortioclient", "fortio"), "clientonly": ("fortioserver",)}
"""Path -> applications whose proxies stand beside it."""

_CONTROL = re.compile(r"(?:istio[_-])?(?:istiod|pilot|mixer|policy|telemetry|galley|citadel|discovery)(?:[_-]\w+)*")
_APPLICATIONS: dict[str, Role] = {
    "fortioserver": "application",
    "fortioserver_deployment_captured": "application",
    "fortioserver_deployment_uncaptured": "application",
    "fortioclient": "load-generator",
    "fortio_deployment_captured": "load-generator",
    "fortio_deployment_uncaptured": "load-generator",
}


def _role(part: str, path: str, without: bool) -> Role:
    """Return whom a column is charged to: only what is named as a proxy of one of the two applications is data plane.

    Sidecars that stand beside the path of a run, and whatever has a name that is not known, are unattributed.
    """
    if _CONTROL.fullmatch(part):
        return "control-plane"
    if part in _APPLICATIONS:
        return _APPLICATIONS[part]
    proxy = _PROXY.fullmatch(part)
    if proxy is None or without or (proxy["of"] or proxy["by"] or "") in _BYPASSED.get(path, ()):
        return "unattributed"
    return "sidecar"


def _unknown(usage: tuple[Usage, ...], without: bool) -> tuple[str, ...]:
    """Say which parts are charged to nobody although they are watched in a run with proxies."""
    parts = [one.component for one in usage if one.role == "unattributed"]
    if without or not parts:
        return ()
    return (
        f"The CPU of {', '.join(parts)} is charged to no role: by name, none of them is a "
        "proxy in the path of these requests.",
    )


ADAPTER = Importer(
    name="istio",
    kinds=(
        FileKind(name="istio-csv", title="CSV of Istio's benchmark pipeline", matches=matches, read=read, order=TABLE),
    ),
)
