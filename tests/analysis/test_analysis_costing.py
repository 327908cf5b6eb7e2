"""Costs and bills of single runs, against figures worked out by hand."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from frames_factory import frames
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import bill, compare, costs
from workbench.analysis.costing import BILL_COLUMNS, COST_COLUMNS, COST_METRICS
from workbench.errors import BadInputError, NothingToShowError
from workbench.model.metrics import REGISTRY

ALL = ("baseline", "l7-sidecars", "cross-connect")


def _small(meshes=ALL, blocks=2):
    """One rate, round numbers: 1000 requests a run, CPU seconds set below."""
    runs, consumption, latency = frames(meshes=meshes, blocks=blocks, rates=(1000.0,), duration_s=1.0)
    levels = {("baseline", "application"): 0.04, ("baseline", "load-generator"): 0.06}
    levels |= {("l7-sidecars", "application"): 0.05, ("l7-sidecars", "load-generator"): 0.05}
    levels |= {("l7-sidecars", "sidecar"): 0.2, ("cross-connect", "application"): 0.05}
    levels |= {("cross-connect", "load-generator"): 0.07}
    mesh = consumption["run_id"].map(runs.set_index("run_id")["mesh"])
    watched = [levels.get(key, 0.5) for key in zip(mesh, consumption["role"], strict=True)]
    return runs, consumption.assign(cpu_s=watched), latency


def _value(frame, mesh, metric, block=1):
    row = frame[frame["mesh"].eq(mesh) & frame["metric"].eq(metric) & frame["block"].eq(block)]
    return row["value"].item()


@cache
def _costs():
    return costs(*_small())


def _run_id(runs, mesh, block=1):
    return runs.loc[runs["mesh"].eq(mesh) & runs["block"].eq(block), "run_id"].item()


def test_columns_and_metrics_are_those_of_the_contract():
    found = costs(*_small())
    assert list(found.columns) == COST_COLUMNS
    assert set(found["metric"]) == set(COST_METRICS) <= set(REGISTRY)
    of_clusters = {"used_cores", "used_memory_bytes"}  # of whole parts next to their reservations, not of a request
    shown = {"all_cores_per_1000_rps"}  # cpu_per_request_s in another unit
    assert {name for name, one in REGISTRY.items() if not one.sampled} == set(COST_METRICS) | of_clusters | shown


@pytest.mark.parametrize(
    ("mesh", "metric", "value"),
    [
        ("l7-sidecars", "normalised_cpu", 0.4 / 0.1),
        ("l7-sidecars", "cpu_per_request_s", 0.5e-3),
        ("l7-sidecars", "data_plane_cpu_per_request_s", 0.4e-3),
        ("l7-sidecars", "cores_per_1000_rps", 0.4),
        ("l7-sidecars", "added_cpu_per_request_s", 0.4e-3),
        ("l7-sidecars", "application_cpu_per_request_s", 0.05e-3),
        ("cross-connect", "normalised_cpu", (0.12 - 0.1) / 0.1),
        ("cross-connect", "added_cpu_per_request_s", 0.02e-3),
        ("cross-connect", "cpu_per_request_s", 0.12e-3),
        ("baseline", "normalised_cpu", 0.0),
        ("baseline", "data_plane_cpu_per_request_s", 0.0),
        ("baseline", "data_plane_memory_bytes", 0.0),
        ("baseline", "added_cpu_per_request_s", 0.0),
        ("baseline", "achieved_ratio", 1.0001),
    ],
)
def test_figures_worked_out_by_hand(mesh, metric, value):
    assert _value(_costs(), mesh, metric) == pytest.approx(value)


@pytest.mark.parametrize(
    "metric",
    [
        "data_plane_cpu_per_request_s",
        "cores_per_1000_rps",
        "data_plane_memory_bytes",
        "memory_per_replica_bytes",
        "rss_per_replica_bytes",
    ],
)
def test_a_kernel_data_plane_has_no_processes_and_so_no_figure_not_zero(metric):
    assert np.isnan(_value(_costs(), "cross-connect", metric))


def test_memory_is_summed_as_pss_and_meant_as_anonymous():
    runs, consumption, latency = _small()
    one = _run_id(runs, "l7-sidecars")
    parts = consumption[consumption["run_id"].eq(one) & consumption["role"].eq("sidecar")]
    found = costs(runs, consumption, latency)
    assert _value(found, "l7-sidecars", "data_plane_memory_bytes") == pytest.approx(parts["mem_pss_bytes"].sum())
    assert _value(found, "l7-sidecars", "memory_per_replica_bytes") == pytest.approx(parts["mem_anon_bytes"].mean())
    assert _value(found, "l7-sidecars", "rss_per_replica_bytes") == pytest.approx(parts["mem_rss_bytes"].mean())


def test_errors_count_against_the_requests_and_not_as_answers():
    runs, consumption, latency = _small()
    found = costs(runs.assign(errors=200), consumption, latency)
    assert _value(found, "l7-sidecars", "error_ratio") == pytest.approx(0.2)
    assert _value(found, "l7-sidecars", "cpu_per_request_s") == pytest.approx(0.5 / 800)


def test_the_baseline_of_another_block_is_never_used():
    runs, consumption, latency = _small()
    runs.loc[runs["is_baseline"] & runs["block"].eq(1), ["status", "reason"]] = ["failed", "gate"]
    found = costs(runs, consumption, latency)
    assert np.isnan(_value(found, "cross-connect", "normalised_cpu", block=1))
    assert np.isnan(_value(found, "l7-sidecars", "added_cpu_per_request_s", block=1))
    assert _value(found, "cross-connect", "normalised_cpu", block=2) == pytest.approx(0.2)
    assert _value(found, "l7-sidecars", "normalised_cpu", block=1) == pytest.approx(4)


def test_the_baseline_of_another_campaign_is_never_used():
    one, other = _small(), frames(campaign="another", meshes=ALL, rates=(1000.0,), duration_s=1.0)
    other = (other[0][~other[0]["is_baseline"]], *other[1:])
    both = [pd.concat(parts, ignore_index=True) for parts in zip(one, other, strict=True)]
    found = costs(*both)
    kernel = found[found["mesh"].eq("cross-connect") & found["metric"].eq("normalised_cpu")].set_index("campaign_id")
    assert kernel.loc["another", "value"].isna().all()
    assert kernel.drop("another")["value"].notna().all()


def test_an_unknown_part_makes_the_sum_unknown_not_smaller():
    runs, consumption, latency = _small()
    one = _run_id(runs, "l7-sidecars")
    unknown = consumption["run_id"].eq(one) & consumption["component"].eq("client-sidecar")
    consumption.loc[unknown, ["cpu_s", "mem_pss_bytes"]] = np.nan
    found = costs(runs, consumption, latency)
    for metric in ("cpu_per_request_s", "normalised_cpu", "cores_per_1000_rps", "data_plane_memory_bytes"):
        assert np.isnan(_value(found, "l7-sidecars", metric))
    assert _value(found, "l7-sidecars", "application_cpu_per_request_s") == pytest.approx(0.05e-3)
    rows = bill(runs, consumption)
    assert rows.loc[rows["run_id"].eq(one) & rows["role"].eq("sidecar"), "cpu_per_request_s"].isna().all()


def test_proxies_that_were_not_watched_are_unknown_not_free():
    runs, consumption, latency = _small()
    found = costs(runs, consumption[consumption["role"].ne("sidecar")], latency)
    assert np.isnan(_value(found, "l7-sidecars", "normalised_cpu"))
    assert np.isnan(_value(found, "l7-sidecars", "data_plane_cpu_per_request_s"))


def test_a_run_without_any_consumption_has_no_cpu():
    runs, consumption, latency = _small()
    found = costs(runs, consumption.iloc[:0], latency)
    assert found.loc[found["metric"].eq("cpu_per_request_s"), "value"].isna().all()
    assert found.loc[found["metric"].eq("latency_p50_s"), "value"].notna().all()


def test_a_generator_that_was_not_watched_stands_with_what_it_says_itself():
    runs, consumption, latency = _small()
    found = costs(runs, consumption[consumption["role"].ne("load-generator")], latency)
    assert _value(found, "l7-sidecars", "cpu_per_request_s") == pytest.approx(0.45e-3 + 50e-6)
    silent = runs.assign(generator_cpu_per_request_s=np.nan)
    found = costs(silent, consumption[consumption["role"].ne("load-generator")], latency)
    assert np.isnan(_value(found, "l7-sidecars", "cpu_per_request_s"))


def test_the_node_and_the_control_plane_are_in_no_sum():
    runs, consumption, latency = _small()
    extra = consumption[consumption["role"].eq("node")].assign(role="control-plane", component="istiod", cpu_s=9.0)
    more = pd.concat([consumption, extra], ignore_index=True)
    pd.testing.assert_frame_equal(costs(runs, more, latency), costs(runs, consumption, latency))
    assert "control-plane" not in set(bill(runs, more)["role"])


def test_a_generator_that_counts_from_the_send_gives_its_own_latency():
    runs, consumption, latency = _small()
    found = costs(runs.assign(latency_from="send"), consumption, latency)
    sent = latency[latency["kind"].eq("from_send")].set_index("run_id")["p50_s"]
    assert _value(found, "l7-sidecars", "latency_p50_s") == sent[_run_id(runs, "l7-sidecars")]


def test_frames_with_nulls_of_every_kind_are_read():
    runs, consumption, latency = _small()
    odd = runs.assign(errors=pd.array([None] * len(runs), dtype="Int64"), noisy=None, limited=pd.NA)
    odd["requests"] = odd["requests"].astype("Int64")
    assert _value(costs(odd, consumption, latency), "l7-sidecars", "cpu_per_request_s") == pytest.approx(0.5e-3)
    assert np.isnan(_value(costs(odd, consumption, latency), "l7-sidecars", "error_ratio"))


def test_nothing_is_changed_in_the_frames_given():
    given_frames = frames(failed={5: "gate"}, noisy={3})
    before = [frame.copy(deep=True) for frame in given_frames]
    costs(*given_frames)
    bill(*given_frames[:2])
    compare(*given_frames)
    for frame, copy in zip(given_frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_the_bill_shows_processes_as_measured_and_the_kernel_as_the_rest():
    runs, consumption, _ = _small()
    rows = bill(runs, consumption)
    assert list(rows.columns) == BILL_COLUMNS
    shares = rows[rows["block"].eq(1)].set_index(["mesh", "role"])["cpu_per_request_s"] * 1e3
    assert shares["l7-sidecars"].to_dict() == pytest.approx(
        {"application": 0.05, "sidecar": 0.4, "load-generator": 0.05}
    )
    assert shares["cross-connect"].to_dict() == pytest.approx(
        {"application": 0.04, "load-generator": 0.06, "kernel": 0.02}
    )
    assert shares["baseline"].to_dict() == pytest.approx({"application": 0.04, "load-generator": 0.06})


def test_a_kernel_cheaper_than_the_baseline_is_shown_negative():
    runs, consumption, _ = _small()
    mine = consumption["run_id"].eq(_run_id(runs, "cross-connect"))
    consumption.loc[mine & consumption["role"].eq("load-generator"), "cpu_s"] = 0.03
    rows = bill(runs, consumption)
    kernel = rows[rows["role"].eq("kernel") & rows["block"].eq(1)]["cpu_per_request_s"].item()
    assert kernel == pytest.approx(-0.02e-3)


def test_without_its_baseline_a_kernel_run_shows_what_was_measured_and_no_kernel():
    runs, consumption, _ = _small()
    rows = bill(runs[~runs["is_baseline"]], consumption)
    shares = rows[rows["mesh"].eq("cross-connect") & rows["block"].eq(1)].set_index("role")["cpu_per_request_s"]
    assert np.isnan(shares["kernel"])
    assert shares.drop("kernel").to_dict() == pytest.approx({"application": 0.05e-3, "load-generator": 0.07e-3})


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), blocks=st.integers(1, 3))
def test_the_parts_of_every_bill_add_up_to_what_the_run_cost(seed, blocks):
    given_frames = frames(seed=seed, blocks=blocks)
    total = bill(*given_frames[:2]).groupby("run_id")["cpu_per_request_s"].sum()
    found = costs(*given_frames)
    cost = found[found["metric"].eq("cpu_per_request_s")].set_index("run_id")["value"]
    pd.testing.assert_series_equal(total.sort_index(), cost.sort_index(), check_names=False, rtol=1e-9)


def test_workloads_are_told_apart_by_what_differs_between_them():
    runs, consumption, latency = _small(blocks=4)
    runs.loc[runs["block"].eq(2), "payload_bytes"] = 16384
    runs.loc[runs["block"].eq(3), "payload_bytes"] = 100
    runs.loc[runs["block"].eq(4), ["workload", "payload_bytes", "fan_out"]] = ["chain", 1024, 4]
    labels = costs(runs, consumption, latency).drop_duplicates("block").set_index("block")["workload"].to_dict()
    assert labels == {1: "echo, 1 KiB", 2: "echo, 16 KiB", 3: "echo, 100 B", 4: "chain"}


def test_a_missing_column_is_named_with_its_frame():
    runs, consumption, latency = _small()
    with pytest.raises(BadInputError, match=r"runs has no columns noisy.*Store\.runs\(\)"):
        costs(runs.drop(columns="noisy"), consumption, latency)
    with pytest.raises(BadInputError, match="consumption has no columns cpu_s"):
        bill(runs, consumption.drop(columns="cpu_s"))
    with pytest.raises(BadInputError, match="latency has no columns kind"):
        costs(runs, consumption, latency.drop(columns="kind"))


def test_no_runs_and_no_finished_runs_say_so():
    runs, consumption, latency = _small()
    with pytest.raises(NothingToShowError, match="There is no run to compare"):
        compare(runs.iloc[:0], consumption, latency)
    failed = runs.assign(status="failed", reason="the gate did not hold")
    with pytest.raises(NothingToShowError, match=r"None of the 6 runs finished \(6 failed\).*the gate did not hold"):
        costs(failed, consumption, latency)
