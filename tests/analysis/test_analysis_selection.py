"""Which runs count: by status, by the noise gauge, by circumstances; never by outcome, never silently."""

import numpy as np
import pandas as pd
import pytest
from frames_factory import frames
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import compare
from workbench.analysis.contract import LIKE, clean_runs
from workbench.analysis.selection import select

PAIR = ("baseline", "l4-sidecars")


def _runs(**given):
    return frames(meshes=PAIR, rates=(997.0,), **given)[0]


def _again(runs, place, *, noisy_first="busy", noisy_second=""):
    """Return ``runs`` with a second attempt at the run in row ``place``."""
    runs = runs.copy()
    second = runs.iloc[[place]].assign(
        attempt=2, run_id=runs["run_id"].iloc[place] + "-b", noisy=noisy_second, started_at=runs["started_at"].max()
    )
    runs.loc[runs.index[place], "noisy"] = noisy_first
    return pd.concat([runs, second], ignore_index=True)


@pytest.mark.parametrize(
    ("first", "second", "counts"), [("busy", "", 2), ("", "busy", 1), ("busy", "busy", 1), ("", "", 1)]
)
def test_the_first_quiet_attempt_counts_or_else_the_first(first, second, counts):
    runs = _again(_runs(), 1, noisy_first=first, noisy_second=second)
    found = select(clean_runs(runs))
    mine = found.counted[found.counted["ordinal"].eq(2)]
    assert mine["attempt"].tolist() == [counts]
    assert found.left_out["why"].tolist() == ["superseded"]
    assert len(found.counted) + len(found.left_out) == len(runs)


@settings(max_examples=12, deadline=None)
@given(
    noisy=st.lists(st.sampled_from(["", "busy"]), min_size=2, max_size=2),
    outcome=st.lists(st.floats(1, 1e6), min_size=4, max_size=4),
)
def test_no_outcome_changes_which_attempt_counts(noisy, outcome):
    runs = _again(_runs(), 1, noisy_first=noisy[0], noisy_second=noisy[1])
    both = runs["ordinal"].eq(2)
    other = runs.copy()
    for name in ("requests", "achieved_rate_per_s", "generator_cpu_per_request_s"):
        other[name] = other[name].astype(float)
    other.loc[both, "requests"], other.loc[both, "achieved_rate_per_s"] = outcome[:2], outcome[2:]
    other.loc[both, "generator_cpu_per_request_s"] = outcome[::3]
    assert set(select(clean_runs(runs)).counted["run_id"]) == set(select(clean_runs(other)).counted["run_id"])


def test_a_second_attempt_that_failed_does_not_replace_the_noisy_first():
    runs = _again(_runs(), 1)
    runs.loc[runs["attempt"].eq(2), ["status", "reason"]] = ["failed", "died"]
    found = select(clean_runs(runs))
    assert found.counted.loc[found.counted["ordinal"].eq(2), "attempt"].tolist() == [1]


def test_a_run_that_was_cut_off_and_measured_again_is_superseded():
    runs = _again(_runs(), 1, noisy_first="")
    runs.loc[1, ["status", "reason"]] = ["interrupted", "stopped"]
    runs.loc[runs["attempt"].eq(2), "attempt"] = 1
    found = select(clean_runs(runs))
    assert found.left_out["why"].tolist() == ["superseded"]
    assert found.counted["ordinal"].is_unique


def test_every_run_is_either_counted_or_left_out_with_its_reason():
    runs, consumption, latency = frames(failed={5: "gate refused", 9: "gate refused", 20: "Envoy died"})
    comparison = compare(runs, consumption, latency)
    assert len(comparison.runs) + len(comparison.left_out) == len(runs)
    assert comparison.left_out[["why", "reason"]].apply(tuple, axis=1).tolist() == [
        ("failed", "gate refused"),
        ("failed", "gate refused"),
        ("failed", "Envoy died"),
    ]
    named = [check for check in comparison.checks if check.name == "runs-failed"]
    assert all(any(run in check.scope for check in named) for run in comparison.left_out["run_id"])


def _two(change, **more):
    one = frames(meshes=PAIR, rates=(997.0,), blocks=3)
    other = frames(meshes=PAIR, rates=(997.0,), blocks=2, campaign="other", **more)
    other = (other[0].assign(**change), *other[1:])
    return [pd.concat(parts, ignore_index=True) for parts in zip(one, other, strict=True)]


CHANGES = {
    "environment": "kubernetes",
    "fingerprint": "ffff",
    "provenance": "measured",
    "generator": "fortio",
    "generator_version": "2",
    "arrival": "poisson",
    "latency_from": "send",
    "protocol": "h2",
    "connections": 64,
    "duration_s": 30.0,
    "warmup_s": 9.0,
}


def test_every_circumstance_is_tried_here():
    assert set(CHANGES) == set(LIKE)


@pytest.mark.parametrize("name", LIKE)
def test_unlike_circumstances_are_never_mixed_and_always_named(name):
    both = _two({name: CHANGES[name]})
    comparison = compare(*both)
    assert comparison.campaigns == ["20261122T040000-quick-7f3a"]  # three blocks against two
    assert set(comparison.left_out["why"]) == {"unlike"}
    assert set(comparison.left_out["campaign_id"]) == {"other"}
    check = next(check for check in comparison.checks if check.name == "unlike-circumstances")
    assert check.severity == "error"
    assert name in check.message
    assert f"{CHANGES[name]}".removesuffix(".0") in check.message


def test_of_equally_large_groups_the_latest_is_compared():
    runs, consumption, latency = _two({"fingerprint": "ffff"})
    runs = runs[runs["block"].le(2)]
    late = runs["campaign_id"].eq("other")
    runs.loc[late, "started_at"] = runs.loc[late, "started_at"] + pd.Timedelta(days=1)
    assert compare(runs, consumption, latency).campaigns == ["other"]


def test_campaigns_of_like_circumstances_are_pooled_block_by_block():
    both = _two({}, seed=2)
    comparison = compare(*both)
    assert len(comparison.campaigns) == 2
    assert "pooled-campaigns" in {check.name for check in comparison.checks}
    tax = comparison.summary[comparison.summary["metric"].eq("normalised_cpu")].set_index("mesh")
    assert tax.loc["l4-sidecars", "blocks"] == 5
    assert tax.loc["l4-sidecars", "coverage"] == 0.9375
    alone = compare(*(frame[frame["run_id"].str.startswith("2026")] for frame in both))
    pooled = comparison.costs[comparison.costs["campaign_id"].ne("other")].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        pooled.sort_values(["run_id", "metric"], ignore_index=True),
        alone.costs.sort_values(["run_id", "metric"], ignore_index=True),
    )


def test_unlike_loads_of_one_rate_are_not_taken_for_attempts():
    runs = _runs()
    twice = pd.concat([runs, runs.assign(connections=64, run_id=runs["run_id"] + "-c")], ignore_index=True)
    found = select(clean_runs(twice))
    assert len(found.counted) == len(runs)
    assert set(found.left_out["why"]) == {"unlike"}


def test_unknown_circumstances_are_like_one_another():
    runs = _runs().assign(generator_version=np.nan, warmup_s=np.nan)
    assert select(clean_runs(runs)).unlike == {}
