"""The whole loop on real data planes: what is recorded when all goes well, and when it does not."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from workbench import adapters
from workbench.campaigns import runner
from workbench.campaigns.runner import estimate_s, request_stop, run_experiment, steps_of
from workbench.errors import BadInputError, RunFailedError, StoppedError, UnknownNameError
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.lab_steps import Process
from workbench.model.plan import make_plan
from workbench.model.records import Noise
from workbench.store import read_campaign, read_run

pytestmark = pytest.mark.lab

SHORT = Load(rate_per_s=200, duration_s=0.6, warmup_s=0.1, connections=4)


def experiment(*meshes, **more):
    values = {"name": "small", "meshes": tuple(MeshSpec(name=mesh) for mesh in meshes), "loads": (SHORT,), "blocks": 1}
    return Experiment(**{**values, **more})


def runs_of(data, campaign_id):
    folder = data / "runs" / campaign_id
    return [read_run(path.parent) for path in sorted(folder.glob("*/manifest.json"))]


def events_of(data, campaign_id):
    lines = (data / "runs" / campaign_id / "events.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_small_experiment_is_measured_and_recorded(tmp_path):
    seen = []
    campaign_id = run_experiment(experiment("l4-sidecars"), data=tmp_path, toml="# as asked", on_event=seen.append)
    runs = {run.mesh.label: run for run in runs_of(tmp_path, campaign_id)}
    assert set(runs) == {"baseline", "l4-sidecars"}
    for run in runs.values():
        assert run.status == "finished"
        assert run.reason == ""
        assert run.load_result.requests == pytest.approx(120, abs=1)
        assert run.load_result.errors == 0
        assert run.window.duration_s == pytest.approx(0.6, abs=0.01)
        assert run.environment == "lab"
        assert run.fingerprint
        assert all(gate.passed for gate in run.gates)
    roles = {component.role for component in runs["l4-sidecars"].components}
    assert roles == {"application", "sidecar", "load-generator", "node"}
    assert len(runs["l4-sidecars"].gates) == 6
    folder = tmp_path / "runs" / campaign_id
    assert (folder / "experiment.toml").read_text() == "# as asked"
    assert read_campaign(folder).status == "finished"
    kinds = [event["kind"] for event in events_of(tmp_path, campaign_id)]
    assert kinds[0] == "campaign-started"
    assert kinds[-1] == "campaign-ended"
    assert [event.kind for event in seen] == kinds
    assert seen[-1].done == seen[-1].total == 2


def test_a_gate_that_fails_makes_failed_runs_with_the_reason_and_the_others_go_on(tmp_path, monkeypatch):
    mesh = adapters.load("meshes", "node-l7")

    class RoundTheProxy:
        name, environments, profiles, options = mesh.name, mesh.environments, mesh.profiles, mesh.options
        facts, install, gates = mesh.facts, mesh.install, mesh.gates

        def enrol(self, spec, application):
            return application

    load = adapters.load
    monkeypatch.setattr(
        adapters, "load", lambda group, name: RoundTheProxy() if name == "node-l7" else load(group, name)
    )
    campaign_id = run_experiment(experiment("node-l7"), data=tmp_path)
    runs = {run.mesh.label: run for run in runs_of(tmp_path, campaign_id)}
    assert runs["baseline"].status == "finished"
    assert runs["node-l7"].status == "failed"
    assert "gate failed: the call crossed node-proxy" in runs["node-l7"].reason
    assert runs["node-l7"].load_result is None
    assert [gate.passed for gate in runs["node-l7"].gates] == [True, False]
    assert read_campaign(tmp_path / "runs" / campaign_id).reason.startswith("1 failed")


def test_what_this_machine_cannot_do_is_skipped_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.environments.lab.environment.probe_namespaces", lambda: "forbidden here")
    campaign_id = run_experiment(experiment("cross-connect"), data=tmp_path)
    runs = {run.mesh.label: run for run in runs_of(tmp_path, campaign_id)}
    assert (runs["cross-connect"].status, runs["cross-connect"].reason) == ("skipped", "forbidden here")
    assert runs["baseline"].status == "finished"


def test_when_nothing_finishes_the_first_reason_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "workbench.environments.lab.environment.OpenLab.refuses", lambda self, steps, existing=False: "not today"
    )
    with pytest.raises(RunFailedError, match=r"No run of campaign .* finished.*not today"):
        run_experiment(experiment("l4-sidecars"), data=tmp_path)
    assert [run.status for path in (tmp_path / "runs").iterdir() for run in runs_of(tmp_path, path.name)] == [
        "skipped",
        "skipped",
    ]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"meshes": (MeshSpec(name="l7-sidecar"),)}, UnknownNameError, "Did you mean 'l7-sidecars'"),
        ({"workloads": (Workload(name="ecco"),)}, UnknownNameError, "Did you mean 'echo'"),
        ({"loads": (replace(SHORT, generator="bultin"),)}, UnknownNameError, "Did you mean 'builtin'"),
        ({"environment": EnvironmentSpec(name="labs")}, UnknownNameError, "Did you mean 'lab'"),
        ({"meshes": (MeshSpec(name="l7-sidecars", options={"mtsl": True}),)}, UnknownNameError, "Did you mean 'mtls'"),
        ({"meshes": (MeshSpec(name="cross-connect", profile="remot"),)}, UnknownNameError, "Did you mean 'remote'"),
        ({"loads": (replace(SHORT, generator="fortio", arrival="poisson"),)}, BadInputError, "poisson"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        run_experiment(experiment("l4-sidecars", **change), data=tmp_path)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_stop_keeps_what_is_finished_and_resume_does_the_rest(tmp_path):
    asked = experiment("l4-sidecars", blocks=2)

    def stop_in_the_second_run(event):
        if event.kind == "run-started" and event.done == 1:
            request_stop(tmp_path / "runs" / "mine")

    with pytest.raises(StoppedError, match="workbench run --resume mine"):
        run_experiment(asked, data=tmp_path, campaign_id="mine", on_event=stop_in_the_second_run)
    before = runs_of(tmp_path, "mine")
    assert [run.status for run in before] == ["finished", "interrupted"]
    assert read_campaign(tmp_path / "runs" / "mine").status == "interrupted"

    assert run_experiment(asked, data=tmp_path, resume="mine") == "mine"
    finished = [run for run in runs_of(tmp_path, "mine") if run.status == "finished"]
    assert sorted(run.spec.ordinal for run in finished) == [1, 2, 3, 4]
    assert before[0] in finished
    assert read_campaign(tmp_path / "runs" / "mine").status == "finished"


def test_ctrl_c_is_recorded_as_an_interruption(tmp_path):
    def interrupt(event):
        if event.kind == "run-started":
            raise KeyboardInterrupt

    with pytest.raises(StoppedError):
        run_experiment(experiment("l4-sidecars"), data=tmp_path, campaign_id="mine", on_event=interrupt)
    assert read_campaign(tmp_path / "runs" / "mine").status == "interrupted"


def test_a_noisy_run_is_repeated_once_and_both_are_kept(tmp_path, monkeypatch):
    noise = Noise(steal_ratio=0.5, cpus=2)
    monkeypatch.setattr("workbench.environments.lab.watch.Watch.noise", lambda self: noise)
    campaign_id = run_experiment(experiment("baseline", rerun_noisy=True), data=tmp_path)
    runs = runs_of(tmp_path, campaign_id)
    assert [(run.spec.ordinal, run.spec.attempt, run.status) for run in runs] == [
        (1, 1, "finished"),
        (1, 2, "finished"),
    ]
    assert "hypervisor took 50%" in runs[0].noise.noisy


def test_a_damaged_answer_of_the_generator_is_a_failed_run(tmp_path, monkeypatch):
    generator = adapters.load("loadgens", "builtin")

    def damaged(load, output):
        raise RunFailedError("the output is torn at byte 7")

    monkeypatch.setattr(type(generator), "parse", staticmethod(damaged))
    with pytest.raises(RunFailedError, match="torn at byte 7"):
        run_experiment(experiment("baseline"), data=tmp_path, campaign_id="mine")
    (run,) = runs_of(tmp_path, "mine")
    assert run.status == "failed"
    assert list((tmp_path / "runs" / "mine" / run.run_id / "raw").iterdir()), "the raw output is kept"


def test_a_bug_in_the_middle_leaves_a_failed_campaign_and_a_record(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_completed", lambda record, *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_experiment(experiment("baseline"), data=tmp_path, campaign_id="mine")
    assert read_campaign(tmp_path / "runs" / "mine").status == "failed"


def test_two_campaigns_at_once_both_land(tmp_path):
    inner = []

    def start_another(event):
        if event.kind == "run-started" and not inner:
            inner.append(run_experiment(experiment("baseline"), data=tmp_path))

    outer = run_experiment(experiment("baseline"), data=tmp_path, on_event=start_another)
    assert outer != inner[0]
    for campaign_id in (outer, inner[0]):
        assert [run.status for run in runs_of(tmp_path, campaign_id)] == ["finished"]


def test_a_plan_shows_every_step_and_its_time_without_doing_anything():
    plan = make_plan(experiment("l7-sidecars", "cross-connect", blocks=2))
    shown = steps_of(plan)
    assert len(shown) == 6
    processes = {step.name for _, steps in shown for step in steps if isinstance(step, Process)}
    assert {"client-sidecar", "server-sidecar", "server"} <= processes
    assert 6 * 0.9 < estimate_s(plan) < 20


def test_estimate_is_near_the_truth(tmp_path):
    asked = experiment("baseline", "node-l7", loads=(replace(SHORT, duration_s=1.0),))
    started = time.monotonic()
    run_experiment(asked, data=tmp_path)
    assert time.monotonic() - started < 4 * estimate_s(make_plan(asked))
