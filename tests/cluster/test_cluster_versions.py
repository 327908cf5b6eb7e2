"""An upgrade can be measured: one mesh in two versions, the newer with a value changed; the whole loop, in gRPC."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chart_sources import packed

import workbench.meshes
from workbench import adapters
from workbench.api.experiments import compare
from workbench.campaigns.runner import run_experiment
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import read_run


@pytest.fixture
def charted(monkeypatch):
    monkeypatch.setattr(workbench.meshes, "__path__", [*workbench.meshes.__path__, str(Path(__file__).parent)])
    adapters._modules.cache_clear()
    yield
    adapters._modules.cache_clear()


def test_two_versions_and_a_changed_value_are_meshes_with_their_own_charts(
    live, plane, charted, needs_helm, options, tmp_path
):
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / f"mesh-{version}.tgz").write_bytes(packed("mesh", version))
    place = {"charts": str(tmp_path)}
    specs = (
        MeshSpec(name="charted-mesh", version="1.0.0"),
        MeshSpec(name="charted-mesh", version="1.1.0", options={"values": {"mesh": {"said": "changed"}}}),
    )
    where = {"kubeconfig": str(plane.kubeconfig), "helm": options.helm, "edge_s": 1.0, "poll_s": 0.5, **place}
    asked = Experiment(
        name="upgrade",
        environment=EnvironmentSpec(name="kubernetes", options=where),
        meshes=specs,
        workloads=(Workload(name="echo", payload_bytes=0),),
        loads=(Load(rate_per_s=100, duration_s=1.0, warmup_s=0.2, connections=4, protocol="grpc", generator="fortio"),),
        blocks=1,
    )
    data = tmp_path / "data"
    folder = data / "runs" / run_experiment(asked, data=data)
    held = {}
    for path in folder.glob("*/manifest.json"):
        run = read_run(path.parent)
        assert (run.status, run.reason) == ("finished", "")
        assert set(run.load_result.counts_by_status) == {"OK"}
        deployed = json.loads((path.parent / "raw" / "deployed.json").read_bytes())
        told = [one["data"] for one in deployed["manifests"] if one["kind"] == "ConfigMap"]
        held[run.spec.mesh.label] = (run.mesh.title, told)
    assert held == {
        "baseline": (held["baseline"][0], []),
        "charted-mesh 1.0.0": ("a chart (1.0.0)", [{"version": "1.0.0", "said": "shipped"}]),
        "charted-mesh 1.1.0 values.mesh.said=changed": (
            "a chart (1.1.0)",
            [{"version": "1.1.0", "said": "changed"}],
        ),
    }
    comparison = compare(folder.name, data=data)
    assert set(comparison.summary["mesh"]) == set(held)
