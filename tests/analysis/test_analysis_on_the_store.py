"""From real run folders through the real index to the comparison: figures known from the samples that were written."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from frames_factory import frames

from workbench.analysis import compare, headline
from workbench.model import histograms
from workbench.model.experiment import Experiment, Load, MeshSpec
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, LoadResult, MeshFacts, Window
from workbench.store import CampaignWriter, Store

PARTS = (
    Component(name="echo", role="application", instance="11"),
    Component(name="load-generator", role="load-generator", instance="12"),
    Component(name="echo-sidecar", role="sidecar", instance="13"),
    Component(name="node", role="node", instance="0"),
)
CORES = {"baseline": (0.1, 0.1), "pair": (0.1, 0.1, 0.6), "kernel": (0.12, 0.12)}
RATE, SPAN = 500.0, 2.0


def _facts(label: str) -> MeshFacts:
    plane = {"baseline": "none", "pair": "sidecar", "kernel": "kernel"}[label]
    return MeshFacts(label=label, title=label, data_plane=plane, layer="", mtls=False, archetype=label != "baseline")


def _result(latency_s: float) -> LoadResult:
    values = np.full(1000, latency_s * 1e9).astype("int64")
    return LoadResult(
        generator="builtin",
        generator_version="1",
        arrival="constant",
        latency_from="schedule",
        asked_rate_per_s=RATE,
        achieved_rate_per_s=RATE,
        requests=1000,
        errors=0,
        counts_by_status={"200": 1000},
        histograms={"from_schedule": histograms.record(values)},
    )


def _measure(campaign: CampaignWriter, spec, status="finished") -> None:
    label = spec.mesh.name
    writer = campaign.begin(spec, _facts(label))
    start, cores = time.time(), CORES[label]
    parts = (*PARTS[: len(cores)], PARTS[3])
    for tick in (0.0, 1.0, SPAN):
        used = [(start + tick, place, {"cpu_time_s": 7 + part * tick}) for place, part in enumerate((*cores, 1.5))]
        writer.samples(parts, used)
    found = replace(writer.run, status=status, window=Window(start_s=start, end_s=start + SPAN), ended_at_s=start + 3)
    if status == "finished":
        found = replace(found, load_result=_result(1e-3 if label == "pair" else 1e-4))
    writer.finish(replace(found, reason="" if status == "finished" else "its gate did not hold"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    data: Path = tmp_path_factory.mktemp("data")
    experiment = Experiment(
        name="probe",
        meshes=tuple(MeshSpec(name=name) for name in CORES),
        loads=(Load(rate_per_s=RATE, duration_s=SPAN),),
        blocks=3,
    )
    plan = make_plan(experiment)
    with CampaignWriter.create(data, plan, "", Facts(environment="lab", fingerprint="f00d")) as campaign:
        for spec in plan.runs:
            _measure(campaign, spec, "failed" if (spec.mesh.name, spec.block) == ("kernel", 2) else "finished")
        campaign.finish("finished")
    return Store(data)


def _frames(store: Store):
    runs = store.runs()
    return runs, store.consumption(runs["run_id"]), store.latency(runs["run_id"])


def test_the_factory_makes_the_very_columns_of_the_store(store):
    for real, made in zip(_frames(store), frames(), strict=True):
        assert set(made.columns) == set(real.columns)


def test_what_was_written_is_what_is_compared(store):
    found = compare(*_frames(store))
    median = found.summary.set_index(["mesh", "metric"])["median"]
    assert median["pair", "normalised_cpu"] == pytest.approx(3.0)
    assert median["pair", "cpu_per_request_s"] == pytest.approx(0.8 * SPAN / 1000)
    assert median["kernel", "normalised_cpu"] == pytest.approx(0.2)
    assert median["pair", "latency_p50_s"] == pytest.approx(1e-3, rel=2e-3)
    assert found.order == ["baseline", "kernel", "pair"]
    assert found.left_out["reason"].tolist() == ["its gate did not hold"]
    kernel = found.bill_summary[found.bill_summary["mesh"].eq("kernel")].set_index("role")["cpu_per_request_s"]
    assert kernel.to_dict() == pytest.approx(
        {"application": 0.2e-3, "load-generator": 0.2e-3, "kernel": 0.08e-3}, rel=1e-6
    )
    names = {check.name for check in found.checks}
    assert "runs-failed" in names
    assert "impossible-figures" not in names
    assert [sentence.split()[0] for sentence in headline(found)] == ["At", "kernel", "pair", "These", "By"]
