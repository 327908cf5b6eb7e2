"""The mesh for clusters of docs/adding-a-mesh.md: one file, nothing else changed, planned, deployed and measured."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import workbench.meshes
from workbench import adapters
from workbench.api.deploying import deploy
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.files.shipped import notebook
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.notebooks import execute
from workbench.store import Store, read_run

sys.path.insert(0, str(Path(__file__).parents[1] / "meshes"))
import test_cluster_meshes as conformance
from cluster_cases import application

ROOT = Path(__file__).parents[2]
NAME = "plain-gateway"
HELD = (
    conformance.test_same_spec_same_description,
    conformance.test_enrol_leaves_its_argument_alone_and_keeps_the_application_in_its_namespace,
    conformance.test_every_object_would_be_taken_by_an_api_server,
    conformance.test_steps_are_plain_data_without_secrets,
    conformance.test_remove_undoes_install,
    conformance.test_remove_touches_nothing_that_others_need,
)
"""The checks of the conformance that hold for any mesh; the others ask for webhooks, proxies and mTLS."""


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The document's own file, put into the package and taken out again."""
    _, text = re.findall(r"```python\n(.*?)```", (ROOT / "docs/adding-a-mesh.md").read_text(), re.DOTALL)
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "plain_gateway.py").write_text(text)
    monkeypatch.setattr(workbench.meshes, "__path__", [*workbench.meshes.__path__, str(tmp_path / "meshes")])
    importlib.invalidate_caches()
    adapters._modules.cache_clear()
    yield adapters.load("meshes", NAME)
    adapters._modules.cache_clear()
    sys.modules.pop("workbench.meshes.plain_gateway", None)
    if hasattr(workbench.meshes, "plain_gateway"):
        del workbench.meshes.plain_gateway


@pytest.mark.parametrize("check", HELD, ids=lambda one: one.__name__)
@pytest.mark.parametrize("workload", ["echo", "chain"])
def test_it_keeps_what_every_mesh_must_keep(added, workload, check):
    check((added, MeshSpec(name=NAME), application(workload, fan_out=2)))


def test_it_is_measured_beside_the_baseline_and_nothing_stays(added, live, plane, cluster, tmp_path):
    before = snapshot.take(cluster)
    place = {"kubeconfig": str(plane.kubeconfig), "context": "rig", "edge_s": 2.0, "poll_s": 0.4}
    asked = Experiment(
        name="fifth",
        environment=EnvironmentSpec(name="kubernetes", options=place),
        meshes=(MeshSpec(name=NAME),),
        workloads=(Workload(name="echo", payload_bytes=256),),
        loads=(Load(rate_per_s=100, duration_s=3.0, warmup_s=0.5, connections=4, generator="fortio"),),
        blocks=1,
    )
    steps = []
    campaign_id = run_experiment(
        asked, data=tmp_path, on_event=lambda event: event.kind == "step" and steps.append(event.message)
    )
    runs = [read_run(path.parent) for path in (tmp_path / "runs" / campaign_id).glob("*/manifest.json")]
    assert {run.mesh.label for run in runs} == {"baseline", NAME}
    assert [run.reason for run in runs if run.status != "finished"] == []
    (meshed,) = [run for run in runs if run.mesh.label == NAME]
    used = Store(tmp_path).consumption([meshed.run_id]).set_index("role")
    assert used.loc["gateway", "cpu_s"] > 0.005
    assert f"{NAME}: applying the relay" in steps
    assert snapshot.differences(before, snapshot.take(cluster)) == ()


def test_it_stands_by_one_call_shows_what_it_reserves_and_goes(added, live, plane, cluster):
    before = snapshot.take(cluster)
    with deploy(NAME, context="rig", kubeconfig=str(plane.kubeconfig)) as standing:
        assert "It runs on the cluster of context rig (127.0.0.1:" in standing.where
        assert standing.gates["passed"].all() and len(standing.gates) == 2
        assert standing.reserved.loc["gateway", ["parts", "silent", "cores", "memory_mib"]].tolist() == [1, 0, 0.1, 64]
        assert standing.parts["ready"].all()
        assert set(standing.parts["role"]) == {"application", "gateway", "load-generator"}
        again = deploy("baseline", context="rig", kubeconfig=str(plane.kubeconfig))
        assert cluster.get("v1", "Namespace", NAME) is None, "one mesh stands at a time"
        assert again.remove() == "baseline is removed; the environment is as it was before."
    assert snapshot.differences(before, snapshot.take(cluster)) == ()


def test_the_notebook_deploys_on_a_cluster_what_its_parameters_say(live, plane, cluster, tmp_path):
    given = {"mesh": "baseline", "context": "rig", "kubeconfig": str(plane.kubeconfig)}
    copy = execute(notebook("10_deploy_a_mesh"), tmp_path / "copy.ipynb", given).read_text()
    assert "It runs on the cluster of context rig" in copy
    assert "baseline is removed; the environment is as it was before." in copy
    assert cluster.get("v1", "Namespace", "workbench-app") is None
