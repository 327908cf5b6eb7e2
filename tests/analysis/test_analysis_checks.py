"""Every check is provoked, and a clean comparison provokes none that warns."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from frames_factory import frames

from workbench.analysis import Check, compare
from workbench.analysis.words import a_second, at_rate, counted, join, percent, some, with_interval

FEW = ("baseline", "cross-connect", "l4-sidecars", "l7-sidecars")


def _frames(blocks=3, **given):
    """Runs that claim to be measured, at one rate."""
    runs, consumption, latency = frames(meshes=FEW, rates=(997.0,), blocks=blocks, **given)
    return runs.assign(provenance="measured"), consumption, latency


def _checks(runs, consumption, latency):
    return {check.name: check for check in compare(runs, consumption, latency).checks}


def _mine(runs, mesh="l7-sidecars", block=2):
    return runs["mesh"].eq(mesh) & runs["block"].eq(block)


def test_a_clean_comparison_of_six_blocks_warns_of_nothing():
    runs, consumption, latency = _frames(blocks=6, duration_s=30.0)
    consumption["cpu_s"] = consumption["cpu_s"].round(3)
    found = compare(runs, consumption, latency).checks
    assert {check.name for check in found if check.severity != "info"} == set()
    assert {"many-comparisons", "kernel-difference", "archetype"} <= {check.name for check in found}


def test_every_check_has_a_figure_a_sentence_and_a_next_step():
    runs, consumption, latency = frames(failed={2: "gate"}, noisy=set(range(3, 40)))
    for check in compare(runs.assign(limited="late", errors=50), consumption, latency).checks:
        assert check.scope
        assert check.figure
        assert any(character.isdigit() for character in check.figure) or check.name == "not-measured"
        assert check.message.endswith(".")
        assert check.next_step.endswith(".")
        assert not re.search(r"\bnan\b", f"{check}")


def test_the_worst_stands_first():
    runs, consumption, latency = frames(failed={2: "gate"})
    found = compare(runs.assign(errors=500), consumption, latency).checks
    ranks = [("error", "warning", "info").index(check.severity) for check in found]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0


@pytest.mark.parametrize(
    ("blocks", "severity", "figure"),
    [
        (1, "warning", "1 block, coverage 0 %"),
        (3, "warning", "3 blocks, coverage 75 %"),
        (5, "info", "5 blocks, coverage 93.8 %"),
    ],
)
def test_too_few_blocks(blocks, severity, figure):
    check = _checks(*_frames(blocks=blocks))["too-few-blocks"]
    assert (check.severity, check.figure, check.scope) == (severity, figure, "all cells")


def test_too_few_blocks_names_the_cells_that_are_short():
    check = _checks(*_frames(blocks=6, failed={3: "gate", 7: "gate"}))["too-few-blocks"]
    assert check.scope == "l4-sidecars at 997/s"
    assert check.figure.startswith("4 blocks")


def test_missing_baseline():
    check = _checks(*_frames(failed={1: "died"}))["missing-baseline"]
    assert (check.severity, check.figure) == ("warning", "3 of 9 runs (33 %)")
    runs, consumption, latency = _frames()
    runs.loc[runs["is_baseline"], "status"] = "failed"
    assert _checks(runs, consumption, latency)["missing-baseline"].severity == "error"


def test_noisy_machine():
    assert _checks(*_frames(noisy={4}))["noisy-machine"].severity == "info"
    check = _checks(*_frames(noisy={4, 5}))["noisy-machine"]
    assert (check.severity, check.figure) == ("warning", "2 of 12 runs (17 %)")
    assert "hypervisor" in check.message


def test_generator_limited_and_latency_from_the_send():
    runs, consumption, latency = _frames()
    runs.loc[_mine(runs), "limited"] = "send lag p99 1.2 ms (limit 0.5 ms)"
    assert "send lag p99 1.2 ms" in _checks(runs, consumption, latency)["generator-limited"].message
    assert (
        "coordinated omission"
        in _checks(runs.assign(latency_from="send"), consumption, latency)["latency-from-send"].message
    )


@pytest.mark.parametrize(("ratio", "severity"), [(0.98, "warning"), (0.7, "error"), (1.02, "warning")])
def test_rate_missed(ratio, severity):
    runs, consumption, latency = _frames()
    runs.loc[_mine(runs), "achieved_rate_per_s"] = 997 * ratio
    check = _checks(runs, consumption, latency)["rate-missed"]
    assert (check.severity, check.figure) == (severity, f"{percent(ratio)} of the target rate")
    assert "l7-sidecars" in check.message


def test_failed_requests():
    runs, consumption, latency = _frames()
    runs.loc[_mine(runs), "errors"] = 7
    check = _checks(runs, consumption, latency)["failed-requests"]
    assert (check.severity, check.figure) == ("warning", "7 of 29910 requests")
    runs.loc[_mine(runs), "errors"] = 700
    assert _checks(runs, consumption, latency)["failed-requests"].severity == "error"


def _failing(share, low, high):
    runs, consumption, latency = _frames()
    mine = runs["mesh"].eq("l7-sidecars")
    runs.loc[mine, ["asked_failing_low", "asked_failing_high"]] = (low, high)
    runs.loc[mine, "errors"] = (runs.loc[mine, "requests"] * share).round()
    return _checks(runs, consumption, latency)


@pytest.mark.parametrize(("share", "low", "high"), [(0.1, 0.1, 0.1), (0.104, 0.1, 0.1), (0.05, 0.0, 0.3)])
def test_requests_that_fail_as_asked_are_no_fault(share, low, high):
    found = _failing(share, low, high)
    assert not {"failed-requests", "fewer-failed-than-asked"} & found.keys()
    check = found["failed-as-asked"]
    assert check.severity == "info"
    assert f"{percent(share, 1)} of the requests under l7-sidecars failed, as its intent requires" in check.message


@pytest.mark.parametrize(
    ("share", "low", "high", "severity", "asked"),
    [
        (0.12, 0.1, 0.1, "error", "about 10 %"),
        (0.315, 0.0, 0.3, "warning", "at most 30 %"),
        (0.5, 0.1, 0.3, "error", "10 % to 30 %"),
    ],
)
def test_more_failures_than_asked_for_are_a_fault(share, low, high, severity, asked):
    check = _failing(share, low, high)["failed-requests"]
    assert check.severity == severity
    assert f"and its intent requires {asked}" in check.message


@pytest.mark.parametrize("share", [0.0, 0.08])
def test_fewer_failures_than_asked_for_are_an_error(share):
    check = _failing(share, 0.1, 0.1)["fewer-failed-than-asked"]
    assert check.severity == "error"
    assert "did not measure what their name says" in check.message


def test_runs_without_consumption_or_latency():
    runs, consumption, latency = _frames()
    one = runs.loc[_mine(runs), "run_id"].item()
    check = _checks(runs, consumption[consumption["run_id"].ne(one)], latency)["not-watched"]
    assert (check.scope, check.severity) == (one, "warning")
    assert _checks(runs, consumption, latency[latency["run_id"].ne(one)])["not-watched"].message.startswith(
        "The latency"
    )
    without = consumption[consumption["role"].ne("sidecar")]
    assert "data-plane CPU" in _checks(runs, without, latency)["not-watched"].message


def test_baseline_drift():
    runs, consumption, latency = _frames()
    drifting = consumption["run_id"].isin(runs.loc[_mine(runs, "baseline", 3), "run_id"])
    consumption.loc[drifting, "cpu_s"] *= 2.5
    assert "CPU per request" in _checks(runs, consumption, latency)["baseline-drift"].message


def test_numbers_that_were_not_measured_say_so():
    assert _checks(*frames(meshes=FEW))["not-measured"].figure == "synthetic"


def test_archetypes_name_what_they_resemble_and_lack_and_are_no_products():
    found = [check for check in compare(*_frames()).checks if check.name == "archetype"]
    assert [check.scope for check in found] == ["cross-connect", "l4-sidecars", "l7-sidecars"]
    assert "not a product" in found[-1].message
    assert "Istio's sidecar mode; Linkerd" in found[-1].message
    assert "a control plane" in found[-1].message


Change = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], None]


def _of(frame, runs):
    return frame["run_id"].isin(runs.loc[_mine(runs), "run_id"])


def _p50_above_p90(runs, _, latency):
    latency.loc[_of(latency, runs), "p50_s"] = latency["p90_s"] * 1.5


def _p90_above_p99(runs, _, latency):
    latency.loc[_of(latency, runs), "p90_s"] = latency["p99_s"] * 1.5


def _low_above_p50(runs, _, latency):
    latency.loc[_of(latency, runs), "low_s"] = latency["p50_s"] * 1.5


def _high_below_p999(runs, _, latency):
    latency.loc[_of(latency, runs), "high_s"] = latency["p999_s"] * 0.5


def _negative_latency(runs, _, latency):
    latency.loc[_of(latency, runs), "low_s"] = -1e-6


def _ms_for_s(runs, _, latency):
    latency.loc[_of(latency, runs), [f"{name}_s" for name in ("p50", "p90", "p99", "p999", "low", "high")]] *= 1e5


def _thousandfold(runs, _, latency):
    latency.loc[_of(latency, runs), [f"{name}_s" for name in ("p50", "p90", "p99", "p999", "low", "high")]] *= 200


def _negative_cpu(runs, consumption, _):
    consumption.loc[_of(consumption, runs) & consumption["role"].eq("sidecar"), "cpu_s"] = -0.5


def _too_many_cores(runs, consumption, _):
    consumption.loc[_of(consumption, runs), "cpu_s"] = 9.0


def _pss_above_rss(runs, consumption, _):
    consumption.loc[_of(consumption, runs), "mem_pss_bytes"] = consumption["mem_rss_bytes"] * 2


def _anonymous_above_rss(runs, consumption, _):
    consumption.loc[_of(consumption, runs), "mem_anon_bytes"] = consumption["mem_rss_bytes"] * 2


def _too_many_requests(runs, *_):
    runs.loc[_mine(runs), "requests"] *= 2


def _more_errors_than_requests(runs, *_):
    runs.loc[_mine(runs), "errors"] = runs["requests"] + 1


IMPOSSIBLE = {
    _p50_above_p90: "p50 of the latency is above p90",
    _p90_above_p99: "p90 of the latency is above p99",
    _low_above_p50: "low of the latency is above p50",
    _high_below_p999: "p99.9 of the latency is above high",
    _negative_latency: "A latency is negative",
    _ms_for_s: "longer than the measured window",
    _thousandfold: "about a thousand times the baseline's",
    _negative_cpu: "negative CPU time",
    _too_many_cores: "more cores than the machine has",
    _pss_above_rss: "PSS is larger than its RSS",
    _anonymous_above_rss: "anonymous memory is larger than its RSS",
    _too_many_requests: "More requests were counted",
    _more_errors_than_requests: "More errors than requests",
}


def _impossible(runs, consumption, latency) -> list[Check]:
    return [check for check in compare(runs, consumption, latency).checks if check.name == "impossible-figures"]


def test_nothing_is_impossible_in_plausible_frames():
    assert _impossible(*_frames()) == []


@pytest.mark.parametrize("change", IMPOSSIBLE, ids=lambda change: change.__name__.strip("_"))
def test_impossible_figures_are_named_with_run_and_figure(change: Change):
    given_frames = _frames()
    change(*given_frames)
    runs = given_frames[0]
    found = [check for check in _impossible(*given_frames) if IMPOSSIBLE[change] in check.message]
    assert len(found) == 1
    assert found[0].scope == runs.loc[_mine(runs), "run_id"].item()
    assert found[0].severity == ("warning" if change is _thousandfold else "error")


def test_more_in_flight_than_there_are_connections_is_impossible_from_the_send():
    runs, consumption, latency = _frames()
    columns = [f"{name}_s" for name in ("p50", "p90", "p99", "p999", "low", "high")]
    latency[columns] *= 100  # l7-sidecars: 54 ms x 997/s, 16 connections
    found = _impossible(runs.assign(latency_from="send"), consumption, latency)
    assert any("requests in flight" in check.message for check in found)
    assert not any("requests in flight" in check.message for check in _impossible(runs, consumption, latency))
    for protocol in ("http/2", "grpc"):  # a connection carries many requests at a time
        many = runs.assign(latency_from="send", protocol=protocol)
        assert not any("requests in flight" in check.message for check in _impossible(many, consumption, latency))


def test_poisson_arrivals_may_exceed_their_mean():
    runs, consumption, latency = _frames()
    more = runs.assign(requests=runs["requests"] * 1.03)
    assert _impossible(more.assign(arrival="poisson"), consumption, latency) == []
    assert _impossible(more, consumption, latency)


def test_no_rate_above_0_is_written_as_0():
    assert [a_second(rate) for rate in (0.5, 0.02, 7.25, 99.5, 997.4, 150_000)] == [
        "0.5", "0.02", "7.25", "99.5", "997", "150,000",
    ]  # fmt: skip
    assert [at_rate(rate) for rate in (0.5, 150_000, 2_500_000, float("inf"))] == [
        "at 0.5/s", "at 150000/s", "at 2500000/s", "at no stated rate",
    ]  # fmt: skip


def test_words():
    assert join(["a", "b", "c"]) == "a, b and c"
    assert join([]) == ""
    assert counted(1, "run") == "1 run"
    assert some([f"r{place}" for place in range(9)]) == "r0, r1, r2, r3, r4 and 4 more"
    assert percent(0.9375, 1) == "93.8 %"
    assert percent(0.1) == "10 %"
    assert with_interval("normalised_cpu", 3.9, 3.7, 4.04) == "3.90× [3.70–4.04]"
    assert with_interval("latency_p50_s", 1e-6, -2e-6, 3e-6) == "1 µs [-2 to 3]"
    assert with_interval("latency_p50_s", 165e-6, np.nan, np.nan) == "165 µs"
