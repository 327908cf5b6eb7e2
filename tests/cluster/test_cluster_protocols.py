"""TCP through the whole loop on a real control plane: real Fortio pods, gates, load, run folder."""

from __future__ import annotations

import pytest

from workbench.campaigns.runner import run_experiment
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import read_run


def test_tcp_is_proven_measured_and_stored(live, plane, tmp_path):
    options = {"kubeconfig": str(plane.kubeconfig), "edge_s": 1.0, "poll_s": 0.5}
    asked = {"rate_per_s": 100, "duration_s": 1.0, "warmup_s": 0.2, "connections": 4, "generator": "fortio"}
    right = {"tcp": "OK"}
    experiment = Experiment(
        name="protocols",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=0),),
        loads=tuple(Load(**asked, protocol=protocol) for protocol in right),
        blocks=1,
    )
    folder = tmp_path / "runs" / run_experiment(experiment, data=tmp_path)
    runs = {run.spec.load.protocol: run for run in (read_run(path.parent) for path in folder.glob("*/manifest.json"))}
    assert set(runs) == set(right)
    for protocol, run in runs.items():
        assert (run.status, run.reason) == ("finished", ""), protocol
        assert all(gate.passed for gate in run.gates) and run.gates
        assert set(run.load_result.counts_by_status) == {right[protocol]}
        assert run.load_result.errors == 0
        assert run.load_result.requests == pytest.approx(run.load_result.achieved_rate_per_s, abs=1)
        assert run.load_result.histograms["from_send"].count
