"""Tables with a line for each request: what is one run, what failed, how long it took; and k6's summaries."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_making import RECORDINGS, read, written

from workbench.errors import BadInputError

START = 1_766_000_000
HEAD = "metric_name,timestamp,metric_value,error,error_code,expected_response,method,proto,scenario,status,url"
FORMATS = {
    "unix": lambda at: str(int(at)),
    "unix_milli": lambda at: str(round(at * 1e3)),
    "unix_micro": lambda at: str(round(at * 1e6)),
    "unix_nano": lambda at: str(round(at * 1e6) * 1000),
    "rfc3339": lambda at: datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "rfc3339_nano": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f123Z"),
}


def _row(at: str, ms: float, status: int = 200, right: str = "true", proto: str = "HTTP/1.1", scenario: str = "s"):
    error = '"Get ""http://x/"": dial tcp: connection refused, really"' if status == 0 else ""
    return f"http_req_duration,{at},{ms:f},{error},,{right},GET,{proto},{scenario},{status},http://x/"


def _k6(rows: list[str], end: str = "\n") -> str:
    return end.join([HEAD, *rows, ""])


def _evenly(rate: float, seconds: float, form: str = "unix", begin: float = 0.0) -> list[str]:
    return [_row(FORMATS[form](START + begin + n / rate), 5 + n % 7) for n in range(round(rate * seconds))]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("form", FORMATS)
def test_times_of_k6_in_each_of_its_formats(tmp_path, form, end):
    (run,) = read(written(tmp_path, "k6.csv", _k6(_evenly(20, 10, form), end)))
    assert run.started_at_s == pytest.approx(START, abs=1e-3)
    assert (run.requests, run.window_s) == (200, pytest.approx(10, rel=1e-3))
    assert run.achieved_rate_per_s == pytest.approx(20, rel=1e-3)
    assert any("whole seconds" in note for note in run.notes) is (form in ("unix", "rfc3339"))


def test_a_time_with_another_zone_is_the_same_moment(tmp_path):
    rows = [_row(f"2025-12-17T20:33:{20 + n}+01:00", 5) for n in range(5)]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert run.started_at_s == START


@pytest.mark.parametrize("time", ["17660", "soon", "2025-12-17 late"])
def test_a_time_that_k6_does_not_write_is_refused(tmp_path, time):
    with pytest.raises(BadInputError, match=r"K6_CSV_TIME_FORMAT|not a number|not a time"):
        read(written(tmp_path, "k6.csv", _k6([_row(time, 5), _row(time, 6)])))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([0.5, 1, 2, 20, 250]),
    st.integers(4, 60),
    st.floats(0, 0.99),
    st.sampled_from(["unix", "unix_milli"]),
)
def test_the_rate_is_right_wherever_in_a_second_a_run_begins(tmp_path_factory, rate, seconds, begin, form):
    rows = _evenly(rate, seconds, form, begin)
    (run,) = read(written(tmp_path_factory.mktemp("k6"), "k6.csv", _k6(rows)))
    play = 0.002 if form == "unix_milli" else max(0.005, 2 / len(rows), 1.01 / seconds if rate < 1 else 0)
    assert run.achieved_rate_per_s == pytest.approx(rate, rel=play)
    assert run.window_s == pytest.approx(run.requests / run.achieved_rate_per_s, abs=0.012), "or its last answer's end"


def test_a_pause_in_whole_seconds_is_part_of_the_run(tmp_path):
    rows = [_row(str(START + second), 5) for second in (0, 10) for _ in range(20)]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert 9 <= run.window_s <= 11


def test_within_one_second_neither_duration_nor_rate_is_known(tmp_path):
    (run,) = read(written(tmp_path, "k6.csv", _k6([_row(str(START), 5)] * 20)))
    assert run.window_s is None and run.achieved_rate_per_s is None
    assert any("unknown" in note for note in run.notes)


def test_refused_requests_belong_to_their_run(tmp_path):
    rows = [
        _row(str(START + n // 20), 0 if n % 4 == 0 else 10, *((0, "false", "") if n % 4 == 0 else ()))
        for n in range(200)
    ]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert (run.requests, run.errors, run.protocol, run.counts_by_status) == (
        200,
        50,
        "HTTP/1.1",
        {"0": 50, "200": 150},
    )
    whole = run.histograms["from_send"]
    assert whole.count == 150 and whole.low_s == pytest.approx(0.01)


def test_nothing_answered_has_no_latency(tmp_path):
    rows = [_row(str(START + n // 20), 0, 0, "false", "") for n in range(100)]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert (run.requests, run.errors) == (100, 100) and not run.histograms and not run.quantiles


def test_redirects_and_setup_are_counted_as_k6_counts_them(tmp_path):
    rows = [_row(str(START), 9, scenario="")]  # setup() has no scenario
    rows += [_row(str(START + n // 4), 5, 302 if n % 2 else 200) for n in range(40)]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert (run.requests, run.errors, run.workload) == (41, 0, "s")
    assert any("hop" in note for note in run.notes)


def test_protocols_in_one_run_are_not_two_runs(tmp_path):
    rows = [_row(str(START + n), 5, proto="HTTP/2.0" if n % 2 else "HTTP/1.1") for n in range(10)]
    (run,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    assert run.requests == 10 and run.protocol is None and any("several protocols" in note for note in run.notes)


def test_scenarios_are_runs(tmp_path):
    rows = [_row(str(START + n), 5, scenario="a" if n % 2 else "b") for n in range(10)]
    assert {run.workload: run.requests for run in read(written(tmp_path, "k6.csv", _k6(rows)))} == {"a": 5, "b": 5}


def _summaries() -> dict[str, dict]:
    """One run in each form that k6 has, with 50 of 200 requests failed."""
    figures = {"avg": 9.5, "min": 5.0, "med": 9.0, "max": 14.0, "p(90)": 13.0, "p(95)": 14.0}
    metrics = {
        "http_reqs": {"count": 200, "rate": 20.0},
        "http_req_failed": {"passes": 50, "fails": 150, "rate": 0.25},
        "http_req_duration": {**figures, "min": 0.0},
        "http_req_duration{expected_response:true}": figures,
        "iterations": {"count": 200, "rate": 20.0},
    }
    exported = {name: dict(values) for name, values in metrics.items()}
    exported["http_req_failed"]["value"] = exported["http_req_failed"].pop("rate")
    handled = {name: {"type": "x", "contains": "default", "values": values} for name, values in metrics.items()}
    newer = {name: dict(values) for name, values in metrics.items()}
    newer["http_req_failed"] = {"matches": 50, "total": 200, "rate": 0.25}
    newer["http_reqs"] = {"count": 200}
    listed = [{"name": name, "type": "x", "contains": "default", "values": values} for name, values in newer.items()]
    config = {"execution": "local", "script": "s.js", "duration": 10.0}
    return {
        "export": {"root_group": {}, "metrics": exported},
        "handled": {"root_group": {}, "state": {"testRunDurationMs": 10_000.0}, "metrics": handled},
        "newer": {
            "version": "1.0.0",
            "metadata": {"k6_version": "1.5.0"},
            "config": config,
            "results": {"metrics": listed},
        },
    }


@pytest.mark.parametrize("form", ["export", "handled", "newer"])
def test_one_run_of_k6_is_the_same_in_each_form(tmp_path, form):
    (run,) = read(written(tmp_path, "k6.json", _summaries()[form]))
    assert (run.requests, run.errors, run.achieved_rate_per_s, run.window_s) == (200, 50, 20.0, 10.0)
    assert run.quantiles["from_send"]["p50_s"] == pytest.approx(0.009)
    rows = [_row(str(START + n // 20), 9, *((0, "false", "") if n % 4 == 0 else ())) for n in range(200)]
    (table,) = read(written(tmp_path, "k6.csv", _k6(rows)))
    told = ("requests", "errors", "achieved_rate_per_s")
    assert [getattr(table, name) for name in told] == pytest.approx([getattr(run, name) for name in told])


@pytest.mark.parametrize("form", ["export", "handled", "newer"])
def test_a_summary_of_failures_alone_has_no_latency(tmp_path, form):
    text = json.dumps(_summaries()[form])
    text = text.replace('"passes": 50, "fails": 150', '"passes": 200, "fails": 0')
    text = text.replace('"matches": 50', '"matches": 200').replace("0.25", "1.0")
    (run,) = read(written(tmp_path, "k6.json", text))
    assert (run.requests, run.errors, run.quantiles) == (200, 200, {})


def test_one_bad_figure_of_a_summary_leaves_the_others(tmp_path):
    made = _summaries()["export"]
    made["metrics"]["http_req_duration{expected_response:true}"] |= {"p(90)": None, "med": -3.0}
    (run,) = read(written(tmp_path, "k6.json", made))
    assert set(run.quantiles["from_send"]) == {"low_s", "high_s"}
    assert sum("unknown" in note and ("null" in note or "-3" in note) for note in run.notes) == 2


def test_the_recordings_of_one_real_run_agree():
    (table,) = read(RECORDINGS / "k6/arrival.csv")
    (handled,) = read(RECORDINGS / "k6/arrival-handled.json")
    assert (table.requests, table.errors) == (handled.requests, handled.errors)
    assert table.achieved_rate_per_s == pytest.approx(handled.achieved_rate_per_s, rel=0.02)
    assert handled.window_s == pytest.approx(2.002, abs=0.001)


MAPPING = """kind = "requests"
generator = "own"
latency_from = "send"
[columns]
latency = "ms"
status = "code"
start = "at"
protocol = "proto"
[units]
latency = "ms"
start = "{unit}"
"""


def _own(tmp_path, rows: list[str], unit: str):
    return read(
        written(tmp_path, "own.csv", "at,ms,code,proto\n" + "\n".join(rows) + "\n"),
        mapping=(MAPPING.format(unit=unit), "m.toml"),
    )


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("s", "{at:.0f}"),
        ("s", "{at:.3f}"),
        ("ms", "{ms:.0f}"),
        ("us", "{ms:.0f}000"),
        ("iso", "{iso}"),
        ("iso", "{iso_s}"),
    ],
)
def test_times_of_an_own_table(tmp_path, unit, shown):
    rows = []
    for n in range(200):
        at = START + n * 0.05
        moment = datetime.fromtimestamp(int(at * 1000 + 0.5) / 1000, UTC)
        texts = {"at": int(at) if shown == "{at:.0f}" else at, "ms": at * 1000}
        texts |= {"iso": moment.isoformat(), "iso_s": moment.replace(microsecond=0).isoformat()}
        rows.append(f"{shown.format(**texts)},5,{503 if n % 4 == 0 else 200},{'' if n % 4 == 0 else 'http/1.1'}")
    (run,) = _own(tmp_path, rows, unit)
    assert (run.requests, run.errors, run.protocol) == (200, 50, "http/1.1")
    assert (run.window_s, run.achieved_rate_per_s) == (pytest.approx(10, rel=1e-3), pytest.approx(20, rel=1e-3))
    assert run.started_at_s == pytest.approx(START)


def test_a_late_answer_is_within_the_run(tmp_path):
    """A burst of 20 sent in a second whose answers take three: the run lasts until the last of them."""
    (run,) = _own(tmp_path, [f"{START * 1000 + 50 * n},3000,200,x" for n in range(20)], "ms")
    assert run.window_s == pytest.approx(3.95) and run.achieved_rate_per_s == pytest.approx(20)
    assert not any("cannot" in note for note in run.notes)


def test_a_wrong_unit_of_times_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="check the unit"):
        _own(tmp_path, [f"{START * 1000 + n},5,200,x" for n in range(9)], "s")
    with pytest.raises(BadInputError, match="not a number"):
        _own(tmp_path, [f"2026-01-01T00:00:0{n}Z,5,200,x" for n in range(9)], "ms")
    with pytest.raises(BadInputError, match="not a time"):
        _own(tmp_path, ["yesterday,5,200,x"], "iso")


RUNS = """kind = "runs"
generator = "oha"
latency_from = "send"
[columns]
label = "label"
p50 = "p50"
p99 = "p99"
requests = "requests"
errors = "errors"
connections = "connections"
duration = "s"
[units]
p50 = "ms"
p99 = "ms"
duration = "s"
"""


def _table(tmp_path, *rows: str):
    text = "label,p50,p99,requests,errors,connections,s\n" + "\n".join(rows) + "\n"
    return read(written(tmp_path, "runs.csv", text), mapping=(RUNS, "m.toml"))


def test_a_row_that_answered_nothing_has_no_latency(tmp_path):
    runs = _table(tmp_path, "none,0,0,0,236,4,10", "failed,3,9,50,50,4,10", "zero,0,0,10,0,4,10", "good,3,9,50,1,4,10")
    assert [run.quantiles for run in runs[:3]] == [{}, {}, {}]
    assert runs[3].quantiles["from_send"] == {"p50_s": pytest.approx(0.003), "p99_s": pytest.approx(0.009)}
    assert (runs[0].requests, runs[0].errors, runs[2].requests) == (0, 236, 10)


@pytest.mark.parametrize("cell", ["NaN", "inf", "-inf", "-3", "null", "n/a", "-", ""])
def test_one_bad_cell_drops_nothing_else(tmp_path, cell):
    (run,) = _table(tmp_path, f"a,{cell},9,50,1,4,10")
    assert run.quantiles == {"from_send": {"p99_s": pytest.approx(0.009)}}
    assert (run.requests, run.errors) == (50, 1)


def test_fractions_are_never_cut_off(tmp_path):
    (run,) = _table(tmp_path, "a,3,9,50,0.5,16.0,10")
    assert run.errors is None and run.connections == 16
    assert any("not a whole number" in note for note in run.notes)


def test_a_document_without_a_figure_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="no figure"):
        _table(tmp_path, "a,,,,,4,10")
    good, *_ = runs = _table(tmp_path, "b,3,9,,,4,10", "a,,,,,4,10")
    assert len(runs) == 1 and any("left out" in note for note in good.notes)
