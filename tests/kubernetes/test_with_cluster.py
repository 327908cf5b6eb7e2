"""The whole experiment, short, on the cluster that KUBECONFIG points to: ``make test ARGS=--with-cluster``."""

from __future__ import annotations

import pytest

from workbench.campaigns.runner import run_experiment
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import read_run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

MESHES = ("baseline", "istio", "linkerd", "consul", "nsm")


@pytest.mark.parametrize("mesh", MESHES)
def test_a_mesh_is_deployed_proven_measured_and_removed(mesh, tmp_path):
    asked = Experiment(
        name=f"short-{mesh}",
        environment=EnvironmentSpec(name="kubernetes"),
        meshes=(MeshSpec(name=mesh),),
        baseline=mesh,
        workloads=(Workload(name="echo", payload_bytes=256),),
        loads=(Load(rate_per_s=50, duration_s=30.0, warmup_s=5.0, connections=4, generator="fortio"),),
        blocks=1,
    )
    ended = []
    campaign_id = run_experiment(
        asked, data=tmp_path, on_event=lambda event: ended.append(event) if event.kind == "mesh-removed" else None
    )
    (run,) = [read_run(path.parent) for path in (tmp_path / "runs" / campaign_id).glob("*/manifest.json")]
    assert (run.status, run.reason) == ("finished", "")
    assert run.load_result.errors == 0
    assert ended[0].data["left_behind"] == []
