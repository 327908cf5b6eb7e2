"""What h2load prints, and its log of requests (``--log-file``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from workbench.errors import BadInputError
from workbench.interchange.importing.imported import TABLE, TEXT, FileKind, Imported, Importer, Options, Tool
from workbench.interchange.importing.requests import Layout, runs_of
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.texts import Output, known, lasted, latency, outputs, per_second, tool_of

TOOL = Tool(
    name="h2load",
    title="h2load",
    latency_from="send",
    omission="Latency is measured from the actual send. Without --rps it is a closed loop: slow answers hold back the "
    "requests that would have waited (coordinated omission).",
    units="Durations in text with a unit (us, ms, s); microseconds in the log.",
    percentiles="As printed: since 2026 median, p95 and p99, none before. The log of requests has all latencies.",
)

_FINISHED = re.compile(r"\s*finished in (\S+), (\S+) req/s, \S+")
_REQUESTS = re.compile(
    r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored"
    r"(?:, (\d+) timeout)?"
)
_STATUS = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_HEAD = re.compile(r"\s*min\s+max\s+.*mean.*")
_REQUEST = re.compile(r"\s*(?:time for request|request)\s*:\s+(.*)")
_PROTOCOL = re.compile(r"Application protocol: (\S+)")
_CLIENTS = re.compile(r"spawning thread #\d+: (\d+) total client")
_TIMED = re.compile(r"spawning thread .*Timing-based test with (\S+) of warm-up time and (\S+) of main duration")
_LOG = re.compile(r"\d{16}\t-?\d{1,3}\t\d+(?:\t.*)?")
_CLASSES = ("2xx", "3xx", "4xx", "5xx")
_COLUMNS = {
    "min": "low_s",
    "max": "high_s",
    "median": "p50_s",
    "p50": "p50_s",
    "p75": "p75_s",
    "p90": "p90_s",
    "p99": "p99_s",
    "p99.9": "p999_s",
}
"""Head of a column -> column of the latency frame. Before 2026: min, max, mean and sd only."""

_PATTERNS = {
    "finished": _FINISHED,
    "requests": _REQUESTS,
    "status": _STATUS,
    "head": _HEAD,
    "request": _REQUEST,
    "protocol": _PROTOCOL,
    "timed": _TIMED,
}


def matches(source: InputFile) -> bool:
    """Whether it begins as h2load does."""
    return tool_of(source.head) == "h2load"


def matches_log(source: InputFile) -> bool:
    """Whether its first line is one of h2load's log: a time in µs, a status, µs."""
    return _LOG.fullmatch(source.first_line) is not None


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs that the text tells."""
    return [_run(output) for output in outputs(source, "h2load")]


def _run(output: Output) -> Imported:
    parts: dict[str, tuple[re.Match[str], str]] = {}
    for place, line in output.numbered:
        for name, pattern in _PATTERNS.items():
            if name not in parts and (found := pattern.match(line)):
                parts[name] = found, place
    if not {"finished", "requests", "head", "request"} <= set(parts):
        raise output.cut_off()
    finished, requests = parts["finished"][0], parts["requests"][0]
    done, succeeded, failed = (int(requests[place]) for place in (3, 4, 5))
    figures, average = _latencies(parts)
    clients = [int(found[1]) for line in output.lines if (found := _CLIENTS.match(line))]
    timed = parts.get("timed")
    return Imported(
        tool=TOOL,
        where=output.where,
        loop="closed",
        arrival="closed",
        protocol=parts["protocol"][0][1] if "protocol" in parts else None,
        achieved_rate_per_s=per_second(finished[2], parts["finished"][1]),
        window_s=lasted(finished[1], parts["finished"][1]),
        duration_s=lasted(timed[0][2].rstrip("."), timed[1]) if timed else None,
        warmup_s=(lasted(timed[0][1], timed[1]) or 0.0) if timed else None,
        connections=sum(clients) or None,
        requests=max(done, succeeded + failed),
        errors=max(done - succeeded, failed),
        counts_by_status=_by_status(parts),
        quantiles={"from_send": figures} if done and figures else {},
        extra={"average_s": average} if average is not None else {},
        notes=_notes(figures, output),
        raw=output.raw,
        raw_name="h2load.txt",
    )


def _latencies(parts: Mapping[str, tuple[re.Match[str], str]]) -> tuple[dict[str, float], float | None]:
    """Return the figures of the requests' latency by column, and their mean, by the names over the table."""
    names = parts["head"][0][0].replace("+/- sd", "").split()
    row, place = parts["request"]
    texts = row[1].split()
    if len(texts) < len(names):
        raise BadInputError(
            f"{place}: {len(texts)} figures where the table has {len(names)}; the text was cut off there."
        )
    by_name = dict(zip(names, texts, strict=False))
    told = {_COLUMNS[name]: latency(text, place) for name, text in by_name.items() if name in _COLUMNS}
    return known(told), latency(by_name["mean"], place) if "mean" in by_name else None


def _by_status(parts: Mapping[str, tuple[re.Match[str], str]]) -> dict[str, int]:
    status, requests = parts.get("status"), parts["requests"][0]
    found = {name: int(status[0][place]) for place, name in enumerate(_CLASSES, 1)} if status else {}
    timeouts = int(requests[7] or 0)
    found |= {"errored": max(0, int(requests[6]) - timeouts), "timeout": timeouts}
    return {name: count for name, count in found.items() if count}


def _notes(figures: Mapping[str, float], output: Output) -> tuple[str, ...]:
    notes = []
    if "p50_s" not in figures:
        notes.append("It prints no percentiles; its log (--log-file) has them.")
    if output.note:
        notes.append(output.note)
    return tuple(notes)


def read_log(source: InputFile, options: Options) -> list[Imported]:
    """Return the one run in a log of requests: start in µs since the epoch, status (-1: failed), µs to the answer."""
    layout = Layout(
        tool=TOOL,
        names=("start", "status", "latency"),
        delimiter="\t",
        has_header=False,
        latency="latency",
        unit_s=1e-6,
        status="status",
        start="start",
        start_unit_s=1e-6,
        notes=("Requests that timed out or were lost with their connection have no line in h2load's log.",),
    )
    return runs_of(source, layout)


ADAPTER = Importer(
    name="h2load",
    kinds=(
        FileKind(name="h2load", title="text of h2load", matches=matches, read=read, order=TEXT),
        FileKind(name="h2load-log", title="h2load's log of requests", matches=matches_log, read=read_log, order=TABLE),
    ),
)
