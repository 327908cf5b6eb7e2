"""Fortio's adapter on recordings of the real tool (``tests/recordings/fortio``), sound and damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInputError, RunFailedError
from workbench.loadgens.fortio import ADAPTER
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import buckets, quantiles
from workbench.model.protocols import JobOutput
from workbench.model.records import Noise, Window

FOLDER = Path(__file__).resolve().parents[1] / "recordings" / "fortio"
TOLD = json.loads((FOLDER / "recordings.json").read_text())
NAMES = sorted(TOLD)


def load_of(name: str) -> Load:
    return Load(**TOLD[name]["load"], generator="fortio")


def output_of(name: str, content: bytes | None = None, **changes) -> JobOutput:
    start, end = TOLD[name]["window"]
    raw = (FOLDER / f"{name}.json").read_bytes() if content is None else content
    return JobOutput(
        window=Window(start_s=start, end_s=end),
        outputs={"fortio.json": raw},
        stdout="",
        stderr="",
        cpu_s=changes.get("cpu_s"),
        noise=Noise(),
    )


def parse(name: str, **changes):
    return ADAPTER.parse(load_of(name), output_of(name, **changes))


def changed(name: str, change) -> bytes:
    table = json.loads((FOLDER / f"{name}.json").read_text())
    change(table)
    return json.dumps(table).encode()


def test_every_recording_says_how_it_was_made():
    assert {path.stem for path in FOLDER.glob("*.json")} == {*NAMES, "recordings"}
    assert all({"fortio", "server", "command", "load", "window"} <= set(one) for one in TOLD.values())


@pytest.mark.parametrize("name", NAMES)
def test_counts_rate_and_version(name):
    load, result = load_of(name), parse(name)
    raw = json.loads((FOLDER / f"{name}.json").read_text())
    assert result.generator_version == TOLD[name]["fortio"]
    assert (result.generator, result.arrival, result.latency_from) == ("fortio", "constant", "send")
    assert sum(result.counts_by_status.values()) == result.requests
    assert result.achieved_rate_per_s == pytest.approx(raw["ActualQPS"], rel=0.03)
    assert result.requests == pytest.approx(result.achieved_rate_per_s * load.duration_s, abs=1)
    assert set(result.histograms) == {"from_send"}
    assert result.cpu_per_request_s is None


RIGHT = {"http/1.1": "200", "http/2": "200", "grpc": "OK", "tcp": "OK"}
NORMAL = ["normal", "no-payload", "large-payload", "h2-normal", "grpc-normal", "tcp-normal", "tcp-no-payload"]


@pytest.mark.parametrize("name", NORMAL)
def test_a_run_without_failures(name):
    result = parse(name)
    assert result.errors == 0 and set(result.counts_by_status) == {RIGHT[load_of(name).protocol]}
    assert result.limited == ""


def test_every_protocol_has_a_recording_that_went_well_one_that_failed_and_one_that_was_late():
    assert {load_of(name).protocol for name in NORMAL} == set(ADAPTER.traits.protocols) == set(RIGHT)
    assert {load_of(name).protocol for name in NAMES if "refused" in name} == set(RIGHT)


@pytest.mark.parametrize(
    "name", ["normal", "missed-rate", "h2-normal", "grpc-normal", "grpc-missed-rate", "tcp-normal"]
)
def test_quantiles_are_fortios_own(name):
    """Fortio interpolates within the same buckets, from the ranks' other end."""
    raw = json.loads((FOLDER / f"{name}.json").read_text())["DurationHistogram"]
    histogram = parse(name).histograms["from_send"]
    assert histogram.count == raw["Count"]
    assert (histogram.low_s, histogram.high_s) == (raw["Min"], raw["Max"])
    for one in raw["Percentiles"]:
        bucket = next(bucket for bucket in raw["Data"] if bucket["Start"] <= one["Value"] <= bucket["End"])
        found = quantiles(histogram, [one["Percentile"] / 100])[0]
        width = bucket["End"] - bucket["Start"]
        assert abs(found - one["Value"]) <= max(width / min(bucket["Count"], 2), 0.002 * one["Value"])


@pytest.mark.parametrize("name", ["errors", "slow-errors", "h2-errors"])
def test_latencies_are_of_right_answers_only(name):
    raw = json.loads((FOLDER / f"{name}.json").read_text())
    result = parse(name)
    histogram = result.histograms["from_send"]
    assert (
        histogram.count
        == raw["RetCodes"]["200"]
        == raw["DurationHistogram"]["Count"]
        - sum(count for status, count in raw["RetCodes"].items() if status != "200")
    )
    found = buckets(histogram)
    for place, bucket in enumerate(raw["DurationHistogram"]["Data"]):
        wrong = sum(
            one["Count"]
            for one in raw["ErrorsDurationHistogram"]["Data"]
            if bucket["Start"] <= one["Start"] and one["End"] <= bucket["End"]
        )
        middle = (found.low_s + found.high_s) / 2
        within = (middle > bucket["Start"]) & (middle < bucket["End"])
        assert found.counts[within].sum() == pytest.approx(bucket["Count"] - wrong, abs=1), place


def test_failures_are_rounded_up_and_never_lost():
    result = parse("errors")
    assert result.counts_by_status["503"] == int(numpy.ceil(50 * 400 / 524))
    assert result.errors == result.counts_by_status["503"]
    one = changed("normal", lambda table: table["RetCodes"].update({"200": 523, "502": 1}))
    assert parse("normal", content=one).counts_by_status["502"] == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refused", "transport-error"),
        ("h2-refused", "transport-error"),
        ("grpc-refused", "grpc-error"),
        ("tcp-refused", "transport-error"),
    ],
)
def test_a_server_that_was_down(name, kind):
    result = parse(name)
    assert set(result.counts_by_status) == {kind}
    assert result.errors == result.requests > 0
    assert result.histograms["from_send"].count == 0


def test_a_missed_rate_is_said_of_grpc_too():
    result = parse("grpc-missed-rate")
    assert result.achieved_rate_per_s < 50
    assert "of the requested load (limit 99%)" in result.limited


@pytest.mark.parametrize("name", ["h2-normal", "grpc-normal", "tcp-normal"])
def test_a_missed_rate_is_said_of_every_protocol(name):
    """The same answers to twice the load: it must not pass for the rate that was asked."""
    asked = load_of(name)
    twice = Load(**TOLD[name]["load"] | {"rate_per_s": 2 * asked.rate_per_s}, generator="fortio")
    result = ADAPTER.parse(twice, output_of(name))
    assert result.asked_rate_per_s == 200
    assert result.achieved_rate_per_s == pytest.approx(100, rel=0.1)
    assert "of the requested load (limit 99%)" in result.limited


def test_failures_of_tcp_are_one_kind_however_fortio_words_them():
    raw = json.loads((FOLDER / "tcp-refused.json").read_text())
    assert all("refused" in word for word in raw["RetCodes"]), "Fortio's own words hold addresses and ports"
    both = changed("tcp-refused", lambda table: table["RetCodes"].update({"short read": 0}))
    assert set(parse("tcp-refused", content=both).counts_by_status) == {"transport-error"}


def test_a_missed_rate_is_said():
    result = parse("missed-rate")
    assert result.achieved_rate_per_s < 40
    assert "Fortio sent 16.8% of the requested load (limit 99%)" in result.limited


def test_load_that_does_not_cover_the_window_is_said():
    output = output_of("normal")
    late = Window(start_s=output.window.start_s - 1, end_s=output.window.end_s - 1)
    assert "did not cover the window" in ADAPTER.parse(load_of("normal"), replace(output, window=late)).limited


def test_cpu_is_the_environments_when_it_could_tell():
    result = parse("normal", cpu_s=0.04)
    assert result.cpu_per_request_s == pytest.approx(0.04 / result.requests)


def test_answers_of_another_length_are_not_the_echo():
    content = changed("normal", lambda table: table["Sizes"].update(Sum=table["Sizes"]["Sum"] - 524))
    with pytest.raises(RunFailedError, match="1023 bytes on average, not 1024"):
        parse("normal", content=content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.pop("DurationHistogram"), "DurationHistogram is not a table"),
        (lambda table: table.pop("Version"), "Version is None, not text"),
        (lambda table: table.update(ActualDuration="2s"), "ActualDuration is '2s', not a number"),
        (lambda table: table.update(ActualDuration=float("nan")), "ActualDuration is nan"),
        (lambda table: table.update(StartTime="yesterday"), "StartTime is not a time"),
        (lambda table: table["RetCodes"].update({"200": 1.5}), "RetCodes: 200 is 1.5, not a whole number"),
        (lambda table: table["RetCodes"].update({"200": 3}), "3 statuses but 524 durations"),
        (lambda table: table["DurationHistogram"]["Data"].pop(), "do not add up to its Count"),
        (lambda table: table["DurationHistogram"]["Data"].reverse(), "do not ascend"),
        (lambda table: table["DurationHistogram"]["Data"][2].update(Count=-1), r"Data\[2\]: Count is -1"),
        (lambda table: table["DurationHistogram"]["Data"][-1].update(End=1e12), "is impossible"),
        (lambda table: table["DurationHistogram"].update(Data=7), "Data is 7, not a list"),
        (
            lambda table: table["ErrorsDurationHistogram"].update(
                Count=1, Min=9, Max=9, Data=[{"Start": 9, "End": 9, "Count": 1}]
            ),
            "not among all durations",
        ),
    ],
)
def test_damage_is_a_failed_run_with_its_place(change, said):
    with pytest.raises(RunFailedError, match=said):
        parse("normal", content=changed("normal", change))


@given(st.sampled_from(NAMES), st.floats(0, 0.999))
def test_truncated_output_is_a_failed_run(name, part):
    raw = (FOLDER / f"{name}.json").read_bytes().rstrip()
    with pytest.raises(RunFailedError, match="damaged"):
        parse(name, content=raw[: int(part * len(raw))])


def paths(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


PLACES = [path for path in paths(json.loads((FOLDER / "errors.json").read_text())) if path]


@given(
    st.sampled_from(PLACES),
    st.sampled_from([None, -1, 0, 1, 10**30, 1e308, float("nan"), "x", [], {}, True, [1], {"a": 1}]),
)
def test_any_value_of_a_wrong_kind_is_a_failed_run_or_does_not_matter(path, value):
    def change(table):
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    try:
        result = parse("errors", content=changed("errors", change))
    except RunFailedError:
        return
    assert sum(result.counts_by_status.values()) == result.requests


def test_the_rate_asked_of_fortio_makes_up_for_its_missing_gap():
    """It sends n requests of a connection in n / rate seconds with n - 1 gaps between them."""
    words = ADAPTER.job(Load(rate_per_s=100, duration_s=1, connections=10), Workload(), 1).arguments
    measured = words[words.index("--", words.index("--") + 1) + 1 :]
    rate = float(measured[measured.index("-qps") + 1])
    duration_s = float(measured[measured.index("-t") + 1].removesuffix("s"))
    each = int(rate * duration_s) // 10
    assert (each, int(rate * duration_s)) == (17, 170)
    assert (each - 1) / (each / (rate / 10)) == pytest.approx(10)


@given(st.floats(1, 5000), st.floats(0.2, 60), st.integers(1, 64))
def test_fortio_is_asked_for_whole_requests_on_every_connection(rate, duration_s, connections):
    load = Load(rate_per_s=rate, duration_s=duration_s, connections=connections, warmup_s=0)
    if rate * duration_s < 2 * connections:
        with pytest.raises(BadInputError, match="fewer connections"):
            ADAPTER.job(load, Workload(), 1)
        return
    words = ADAPTER.job(load, Workload(), 1).arguments
    measured = words[words.index("--", words.index("--") + 1) + 1 :]
    asked = float(measured[measured.index("-qps") + 1])
    seconds = float(measured[measured.index("-t") + 1].removesuffix("s"))
    assert int(asked * seconds) % connections == 0
    assert seconds >= duration_s + 0.6


def test_commands_say_the_protocol():
    def words(**load):
        given = ADAPTER.job(Load(**TOLD["normal"]["load"] | load), Workload(server_delay_s=0.1), 1).arguments
        return list(given[given.index("--", given.index("--") + 1) + 1 :])

    assert "-h2" in words(protocol="http/2")
    assert words(protocol="grpc")[-1] == "${target.host}:${target.port}"
    assert words(protocol="grpc")[words(protocol="grpc").index("-grpc-ping-delay") + 1] == "0.1s"
    assert words(protocol="tcp")[-1].startswith("tcp://") and "-content-type" not in words(protocol="tcp")


def test_on_a_cluster_the_bodies_say_it():
    def bodies(protocol, payload_bytes=64):
        load = Load(**TOLD["normal"]["load"] | {"protocol": protocol})
        return [one.settings for one in ADAPTER.cluster_load(load, Workload(payload_bytes=payload_bytes), 3.0).runs]

    assert all(body["h2"] == "on" for body in bodies("http/2"))
    assert all(body["payload"] == "x" * 64 for body in bodies("tcp"))
    for body in bodies("grpc", 0):
        assert int(body["n"]) == int(float(body["qps"]) * float(body["t"].removesuffix("s")))
        assert int(body["n"]) % 4 == 0
    with pytest.raises(BadInputError, match="payload_bytes = 0"):
        bodies("grpc")


def test_a_payload_is_allowed_for_on_both_ways():
    words = ADAPTER.job(load_of("normal"), Workload(payload_bytes=1_048_576), 1).arguments
    assert words[words.index("-maxpayloadsizekb") + 1] == "1024"
    assert int(words[words.index("-httpbufferkb") + 1]) > 1024
    assert "-payload-size" not in ADAPTER.job(load_of("normal"), Workload(payload_bytes=0), 1).arguments
