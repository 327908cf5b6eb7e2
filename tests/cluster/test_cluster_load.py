"""The whole loop on a real control plane: real Fortio pods, the kubelets' accounts, the run folder, nothing left."""

from __future__ import annotations

import json
import threading
import time

import pytest

from workbench import analysis
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.errors import BadInputError
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import Store, read_run


def experiment(plane, **load):
    options = {"kubeconfig": str(plane.kubeconfig), "edge_s": 3.0, "poll_s": 0.5}
    values = {"rate_per_s": 200, "duration_s": 4.0, "warmup_s": 0.5, "connections": 4, "generator": "fortio", **load}
    return Experiment(
        name="on-a-cluster",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=512),),
        loads=(Load(**values),),
        blocks=1,
    )


def test_an_experiment_on_a_cluster_is_measured_and_the_bill_closes(live, plane, cluster, tmp_path):
    before = snapshot.take(cluster)
    campaign_id = run_experiment(experiment(plane), data=tmp_path)
    folder = tmp_path / "runs" / campaign_id
    (run,) = [read_run(path.parent) for path in folder.glob("*/manifest.json")]
    assert (run.status, run.reason, run.environment) == ("finished", "", "kubernetes")
    assert run.load_result.errors == 0
    assert run.load_result.requests == pytest.approx(800, rel=0.2)  # a busy machine misses turns, and does not catch up
    assert all(gate.passed for gate in run.gates) and run.gates
    roles = {one.role for one in run.components}
    assert roles == {"application", "load-generator", "system", "node", "unattributed"}
    store = Store(tmp_path)
    used = store.consumption([run.run_id]).set_index("component")
    unread = set(used.index[used["cpu_s"].isna()])
    assert unread == {f"{node}, runtime" for node in agent_nodes(run)}, (
        "this kubelet tells of itself, not of its runtime"
    )
    assert used.loc[used["role"] == "application", "cpu_s"].item() > 0.01
    assert (used.loc[used["role"].isin(["application", "load-generator"]), "mem_anon_bytes"] > 1e6).all()
    for node in {one.instance for one in run.components if one.role == "node"}:
        parts = [one.name for one in run.components if one.node == node and one.role != "node"]
        assert used.loc[parts, "cpu_s"].sum() == pytest.approx(used.loc[node, "cpu_s"], abs=1e-6)
    assert {(one.source, one.coarse, one.why) for one in run.sources} == {("kubelet", False, "")}
    assert {one.node for one in run.sources} == agent_nodes(run)
    reserved = store.reservations([run.run_id])
    assert set(reserved["role"]) >= {"application", "load-generator"}
    told = analysis.compare(store.runs(), store.consumption(), store.latency(), reserved, store.sources())
    assert told.node_bill["closes"].all()
    assert set(told.resource_summary["role"]) == {"application", "load-generator", "all"}
    deployed = json.loads(next(folder.glob("*/raw/deployed.json")).read_bytes())
    assert any("fortio" in image for image in deployed["images"])
    assert {one["node"] for one in deployed["pods"]} <= agent_nodes(run) and deployed["releases"] == []
    details = store.campaign(campaign_id).facts.details
    assert {one["cgroup"] for one in details["nodes"]} == {"v2"}
    assert details["telemetry"]["source"] == "kubelet"
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert next(one for one in events if one["kind"] == "mesh-removed")["data"]["left_behind"] == []
    assert snapshot.differences(before, snapshot.take(cluster)) == ()


def agent_nodes(run) -> set[str]:
    return {one.node for one in run.components if one.role == "node"}


def test_an_api_server_away_in_the_middle_of_a_load_costs_no_run(live, plane, cluster, tmp_path):
    """Shortened to seconds; the load goes on in its pod, and readings around the gap still bracket the window."""
    ids, loading = [], threading.Event()

    def seen(event):
        if event.kind == "run-started":
            loading.set()

    asked = experiment(plane, duration_s=6.0)
    worker = threading.Thread(target=lambda: ids.append(run_experiment(asked, data=tmp_path, on_event=seen)))
    worker.start()
    assert loading.wait(60)
    time.sleep(5)
    plane.stop_api()
    time.sleep(2)
    plane.start_api()
    worker.join(90)
    (run,) = [read_run(path.parent) for path in (tmp_path / "runs" / ids[0]).glob("*/manifest.json")]
    assert (run.status, run.reason) == ("finished", "")
    assert Store(tmp_path).consumption([run.run_id]).set_index("role").loc["application", "cpu_s"] > 0.01
    assert cluster.get("v1", "Namespace", "workbench-app") is None


def test_a_generator_of_this_machine_is_refused_before_anything_is_opened(tmp_path, plane):
    with pytest.raises(BadInputError, match=r'builtin.*kubernetes.*generator = "fortio"'):
        run_experiment(experiment(plane, generator="builtin"), data=tmp_path)
    assert not (tmp_path / "runs").exists()
