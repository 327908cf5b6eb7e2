"""Documents: records to JSON and back, versions, damage."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_makings import FACTS, finished, mesh_facts, new_campaign, one_run, small_plan

from workbench.errors import NewerFormatError, StoreError
from workbench.model.experiment import Load, MeshSpec, RunSpec, Workload
from workbench.model.records import (
    LATEST_S,
    SCHEMA_VERSION,
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
from workbench.store import Store, read_campaign, read_run
from workbench.store.formats import UPGRADES, Campaign, RunDocument, write_campaign, write_document

_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_number = st.floats(allow_nan=False, allow_infinity=False)
_maybe = st.none() | _number
_moment = st.floats(0, LATEST_S)
_window = st.tuples(_moment, _moment).map(lambda ends: Window(start_s=min(ends), end_s=max(ends)))
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _number | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_options = st.dictionaries(_text, _json, max_size=3)
_meshes = st.builds(MeshSpec, name=_text, profile=_text, version=st.none() | _text, options=_options)
_workloads = st.builds(Workload, name=_text, payload_bytes=st.integers(0, 1000), server_delay_s=st.floats(0, 10))
_loads = st.builds(Load, rate_per_s=st.floats(1, 1e5), duration_s=st.floats(0.2, 100), generator=_text)
_specs = st.builds(
    RunSpec,
    ordinal=st.integers(1, 999),
    block=st.integers(1, 9),
    mesh=_meshes,
    workload=_workloads,
    load=_loads,
    is_baseline=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
    attempt=st.integers(1, 2),
)
_facts = st.builds(
    MeshFacts,
    label=_text,
    title=_text,
    data_plane=_text,
    layer=_text,
    mtls=st.booleans(),
    archetype=st.booleans(),
    shape_of=st.lists(_text, max_size=2).map(tuple),
    lacks=st.lists(_text, max_size=2).map(tuple),
    features=st.lists(_text, max_size=2).map(tuple),
)
_histograms = st.builds(Histogram, encoded=_text, count=st.integers(0, 10**9), low_s=_maybe, high_s=_maybe)
_results = st.builds(
    LoadResult,
    generator=_text,
    generator_version=_text,
    arrival=_text,
    latency_from=st.sampled_from(["schedule", "send"]),
    asked_rate_per_s=_number,
    achieved_rate_per_s=_number,
    requests=st.integers(0, 10**9),
    errors=st.integers(0, 10**9),
    counts_by_status=st.dictionaries(_text, st.integers(0, 10**9), max_size=3),
    histograms=st.dictionaries(_text, _histograms, max_size=3),
    cpu_per_request_s=_maybe,
    limited=_text,
)
_reserved = st.builds(
    Reserved,
    cpu_request_cores=_maybe,
    cpu_limit_cores=_maybe,
    memory_request_bytes=_maybe,
    memory_limit_bytes=_maybe,
)
_parts = st.builds(Component, name=_text, role=st.just("node"), node=_text, reserved=st.none() | _reserved)
_sources = st.builds(
    SourceUse, source=_text, place=_text, node=_text, coarse=st.booleans(), interval_s=_maybe, why=_text
)
_runs = st.builds(
    Run, run_id=_text, campaign_id=_text, experiment=_text, spec=_specs, mesh=_facts,
    status=st.sampled_from(["finished", "failed", "interrupted", "skipped"]), reason=_text,
    provenance=st.sampled_from(["measured", "imported", "published", "synthetic"]),
    started_at_s=_moment, ended_at_s=_moment, window=st.none() | _window,
    components=st.lists(_parts, max_size=3).map(tuple), sources=st.lists(_sources, max_size=2).map(tuple),
    load_result=st.none() | _results,
    gates=st.lists(st.builds(GateResult, name=_text, passed=st.booleans(), evidence=_text), max_size=2).map(tuple),
    noise=st.builds(Noise, psi_ratio=_maybe, steal_ratio=_maybe, foreign_cores=_maybe, cpus=st.integers(1, 512)),
    environment=_text, fingerprint=_text, unknown=st.lists(_text, max_size=2).map(tuple),
    schema_version=st.just(SCHEMA_VERSION),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(run=_runs)
def test_a_run_comes_back_from_its_manifest_as_it_was(run: Run, tmp_path: Path) -> None:
    write_document(tmp_path / "manifest.json", RunDocument(run=run, files=()), durable=False)
    assert read_run(tmp_path) == run


def test_numbers_that_are_no_numbers_come_back(tmp_path: Path) -> None:
    run = _example_run()
    run = replace(run, noise=Noise(psi_ratio=math.inf, steal_ratio=math.nan))
    write_document(tmp_path / "manifest.json", RunDocument(run=run, files=()))
    noise = read_run(tmp_path).noise
    assert noise.psi_ratio == math.inf
    assert noise.steal_ratio is not None and math.isnan(noise.steal_ratio)


def test_a_campaign_comes_back_as_it_was(tmp_path: Path) -> None:
    question = "<script>alert(1)</script> ' \" ; -- \n \0 \u202e 🚀"
    campaign = Campaign(
        campaign_id="c", status="running", started_at_s=1.5, plan=small_plan(question=question), facts=FACTS
    )
    write_campaign(tmp_path, campaign)
    assert read_campaign(tmp_path) == campaign


def test_a_newer_format_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    path = _manifest(tmp_path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "schema_version": SCHEMA_VERSION + 1, "surprise": [1]}))
    before = path.read_bytes()
    with pytest.raises(NewerFormatError) as refusal:
        read_run(path.parent)
    assert str(path.parent) in str(refusal.value)
    assert f"format {SCHEMA_VERSION + 1}" in str(refusal.value)
    assert f"up to {SCHEMA_VERSION}" in str(refusal.value)
    assert path.read_bytes() == before


def test_an_older_format_is_upgraded_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions that never were: -1 called the run ``result``, 0 had no mesh's layer."""
    path = _manifest(tmp_path)
    run = read_run(path.parent)
    document = json.loads(path.read_text())
    old = document.pop("run")
    old["mesh"].pop("layer")
    path.write_text(json.dumps({**document, "result": old, "schema_version": -1}))
    before = path.read_bytes()
    monkeypatch.setitem(UPGRADES, -1, lambda doc: {**doc, "run": doc["result"]})
    monkeypatch.setitem(
        UPGRADES, 0, lambda doc: {**doc, "run": {**doc["run"], "mesh": {**doc["run"]["mesh"], "layer": run.mesh.layer}}}
    )
    assert read_run(path.parent) == run
    assert path.read_bytes() == before


def test_the_first_format_is_read_as_what_it_said(tmp_path: Path) -> None:
    """Format 1 knew neither nodes nor reservations: on a cluster the node is read out of the instance."""
    path = _manifest(tmp_path)
    document = json.loads(path.read_text())
    parts = [{"name": "server/app", "role": "application", "instance": "n1/shop/server/app"}]
    old = {name: value for name, value in document["run"].items() if name != "sources"}
    old |= {"environment": "kubernetes", "components": parts, "schema_version": 1}
    path.write_text(json.dumps({**document, "run": old, "schema_version": 1}))
    run = read_run(path.parent)
    assert run.components == (Component(**parts[0], node="n1"),)  # type: ignore[arg-type]
    assert (run.components[0].reserved, run.sources) == (None, ())


def test_the_second_format_called_anonymous_memory_rss_on_clusters_and_knew_no_agents(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path, blocks=1)
    spec = campaign.campaign.plan.runs[0]
    writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
    parts = (
        Component(name="istio-cni-node-x/install-cni", role="control-plane", node="n1", instance="n1/istio-system/a/b"),
        Component(name="server/app", role="application", node="n1", instance="n1/app/server/app"),
    )
    writer.samples(
        parts, [(1000.0 + at, place, {"mem_rss_bytes": 5e6 + place}) for at in (0, 1, 2) for place in (0, 1)]
    )
    run = finished(writer, 1000.0)
    writer.finish(replace(run, components=parts))
    path = next(tmp_path.rglob("manifest.json"))
    document = json.loads(path.read_text())
    document["run"] |= {"environment": "kubernetes", "schema_version": 2}
    path.write_text(json.dumps({**document, "schema_version": 2}))
    used = Store(tmp_path).consumption([run.run_id]).set_index("role")
    assert set(used.index) == {"node-agent", "application"}
    assert used.loc["node-agent", "mem_anon_bytes"] == 5e6
    assert used["mem_rss_bytes"].isna().all()
    path.write_text(json.dumps({**document, "run": {**document["run"], "environment": "lab"}, "schema_version": 2}))
    assert set(Store(tmp_path).consumption([run.run_id])["role"]) == {"control-plane", "application"}


def test_a_capture_in_flight_is_brought_up_with_the_record_that_was_to_end_it() -> None:
    part = {"name": "spire-agent-x/spire-agent", "role": "control-plane"}
    run = {"environment": "kubernetes", "components": [part, "damaged"]}
    made = UPGRADES[2]({"run": run, "final": run, "columns": ["cpu_time_s", "mem_anon_bytes", "mem_rss_bytes"]})
    assert made["columns"] == ["cpu_time_s", "mem_rss_bytes", "mem_anon_bytes"]
    assert made["run"] == made["final"] == {**run, "components": [{**part, "role": "node-agent"}, "damaged"]}
    assert "renamed" not in made


def test_a_format_from_which_no_way_leads_is_named(tmp_path: Path) -> None:
    path = _manifest(tmp_path)
    path.write_text(path.read_text().replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 0', 1))
    with pytest.raises(StoreError, match="format 0, which cannot be converted"):
        read_run(path.parent)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "no schema_version"),
        (b"{}", "no schema_version"),
        (b'{"schema_version": true}', "no schema_version"),
        (b'{"schema_version": "1"}', "no schema_version"),
        (b'{"schema_version": 1}', "run: Field required"),
        (b'{"schema_version": 1, "run": 3, "files": []}', "run: "),
    ],
)
def test_damage_is_said_with_the_file_and_the_place(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=says) as error:
        read_run(tmp_path)
    assert str(tmp_path / "manifest.json") in str(error.value)


def test_a_value_out_of_range_is_damage_too(tmp_path: Path) -> None:
    path = _manifest(tmp_path)
    path.write_text(path.read_text().replace('"rate_per_s": 100.0', '"rate_per_s": -5.0'))
    with pytest.raises(StoreError, match="rate_per_s = -5 is out of range"):
        read_run(path.parent)


def test_a_missing_document_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Cannot read a record .*manifest\.json\): No such file"):
        read_run(tmp_path)


def test_what_is_not_json_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    run = _example_run()
    odd = replace(run, spec=replace(run.spec, mesh=MeshSpec(name="x", options={"handle": object()})))
    with pytest.raises(StoreError, match=r"manifest\.json cannot be written"):
        write_document(tmp_path / "manifest.json", RunDocument(run=odd, files=()))
    assert list(tmp_path.iterdir()) == []


def _example_run() -> Run:
    spec = small_plan().runs[0]
    return Run(
        run_id="r", campaign_id="c", experiment="e", spec=spec, mesh=mesh_facts(spec.mesh.label), status="finished",
        started_at_s=1.0, ended_at_s=2.0,
    )  # fmt: skip


def _manifest(data: Path) -> Path:
    with new_campaign(data) as campaign:
        run_id = one_run(campaign)
        campaign.finish("finished")
    return campaign.folder / run_id / "manifest.json"
