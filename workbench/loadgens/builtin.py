"""The built-in load generator: describes how its program is called and reads what that leaves.

The program itself, `workbench.loadgens._openloop`, is started by an environment in a process of its own. It keeps
four times of every request (scheduled, ready, sent, done), from which come

* ``from_schedule`` = done - scheduled: what a user feels, free of coordinated omission;
* ``from_send`` = done - sent: the service time;
* ``send_lag`` = ready - scheduled: how late the generator itself was. *Ready* is when it took the request up: the
  moment of sending when a connection was free, else the moment from which the request waited for one.

So waiting for a connection (sent - ready) is in ``from_schedule`` alone: it is the data plane's slowness under the
asked number of connections, not the generator's. Latencies are of requests answered rightly (status 200 and the very
body that was sent); all others are errors and are counted by kind beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from workbench.errors import BadInputError, RunFailedError
from workbench.loadgens._openloop.loop import FAILURES, NEVER
from workbench.loadgens._openloop.program import COLUMNS
from workbench.loadgens._openloop.schedule import counts
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import quantiles, record
from workbench.model.lab_steps import Job
from workbench.model.protocols import GeneratorTraits, JobOutput
from workbench.model.records import Histogram, LoadResult

MOST_REQUESTS = 7_500_000
"""Of one run, an hour at 2000 a second: their times take 34 bytes each, in memory and on disk."""

LAG_LIMIT_S = 0.0005
LAG_LIMIT_RATIO = 0.5
"""The generator is the limit when the 99th percentile of its lag exceeds the larger of half a millisecond and half
of the same percentile of the service time: below that its lateness is lost in what it measures. Both figures were
found on a shared 2-core machine, where a quiet generator's lag p99 was 0.09 to 0.13 ms and a starved one's 0.8 ms."""

RATE_LIMIT_RATIO = 0.01
"""It is also the limit when it took up less than 99 % of the scheduled requests (less one) within the window."""

_REQUESTS, _SUMMARY = "requests.bin", "summary.json"
_TIMES, _STATUS = COLUMNS[:-1], COLUMNS[-1]
_LATEST_NS = 3600 * 10**9
_PROGRAM = Path(__file__).with_name("_openloop") / "__main__.py"


class Builtin:
    """The adapter."""

    name = "builtin"
    traits = GeneratorTraits(
        title="built-in open-loop generator",
        arrivals=("constant", "poisson"),
        protocols=("http/1.1",),
        latency_from="schedule",
    )

    def job(self, load: Load, workload: Workload, seed: int) -> Job:
        """Return the program to run; see `workbench.model.protocols.LoadGenerator`."""
        _check(load)
        timeout_s = _timeout_s(workload)
        requests = sum(counts(load.rate_per_s, load.warmup_s, load.duration_s))
        settings = {
            "host": "${target.host}",
            "port": "${target.port}",
            "folder": "${dir}",
            "arrival": load.arrival,
            "rate": repr(load.rate_per_s),
            "warmup_s": repr(load.warmup_s),
            "duration_s": repr(load.duration_s),
            "connections": load.connections,
            "payload_bytes": workload.payload_bytes,
            "timeout_s": repr(timeout_s),
            "seed": seed,
        }
        return Job(
            program="python",
            arguments=("-I", "-S", str(_PROGRAM), *(f"{key}={value}" for key, value in settings.items())),
            outputs=(_REQUESTS, _SUMMARY),
            announces=True,
            deadline_s=load.warmup_s + load.duration_s + timeout_s + 15 + requests * 10e-6,
        )

    def parse(self, load: Load, output: JobOutput) -> LoadResult:
        """Read what the program left; see `workbench.model.protocols.LoadGenerator`."""
        summary = _read_summary(output)
        times = _read_requests(summary, output)
        _check_times(summary, times, output)
        start, end = summary["window_start_ns"], summary["window_end_ns"]
        sent = (times["sent_ns"] >= start) & (times["sent_ns"] < end)
        right = times[_STATUS] == 200
        histograms = {
            "from_schedule": record((times["done_ns"] - times["scheduled_ns"])[right]),
            "from_send": record((times["done_ns"] - times["sent_ns"])[right]),
            "send_lag": record(times["ready_ns"] - times["scheduled_ns"]),
        }
        cpu = summary["cpu_ns"]
        return LoadResult(
            generator=self.name,
            generator_version=summary["version"],
            arrival=load.arrival,
            latency_from="schedule",
            asked_rate_per_s=load.rate_per_s,
            achieved_rate_per_s=int(sent.sum()) / ((end - start) / 1e9),
            requests=len(right),
            errors=int((~right).sum()),
            counts_by_status=_count(times[_STATUS]),
            histograms=histograms,
            cpu_per_request_s=(cpu[1] - cpu[0]) / 1e9 / int(sent.sum()) if sent.any() else None,
            limited=_limited(int((times["ready_ns"] < end).sum()), len(right), histograms),
        )

    def requests(self, output: JobOutput) -> dict[str, NDArray[Any]]:
        """Return the times of every request scheduled in the window, in the order of the schedule.

        Returns
        -------
        dict
            ``scheduled_ns``, ``ready_ns``, ``sent_ns``, ``done_ns`` (int64, shape (n,), nanoseconds from the
            window's start; `sent_ns` is a masked array, masked means NULL, when some were never sent) and ``status``
            (uint16: the HTTP status, or below 100 a number of `FAILURES`).

        Raises
        ------
        RunFailedError
            When the output is damaged.
        """
        summary = _read_summary(output)
        times = _read_requests(summary, output)
        _check_times(summary, times, output)
        start = summary["window_start_ns"]
        found: dict[str, NDArray[Any]] = {name: times[name] - start for name in _TIMES}
        unsent = times["sent_ns"] == NEVER
        if unsent.any():
            found["sent_ns"] = numpy.ma.masked_array(found["sent_ns"], mask=unsent)
        return found | {_STATUS: times[_STATUS]}


def _check(load: Load) -> None:
    if load.arrival not in Builtin.traits.arrivals:
        raise BadInputError(
            f"The built-in load generator cannot make {load.arrival!r} arrivals: "
            f"choose arrival = {' or '.join(map(repr, Builtin.traits.arrivals))}."
        )
    if load.protocol not in Builtin.traits.protocols:
        raise BadInputError(
            f"The built-in load generator supports only http/1.1, not {load.protocol!r}: "
            'choose generator = "fortio", on a cluster.'
        )
    wanted = load.rate_per_s * (load.warmup_s + load.duration_s)
    if wanted > MOST_REQUESTS:
        raise BadInputError(
            f"{load.rate_per_s:g} requests/s over {load.warmup_s + load.duration_s:g} s are {wanted:,.0f} requests; "
            f"the built-in load generator keeps the times of each and supports at most {MOST_REQUESTS:,} per run. "
            "Lower the rate or the duration, or use more blocks."
        )


def _timeout_s(workload: Workload) -> float:
    """Return after how long a request has failed: five seconds, and three times what the servers wait on purpose."""
    return 5.0 + 3 * workload.server_delay_s * (1 + workload.fan_out)


def _damaged(file: str, what: str, output: JobOutput) -> RunFailedError:
    said = (output.stderr or output.stdout).strip()[-400:] or "nothing"
    return RunFailedError(
        f"The built-in load generator's {file} is unusable: {what}. It printed last: {said}. Repeat the run."
    )


def _read_summary(output: JobOutput) -> Mapping[str, Any]:
    if _SUMMARY not in output.outputs:
        raise _damaged(_SUMMARY, "it was not written", output)
    try:
        summary = json.loads(output.outputs[_SUMMARY])
        whole = [summary[key] for key in ("window_start_ns", "window_end_ns", "requests")] + summary["cpu_ns"]
        sound = (
            all(type(value) is int and value >= 0 for value in whole)
            and len(summary["cpu_ns"]) == 2
            and summary["cpu_ns"][0] <= summary["cpu_ns"][1]
            and summary["window_start_ns"] < summary["window_end_ns"]
            and 0 < summary["requests"] <= MOST_REQUESTS
            and isinstance(summary["version"], str)
            and summary["byteorder"] in ("little", "big")
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(_SUMMARY, f"{type(error).__name__} {error}", output) from error
    if not sound:
        raise _damaged(_SUMMARY, "its window, CPU times or count are impossible", output)
    found: Mapping[str, Any] = summary
    return found


def _read_requests(summary: Mapping[str, Any], output: JobOutput) -> dict[str, NDArray[Any]]:
    content, requests = output.outputs.get(_REQUESTS, b""), summary["requests"]
    size = requests * (8 * len(_TIMES) + 2)
    if len(content) != size:
        raise _damaged(_REQUESTS, f"it has {len(content)} bytes, not {size} for {requests} requests", output)
    order = "<" if summary["byteorder"] == "little" else ">"
    times = numpy.frombuffer(content, dtype=f"{order}i8", count=requests * len(_TIMES)).astype(numpy.int64)
    status = numpy.frombuffer(content, dtype=f"{order}u2", offset=requests * 8 * len(_TIMES)).astype(numpy.uint16)
    return dict(zip(_TIMES, times.reshape(len(_TIMES), requests), strict=True)) | {_STATUS: status}


def _check_times(summary: Mapping[str, Any], times: Mapping[str, NDArray[Any]], output: JobOutput) -> None:
    """Refuse times that cannot have happened."""
    due, ready, sent, done = (times[name] for name in _TIMES)
    status, unsent = times[_STATUS], times["sent_ns"] == NEVER
    answered = (status >= 100) & (status <= 599)
    impossible = {
        "scheduled outside the window": (due < summary["window_start_ns"]) | (due >= summary["window_end_ns"]),
        "scheduled before the one before it": numpy.diff(due, prepend=due[0]) < 0,
        "sent before it was scheduled": (ready < due) | (~unsent & (sent < ready)),
        "ended before it was sent": done < numpy.maximum(ready, sent),
        "ended over an hour after the window": done > summary["window_end_ns"] + _LATEST_NS,
        "ended in an unknown way": ~(answered | numpy.isin(status, list(FAILURES))),
        "answered but never sent": answered & unsent,
    }
    for what, where in impossible.items():
        if where.any():
            raise _damaged(_REQUESTS, f"request {int(where.argmax())} of {len(due)} was {what}", output)


def _count(status: NDArray[Any]) -> dict[str, int]:
    found = zip(*(part.tolist() for part in numpy.unique(status, return_counts=True)), strict=True)
    return {FAILURES.get(number, str(number)): count for number, count in found}


def _limited(taken: int, requests: int, histograms: Mapping[str, Histogram]) -> str:
    """Say why the generator itself was the limit, with the figure and its limit; empty when it was not."""
    if taken < requests * (1 - RATE_LIMIT_RATIO) - 1:
        return (
            f"the load generator sent only {taken} of {requests} scheduled requests within the window; lower the rate"
        )
    lag = quantiles(histograms["send_lag"], [0.99])[0]
    service = quantiles(histograms["from_send"], [0.99])[0]
    limit = max(LAG_LIMIT_S, LAG_LIMIT_RATIO * service) if histograms["from_send"].count else LAG_LIMIT_S
    if lag > limit:
        return (
            f"the load generator itself was late: send-lag p99 {lag * 1e3:.2f} ms, limit {limit * 1e3:.2f} ms; "
            "lower the rate, or stop other work on the machine"
        )
    return ""


ADAPTER = Builtin()
