"""The whole experiment, unmodified, on a real kubelet: its figures are held to the kernel's own."""

from __future__ import annotations

import json

import pytest
from kernel_account import KernelAccount
from node_machine import FORTIO, NODE

from workbench.environments.kubernetes import snapshot
from workbench.runner import run_experiment
from workbench.spec import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import Store, read_run


def experiment(machine, **load):
    """Short edges: this kubelet reads its containers every second or two."""
    options = {"kubeconfig": str(machine.kubeconfig), "edge_s": 4.0, "poll_s": 1.0}
    values = {"rate_per_s": 300, "duration_s": 8.0, "warmup_s": 1.0, "connections": 4, "generator": "fortio", **load}
    return Experiment(
        name="on-a-real-node",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=512),),
        loads=(Load(**values),),
        blocks=1,
    )


@pytest.fixture(scope="module")
def measured(machine, real, tmp_path_factory):
    """One campaign, and what the kernel said meanwhile."""
    data, before = tmp_path_factory.mktemp("data"), snapshot.take(real)
    with KernelAccount(machine, real) as kernel:
        campaign_id = run_experiment(experiment(machine), data=data)
    folder = data / "runs" / campaign_id
    (run,) = [read_run(path.parent) for path in folder.glob("*/manifest.json")]
    return data, folder, run, kernel, snapshot.differences(before, snapshot.take(real))


def test_a_run_on_a_real_kubelet_finishes_and_leaves_nothing(measured):
    _, folder, run, _, differences = measured
    assert (run.status, run.reason) == ("finished", "")
    assert run.load_result.errors == 0
    assert all(gate.passed for gate in run.gates) and run.gates
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert next(one for one in events if one["kind"] == "mesh-removed")["data"]["left_behind"] == []
    assert differences == ()


def test_cpu_is_what_the_kernel_counted(measured):
    data, _, run, kernel, _ = measured
    used = Store(data).consumption([run.run_id]).set_index("component")
    for one in run.components:
        if one.role in ("application", "load-generator", "node"):
            truth = kernel.used_s("" if one.role == "node" else one.name, run.window.start_s, run.window.end_s)
            assert used.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=0.05), one.name


def test_the_bill_of_a_real_node_closes(measured):
    data, _, run, _, _ = measured
    used = Store(data).consumption([run.run_id]).set_index("role")
    assert used.loc["node", "cpu_s"] > used.loc[["application", "load-generator"], "cpu_s"].sum()
    assert used.drop("node")["cpu_s"].sum() == pytest.approx(used.loc["node", "cpu_s"], abs=1e-6)


def test_facts_of_a_real_node_are_stored(measured):
    _, folder, _, _, _ = measured
    facts = json.loads((folder / "campaign.json").read_text())["campaign"]["facts"]["details"]
    (node,) = facts["nodes"]
    assert (node["name"], node["kubelet"]) == (NODE, "v1.34.4")
    assert node["runtime"].startswith("containerd://")
    deployed = json.loads(next(folder.glob("*/raw/deployed.json")).read_bytes())
    assert len(deployed["images"][FORTIO].partition("sha256:")[2]) == 64
