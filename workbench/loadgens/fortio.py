"""Fortio, where it is on PATH: describes its command and reads its JSON.

Fortio gives each connection its own thread and a share of the rate, and a thread sends its next request only after
the answer to the last one. Its latency therefore counts from the send and leaves out what was not sent while an answer
was slow (coordinated omission); ``-nocatchup`` skips those requests, so that the achieved rate shows them as missing.
Of HTTP it checks the status and, here, the total length of the answers, not their content; of TCP every byte; of gRPC
the status alone. What is different for each protocol stands in `workbench.loadgens._fortio_kinds`.

Two of its habits are allowed for. It spreads n requests of a connection over n - 1 gaps, so the rate asked of it is
higher by n/(n - 1). And it tells one figure for a whole run: the run is a little longer than the window on both sides,
so that nothing of starting and ending is in the window, and counts are brought to the window by its share of the run.

The distribution comes from Fortio's buckets (10 µs wide up to 0.1 ms, then 10 to 25 % of their value up to 10 ms, then
up to twice as high as low). Within a bucket the values are taken to lie evenly, so a quantile is off by up to its
bucket's width where one of the built-in generator is off by 0.05 %; the smallest and largest value are exact.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy

from workbench.errors import BadInputError, RunFailedError
from workbench.loadgens._fortio_kinds import KINDS, Kind, flags_of
from workbench.loadgens._fortio_rest import LABEL, FortioInPod, rest_body
from workbench.model.cluster_load import ClusterLoad, PodRun
from workbench.model.cluster_steps import KubernetesObject
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import HIGHEST_NS, record
from workbench.model.lab_steps import Job
from workbench.model.protocols import GeneratorTraits, JobOutput
from workbench.model.records import Histogram, LoadResult

RESOLUTION_S = 1e-5
"""Fortio's buckets are 1 to 100,000 times this: 10 µs to 1 s."""

RATE_LIMIT_RATIO = 0.01
"""Reaching less than 99 % of the asked rate marks the run as limited: what was not sent is missing from its latency."""

HEAD_S, TAIL_S = 0.4, 0.2
"""Seconds of load before the window (Fortio starts in 0.03 s and dials its connections) and after it."""

_JSON = FortioInPod.result_name
_CHILD = Path(__file__).with_name("_fortio_child.py")
_MOST_POINTS = 1000


class Fortio:
    """The adapter."""

    name = "fortio"
    traits = GeneratorTraits(
        title="Fortio",
        arrivals=("constant",),
        protocols=tuple(KINDS),
        latency_from="send",
        environments=("lab", "kubernetes"),
        needs="fortio",
        install_hint="go install fortio.org/fortio@v1.75.2 (or an older one), with Go's bin folder on PATH",
    )

    def job(self, load: Load, workload: Workload, seed: int) -> Job:
        """Return the program to run; see `workbench.model.protocols.LoadGenerator`. Fortio has no use for a seed."""
        _check(load)
        timeout_s = 5.0 + 3 * workload.server_delay_s * (1 + workload.fan_out)
        warm = _command(load, workload, timeout_s, _gaps(load, load.warmup_s), ())
        measured = _command(
            load, workload, timeout_s, _measured_gaps(load), ("-json", "${dir}/" + _JSON, "-labels", "workbench")
        )
        return Job(
            program="python",
            arguments=(
                *("-I", "-S", str(_CHILD), repr(load.warmup_s), repr(load.duration_s), repr(HEAD_S)),
                *("--", *warm, "--", *measured),
            ),
            outputs=(_JSON,),
            announces=True,
            deadline_s=load.warmup_s + (_measured_gaps(load) + 1) * _gap_s(load) + timeout_s + 15,
        )

    def client(self, client: KubernetesObject) -> KubernetesObject:
        """Return the client as it is: it already is a Fortio, because gates call the application with it."""
        return client

    def cluster_load(self, load: Load, workload: Workload, edge_s: float) -> ClusterLoad:
        """Return what the Fortio in a client's pod is to be asked.

        The load lasts ``edge_s`` beyond the window at both ends, because kubelets read their counters that seldom.
        """
        _check(load)
        if load.protocol == "grpc" and workload.payload_bytes:
            raise BadInputError(
                "Fortio on a cluster is driven through its REST API, which sends gRPC pings without a payload: "
                "set payload_bytes = 0 in the experiment's [[workloads]]."
            )
        timeout_s = 5.0 + 3 * workload.server_delay_s * (1 + workload.fan_out)
        gaps = (_gaps(load, max(load.warmup_s, edge_s)), _measured_gaps(load), _gaps(load, edge_s))
        bodies = [rest_body(_command(load, workload, timeout_s, n, ()), workload.payload_bytes) for n in gaps]
        runs = [
            PodRun(lasts_s=float(body["t"].rstrip("s")), timeout_s=float(body["timeout"].rstrip("s")), settings=body)
            for body in bodies
        ]
        return ClusterLoad(driver=FortioInPod(), runs=tuple(runs), head_s=HEAD_S, duration_s=load.duration_s)

    def parse(self, load: Load, output: JobOutput) -> LoadResult:
        """Read Fortio's JSON; see `workbench.model.protocols.LoadGenerator`."""
        report, kind = _Report.read(output), KINDS[load.protocol]
        counts = _counts(report, kind)
        sent_ratio = sum(counts.values()) / ((_measured_gaps(load) + 1) * load.connections)
        counts = _in_window(counts, kind.right, sent_ratio * load.rate_per_s * output.window.duration_s)
        requests = sum(counts.values())
        return LoadResult(
            generator=self.name,
            generator_version=report.text("Version"),
            arrival="constant",
            latency_from="send",
            asked_rate_per_s=load.rate_per_s,
            achieved_rate_per_s=sent_ratio * load.rate_per_s,
            requests=requests,
            errors=requests - counts.get(kind.right, 0),
            counts_by_status=counts,
            histograms={"from_send": _histogram(report)},
            cpu_per_request_s=output.cpu_s / requests if output.cpu_s is not None and requests else None,
            limited=_limited(load, sent_ratio, report, output),
        )

    def requests(self, output: JobOutput) -> None:
        """Return None: Fortio tells distributions, not single requests."""


def _check(load: Load) -> None:
    if load.arrival not in Fortio.traits.arrivals:
        raise BadInputError(
            f"Fortio cannot make {load.arrival!r} arrivals, only 'constant' ones: "
            'choose arrival = "constant" or generator = "builtin".'
        )
    if load.protocol not in KINDS:
        raise BadInputError(f"Fortio does not support {load.protocol!r} here, only {', '.join(KINDS)}.")
    if load.rate_per_s * load.duration_s < 2 * load.connections:
        raise BadInputError(
            f"Fortio shares the rate among its connections, and {load.rate_per_s:g} requests/s for "
            f"{load.duration_s:g} s are fewer than two for each of {load.connections} connections: "
            "use fewer connections, a longer duration or a higher rate."
        )


def _gap_s(load: Load) -> float:
    """Return the time from one request of a connection to its next."""
    return load.connections / load.rate_per_s


def _gaps(load: Load, seconds: float) -> int:
    """Return how many gaps of a connection cover ``seconds``, at least one: Fortio's least is two requests."""
    return max(1, math.ceil(seconds / _gap_s(load)))


def _measured_gaps(load: Load) -> int:
    return _gaps(load, HEAD_S + load.duration_s + TAIL_S)


def _command(load: Load, workload: Workload, timeout_s: float, gaps: int, more: tuple[str, ...]) -> tuple[str, ...]:
    """Return a Fortio command that lets every connection send ``gaps`` + 1 requests at exactly the asked rate."""
    rate = load.rate_per_s * (gaps + 1) / gaps
    # Fortio computes its requests as whole number of rate x duration: half a request more keeps it from one too few.
    duration_s = ((gaps + 1) * load.connections + 0.5) / rate
    kib = math.ceil(workload.payload_bytes / 1024)
    payload = ("-payload-size", str(workload.payload_bytes), "-maxpayloadsizekb", str(max(kib, 256)))
    http = ("-content-type", "application/octet-stream", "-httpbufferkb", str(max(kib + 16, 128)))
    kind = KINDS[load.protocol]
    return (
        *("fortio", "load", "-uniform", "-nocatchup", "-allow-initial-errors", "-loglevel", "Critical"),
        *("-qps", f"{rate:.9g}", "-c", str(load.connections), "-t", f"{duration_s:.9f}s"),
        *("-timeout", f"{timeout_s:g}s", "-r", f"{RESOLUTION_S:.5f}", "-p", "50,90,99,99.9"),
        *(http if kind.http else ()),
        *(payload if workload.payload_bytes else ()),
        *flags_of(load.protocol, workload),
        *(*more, kind.target),
    )


class _Report:
    """A table of Fortio's JSON, read with suspicion: whatever is not as expected is said with its place."""

    def __init__(self, table: object, place: str) -> None:
        if not isinstance(table, dict):
            raise RunFailedError(f"{place} is not a table. Repeat the run.")
        self._table, self._place = table, place

    @classmethod
    def read(cls, output: JobOutput) -> _Report:
        said = (output.stderr or output.stdout).strip()[-400:] or "nothing"
        try:
            return cls(json.loads(output.outputs[_JSON]), f"Fortio's {_JSON}")
        except KeyError as error:
            raise RunFailedError(f"Fortio left no {_JSON}. It printed last: {said}") from error
        except (ValueError, RecursionError) as error:
            raise RunFailedError(f"Fortio's {_JSON} is damaged: {error}. It printed last: {said}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def failed(self, what: str) -> RunFailedError:
        return RunFailedError(f"{self._place}: {what}. Repeat the run, or look at the file in the run's raw output.")

    def number(self, key: str) -> float:
        value = self._table.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise self.failed(f"{key} is {value!r:.80}, not a number from 0")
        return float(value)

    def whole(self, key: str) -> int:
        value = self._table.get(key)
        if type(value) is not int or not 0 <= value < 2**53:
            raise self.failed(f"{key} is {value!r:.80}, not a whole number from 0")
        return value

    def text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str):
            raise self.failed(f"{key} is {value!r:.80}, not text")
        return value

    def part(self, key: str) -> _Report:
        return _Report(self._table.get(key), f"{self._place}: {key}")

    def parts(self, key: str) -> list[_Report]:
        """Return the tables in a list; Fortio writes null for an empty one."""
        value = self._table.get(key)
        if value is not None and not isinstance(value, list):
            raise self.failed(f"{key} is {value!r:.80}, not a list")
        return [_Report(one, f"{self._place}: {key}[{place}]") for place, one in enumerate(value or ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bucket:
    start_s: float
    end_s: float
    count: int

    @classmethod
    def read(cls, table: _Report) -> _Bucket:
        return cls(start_s=table.number("Start"), end_s=table.number("End"), count=table.whole("Count"))

    def holds(self, other: _Bucket) -> bool:
        return self.start_s <= other.start_s and other.end_s <= self.end_s and other.count <= self.count


def _buckets(histogram: _Report) -> list[_Bucket]:
    found = [_Bucket.read(one) for one in histogram.parts("Data")]
    if any(one.start_s > one.end_s for one in found) or any(a.end_s > b.start_s for a, b in pairwise(found)):
        raise histogram.failed("its buckets do not ascend")
    if found and found[-1].end_s > HIGHEST_NS / 1e9:
        raise histogram.failed(f"a latency of {found[-1].end_s:g} s is impossible")
    if sum(one.count for one in found) != histogram.whole("Count"):
        raise histogram.failed("its buckets do not add up to its Count")
    return found


def _counts(report: _Report, kind: Kind) -> dict[str, int]:
    """Return status -> count of the whole run.

    Raises
    ------
    RunFailedError
        When the report's parts contradict each other, and for answers that were not the echo.
    """
    told, counts = report.part("RetCodes"), Counter[str]()
    for name in told:
        counts[kind.status(name)] += told.whole(name)
    durations, total = report.part("DurationHistogram"), sum(counts.values())
    if durations.whole("Count") != total:
        raise report.failed(f"{total} statuses but {durations.whole('Count')} durations")
    if kind.http and set(counts) == {"200"} and report.text("Labels") != LABEL:
        _check_echo(report)
    return dict(counts)


def _check_echo(report: _Report) -> None:
    """Refuse answers that were not as long as what was sent; Go's client leaves the first one out of its sizes."""
    text, measured = report.text("Payload"), report.part("Sizes").whole("Count")
    payload = len(text) * 3 // 4 - text.count("=", -2) if text else 0
    if measured:
        body = (report.part("Sizes").number("Sum") - report.part("HeaderSizes").number("Sum")) / measured
        if body != payload:
            raise RunFailedError(
                f"The answers to Fortio were not the echo of its requests: their bodies had {body:g} bytes on "
                f"average, not {payload}. Check that the load reaches the workload and nothing else."
            )


def _in_window(counts: Mapping[str, int], good: str, requests: float) -> dict[str, int]:
    """Bring the counts of a whole run to ``requests`` in the window: failures rounded up, none is ever lost."""
    share = requests / max(1, sum(counts.values()))
    failed = {status: math.ceil(count * share) for status, count in counts.items() if status != good and count}
    right = {good: max(0, round(requests) - sum(failed.values()))} if counts.get(good) else {}
    return right | failed


def _histogram(report: _Report) -> Histogram:
    """Return the distribution of right answers: all durations, less those of errors, spread evenly in each bucket."""
    everything, errors = report.part("DurationHistogram"), report.part("ErrorsDurationHistogram")
    right, wrong = _buckets(everything), _buckets(errors)
    for bad in wrong:
        # An error's bucket is cut at the errors' own smallest and largest value, so it lies within one of all.
        place = next((place for place, one in enumerate(right) if one.holds(bad)), None)
        if place is None:
            raise errors.failed(f"its bucket up to {bad.end_s:g} s is not among all durations")
        right[place] = replace(right[place], count=right[place].count - bad.count)
    points, weights = [numpy.empty(0)], [numpy.empty(0, numpy.int64)]
    for bucket in right:
        places = max(1, min(bucket.count, _MOST_POINTS))
        step = numpy.arange(places)
        points.append(bucket.start_s + (bucket.end_s - bucket.start_s) * (step + 0.5) / places)
        weights.append(bucket.count // places + (step < bucket.count % places))
    histogram = record(numpy.concatenate(points) * 1e9, numpy.concatenate(weights))
    if not histogram.count:
        return histogram
    low_s, high_s = everything.number("Min"), everything.number("Max")
    return replace(
        histogram,
        low_s=low_s if not wrong or errors.number("Min") > low_s else histogram.low_s,
        high_s=high_s if not wrong or errors.number("Max") < high_s else histogram.high_s,
    )


def _limited(load: Load, sent_ratio: float, report: _Report, output: JobOutput) -> str:
    """Say why Fortio itself was the limit, with the figure and its limit; empty when it was not."""
    try:
        start_s = datetime.fromisoformat(report.text("StartTime")).timestamp()
    except ValueError as error:
        raise report.failed(f"StartTime is not a time: {error}") from error
    end_s = start_s + report.number("ActualDuration") / 1e9
    if start_s > output.window.start_s or end_s < output.window.end_s:
        return (
            f"Fortio's load did not cover the window: it began {start_s - output.window.start_s:+.2f} s from the "
            f"window's start and ended {end_s - output.window.end_s:+.2f} s from its end; quieten the machine"
        )
    if sent_ratio < 1 - RATE_LIMIT_RATIO:
        other = "" if report.text("Labels") == LABEL else " or the built-in generator"
        return (
            f"Fortio sent {sent_ratio:.1%} of the requested load (limit {1 - RATE_LIMIT_RATIO:.0%}): each of its "
            f"{load.connections} connections waits for its answer, and the latency of unsent requests is "
            f"missing; use more connections or a lower rate{other}"
        )
    return ""


ADAPTER = Fortio()
