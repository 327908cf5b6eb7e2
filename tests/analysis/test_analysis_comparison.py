"""The whole comparison: its shape, what it must not depend on, what it refuses to say."""

import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from frames_factory import SHAPES, frames
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import Comparison, compare
from workbench.analysis.comparison import LEFT_OUT_COLUMNS, MESH_COLUMNS, _settled
from workbench.analysis.costing import COST_METRICS
from workbench.analysis.summaries import BILL_SUMMARY_COLUMNS, OVERHEAD_COLUMNS, SUMMARY_COLUMNS
from workbench.analysis.verdicts import EQUAL, GREATER, LESS, UNRANKED, VERDICT_COLUMNS

FRAMES = ("costs", "summary", "overhead", "bill", "bill_summary", "verdicts")
FEW = ("baseline", "cross-connect", "l4-sidecars", "l7-sidecars")


@cache
def _quick() -> Comparison:
    return compare(*frames())


def _cell(frame, metric, rate=997.0):
    return frame[frame["metric"].eq(metric) & frame["rate_per_s"].eq(rate)]


def _verdict(comparison, metric, a, b, rate=997.0):
    rows = _cell(comparison.verdicts, metric, rate)
    return rows[rows["mesh_a"].eq(a) & rows["mesh_b"].eq(b)].iloc[0]


def test_columns_are_those_of_the_contract():
    found = _quick()
    assert list(found.summary.columns) == SUMMARY_COLUMNS
    assert list(found.overhead.columns) == OVERHEAD_COLUMNS
    assert list(found.bill_summary.columns) == BILL_SUMMARY_COLUMNS
    assert list(found.verdicts.columns) == VERDICT_COLUMNS
    assert list(found.meshes.columns) == MESH_COLUMNS
    assert list(found.left_out.columns) == LEFT_OUT_COLUMNS


def test_there_is_a_row_for_every_cell_and_metric_and_none_twice():
    found, cells = _quick(), len(SHAPES) * 2 * len(COST_METRICS)
    keys = ["mesh", "workload", "rate_per_s", "metric"]
    assert len(found.summary) == cells == len(found.summary.drop_duplicates(keys))
    assert len(found.overhead) == (len(SHAPES) - 1) * 2 * len(COST_METRICS)
    assert not found.overhead["mesh"].eq("baseline").any()
    pairs = found.verdicts[["workload", "rate_per_s", "metric", "mesh_a", "mesh_b"]]
    assert not pairs.duplicated().any()


def test_the_order_is_by_normalised_cpu_with_the_baseline_first():
    assert _quick().order == list(SHAPES)
    assert _quick().meshes["mesh"].tolist() == list(SHAPES)


def test_every_row_states_what_its_interval_is_worth():
    found = _quick().summary
    there = found["median"].notna()
    assert found.loc[there, ["coverage", "method", "blocks"]].drop_duplicates().values.tolist() == [[0.75, "range", 3]]
    assert found.loc[~there, "coverage"].eq(0).all()
    assert ((found["low"] <= found["median"]) & (found["median"] <= found["high"]))[there].all()


@pytest.mark.parametrize(("blocks", "method"), [(1, "none"), (2, "range"), (6, "order statistics")])
def test_the_method_follows_from_the_blocks(blocks, method):
    found = compare(*frames(blocks=blocks, meshes=FEW, rates=(997.0,)))
    tax = _cell(found.summary, "normalised_cpu").set_index("mesh").loc["l7-sidecars"]
    assert tax["method"] == method
    assert np.isnan(tax["low"]) == (blocks == 1)
    assert (tax["coverage"] >= 0.95) == (blocks >= 6)


def test_overhead_is_the_difference_to_the_baseline_of_the_same_block():
    found = _quick()
    values = _cell(found.costs, "latency_p50_s").pivot(index="block", columns="mesh", values="value")
    added = values["l7-sidecars"] - values["baseline"]
    row = _cell(found.overhead, "latency_p50_s").set_index("mesh").loc["l7-sidecars"]
    assert (row["median"], row["low"], row["high"]) == pytest.approx((added.median(), added.min(), added.max()))
    assert row["ratio_median"] == pytest.approx((values["l7-sidecars"] / values["baseline"]).median())


def test_there_are_no_ratios_to_a_baseline_that_is_zero_by_definition():
    rows = _quick().overhead
    rows = rows[rows["metric"].isin(["normalised_cpu", "added_cpu_per_request_s", "error_ratio"])]
    assert rows["ratio_median"].isna().all()
    assert rows.loc[rows["metric"].eq("normalised_cpu"), "median"].notna().all()


def test_a_bar_of_the_bill_is_marked_with_the_median_total():
    found = _quick()
    total = _cell(found.summary, "cpu_per_request_s").set_index("mesh")["median"]
    marked = found.bill_summary[found.bill_summary["rate_per_s"].eq(997)].drop_duplicates("mesh").set_index("mesh")
    pd.testing.assert_series_equal(marked["total"].sort_index(), total.sort_index(), check_names=False)


def test_the_dear_is_told_from_the_cheap_and_the_kernel_not_from_nothing():
    assert _verdict(_quick(), "normalised_cpu", "l4-sidecars", "l7-sidecars")["verdict"] == LESS
    # within a few percent of the baseline, at the rate where this campaign's blocks disagree on the sign
    kernel = _verdict(_quick(), "normalised_cpu", "baseline", "cross-connect", rate=293.0)
    assert kernel["verdict"] == EQUAL
    assert kernel["basis"] == "difference"


def test_a_metric_that_a_data_plane_does_not_have_is_not_ranked_and_says_why():
    row = _verdict(_quick(), "cores_per_1000_rps", "cross-connect", "l7-sidecars")
    assert row["verdict"] == UNRANKED
    assert row["why"] == "cross-connect has no value: its data plane has no process to watch"


def test_a_single_block_tells_nothing_apart():
    found = compare(*frames(blocks=1, meshes=FEW, rates=(997.0,)))
    assert not found.verdicts["verdict"].isin([GREATER, LESS]).any()


def test_tails_need_requests_beyond_the_quantile():
    found = compare(*frames(duration_s=3.0))  # 293/s x 3 s = 879 requests: 8.8 beyond p99
    few = _cell(found.verdicts, "latency_p99_s", 293.0)
    assert few["verdict"].eq(UNRANKED).all()
    assert few["why"].str.contains("only 8.79 requests").all()
    enough = _cell(found.verdicts, "latency_p99_s", 997.0)
    assert not enough["why"].str.contains("requests are beyond").any()
    assert _cell(found.verdicts, "latency_p999_s", 997.0)["verdict"].eq(UNRANKED).all()


@pytest.mark.parametrize(
    ("column", "why"), [("noisy", "disturbed in 1 run"), ("limited", "load generator was the limit")]
)
def test_tails_of_a_disturbed_or_limited_run_are_not_ranked_but_medians_are(column, why):
    runs, consumption, latency = frames()
    mine = runs["mesh"].eq("l7-sidecars") & runs["rate_per_s"].eq(997) & runs["block"].eq(2)
    runs.loc[mine, column] = "because"
    found = compare(runs, consumption, latency)
    tail = _verdict(found, "latency_p99_s", "l4-sidecars", "l7-sidecars")
    assert (tail["verdict"], "l7-sidecars" in tail["why"], why in tail["why"]) == (UNRANKED, True, True)
    assert _verdict(found, "latency_p50_s", "l4-sidecars", "l7-sidecars")["verdict"] == LESS
    assert _verdict(found, "latency_p99_s", "baseline", "node-tunnel")["verdict"] != UNRANKED


def test_tails_whose_intervals_overlap_are_not_ranked():
    runs, consumption, latency = frames()
    mesh = latency["run_id"].map(runs.set_index("run_id")["mesh"])
    block = latency["run_id"].map(runs.set_index("run_id")["block"])
    # steadily 30 % apart within blocks, but the blocks lie further apart than that
    latency["p99_s"] = 0.002 * block * np.where(mesh.eq("l7-sidecars"), 1.3, 1.0)
    latency["p999_s"], latency["high_s"] = latency["p99_s"] * 2, latency["p99_s"] * 3
    row = _verdict(compare(runs, consumption, latency), "latency_p99_s", "l4-sidecars", "l7-sidecars")
    assert (row["verdict"], row["why"]) == (UNRANKED, "their intervals overlap")


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed):
    given_frames = frames(meshes=FEW, rates=(997.0,), noisy={3}, failed={6: "gate"})
    shuffled = [frame.sample(frac=1, random_state=seed) for frame in given_frames]
    one, other = compare(*given_frames), compare(*shuffled)
    assert one.order == other.order
    for name in FRAMES:
        keys = [column for column in getattr(one, name).columns if getattr(one, name)[column].dtype.kind not in "f"]
        left, right = (getattr(each, name).sort_values(keys, ignore_index=True) for each in (one, other))
        pd.testing.assert_frame_equal(left, right, rtol=1e-9)
    assert {check.name for check in one.checks} == {check.name for check in other.checks}


@settings(max_examples=4, deadline=None)
@given(factors=st.lists(st.floats(0.2, 5), min_size=3, max_size=3))
def test_a_machine_that_is_slower_in_one_block_changes_no_ratio(factors):
    runs, consumption, latency = frames(meshes=FEW, rates=(997.0,))
    block = runs.set_index("run_id")["block"]
    slow = consumption["run_id"].map(block).map(dict(enumerate(factors, start=1)))
    one, other = (
        compare(runs, use, latency) for use in (consumption, consumption.assign(cpu_s=consumption["cpu_s"] * slow))
    )
    for metric in ("normalised_cpu", "cpu_per_request_s"):
        columns = ["ratio", "low", "high"]
        left, right = (_cell(each.verdicts, metric)[[*columns, "verdict"]] for each in (one, other))
        pd.testing.assert_frame_equal(left[columns], right[columns], rtol=1e-6)
        assert left["verdict"].tolist() == right["verdict"].tolist()


def test_the_circumstances_are_plain_and_complete():
    found = _quick().circumstances
    assert found["connections"] == 16
    assert isinstance(found["connections"], int)
    assert found["rates_per_s"] == [293.0, 997.0]
    assert (found["environment"], found["provenance"], found["payload_bytes"]) == ("lab", "synthetic", [1024])


def test_a_skipped_mesh_is_listed_without_runs():
    runs, consumption, latency = frames(meshes=FEW)
    mine = runs["mesh"].eq("cross-connect")
    runs.loc[mine, "status"], runs.loc[mine, "reason"] = "skipped", "user namespaces are forbidden"
    found = compare(runs, consumption, latency)
    meshes = found.meshes.set_index("mesh")
    assert meshes.loc["cross-connect", "runs"] == 0
    assert "cross-connect" not in found.order
    assert meshes.loc["cross-connect", "shape_of"] == ["Network Service Mesh"]


def test_a_baseline_alone_gives_empty_frames_of_the_right_columns():
    found = compare(*frames(meshes=("baseline",)))
    assert list(found.overhead.columns) == OVERHEAD_COLUMNS
    assert list(found.verdicts.columns) == VERDICT_COLUMNS
    assert len(found.overhead) == len(found.verdicts) == 0
    assert found.overhead["ratio_low"].dtype == float


def test_of_two_baselines_the_same_one_stands_in_every_block():
    runs, consumption, latency = frames(meshes=("baseline", "cross-connect", "l7-sidecars"), rates=(997.0,))
    alone = compare(runs, consumption, latency)
    runs["is_baseline"] |= runs["mesh"].eq("cross-connect")
    runs.loc[runs["mesh"].eq("cross-connect") & runs["block"].eq(2), "ordinal"] = 0
    both = compare(runs, consumption, latency)
    one, other = (_cell(each.overhead, "latency_p50_s").set_index("mesh").loc["l7-sidecars"] for each in (alone, both))
    assert one["median"] == other["median"]


def test_importing_the_package_does_not_import_scipy():
    code = "import sys, workbench.analysis; sys.exit(any(name.startswith('scipy') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_neighbours_that_cannot_be_told_apart_stand_by_name():
    order = ["baseline", "a", "d", "c", "b", "e"]
    alike = [("d", "c"), ("d", "b"), ("c", "b")]
    judged = pd.DataFrame(
        [
            {"workload": "echo", "rate_per_s": 997.0, "metric": "normalised_cpu", "mesh_a": a, "mesh_b": b,
             "verdict": "cannot tell apart"}
            for a, b in [*alike, ("baseline", "a")]
        ]
    )  # fmt: skip
    runs = pd.DataFrame({"workload": "echo", "rate_per_s": 997.0, "mesh": order, "is_baseline": [True] + [False] * 5})
    assert _settled(order, judged, runs, "normalised_cpu") == ["baseline", "a", "b", "c", "d", "e"]
    told = judged.assign(verdict="a<b")
    assert _settled(order, told, runs, "normalised_cpu") == order


def test_disturbed_runs_carry_no_verdict():
    given = frames(meshes=("baseline", "l4-sidecars", "l7-sidecars"), blocks=6, noisy=set(range(1000)))
    judged = compare(*given).verdicts
    assert set(judged["verdict"]) == {"not ranked"}
    assert judged["why"].str.contains("other work disturbed 12 of 12 runs").any()
    runs, *others = given
    runs.loc[runs["block"].gt(3), "noisy"] = ""
    judged = compare(runs, *others).verdicts.query("metric == 'normalised_cpu'")
    assert set(judged["verdict"]) == {"a<b"}, "half of them is not most of them"
