"""The frames: columns, types and values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_makings import FACTS, PARTS, finished, mesh_facts, new_campaign, one_run, small_plan, watch

from workbench.errors import BadInputError, NothingToShowError
from workbench.model import histograms
from workbench.model.experiment import Experiment, Load, MeshSpec, Workload
from workbench.model.plan import make_plan
from workbench.model.records import (
    Component,
    GateResult,
    Histogram,
    LoadResult,
    MeshFacts,
    Noise,
    Reserved,
    Run,
    SourceUse,
    Window,
)
from workbench.store import CampaignWriter, Store

HOSTILE = "<script>alert('x')</script> \"'; DROP TABLE runs; -- \\ \0 \u202e\u00fc🚀\n$1 ? {}"

COLUMNS = {
    "runs": (
        "run_id campaign_id experiment ordinal block attempt is_baseline mesh mesh_name profile mesh_title data_plane "
        "layer mtls archetype shape_of lacks workload payload_bytes server_delay_s fan_out rate_per_s duration_s "
        "warmup_s connections protocol arrival generator generator_version latency_from environment fingerprint "
        "status reason provenance started_at window_s requests errors asked_failing_low "
        "asked_failing_high achieved_rate_per_s generator_cpu_per_request_s limited psi_ratio "
        "steal_ratio foreign_cores cpus noisy"
    ),
    "campaigns": (
        "campaign_id experiment question status started_at ended_at runs_planned runs_finished runs_failed "
        "environment fingerprint"
    ),
    "consumption": (
        "run_id component role node cpu_s cpu_cores mem_pss_bytes mem_anon_bytes mem_rss_bytes mem_working_set_bytes "
        "ctx_switches cpu_throttled_s samples"
    ),
    "reservations": (
        "run_id component role node cpu_request_cores cpu_limit_cores memory_request_bytes memory_limit_bytes"
    ),
    "sources": "run_id node source place coarse readings interval_s reach_s why doubt",
    "latency": "run_id kind count p50_s p75_s p90_s p99_s p999_s low_s high_s",
    "histograms": "run_id kind encoded count low_s high_s",
    "gates": "run_id name passed evidence",
    "series": "time_s component role cpu_cores mem_pss_bytes mem_anon_bytes mem_rss_bytes",
}
"""What people's notebooks rely on: more may come, in whatever place; none of these goes or gets another name."""


def _frames(store: Store) -> dict[str, pd.DataFrame]:
    runs = store.runs()
    return {
        "runs": runs,
        "campaigns": store.campaigns(),
        "consumption": store.consumption(),
        "reservations": store.reservations(),
        "sources": store.sources(),
        "latency": store.latency(),
        "histograms": store.histograms(),
        "gates": store.gates(),
        "series": store.series("none" if runs.empty else str(runs["run_id"].iloc[0])),
    }


def _load_result(values_ns: Sequence[float] = (1e6, 2e6, 3e6)) -> LoadResult:
    return LoadResult(
        generator="builtin",
        generator_version="1",
        arrival="constant",
        latency_from="schedule",
        asked_rate_per_s=100.0,
        achieved_rate_per_s=99.9,
        requests=200,
        errors=3,
        counts_by_status={"200": 197, "timeout": 3},
        histograms={
            "from_schedule": histograms.record(np.array(values_ns)),
            "send_lag": histograms.record(np.array([])),
        },
        cpu_per_request_s=7e-5,
        limited="",
    )


def _record(data: Path, samples: Sequence[tuple[float, int, Mapping[str, float]]] = (), **changes: Any) -> Run:
    """Store one run with these samples and changes of its record."""
    with new_campaign(data) as campaign:
        spec = campaign.campaign.plan.runs[0]
        writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
        if samples:
            writer.samples(changes.get("components", PARTS[: 1 + max(row[1] for row in samples)]), samples)
        run = replace(finished(writer, 1000.0), **changes)
        writer.finish(run)
        campaign.finish("finished")
    return run


def test_empty_and_full_frames_have_the_same_columns_and_types(tmp_path: Path) -> None:
    empty = _frames(Store(tmp_path / "empty"))
    data = tmp_path / "full"
    gates = (GateResult(name="answers", passed=True, evidence="200"),)
    parts = (replace(PARTS[0], node="n1", reserved=Reserved(cpu_request_cores=0.1)),)
    told = {"components": parts, "sources": (SourceUse(source="kubelet", place="/stats/summary", node="n1"),)}
    _record(data, [(1000.0, 0, {"cpu_time_s": 1.0})], load_result=_load_result(), gates=gates, **told)
    full = _frames(Store(data))
    for name, frame in empty.items():
        pinned = COLUMNS[name].split()
        assert [column for column in frame.columns if column in pinned] == pinned
        assert len(frame) == 0
        assert len(full[name]) > 0
        assert dict(full[name].dtypes) == dict(frame.dtypes), name


def test_every_field_of_a_run_is_where_it_belongs(tmp_path: Path) -> None:
    facts = MeshFacts(
        label="l7/x 1.2 a=b", title="two Envoys", data_plane="sidecar", layer="L7", mtls=True, archetype=True,
        shape_of=("Istio", "Linkerd"), lacks=("xDS",),
    )  # fmt: skip
    noise = Noise(psi_ratio=0.25, steal_ratio=0.5, foreign_cores=0.125, cpus=2)
    plan = make_plan(
        Experiment(
            name="named", question="why?", meshes=(MeshSpec(name="l7", profile="x"),), blocks=1, seed=7,
            workloads=(Workload(name="chain", payload_bytes=10, server_delay_s=0.5, fan_out=3),),
            loads=(Load(rate_per_s=10.0, duration_s=2.0, warmup_s=0.5, connections=4, arrival="poisson"),),
        )
    )  # fmt: skip
    spec = next(run for run in plan.runs if run.mesh.name == "l7")
    with CampaignWriter.create(tmp_path, plan, "", FACTS) as campaign:
        writer = campaign.begin(spec, facts)
        run = replace(finished(writer, 1000.0), noise=noise, load_result=_load_result(), started_at_s=1700000000.25)
        writer.finish(run)
        campaign.finish("finished")
    (row,) = Store(tmp_path).runs().to_dict("records")
    assert row == {
        "run_id": run.run_id, "campaign_id": campaign.campaign_id, "experiment": "named", "ordinal": spec.ordinal,
        "block": 1, "attempt": 1, "is_baseline": False, "mesh": "l7/x 1.2 a=b", "mesh_name": "l7", "profile": "x",
        "mesh_title": "two Envoys", "data_plane": "sidecar", "layer": "L7", "mtls": True, "archetype": True,
        "shape_of": ["Istio", "Linkerd"], "lacks": ["xDS"], "workload": "chain", "payload_bytes": 10,
        "server_delay_s": 0.5, "fan_out": 3, "rate_per_s": 10.0, "duration_s": 2.0, "warmup_s": 0.5, "connections": 4,
        "protocol": "http/1.1", "arrival": "constant", "generator": "builtin", "generator_version": "1",
        "latency_from": "schedule", "environment": "lab", "fingerprint": "f00d", "status": "finished", "reason": "",
        "provenance": "synthetic", "started_at": pd.Timestamp("2023-11-14 22:13:20.25", tz="UTC"), "window_s": 2.0,
        "requests": 200.0, "errors": 3.0, "asked_failing_low": 0.0, "asked_failing_high": 0.0,
        "achieved_rate_per_s": 99.9, "generator_cpu_per_request_s": 7e-5,
        "limited": "", "psi_ratio": 0.25, "steal_ratio": 0.5, "foreign_cores": 0.125, "cpus": 2,
        "noisy": noise.noisy,
    }  # fmt: skip
    assert noise.noisy
    assert Store(tmp_path).run(run.run_id) == run
    (row,) = Store(tmp_path).campaigns().to_dict("records")
    assert (row["question"], row["runs_planned"], row["runs_finished"], row["runs_failed"]) == ("why?", 2, 1, 0)
    assert row["ended_at"] >= row["started_at"]
    assert Store(tmp_path).campaign(campaign.campaign_id).plan == plan


def test_what_is_unknown_is_nan_and_never_zero(tmp_path: Path) -> None:
    _record(tmp_path, [(1000.0, 0, {})], load_result=None, window=None, status="failed")
    (row,) = Store(tmp_path).runs().to_dict("records")
    unknown = ["window_s", "requests", "errors", "achieved_rate_per_s", "generator_cpu_per_request_s"]
    assert all(math.isnan(row[name]) for name in [*unknown, "psi_ratio", "steal_ratio", "foreign_cores"])
    assert (row["generator"], row["generator_version"], row["latency_from"]) == ("builtin", "", "")
    assert Store(tmp_path).consumption().empty, "without a window nothing was consumed that could be told"


def _cpu(store: Store) -> tuple[float, float, int]:
    (row,) = store.consumption().to_dict("records")
    return row["cpu_s"], row["cpu_cores"], row["samples"]


def test_cpu_comes_from_the_samples_at_the_windows_edges(tmp_path: Path) -> None:
    """The window is 1000..1002; warm-up and after-run samples lie outside, edge samples a few milliseconds off."""
    times = [(998.0, 0.0), (999.99, 5.0), (1000.0, 6.0), (1000.5, 7.0), (1001.98, 8.5), (1002.001, 9.0), (1003.0, 50.0)]
    _record(tmp_path, [(time, 0, {"cpu_time_s": cpu}) for time, cpu in times])
    cpu_s, cpu_cores, samples = _cpu(Store(tmp_path))
    assert cpu_s == pytest.approx(3.0)
    assert cpu_cores == pytest.approx(3.0 / 2.001)
    assert samples == 5, "999.99 is near enough to be in the window, but 1000.0 is the edge"


def test_without_samples_at_the_edges_the_nearest_within_count(tmp_path: Path) -> None:
    times = [(999.9, 0.0), (1000.4, 6.0), (1001.0, 7.0), (1001.4, 8.0), (1002.1, 50.0)]
    _record(tmp_path, [(time, 0, {"cpu_time_s": cpu}) for time, cpu in times])
    cpu_s, cpu_cores, samples = _cpu(Store(tmp_path))
    assert (cpu_s, samples) == (2.0, 3)
    assert cpu_cores == pytest.approx(2.0)


def test_a_part_read_once_or_restarted_has_unknown_cpu(tmp_path: Path) -> None:
    rows: list[tuple[float, int, Mapping[str, float]]] = [
        (1000.0, 0, {"cpu_time_s": 1.0, "ctx_switches": 5.0}),
        (1001.0, 0, {"mem_pss_bytes": 7.0}),
        (1000.0, 1, {"cpu_time_s": 9.0, "ctx_switches": 5.0}),
        (1002.0, 1, {"cpu_time_s": 1.0, "ctx_switches": 9.0}),
    ]
    _record(tmp_path, rows)
    once, restarted = Store(tmp_path).consumption().to_dict("records")
    assert (once["component"], restarted["component"]) == ("backend", "backend-sidecar")
    assert all(math.isnan(value) for value in (once["cpu_s"], once["cpu_cores"], once["ctx_switches"]))
    assert once["mem_pss_bytes"] == 7.0
    assert math.isnan(restarted["cpu_s"])
    assert restarted["ctx_switches"] == 4.0


def test_a_part_of_which_nothing_was_read_has_a_row_of_unknowns(tmp_path: Path) -> None:
    _record(tmp_path, [(1000.0, 0, {"cpu_time_s": 1.0}), (1002.0, 0, {"cpu_time_s": 2.0})], components=PARTS[:2])
    read, unread = Store(tmp_path).consumption().to_dict("records")
    assert (read["cpu_s"], unread["component"], unread["samples"]) == (1.0, "backend-sidecar", 0)
    assert math.isnan(unread["cpu_s"])


def test_reservations_tell_none_set_from_not_read(tmp_path: Path) -> None:
    parts = (replace(PARTS[0], node="n1", reserved=Reserved(cpu_request_cores=0.25)), PARTS[1])
    _record(tmp_path, [(1000.0, 0, {"cpu_time_s": 1.0})], components=parts)
    (row,) = Store(tmp_path).reservations().to_dict("records")
    assert (row["component"], row["node"], row["cpu_request_cores"]) == ("backend", "n1", 0.25)
    assert math.isnan(row["memory_request_bytes"])


def test_what_is_left_of_a_node_may_be_negative(tmp_path: Path) -> None:
    rest = (Component(name="n1, unattributed", role="unattributed", node="n1"),)
    _record(tmp_path, [(1000.0, 0, {"cpu_time_s": 3.0}), (1002.0, 0, {"cpu_time_s": 2.5})], components=rest)
    assert _cpu(Store(tmp_path))[:2] == (-0.5, -0.25)


def test_metrics_read_at_different_moments_do_not_disturb_each_other(tmp_path: Path) -> None:
    """CPU is read at every tick, switches and memory seldom: each metric has its own first and last reading."""
    rows: list[tuple[float, int, Mapping[str, float]]] = []
    for tick in range(11):
        rows.append((1000.0 + 0.2 * tick, 0, {"cpu_time_s": 1.0 + tick}))
    rows += [(1000.3, 0, {"ctx_switches": 10.0, "mem_anon_bytes": 1.0}), (1001.7, 0, {"ctx_switches": 24.0})]
    _record(tmp_path, rows)
    (row,) = Store(tmp_path).consumption().to_dict("records")
    assert row["cpu_s"] == pytest.approx(10.0)
    assert row["cpu_cores"] == pytest.approx(5.0)
    assert row["ctx_switches"] == 14.0
    assert row["mem_anon_bytes"] == 1.0
    assert math.isnan(row["mem_rss_bytes"])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(st.floats(0, 1e12), min_size=1, max_size=40))
def test_memory_is_the_95th_percentile_in_the_window(
    values: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("data")
    inside = [(1000.0 + 2.0 * n / len(values), 0, {"mem_rss_bytes": value}) for n, value in enumerate(values)]
    _record(data, [(990.0, 0, {"mem_rss_bytes": 1e15}), *inside, (1010.0, 0, {"mem_rss_bytes": 1e15})])
    (row,) = Store(data).consumption().to_dict("records")
    assert row["mem_rss_bytes"] == pytest.approx(float(np.quantile(values, 0.95)))


def test_series_counts_from_the_windows_start_and_gives_cpu_between_samples(tmp_path: Path) -> None:
    rows: list[tuple[float, int, Mapping[str, float]]] = [
        (999.0, 0, {"cpu_time_s": 1.0}),
        (1000.0, 0, {"cpu_time_s": 2.0, "mem_pss_bytes": 5.0}),
        (1000.5, 0, {"mem_pss_bytes": 6.0}),
        (1002.0, 0, {"cpu_time_s": 3.0}),
        (1000.0, 1, {"cpu_time_s": 7.0}),
    ]
    run = _record(tmp_path, rows)
    series = Store(tmp_path).series(run.run_id)
    assert series["time_s"].tolist() == [-1.0, 0.0, 0.0, 0.5, 2.0]
    mine = series[series["component"] == "backend"]
    assert mine["cpu_cores"].fillna(-1).tolist() == [-1.0, 1.0, -1.0, 0.5]
    assert mine["mem_pss_bytes"].fillna(-1).tolist() == [-1.0, 5.0, 6.0, -1.0]
    assert Store(tmp_path).series("'; DROP TABLE samples; --").empty


def test_series_of_a_run_without_a_window_counts_from_the_first_sample(tmp_path: Path) -> None:
    run = _record(tmp_path, [(50.0, 0, {"cpu_time_s": 1.0}), (51.0, 0, {"cpu_time_s": 1.5})], window=None)
    assert Store(tmp_path).series(run.run_id)["time_s"].tolist() == [0.0, 1.0]


def test_latency_comes_from_the_whole_histogram(tmp_path: Path) -> None:
    values = np.arange(1, 1001) * 1e6
    _record(tmp_path, load_result=_load_result(list(values)))
    store = Store(tmp_path)
    empty, row = sorted(store.latency().to_dict("records"), key=lambda one: one["count"])
    assert (row["kind"], row["count"], row["low_s"], row["high_s"]) == ("from_schedule", 1000, 0.001, 1.0)
    expected = {"p50_s": 0.5, "p75_s": 0.75, "p90_s": 0.9, "p99_s": 0.99, "p999_s": 0.999}
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-3)
    assert empty["count"] == 0
    assert all(math.isnan(empty[name]) for name in [*expected, "low_s", "high_s"])
    whole = store.histograms().set_index("kind").loc["from_schedule"]
    again = Histogram(encoded=whole["encoded"], count=int(whole["count"]), low_s=whole["low_s"], high_s=whole["high_s"])
    assert histograms.quantiles(again, [0.5]) == [row["p50_s"]]


def test_a_damaged_histogram_is_named(tmp_path: Path) -> None:
    result = _load_result()
    odd = replace(result, histograms={"from_send": Histogram(encoded="no base64", count=3)})
    run = _record(tmp_path, load_result=odd)
    assert Store(tmp_path).runs().empty
    ((folder, reason),) = Store(tmp_path).problems()
    assert folder.endswith(run.run_id)
    assert "histogram" in reason


def test_gates_keep_their_order_and_evidence(tmp_path: Path) -> None:
    gates = tuple(GateResult(name=name, passed=name != "b", evidence=HOSTILE) for name in ("c", "b", "a"))
    run = _record(tmp_path, gates=gates)
    frame = Store(tmp_path).gates([run.run_id])
    assert frame["name"].tolist() == ["c", "b", "a"]
    assert frame["passed"].tolist() == [True, False, True]
    assert set(frame["evidence"]) == {HOSTILE}


def test_hostile_text_is_kept_as_text(tmp_path: Path) -> None:
    plan = small_plan(question=HOSTILE)
    parts = (Component(name=HOSTILE, role="sidecar", instance=HOSTILE),)
    with CampaignWriter.create(tmp_path, plan, HOSTILE, FACTS) as campaign:
        writer = campaign.begin(plan.runs[0], replace(mesh_facts("x"), label=HOSTILE, lacks=(HOSTILE,)))
        writer.samples(parts, [(1000.0, 0, {"cpu_time_s": 1.0}), (1002.0, 0, {"cpu_time_s": 3.0})])
        writer.finish(replace(finished(writer, 1000.0, "failed"), reason=HOSTILE))
        campaign.finish("failed", HOSTILE)
    store = Store(tmp_path)
    assert store.campaigns()["question"].tolist() == [HOSTILE]
    (row,) = store.runs(mesh=HOSTILE).to_dict("records")
    assert (row["mesh"], row["reason"], row["lacks"]) == (HOSTILE, HOSTILE, [HOSTILE])
    assert store.consumption(store.runs()["run_id"])["component"].tolist() == [HOSTILE]
    assert store.series(row["run_id"])["component"].tolist() == [HOSTILE] * 2
    assert store.runs(experiment=HOSTILE).empty
    assert (campaign.folder / "experiment.toml").read_bytes() == HOSTILE.encode()


def test_runs_are_filtered_by_each_argument(tmp_path: Path) -> None:
    with new_campaign(tmp_path, "one") as campaign:
        for place, status in enumerate(("finished", "failed", "finished")):
            one_run(campaign, place, status)  # type: ignore[arg-type]
        campaign.finish("finished")
    with new_campaign(tmp_path, "two") as campaign:
        one_run(campaign)
        campaign.finish("finished")
    store = Store(tmp_path)
    meshes = [run.mesh.label for run in campaign.campaign.plan.runs[:3]]
    assert len(store.runs()) == 4
    assert len(store.runs(campaign_id="one")) == 3
    assert len(store.runs(experiment="probe")) == 4
    assert len(store.runs(campaign_id="one", status="failed")) == 1
    assert len(store.runs(campaign_id="one", mesh=meshes[0])) == meshes.count(meshes[0])
    assert store.runs(mesh="nothing").empty
    assert store.latest_campaign() == "two"


def test_ids_may_be_one_few_none_or_ten_thousand(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        ids = [one_run(campaign, place) for place in range(3)]
        campaign.finish("finished")
    store = Store(tmp_path)
    assert len(store.consumption()) == 9
    assert len(store.consumption([])) == 0
    assert len(store.consumption(ids[0])) == 3
    assert len(store.consumption(store.runs()["run_id"].head(2))) == 6
    assert len(store.consumption([*ids, *(f"other-{n}" for n in range(10_000))])) == 9
    assert len(store.consumption(one for one in ids)) == 9


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingToShowError, match="no run 'x'"):
        Store(tmp_path).run("x")
    with pytest.raises(NothingToShowError, match=r"no campaign '\.\./\.\./etc'"):
        Store(tmp_path).campaign("../../etc")


def test_query_reads_and_only_reads(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        one_run(campaign)
        campaign.finish("finished")
    store = Store(tmp_path)
    assert store.query("SELECT count(*) AS n FROM samples WHERE component = ?", ["backend"])["n"].tolist() == [11]
    assert store.query("WITH x AS (SELECT $a AS b) FROM x", {"a": 5})["b"].tolist() == [5]
    assert "run_id" in store.query("DESCRIBE runs")["column_name"].tolist()
    for statement in (
        "DROP TABLE runs", "DELETE FROM runs", "SELECT 1; DROP TABLE runs", "COPY runs TO 'x.csv'", "ATTACH 'x' AS x",
        "INSERT INTO runs SELECT * FROM runs", "SET threads = 1", "", "BEGIN", "PRAGMA database_list; SELECT 1",
    ):  # fmt: skip
        with pytest.raises(BadInputError, match="one reading statement"):
            store.query(statement)
    for statement in ("SELECT nonsense FROM runs", "SELEC 1", "SELECT * FROM nowhere", "SELECT 1/'a'", "SELECT ?"):
        with pytest.raises(BadInputError, match="cannot be answered"):
            store.query(statement)
    assert len(store.runs()) == 1
    assert store._index._memory is None, "a bad question is not taken for a bad index"
    assert not (tmp_path / "workbench.duckdb.aside").exists()


def test_samples_before_any_window_are_kept_in_the_index(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(writer, 500.0)
        writer.finish(replace(finished(writer, 0.0), window=Window(start_s=0.0, end_s=1.0)))
        campaign.finish("finished")
    store = Store(tmp_path)
    assert store.consumption()["samples"].eq(0).all()
    assert len(store.series(writer.run_id)) == 33
