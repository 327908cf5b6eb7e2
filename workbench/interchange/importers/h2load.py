"""What h2load prints, and its log of requests (``--log-file``)."""

from __future__ import annotations

import re

from workbench.errors import BadInput
from workbench.interchange.importers.figures import seconds
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool
from workbench.interchange.importers.requests import Layout, runs_of
from workbench.interchange.importers.source import Source

TOOL = Tool(
    name="h2load",
    title="h2load",
    latency_from="send",
    omission="Latency counts from the real send. Without --rps it is a closed loop: slow answers hold back the "
    "requests that would have waited (coordinated omission).",
    units="Durations in text with a unit (us, ms, s); microseconds in the log.",
    percentiles="It prints none: smallest, largest, mean and deviation only. The log of requests holds them all.",
)

_FINISHED = re.compile(r"finished in (\S+), (\S+) req/s, \S+")
_REQUESTS = re.compile(
    r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUS = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_TIME = re.compile(r"time for request:\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%")
_PROTOCOL = re.compile(r"Application protocol: (\S+)")
_CLIENTS = re.compile(r"spawning thread #\d+: (\d+) total client")
_LOG = re.compile(r"\d{16}\t-?\d{1,3}\t\d+(?:\t.*)?")
_CLASSES = ("2xx", "3xx", "4xx", "5xx")


def matches(source: Source) -> bool:
    """Whether it begins as h2load does."""
    return _FINISHED.search(source.head) is not None and "time for request:" in source.text


def matches_log(source: Source) -> bool:
    """Whether its first line is one of h2load's log: a time in µs, a status, µs."""
    return _LOG.fullmatch(source.first_line) is not None


def read(source: Source, options: Options) -> list[Imported]:
    """Return the one run that the text tells."""
    finished, requests = _FINISHED.search(source.text), _REQUESTS.search(source.text)
    times, status = _TIME.search(source.text), _STATUS.search(source.text)
    if finished is None or requests is None or times is None:
        raise BadInput(
            f"{source.where}, line {len(source.lines)}: the text ends before h2load's totals; it was cut off."
        )
    done, succeeded = int(requests[3]), int(requests[4])
    clients = [int(one) for one in _CLIENTS.findall(source.text)]
    protocol = _PROTOCOL.search(source.text)
    low, high, mean = (seconds(times[place], source.where) for place in (1, 2, 3))
    return [
        Imported(
            tool=TOOL,
            where=source.where,
            loop="closed",
            arrival="closed",
            protocol=protocol[1] if protocol else None,
            achieved_rate_per_s=float(finished[2]),
            window_s=seconds(finished[1], source.where) or None,
            connections=sum(clients) or None,
            requests=done,
            errors=done - succeeded,
            counts_by_status={
                **(
                    {name: int(status[place]) for place, name in enumerate(_CLASSES, 1) if int(status[place])}
                    if status
                    else {}
                ),
                **({"timeout": int(requests[7])} if int(requests[7]) else {}),
            },
            quantiles={"from_send": {"low_s": low, "high_s": high}} if done else {},
            extra={"average_s": mean},
            notes=("It prints no percentiles; its log (--log-file) has them.",),
            raw=source.text.encode(),
            raw_name="h2load.txt",
        )
    ]


def read_log(source: Source, options: Options) -> list[Imported]:
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
    )
    return runs_of(source, layout)


IMPORTER = Importer(name="h2load", title="text of h2load", matches=matches, read=read)
LOG_IMPORTER = Importer(name="h2load-log", title="h2load's log of requests", matches=matches_log, read=read_log)
