"""Load generators whose output several importers read, as they must be described beside their numbers."""

from __future__ import annotations

from workbench.interchange.importing.imported import Tool

FORTIO = Tool(
    name="fortio",
    title="Fortio",
    latency_from="send",
    omission="Latency is measured from the actual send: each connection waits for its answer, "
    "and the latency of requests not "
    "sent meanwhile is missing (coordinated omission).",
    units="Seconds in the JSON.",
    percentiles="Interpolated within Fortio's buckets (up to 25 % wide, at its default resolution 1 ms at the fine "
    "end); here recomputed from the buckets.",
)
NIGHTHAWK = Tool(
    name="nighthawk",
    title="Nighthawk",
    latency_from="send",
    omission="Latency is measured from the actual send. In open loop, requests without a free "
    "connection are counted as overflow "
    "and have no latency; in closed loop (its default) they are sent later and measured from then.",
    units="Durations in text with a unit, seconds; rate and connections are per worker.",
    percentiles="HdrHistogram's, at a fixed list of percentiles; recomputed here from their counts.",
)
WRK = Tool(
    name="wrk",
    title="wrk",
    latency_from="send",
    omission="A closed loop without a rate: each connection sends again after its answer, so slow answers delay "
    "the requests that would have waited (coordinated omission).",
    units="Durations in text with a unit (us, ms, s).",
    percentiles="Of at most ten million recorded latencies; the distribution itself is not printed.",
)
WRK2 = Tool(
    name="wrk2",
    title="wrk2",
    latency_from="schedule",
    omission="Latency is measured from the moment the request was due, so it includes waiting behind slow "
    "answers; granularity about 1 ms (its author's figure). Its first 10 s calibrate and are not in the latency.",
    units="Durations in text with a unit; the spectrum in milliseconds.",
    percentiles="HdrHistogram's; the whole spectrum with --latency.",
)
