"""What the built-in generator's adapter makes of its program's files, sound and damaged."""

from __future__ import annotations

import json

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInputError, RunFailedError
from workbench.loadgens._openloop.loop import FAILURES, NEVER, TIMEOUT, WRONG_BODY
from workbench.loadgens.builtin import ADAPTER
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import quantiles
from workbench.model.protocols import JobOutput
from workbench.model.records import Noise, Window

START = 5_000 * 10**9
LOAD = Load(rate_per_s=100, duration_s=1.0)


def files(lag_ns=60_000, wait_ns=0, service_ns=300_000, status=200, count=100, **changes):
    """Files of a run in which every request went alike, or by the arrays given."""
    due = START + numpy.arange(count) * 10_000_000
    ready = due + lag_ns
    sent = ready + wait_ns
    done = sent + service_ns
    statuses = numpy.broadcast_to(numpy.asarray(status, numpy.uint16), count)
    summary = {
        "version": "1",
        "window_start_ns": START,
        "window_end_ns": START + 10**9,
        "cpu_ns": [20_000_000, 26_000_000],
        "requests": count,
        "byteorder": "little",
        "warmup": {"200": 10},
    } | changes
    columns = [column.astype("<i8").tobytes() for column in (due, ready, sent, done)]
    return {
        "requests.bin": b"".join(columns) + statuses.astype("<u2").tobytes(),
        "summary.json": json.dumps(summary).encode(),
    }


def output(outputs) -> JobOutput:
    return JobOutput(
        window=Window(start_s=0, end_s=1), outputs=outputs, stdout="{}", stderr="oops", cpu_s=9.0, noise=Noise()
    )


def parse(**changes):
    return ADAPTER.parse(LOAD, output(files(**changes)))


def p50(result, kind):
    return quantiles(result.histograms[kind], [0.5])[0]


def test_latencies_counts_rate_and_cpu():
    result = parse(wait_ns=40_000)
    assert p50(result, "from_schedule") == pytest.approx(400e-6, rel=1e-3)
    assert p50(result, "from_send") == pytest.approx(300e-6, rel=1e-3)
    assert p50(result, "send_lag") == pytest.approx(60e-6, rel=1e-3)
    assert (result.requests, result.errors, result.counts_by_status) == (100, 0, {"200": 100})
    assert result.achieved_rate_per_s == pytest.approx(100)
    assert result.cpu_per_request_s == pytest.approx(60e-6)
    assert result.limited == ""


def test_only_right_answers_are_in_the_latencies_and_all_others_are_errors():
    status = numpy.array([200] * 90 + [503] * 5 + [TIMEOUT] * 3 + [WRONG_BODY] * 2)
    result = parse(status=status)
    assert result.counts_by_status == {"200": 90, "503": 5, "timeout": 3, "wrong-body": 2}
    assert result.errors == 10
    assert result.histograms["from_schedule"].count == result.histograms["from_send"].count == 90
    assert result.histograms["send_lag"].count == 100


def test_a_late_generator_accuses_itself():
    assert "send-lag p99 0.60 ms, limit 0.50 ms" in parse(lag_ns=600_000).limited


def test_lateness_that_is_lost_in_the_service_time_is_no_limit():
    assert parse(lag_ns=600_000, service_ns=2_000_000).limited == ""


def test_waiting_for_a_connection_is_not_the_generators_limit():
    result = parse(wait_ns=50_000_000, service_ns=2_000_000)
    assert result.limited == ""
    assert p50(result, "from_schedule") > 0.05
    assert p50(result, "send_lag") < 0.001
    assert result.achieved_rate_per_s < 100  # what waited beyond the window was not sent in it


def test_not_getting_to_the_requests_is_the_generators_limit():
    lag = numpy.where(numpy.arange(100) >= 95, 10**9, 1000)
    assert "only 95 of 100 scheduled requests" in parse(lag_ns=lag).limited


def test_a_run_without_any_right_answer_has_no_latency_but_is_a_result():
    result = parse(status=TIMEOUT)
    assert result.errors == 100
    assert result.histograms["from_send"].count == 0
    assert numpy.isnan(p50(result, "from_schedule"))


def test_requests_are_given_back_from_the_windows_start():
    found = ADAPTER.requests(output(files()))
    assert list(found) == ["scheduled_ns", "ready_ns", "sent_ns", "done_ns", "status"]
    assert found["scheduled_ns"].tolist() == [place * 10_000_000 for place in range(100)]
    assert found["done_ns"][3] == 30_000_000 + 360_000
    assert {len(column) for column in found.values()} == {100}


def test_a_request_never_sent_has_no_time_of_sending():
    outputs = files(status=TIMEOUT)
    times = numpy.frombuffer(outputs["requests.bin"][:3200], "<i8").copy()
    times[207] = NEVER
    outputs["requests.bin"] = times.tobytes() + outputs["requests.bin"][3200:]
    sent = ADAPTER.requests(output(outputs))["sent_ns"]
    assert sent[7] is numpy.ma.masked and sent[8] is not numpy.ma.masked
    assert ADAPTER.parse(LOAD, output(outputs)).achieved_rate_per_s == pytest.approx(99)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"requests": 99}, "3400 bytes, not 3366"),
        ({"requests": 0}, "impossible"),
        ({"requests": True}, "impossible"),
        ({"requests": 10**12}, "impossible"),
        ({"window_end_ns": START}, "impossible"),
        ({"window_end_ns": START + 10**8}, "request 10 of 100 was scheduled outside the window"),
        ({"cpu_ns": [2, 1]}, "impossible"),
        ({"cpu_ns": [1]}, "impossible"),
        ({"cpu_ns": None}, "TypeError"),
        ({"byteorder": "middle"}, "impossible"),
        ({"lag_ns": -1}, "request 0 of 100 was sent before it was scheduled"),
        ({"wait_ns": -1}, "sent before it was scheduled"),
        ({"service_ns": -1}, "ended before it was sent"),
        ({"service_ns": 2**47}, "ended over an hour after the window"),
        ({"status": 0}, "ended in an unknown way"),
        ({"status": 99}, "ended in an unknown way"),
        ({"status": 600}, "ended in an unknown way"),
    ],
)
def test_what_cannot_be_is_a_failed_run_with_its_place(damage, said):
    with pytest.raises(RunFailedError, match=said) as caught:
        parse(**damage)
    assert "oops" in str(caught.value)


@given(st.data())
def test_truncated_or_changed_files_fail_or_still_add_up(data):
    outputs = files(count=20)
    name = data.draw(st.sampled_from(sorted(outputs)))
    content = bytearray(outputs[name])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = ADAPTER.parse(LOAD, output(outputs | {name: bytes(content)}))
    except RunFailedError:
        return
    assert sum(result.counts_by_status.values()) == result.requests == 20


def test_a_load_of_more_requests_than_it_keeps_is_refused():
    with pytest.raises(BadInputError, match="7,500,000"):
        ADAPTER.job(Load(rate_per_s=100_000, duration_s=3600), Workload(), 1)


def test_failures_and_statuses_cannot_be_mistaken():
    assert max(FAILURES) < 100 and 0 not in FAILURES and len(set(FAILURES.values())) == len(FAILURES)
