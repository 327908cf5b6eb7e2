"""What wrk and wrk2 print. They look alike; wrk2 tells itself by its calibration lines or its HdrHistogram."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.errors import BadInput
from workbench.interchange.importers.figures import checked, from_cumulative, seconds, told
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool
from workbench.interchange.importers.source import Source
from workbench.records import Histogram

WRK = Tool(
    name="wrk",
    title="wrk",
    latency_from="send",
    omission="A closed loop without a rate: each connection sends again when its answer is there, so slow answers hold "
    "back the requests that would have waited (coordinated omission).",
    units="Durations in text with a unit (us, ms, s).",
    percentiles="Of at most ten million recorded latencies; the distribution itself is not printed.",
)
WRK2 = Tool(
    name="wrk2",
    title="wrk2",
    latency_from="schedule",
    omission="Latency counts from the moment at which the request was due, so that waiting behind slow answers is in "
    "it; granularity about 1 ms (its author's figure). Its first 10 s calibrate and are not in the latency.",
    units="Durations in text with a unit; the spectrum in milliseconds.",
    percentiles="HdrHistogram's; the whole spectrum with --latency.",
)

_RUNNING = re.compile(r"Running (\S+) test @ (\S+)")
_THREADS = re.compile(r"\s*(\d+) threads? and (\d+) connections?")
_LATENCY = re.compile(r"\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)%\s+(\S+)\s*")
_DONE = re.compile(r"\s*(\d+) requests in (\S+), \S+ read")
_STATUS = re.compile(r"\s*Non-2xx or 3xx responses: (\d+)")
_SOCKET = re.compile(r"\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_RATE = re.compile(r"Requests/sec:\s+(\S+)")
_SPECTRUM = re.compile(r"\s*([0-9.]+)\s+([01]\.[0-9]+)\s+(\d+)(?:\s+(?:[0-9.]+|inf))?\s*")
_ERRORS = ("connect", "read", "write", "timeout")


def matches(source: Source) -> bool:
    """Whether it begins as wrk does."""
    return _RUNNING.search(source.head) is not None and "Thread Stats" in source.head


@dataclass(slots=True)
class _Parts:
    """What the lines told, as it was read."""

    running: re.Match[str] | None = None
    threads: re.Match[str] | None = None
    latency: re.Match[str] | None = None
    done: re.Match[str] | None = None
    rate: re.Match[str] | None = None
    status: re.Match[str] | None = None
    socket: re.Match[str] | None = None


_LINES = {
    "running": _RUNNING,
    "threads": _THREADS,
    "latency": _LATENCY,
    "done": _DONE,
    "rate": _RATE,
    "status": _STATUS,
    "socket": _SOCKET,
}


def read(source: Source, options: Options) -> list[Imported]:
    """Return the one run that the text tells."""
    parts = _Parts()
    for line in source.lines:
        for name, pattern in _LINES.items():
            if getattr(parts, name) is None and (found := pattern.match(line)):
                setattr(parts, name, found)
    if parts.done is None or parts.rate is None or parts.latency is None:
        raise BadInput(f"{source.where}, line {len(source.lines)}: the text ends before wrk's totals; it was cut off.")
    tool = WRK2 if "Thread calibration" in source.text or "HdrHistogram" in source.text else WRK
    return [_run(source, parts, tool)]


def _run(source: Source, parts: _Parts, tool: Tool) -> Imported:
    if parts.done is None or parts.rate is None or parts.latency is None:  # for the type checker; `read` has looked
        raise BadInput(f"{source.where}: the text was cut off.")
    requests, duration = int(parts.done[1]), seconds(parts.done[2], source.where)
    failures = {name: int(parts.socket[place]) for place, name in enumerate(_ERRORS, 1)} if parts.socket else {}
    wrong = int(parts.status[1]) if parts.status else 0
    whole = _spectrum(source)
    kind = "from_schedule" if tool is WRK2 else "from_send"
    figures = told(_percentiles(source), {"high_s": seconds(parts.latency[3], source.where)})
    return Imported(
        tool=tool,
        where=source.where,
        title=parts.running[2] if parts.running else "",
        loop="open" if tool is WRK2 else "closed",
        arrival="constant" if tool is WRK2 else "closed",
        protocol="http/1.1",
        achieved_rate_per_s=_number(parts.rate[1], source.where),
        duration_s=seconds(parts.running[1], source.where) or None if parts.running else None,
        window_s=duration or None,
        connections=int(parts.threads[2]) if parts.threads else None,
        requests=requests,
        errors=min(requests, wrong + failures.get("timeout", 0)),
        counts_by_status={
            "2xx-3xx": requests - wrong,
            **({"other-status": wrong} if wrong else {}),
            **{name: count for name, count in failures.items() if count},
        },
        histograms={kind: whole} if whole is not None else {},
        quantiles={} if whole is not None else {kind: figures},
        extra={"average_s": seconds(parts.latency[1], source.where)},
        notes=_notes(tool, whole, figures),
        raw=source.text.encode(),
        raw_name=f"{tool.name}.txt",
    )


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadInput(f"{where}: {text!r} is no rate.") from error


def _percentiles(source: Source) -> list[tuple[float, float]]:
    """Return the latency distribution as (quantile, seconds); of several, the first (wrk2 prints corrected first)."""
    found: list[tuple[float, float]] = []
    inside = False
    for number, line in enumerate(source.lines, start=1):
        if "Latency Distribution" in line:
            if found:
                break
            inside = True
        elif inside:
            pair = _PERCENT.fullmatch(line)
            if pair is None:
                break
            found.append((float(pair[1]) / 100, seconds(pair[2], f"{source.where}, line {number}")))
    return found


def _spectrum(source: Source) -> Histogram | None:
    """Return wrk2's detailed percentile spectrum as a histogram; None when there is none."""
    values: list[float] = []
    counts: list[int] = []
    inside = False
    for number, line in enumerate(source.lines, start=1):
        if "Detailed Percentile spectrum" in line:
            if values:
                break
            inside = True
        elif inside and (found := _SPECTRUM.fullmatch(line)):
            values.append(checked(float(found[1]) / 1e3, f"{source.where}, line {number}"))
            counts.append(int(found[3]))
        elif inside and values:
            break
    return from_cumulative(values, counts, f"{source.where}: spectrum") if values else None


def _notes(tool: Tool, whole: Histogram | None, figures: dict[str, float]) -> tuple[str, ...]:
    notes = ["wrk2 does not print the rate that it was asked for (-R)."] if tool is WRK2 else []
    if whole is None and "p50_s" not in figures:
        notes.append("It was run without --latency: average and largest latency only, no percentile.")
    return tuple(notes)


IMPORTER = Importer(name="wrk", title="text of wrk or wrk2", matches=matches, read=read)
