"""What load generators print: whose it is, one run for each output, failures counted, nothing measured is unknown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_making import RECORDINGS, read, written
from text_making import NOTHING, ghz, h2load, hey, oha, wrk

from workbench.errors import BadInputError
from workbench.interchange.importing import kinds
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.texts import lasted

ALL = {"wrk": wrk(), "hey": hey(), "oha": oha(), "ghz": ghz(), "h2load": h2load()}


def test_each_text_is_known_as_its_tools(tmp_path):
    for name, text in ALL.items():
        for variant in (text, text.replace("\n", "\r\n"), "-- a title\n\n" + text, f"\x1b[1m{text}\x1b[0m"):
            path = written(tmp_path, f"{name}.txt", variant)
            assert kinds.detect(InputFile(path)).name == name
            (run,) = read(path)
            assert run.tool.name == name and run.requests and run.errors is not None and run.window_s


@pytest.mark.parametrize("name", ["words.txt", "k6"])
def test_a_summary_of_something_else_is_of_no_kind(tmp_path, name):
    text = {"words.txt": "Summary:\n  Total:\t3 apples\n  Response time histogram: none\n", "k6": "Summary:\n  a: 1\n"}
    with pytest.raises(BadInputError, match="of an unknown kind"):
        read(written(tmp_path, "x.txt", text[name]))


# failures are requests, and latency of nothing is unknown


def test_wrk_counts_what_broke_off_beside_what_completed(tmp_path):
    (run,) = read(written(tmp_path, "w.txt", wrk(requests=1000, socket=(7, 200, 3, 40), status=25)))
    assert (run.requests, run.errors) == (1210, 275)
    assert run.counts_by_status == {
        "2xx-3xx": 975, "other-status": 25, "connect": 7, "read": 200, "write": 3, "timeout": 40,
    }  # fmt: skip
    assert any("200" in note and "broke off" in note for note in run.notes)


@pytest.mark.parametrize("socket", [(0, 90, 0, 0), (90, 0, 0, 0), (0, 0, 90, 0), (0, 0, 0, 90), (30, 30, 20, 10)])
def test_wrk_that_had_no_answer_has_no_latency(tmp_path, socket):
    text = wrk(table=NOTHING[:3], shares=NOTHING, requests=0, rate="0.00", socket=socket)
    (run,) = read(written(tmp_path, "w.txt", text))
    assert (run.requests, run.errors) == (90, 90)
    assert run.quantiles == {} and run.histograms == {} and "average_s" not in run.extra


def test_answers_that_all_came_too_late_leave_no_latency_of_0(tmp_path):
    text = wrk(table=NOTHING[:3], shares=NOTHING, requests=50, rate="2.50", socket=(0, 0, 0, 50))
    (run,) = read(written(tmp_path, "w.txt", text))
    assert (run.requests, run.errors, run.quantiles) == (50, 50, {})


def test_h2load_oha_and_ghz_that_had_no_answer_have_no_latency(tmp_path):
    nothing = {"slowest": "-inf secs", "fastest": "inf secs", "shares": {"50.00%": "NaN secs"}}
    (run,) = read(written(tmp_path, "o.txt", oha(status={}, errors={"refused": 500}, rate="200.0", **nothing)))
    assert (run.requests, run.errors, run.quantiles) == (500, 500, {})
    none = {"slowest": "0 ns", "fastest": "0 ns", "shares": {"50 %": "0 ns"}, "status": {"Unavailable": 300}}
    (run,) = read(written(tmp_path, "g.txt", ghz(**none)))
    assert (run.requests, run.errors, run.quantiles) == (300, 300, {})
    row = "0us  0us  0us  0us  0us  0us  0us  0.00%"
    (run,) = read(written(tmp_path, "h.txt", h2load(counts=(80, 0, 80, 80, 30), row=row, rate="0.00")))
    assert (run.requests, run.errors, run.quantiles) == (80, 80, {})
    assert run.counts_by_status == {"errored": 50, "timeout": 30}


# several outputs in one file


@pytest.mark.parametrize("name", ALL)
def test_several_outputs_are_one_run_each(tmp_path, name):
    text = {"wrk": wrk(connections=9), "hey": hey(), "oha": oha(), "ghz": ghz(), "h2load": h2load(took="9.00s")}[name]
    path = written(tmp_path, "loop.txt", f"-- first\n{ALL[name]}-- second\n{text}-- third\n{ALL[name]}")
    one, other = read(written(tmp_path, "one.txt", ALL[name]))[0], read(written(tmp_path, "two.txt", text))[0]
    runs = read(path)
    facts = [(run.requests, run.errors, run.connections, run.window_s, run.quantiles) for run in runs]
    alone = [(run.requests, run.errors, run.connections, run.window_s, run.quantiles) for run in (one, other, one)]
    assert facts == alone
    lines = path.read_text().splitlines()
    starts = [int(run.where.rpartition(" ")[2]) for run in runs]
    begin = {"wrk": "Running", "h2load": "starting"}.get(name, "Summary:")
    assert [lines[start - 1].startswith(begin) for start in starts] == [True] * 3
    assert all(run.raw.decode().count(begin) == 1 for run in runs)


@pytest.mark.parametrize("first", ALL)
@pytest.mark.parametrize("second", ALL)
def test_two_tools_in_one_file_are_refused_with_the_line(tmp_path, first, second):
    if first == second:
        return
    path = written(tmp_path, "both.txt", ALL[first] + "\n" + ALL[second])
    line = ALL[first].count("\n") + 2 + (ALL[second].startswith("\n"))
    with pytest.raises(BadInputError, match=rf"both\.txt, line {line}: the output of {second}"):
        read(path)


@pytest.mark.parametrize("name", ALL)
def test_an_output_without_its_end_is_refused_beside_a_whole_one(tmp_path, name):
    whole = ALL[name]
    cut = whole[: whole.index("Requests/sec" if name in ("wrk", "hey", "oha", "ghz") else "status codes")]
    for text in (cut, cut + "\n" + whole, whole + cut):
        with pytest.raises(BadInputError, match=rf"line \d+: .*{name}'s totals"):
            read(written(tmp_path, "cut.txt", text))


def test_a_list_that_was_cut_off_within_is_refused(tmp_path):
    for text in (hey().replace("  [503]\t4 responses\n", "").split("Error")[0], ghz(status={"OK": 280})):
        with pytest.raises(BadInputError, match="cut off"):
            read(written(tmp_path, "cut.txt", text))
    with pytest.raises(BadInputError, match="cut off"):
        read(written(tmp_path, "w.txt", wrk().split("0.00\nTransfer")[0]))  # the rate is 200 now


def test_two_documents_and_two_tables_in_one_file_are_refused_with_the_line(tmp_path):
    table = (RECORDINGS / "hey/requests.csv").read_text()
    with pytest.raises(BadInputError, match=rf"line {table.count(chr(10)) + 1}:"):
        read(written(tmp_path, "t.csv", table + table))
    with pytest.raises(BadInputError, match=rf"line {hey().count(chr(10)) + 1}: a table"):
        read(written(tmp_path, "h.txt", hey() + table))
    with pytest.raises(BadInputError, match=r"line \d+: more after"):
        read(written(tmp_path, "o.json", json.dumps(OHA) + "\n" + json.dumps(OHA)))


# wrk2


def test_wrk2_names_the_third_figure_of_its_table(tmp_path):
    never = "    Req/Sec      -nan      -nan   0.00      0.00%"
    (short,) = read(written(tmp_path, "s.txt", wrk(asked="8s", took="8.00s", column="99%", sampled=never, shares=())))
    assert short.tool.name == "wrk2" and short.quantiles == {"from_schedule": {"p99_s": 0.041}}
    plain = wrk(asked="8s", took="8.00s", sampled=never, shares=())
    (old,) = read(written(tmp_path, "o.txt", plain))
    assert (old.tool.name, old.loop, old.quantiles) == ("wrk2", "open", {"from_schedule": {"high_s": 0.041}})
    (stopped,) = read(written(tmp_path, "w.txt", wrk()))
    assert stopped.tool.name == "wrk"


def test_wrk2_takes_its_largest_latency_from_where_it_is_told(tmp_path):
    calibrated = "  Thread calibration: mean lat.: 3.1ms, rate sampling interval: 10ms"
    shares = "  Latency Distribution (HdrHistogram - Recorded Latency)\n 50.000%    2.00ms\n 99.000%   41.00ms\n"
    end = " 99.900%    3.00s \n100.000%    6.00s \n"
    text = wrk(column="99%", shares=(), before=calibrated)
    place = text.index("  40000 requests")
    (run,) = read(written(tmp_path, "d.txt", text[:place] + shares + end + text[place:]))
    assert run.quantiles["from_schedule"] == {"p50_s": 0.002, "p99_s": 0.041, "p999_s": 3.0, "high_s": 6.0}
    line = "#[Mean    =    3.9, StdDeviation   =    0.7]\n#[Max     =     52.500, Total count    =    39899]\n"
    (run,) = read(written(tmp_path, "m.txt", text[:place] + line + text[place:]))
    assert run.quantiles["from_schedule"] == {"p99_s": 0.041, "high_s": 0.0525}


def test_wrk2s_uncorrected_latency_is_not_taken_for_its_latency(tmp_path):
    head = "  Latency Distribution (HdrHistogram - {})\n 50.000%    {}\n#[Max     =     {}, Total count    =    9]\n"
    rule = "-" * 58 + "\n"
    right, other = head.format("Recorded Latency", "8.00ms", "90.0"), head.format("Uncorrected Latency", "1ms", "2.0")
    text = wrk(shares=())
    place = text.index("  40000 requests")
    for middle in (right + rule + "\n" + other + rule, other + rule + right + rule):
        (run,) = read(written(tmp_path, "u.txt", text[:place] + middle + text[place:]))
        assert run.quantiles == {"from_schedule": {"p50_s": 0.008, "high_s": 0.09}}
        assert run.requests == 40_000


# units, counts and columns


def test_units_are_read_and_never_assumed(tmp_path):
    (run,) = read(written(tmp_path, "g.txt", ghz()))
    assert run.quantiles["from_send"] == pytest.approx(
        {"p50_s": 0.0205, "p90_s": 0.04, "p99_s": 1.2, "low_s": 9e-6, "high_s": 0.08}
    )
    assert (run.requests, run.errors, run.window_s, run.protocol) == (300, 20, 1.5, "grpc")
    (run,) = read(written(tmp_path, "o.txt", oha()))
    assert run.quantiles["from_send"] == pytest.approx(
        {"p50_s": 0.0015, "p99_s": 0.009, "p999_s": 0.03, "low_s": 0.0004, "high_s": 0.0305}
    )
    assert (run.requests, run.errors, run.window_s, run.extra) == (500, 20, 2.5, {"aborted_at_the_end": 3})
    for unit, factor in {"secs": 1, "sec": 1, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "m": 60}.items():
        assert lasted(f"12.5 {unit}", "x") == pytest.approx(12.5 * factor)
    for text in ("12.5", "12.5 parsecs", "-3 ms", "ms"):
        with pytest.raises(BadInputError, match="x: "):
            lasted(text, "x")


@given(st.floats(1e-9, 1e8, allow_subnormal=False), st.sampled_from(["ns", "us", "ms", "s", "secs", "min", "h"]))
def test_durations_come_back_as_they_were_written(value, unit):
    seconds = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "secs": 1.0, "min": 60.0, "h": 3600.0}[unit]
    assert lasted(f"{value!r}{unit}", "x") == pytest.approx(value * seconds)


def test_hey_beyond_the_million_answers_that_it_keeps(tmp_path):
    text = hey(total="60.0000 secs", rate="25000.1000", status={"200": 999_000, "503": 1000}, errors={"timeout": 200})
    (run,) = read(written(tmp_path, "h.txt", text))
    assert run.requests == pytest.approx(1_500_006, abs=4) and run.errors is None
    assert any("1,000,000" in note and "at least 1,200" in note for note in run.notes)
    whole = hey(total="40.0000 secs", rate="25000.0000", status={"200": 1_000_000}, errors={})
    (run,) = read(written(tmp_path, "w.txt", whole))
    assert (run.requests, run.errors) == (1_000_000, 0)
    older = hey(total="100.0000 secs", rate="10000.0000", status={"200": 2_000_000}, errors={})
    (run,) = read(written(tmp_path, "o.txt", older))
    assert (run.requests, run.errors, run.achieved_rate_per_s) == (2_000_000, 0, 20_000.0)


def test_heys_table_cannot_tell_its_errors():
    (run,) = read(RECORDINGS / "hey/requests.csv")
    assert run.errors is None and run.counts_by_status["503"] == 3
    assert any("at least 3" in note for note in run.notes) and not any("beside" in note for note in run.notes)


def test_tables_of_older_hey_and_of_oha_cannot_tell_their_errors(tmp_path):
    head = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read"
    (run,) = read(written(tmp_path, "h.csv", head + "\n" + "0.0200,0,0,0,0.02,0\n" * 30))
    assert (run.tool.name, run.requests, run.errors, run.window_s) == ("hey", 30, None, None)
    (run,) = read(written(tmp_path, "s.csv", head + ",status-code\n" + "0.0200,0,0,0,0.02,0,503\n" * 30))
    assert (run.requests, run.errors, run.counts_by_status) == (30, None, {"503": 30})
    head = "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status"
    rows = "".join(f"{n / 10},0.001,0.002,0.01,0.0125,5,{200 if n else 404}\n" for n in range(21))
    (run,) = read(written(tmp_path, "o.csv", head + "\n" + rows))
    assert (run.tool.name, run.requests, run.errors) == ("oha", 21, None)
    assert run.window_s == pytest.approx(2.1), "21 requests take 21 intervals"
    assert (run.histograms["from_send"].count, run.histograms["from_send"].high_s) == (20, 0.0125)
    assert any("at least 1" in note for note in run.notes)


def test_h2loads_table_is_read_by_the_names_over_it(tmp_path):
    (run,) = read(written(tmp_path, "n.txt", h2load()))
    assert run.quantiles["from_send"] == pytest.approx(
        {"low_s": 110e-6, "high_s": 0.014, "p50_s": 620e-6, "p99_s": 0.005}
    )
    assert (run.requests, run.errors, run.connections, run.achieved_rate_per_s) == (3000, 10, 12, 1500.0)
    head, row = "min  max  mean  sd  +/- sd", "110us  14.00ms  790us  310us  88.00%"
    (old,) = read(written(tmp_path, "o.txt", h2load(head=head, row=row, name="time for request:")))
    assert set(old.quantiles["from_send"]) == {"low_s", "high_s"} and old.extra["average_s"] == pytest.approx(790e-6)
    timed = "Timing-based test with 3s of warm-up time and 2s of main duration for measurements."
    (run,) = read(written(tmp_path, "t.txt", h2load(timed=timed)))
    assert (run.duration_s, run.warmup_s, run.window_s) == (2.0, 3.0, 2.0)


# JSON of oha and ghz

OHA = {
    "summary": {"successRate": 0.9, "total": 4.0, "slowest": 0.5, "fastest": 0.001, "requestsPerSec": 50.0},
    "latencyPercentiles": {"p50": 0.02, "p75": 0.03, "p99": 0.2, "p99.9": 0.5},
    "statusCodeDistribution": {"200": 180, "404": 5},
    "errorDistribution": {"connection error": 15, "aborted due to deadline": 2},
}
GHZ = {
    "date": "2025-02-03T10:00:10Z", "count": 40, "total": 2_000_000_000, "average": 9, "fastest": 1_000_000,
    "slowest": 40_000_000, "rps": 20.0, "errorDistribution": {"gone": 4},
    "statusCodeDistribution": {"OK": 36, "Unavailable": 4},
    "latencyDistribution": [{"percentage": 50, "latency": 18_000_000}, {"percentage": 99, "latency": 40_000_000}],
    "histogram": [], "options": {"total": 40, "concurrency": 8, "rps": 20, "connections": 2, "duration": 2_000_000_000},
    "details": [{"timestamp": "2025-02-03T10:00:09Z", "latency": 1_000_000 * n, "error": "", "status": "OK"}
                for n in range(1, 37)]
    + [{"timestamp": "2025-02-03T10:00:09Z", "latency": 1, "error": "gone", "status": "Unavailable"}] * 4,
}  # fmt: skip


def test_oha_json(tmp_path):
    (run,) = read(written(tmp_path, "o.json", OHA))
    assert (run.tool.name, run.requests, run.errors, run.window_s, run.achieved_rate_per_s) == ("oha", 200, 20, 4.0, 50)
    assert run.quantiles["from_send"] == {
        "p50_s": 0.02, "p75_s": 0.03, "p99_s": 0.2, "p999_s": 0.5, "low_s": 0.001, "high_s": 0.5,
    }  # fmt: skip
    none = {**OHA, "latencyPercentiles": {"p50": None}, "statusCodeDistribution": {}, "errorDistribution": {"no": 3}}
    none["summary"] = {"successRate": 0.0, "total": 1.0, "slowest": None, "fastest": None, "requestsPerSec": 3.0}
    (run,) = read(written(tmp_path, "n.json", none))
    assert (run.requests, run.errors, run.quantiles) == (3, 3, {})


def test_ghz_json(tmp_path):
    (run,) = read(written(tmp_path, "g.json", GHZ))
    whole = run.histograms["from_send"]
    assert (whole.count, whole.low_s, whole.high_s) == (36, 0.001, 0.036)
    assert (run.requests, run.errors, run.rate_per_s, run.duration_s, run.connections) == (40, 4, 20.0, 2.0, 2)
    assert (run.protocol, run.loop, run.started_at_s) == ("grpc", "closed", pytest.approx(1738576808.0))
    (bare,) = read(written(tmp_path, "b.json", {**GHZ, "details": None}))
    assert bare.quantiles["from_send"] == {"p50_s": 0.018, "p99_s": 0.04, "low_s": 0.001, "high_s": 0.04}
    with pytest.raises(BadInputError, match="count is 41"):
        read(written(tmp_path, "d.json", {**GHZ, "count": 41}))
