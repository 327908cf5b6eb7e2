"""Figures that cannot be true become unknown with a note, of whatever tool; what others measured has any size."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_making import RECORDINGS, nighthawk, read, written
from test_text_outputs import GHZ
from text_making import h2load, hey, oha, wrk

from workbench.errors import BadInputError
from workbench.interchange.importing.imported import Imported, Options
from workbench.interchange.importing.settling import plausible
from workbench.interchange.importing.tools import WRK
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import options_of, receive
from workbench.interchange.smp.bundle import export_bundle
from workbench.store import Store


def fortio(**changes):
    return {**json.loads((RECORDINGS / "fortio/normal.json").read_text()), **changes}


def quick_nighthawk():
    told = nighthawk()
    for one in told["results"]:
        one["execution_duration"] = "0.0005s"
    return told


IMPOSSIBLE = {
    "wrk": ("w.txt", wrk(asked="5s", took="2.50ms", rate="16000000.00"), 5.0),
    "wrk2": ("w.txt", wrk(asked="1m", took="2.50ms", rate="16000000.00", column="99%"), 60.0),
    "far too long": ("w.txt", wrk(asked="5s", took="30.00h", rate="0.37"), 5.0),
    "h2load": (
        "h.txt",
        h2load(
            took="1.05ms",
            rate="2857142.86",
            timed="Timing-based test with 0s of warm-up time and 4s of main duration for it.",
        ),
        4.0,
    ),
    "ghz": ("g.json", {**GHZ, "total": 1_250_000, "rps": 32_000.0}, 2.0),
    "Fortio": ("f.json", fortio(RequestedDuration="2s", ActualDuration=1_250_000, ActualQPS=419_200.0), 2.0),
    "Nighthawk": ("n.json", quick_nighthawk(), 2.0),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_time_that_the_asked_one_contradicts_is_not_passed_on_nor_its_rate(tmp_path, name):
    file, content, asked = IMPOSSIBLE[name]
    (run,) = read(written(tmp_path, file, content))
    assert (run.duration_s, run.window_s, run.achieved_rate_per_s) == (asked, None, None)
    assert run.requests and (run.quantiles or run.histograms)
    assert any("impossible" in note and f"{asked:g} s" in note for note in run.notes)
    assert run.extra["told_window_s"] > 0


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("w.txt", wrk(asked="5s", took="1.00s", rate="40000.00", table=("2.00s", "1.00s", "4.90s"), shares=())),
        ("h.txt", hey(slowest="7.0000 secs")),
        ("o.txt", oha(slowest="9000.0000 ms")),
        ("h2.txt", h2load(row="110us  3.50s  620us  2.00ms  5.00ms  790us  310us  88.00%")),
    ],
)
def test_a_latency_longer_than_the_time_it_lies_in_makes_that_time_unknown(tmp_path, file, content):
    (run,) = read(written(tmp_path, file, content))
    assert run.window_s is None and run.achieved_rate_per_s is None
    assert any("longer than" in note for note in run.notes)


def test_a_latency_longer_than_what_was_asked_too_is_told(tmp_path):
    (run,) = read(written(tmp_path, "w.txt", wrk(asked="5s", took="5.00s", table=("2.00s", "1.00s", "49.00s"))))
    assert run.window_s == 5.0
    assert any("49 s" in note and "5 s" in note for note in run.notes)


def test_a_run_that_was_stopped_keeps_its_rate(tmp_path):
    (run,) = read(written(tmp_path, "w.txt", wrk(asked="20s", took="8.00s", rate="5000.00")))
    assert (run.window_s, run.achieved_rate_per_s) == (8.0, 5000.0)
    assert any("stopped" in note for note in run.notes)


@pytest.mark.parametrize("took", ["19.98s", "20.90s", "0.34m"])
def test_a_time_near_the_asked_one_says_nothing(tmp_path, took):
    (run,) = read(written(tmp_path, "w.txt", wrk(took=took)))
    assert run.window_s and run.notes == ()


def test_a_run_lasts_until_its_last_answer(tmp_path):
    head = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n"
    rows = "".join(f"1.5000,0,0,0,1.5,0,200,0.{n}000\n" for n in range(10))
    (run,) = read(written(tmp_path, "h.csv", head + rows))
    assert run.window_s == pytest.approx(2.4), "until the last answer"
    assert run.achieved_rate_per_s == pytest.approx(10.0), "n requests take n intervals"


def test_a_rate_that_is_no_number_is_unknown(tmp_path):
    for rate in ("inf", "-nan"):
        (run,) = read(written(tmp_path, "w.txt", wrk(took="0.00us", rate=rate)))
        assert (run.window_s, run.achieved_rate_per_s) == (None, None)


def test_a_rate_that_requests_and_time_contradict_is_not_passed_on(tmp_path):
    (run,) = read(written(tmp_path, "w.txt", wrk(requests=40_000, took="20.00s", rate="663801593.63")))
    assert (run.requests, run.window_s, run.achieved_rate_per_s) == (40_000, 20.0, 2_000.0)
    assert any("rate is impossible" in note for note in run.notes)
    (run,) = read(written(tmp_path, "f.json", fortio(ActualQPS=1e7)))
    assert run.window_s and run.achieved_rate_per_s == pytest.approx(run.requests / run.window_s)
    assert run.extra["told_rate_per_s"] == 1e7


def test_the_asked_time_may_come_from_the_user(tmp_path):
    path = written(tmp_path, "h.txt", hey(total="0.0500 secs", rate="8000.0000"))
    options = options_of(["duration_s=30"], None, "")
    received = receive(tmp_path / "data", [str(path)], options, Landing())
    (row,) = Store(tmp_path / "data").runs().to_dict("records")
    assert row["duration_s"] == 30 and row["achieved_rate_per_s"] != row["achieved_rate_per_s"]
    assert any("impossible" in one for one in received.said)


times = st.none() | st.floats(1e-6, 1e6)


@given(
    times, times, st.dictionaries(st.sampled_from(["p50_s", "p99_s", "high_s"]), st.floats(0, 1e5)), st.integers(0, 9)
)
def test_what_is_believed_is_believed_again_and_holds_no_0(asked, window, figures, requests):
    run = Imported(
        tool=WRK, where="x", duration_s=asked, window_s=window, achieved_rate_per_s=1.0, requests=requests,
        quantiles={"from_send": figures},
    )  # fmt: skip
    once = plausible(run)
    assert plausible(once) == once
    assert all(value > 0 for told in once.quantiles.values() for value in told.values())
    if once.window_s is not None and asked is not None:
        assert once.window_s >= 0.1 * asked
    if once.window_s and once.achieved_rate_per_s and requests:
        longest = max(once.quantiles.get("from_send", {}).values(), default=0.0)
        assert once.achieved_rate_per_s * (once.window_s - longest) <= 2 * requests * 1.001


# any size

SIZES = {
    "connections": ("w.txt", wrk(connections=16_384), {}, {"connections": 16_384}),
    "slow": ("f.json", fortio(RequestedQPS="0.25"), {}, {"rate_per_s": 0.25}),
    "fast": ("f.json", fortio(RequestedQPS="2500000"), {}, {"rate_per_s": 2_500_000.0}),
    "short": ("w.txt", wrk(asked="50.00ms", took="51.00ms", rate="784313.73"), {}, {"duration_s": 0.05}),
    "long": ("w.txt", wrk(asked="100h", took="100.00h", rate="0.11"), {}, {"duration_s": 360_000.0}),
    "facts": ("w.txt", wrk(), {"payload_bytes": 5_000_000, "warmup_s": 7200.0, "server_delay_s": 30.0}, {}),
}


@pytest.mark.parametrize("name", SIZES)
def test_what_others_measured_comes_in_and_out_as_they_tell_it(tmp_path, name):
    file, content, facts, told = SIZES[name]
    path = written(tmp_path, file, content)
    received = receive(tmp_path / "data", [str(path)], Options(facts=facts), Landing())
    export_bundle(Store(tmp_path / "data"), [received.landed.campaign_id], tmp_path / "bundle")
    receive(tmp_path / "other", [str(tmp_path / "bundle")], Options(), Landing())
    for store in ("data", "other"):
        (row,) = Store(tmp_path / store).runs().to_dict("records")
        assert {key: row[key] for key in {**facts, **told}} == {**facts, **told}


def test_more_than_a_thousand_outputs_in_one_file(tmp_path):
    path = written(tmp_path, "many.txt", wrk() * 1001)
    receive(tmp_path / "data", [str(path)], Options(), Landing())
    assert Store(tmp_path / "data").runs()["block"].max() == 1001


def test_a_circumstance_of_0_is_not_told(tmp_path):
    (run,) = read(written(tmp_path, "f.json", fortio(NumThreads=0)))
    assert run.connections is None and any("connections" in note for note in run.notes)


def test_a_protocol_is_kept_by_its_name_in_loads(tmp_path):
    found = {}
    for name, file, content in (("grpc", "g.json", GHZ), ("h2", "h.txt", h2load().replace("h2c", "h2"))):
        receive(tmp_path / name, [str(written(tmp_path, file, content))], Options(), Landing())
        found[name] = Store(tmp_path / name).runs()["protocol"].iloc[0]
    assert found == {"grpc": "grpc", "h2": "http/2"}


def test_what_cannot_be_at_all_is_still_refused(tmp_path):
    with pytest.raises(BadInputError, match="out of range"):
        receive(tmp_path, [str(written(tmp_path, "w.txt", wrk(connections=10**15)))], Options(), Landing())


def test_a_rate_that_is_rounded_to_nothing_is_taken_from_the_count_and_the_time(tmp_path):
    (run,) = read(written(tmp_path, "w.txt", wrk(asked="3h", took="3.00h", rate="0.00", requests=27)))
    assert run.achieved_rate_per_s == pytest.approx(27 / 10_800)
    assert any("reported rate is 0" in note for note in run.notes)


def test_a_rate_of_no_request_is_unknown(tmp_path):
    nothing = {"Count": 0, "Min": 0, "Max": 0, "Sum": 0, "Avg": 0, "StdDev": 0, "Data": None}
    (run,) = read(written(tmp_path, "f.json", fortio(DurationHistogram=nothing, RetCodes={})))
    assert (run.requests, run.achieved_rate_per_s) == (0, None)


@pytest.mark.parametrize("word", ["NaN", "Infinity"])
def test_words_that_json_has_not_are_unknown_figures(tmp_path, word):
    text = json.dumps(fortio(ActualQPS=float(word)))
    assert word in text
    (run,) = read(written(tmp_path, "f.json", text))
    assert run.achieved_rate_per_s is None and run.requests
    assert any("ActualQPS" in note for note in run.notes)


def test_a_start_in_the_year_1_is_not_told(tmp_path):
    (run,) = read(written(tmp_path, "f.json", fortio(StartTime="0001-01-01T00:00:00Z")))
    assert run.started_at_s is None


@pytest.mark.parametrize(
    "text", [wrk(requests=10**22), wrk(status=10**22), wrk(socket=(10**22, 0, 0, 0)), hey(status={"200": 10**22})]
)
def test_a_count_that_no_store_holds_refuses_the_file_by_its_name(tmp_path, text):
    with pytest.raises(BadInputError, match=r"w\.txt.*out of range"):
        read(written(tmp_path, "w.txt", text))


def test_a_single_failed_request_on_a_whole_second_does_not_make_all_times_whole(tmp_path):
    rows = [f"{1_766_000_000_000 + 100 * n},{5 + n % 7},200,a" for n in range(50)] + ["1766000005000,4,refused,a"]
    table = written(tmp_path, "j.csv", "\n".join(["at,ms,code,mesh", *rows]) + "\n")
    mapping = written(
        tmp_path,
        "m.toml",
        'kind = "requests"\ngenerator = "jmeter"\nlatency_from = "send"\nloop = "closed"\n'
        '[columns]\nlabel = "mesh"\nlatency = "ms"\nstatus = "code"\nstart = "at"\n'
        '[units]\nlatency = "ms"\nstart = "ms"\n',
    )
    (run,) = read(table, mapping=(mapping.read_text(), "m.toml"))
    assert (run.requests, run.errors) == (51, 1)
    assert not any("whole seconds" in note for note in run.notes)
