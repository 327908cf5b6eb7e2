"""HTTP/2, gRPC and TCP on a real kubelet: its probes, kube-proxy's Services and real DNS between client and server."""

from __future__ import annotations

import pytest

from workbench.campaigns.runner import run_experiment
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.store import read_run

RIGHT = {"http/2": "200", "grpc": "OK", "tcp": "OK"}


def test_every_protocol_is_answered_and_measured(machine, real, tmp_path):
    options = {"kubeconfig": str(machine.kubeconfig), "edge_s": 2.0, "poll_s": 1.0}
    asked = {"rate_per_s": 100, "duration_s": 2.0, "warmup_s": 0.5, "connections": 4, "generator": "fortio"}
    experiment = Experiment(
        name="protocols",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=0),),
        loads=tuple(Load(**asked, protocol=protocol) for protocol in RIGHT),
        blocks=1,
    )
    folder = tmp_path / "runs" / run_experiment(experiment, data=tmp_path)
    runs = {run.spec.load.protocol: run for run in (read_run(path.parent) for path in folder.glob("*/manifest.json"))}
    assert set(runs) == set(RIGHT)
    for protocol, run in runs.items():
        assert (run.status, run.reason) == ("finished", ""), protocol
        assert all(gate.passed for gate in run.gates) and run.gates
        assert set(run.load_result.counts_by_status) == {RIGHT[protocol]}
        assert run.load_result.requests == pytest.approx(2 * run.load_result.achieved_rate_per_s, abs=1)
        assert run.load_result.histograms["from_send"].count
