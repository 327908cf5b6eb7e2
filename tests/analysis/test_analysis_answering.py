"""A data plane that answered nothing has no latency, whatever was stored as one, and a comparison says so first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from frames_factory import frames

from workbench.analysis import compare, headline

MESH = "l7-sidecars"


def _given(mesh: str = MESH, **changes):
    runs, consumption, latency = frames(meshes=("baseline", MESH), rates=(997.0,), blocks=3)
    mine = runs["mesh"].eq(mesh)
    for name, value in changes.items():
        runs.loc[mine, name] = value
    return runs, consumption, latency


def _latency_row(comparison, frame: str = "summary", mesh: str = MESH) -> pd.DataFrame:
    rows = getattr(comparison, frame)
    return rows[rows["mesh"].eq(mesh) & rows["metric"].str.startswith("latency_")]


@pytest.mark.parametrize(
    ("requests", "errors"), [(236, 236), (0, 236), (0, 0), (0, np.nan), (100, 236)], ids=lambda value: f"{value:g}"
)
@pytest.mark.parametrize("stored", [0.0, 0.00001, None])
def test_nothing_answered_is_no_latency_whatever_was_stored(requests, errors, stored):
    runs, consumption, latency = _given(requests=requests, errors=errors)
    mine = latency["run_id"].isin(runs.loc[runs["mesh"].eq(MESH), "run_id"])
    if stored is not None:
        latency.loc[mine, [name for name in latency.columns if name.endswith("_s")]] = stored
    comparison = compare(runs, consumption, latency)
    assert _latency_row(comparison)["median"].isna().all()
    assert _latency_row(comparison, "overhead")["median"].isna().all()
    said = headline(comparison)[1]
    assert "saves" not in said and f"{MESH} added" not in said
    assert f"{MESH} failed in every attempt" in said or f"{MESH} answered no request" in said
    check = next(one for one in comparison.checks if one.name == "nothing-answered")
    assert check.severity == "error" and MESH in check.scope
    pairs = comparison.verdicts[comparison.verdicts["metric"].str.startswith("latency_")]
    assert set(pairs["verdict"]) <= {"not ranked"}


def test_the_kinds_of_failures_are_told_where_they_are_known():
    runs, consumption, latency = _given(requests=236, errors=236)
    kinds = pd.DataFrame({"run_id": runs["run_id"], "failures": np.where(runs["mesh"].eq(MESH), "236 read", "")})
    comparison = compare(runs, consumption, latency, failures=kinds)
    assert "failed in every attempt (708 of 708: 236 read)" in headline(comparison)[1]


def test_zeros_without_a_count_are_no_latency_either():
    runs, consumption, latency = _given(requests=np.nan, errors=np.nan)
    mine = latency["run_id"].isin(runs.loc[runs["mesh"].eq(MESH), "run_id"])
    latency.loc[mine, [name for name in latency.columns if name.endswith("_s")]] = 0.0
    comparison = compare(runs, consumption, latency)
    assert _latency_row(comparison)["median"].isna().all()
    assert "saves" not in " ".join(headline(comparison))


def test_a_baseline_that_answered_nothing_is_named():
    comparison = compare(*_given("baseline", requests=50, errors=50))
    said = headline(comparison)
    assert "baseline failed in every attempt (150 of 150)" in said[0]
    assert "at p50" not in " ".join(said)
    assert _latency_row(comparison, "overhead")["median"].isna().all()


def test_a_data_plane_that_mostly_failed_leads_no_headline():
    runs, consumption, latency = _given()
    runs.loc[runs["mesh"].eq(MESH), "errors"] = runs["requests"] * 0.9
    comparison = compare(runs, consumption, latency)
    said = headline(comparison)[1]
    assert f"{MESH} failed in 90 % of its attempts" in said and "adds" not in said
    assert _latency_row(comparison)["median"].notna().any(), "the tables keep it"


def test_some_failures_change_nothing_in_the_headline():
    plain = headline(compare(*_given()))[1]
    runs, consumption, latency = _given()
    runs.loc[runs["mesh"].eq(MESH), "errors"] = 7
    said = headline(compare(runs, consumption, latency))[1]
    assert said.partition(" and ")[2] == plain.partition(" and ")[2]


def test_one_failed_block_does_not_hide_the_others():
    runs, consumption, latency = _given()
    first = runs["mesh"].eq(MESH) & runs["block"].eq(1)
    runs.loc[first, "errors"] = runs.loc[first, "requests"]
    comparison = compare(runs, consumption, latency)
    assert "at p50" in headline(comparison)[1]
    assert set(_latency_row(comparison)["blocks"]) == {2}
    assert any(one.name == "nothing-answered" for one in comparison.checks)


def _impossible(given):
    return [one.message for one in compare(*given).checks if one.name == "impossible-figures"]


def test_what_a_source_rounds_is_not_impossible():
    """Ten seconds told as nine, and a run of which no duration is told: both may hold what they hold."""
    runs, consumption, latency = frames(meshes=("baseline", MESH), rates=(293.0,), blocks=1)
    for window in (np.nan, 9.0):
        given = runs.assign(provenance="imported", window_s=window, duration_s=np.nan, requests=2930.0)
        assert _impossible((given, consumption, latency)) == []
    given = runs.assign(provenance="imported", window_s=9.0, requests=5000.0)
    assert any("More requests" in one for one in _impossible((given, consumption, latency)))


@pytest.mark.parametrize(("protocol", "flagged"), [("http/1.1", True), ("http/2", False), ("grpc", False)])
def test_only_connections_that_carry_one_request_at_a_time_bound_what_is_in_flight(protocol, flagged):
    runs, consumption, latency = frames(meshes=("baseline", MESH), rates=(997.0,), blocks=1)
    latency[[name for name in latency.columns if name.endswith("_s")]] *= 100
    given = runs.assign(latency_from="send", protocol=protocol)
    assert any("in flight" in one for one in _impossible((given, consumption, latency))) is flagged


@pytest.mark.parametrize(("reached", "flagged"), [(20.3, False), (0.0, True), (21.5, True)])
def test_a_rate_known_to_a_request_at_each_end_is_not_missed_by_one(reached, flagged):
    runs, consumption, latency = frames(meshes=("baseline", MESH), rates=(293.0,), blocks=1)
    given = runs.assign(provenance="imported", rate_per_s=20.0, achieved_rate_per_s=reached, requests=reached * 5)
    found = {one.name for one in compare(given, consumption, latency).checks}
    assert ("rate-missed" in found) is flagged


def test_a_baseline_that_nobody_watched_costs_an_unknown_amount():
    runs, consumption, latency = _given()
    comparison = compare(runs, consumption.iloc[:0], latency)
    rows = comparison.summary[comparison.summary["mesh"].eq("baseline")].set_index("metric")["median"]
    for name in ("normalised_cpu", "cores_per_1000_rps", "data_plane_cpu_per_request_s", "data_plane_memory_bytes"):
        assert np.isnan(rows[name]), name
    assert headline(comparison)[2].startswith("These are medians over 3 blocks")
    watched = compare(runs, consumption, latency).summary
    of_it = watched[watched["mesh"].eq("baseline") & watched["metric"].eq("normalised_cpu")]
    assert set(of_it["median"]) == {0.0}


def _unknown(comparison):
    return [one for one in comparison.checks if one.name == "figures-unknown"]


@pytest.mark.parametrize(
    ("lacking", "word"),
    [("errors", "failed"), ("achieved_rate_per_s", "rate"), ("window_s", "took"), ("requests", "requests")],
)
def test_figures_that_an_import_does_not_know_are_said_where_they_are_compared(lacking, word):
    runs, consumption, latency = _given(**{lacking: np.nan})
    imported = compare(runs.assign(provenance="imported"), consumption, latency)
    (check,) = _unknown(imported)
    assert word in check.message and MESH in check.message and check.figure == "3 of 3 runs"
    assert not _unknown(compare(runs.assign(provenance="measured"), consumption, latency))


def test_a_tail_that_is_longer_than_its_run_is_impossible():
    runs, consumption, latency = frames(meshes=("baseline", MESH), rates=(997.0,), blocks=1)
    latency["high_s"] = runs["window_s"].max() * 3
    given = runs.assign(provenance="imported")
    assert any("longer than the reported duration" in one for one in _impossible((given, consumption, latency)))
