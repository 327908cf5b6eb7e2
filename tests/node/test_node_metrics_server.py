"""A real metrics-server as the source of telemetry: averages in place of counters, and said to be so."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
from dataclasses import replace

import node_campaign
import pytest
from control_plane import free_port
from kernel_account import KernelAccount
from node_machine import ADDRESS, cache, until

from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.diagnosis import diagnose
from workbench.environments.kubernetes.options import Options
from workbench.errors import UnsupportedError
from workbench.model.experiment import MeshSpec
from workbench.store import Store

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not os.access(cache() / "metrics-server", os.X_OK),
        reason="no metrics-server built yet: run scripts/control_plane/build --node (needs Go)",
    ),
]

SERVES = "v1beta1.metrics.k8s.io"
RESOLUTION_S = 10
"""How often it looks: the shortest that it takes."""

SMEARED = 0.5
"""Its averages are over windows of its own, which begin before the load and end after it; and of a pod that was just
started it tells nothing until it has looked twice."""


def _objects(port: int) -> list[dict]:
    meta = {"name": "metrics-server", "namespace": "kube-system"}
    ports = [{"name": "https", "port": 443, "targetPort": port}]
    slices = {**meta, "labels": {"kubernetes.io/service-name": meta["name"]}}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": slices,
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": port}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": SERVES},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": meta,
            },
        },
    ]


@pytest.fixture(scope="module")
def metrics_server(machine, real, tmp_path_factory):
    """metrics-server, built from its source, as a process of the node's network; served by the API server."""
    folder, port, config = tmp_path_factory.mktemp("metrics-server"), free_port(), str(machine.kubeconfig)
    keys = machine.plane.folder
    program = [
        *(str(cache() / "metrics-server"), "--kubeconfig", config, "--authentication-kubeconfig", config),
        *("--authorization-kubeconfig", config, "--secure-port", str(port), "--cert-dir", str(folder)),
        *("--kubelet-certificate-authority", str(machine.signer.crt), f"--metric-resolution={RESOLUTION_S}s"),
        *(
            "--kubelet-client-certificate",
            str(keys / "kubelets.crt"),
            "--kubelet-client-key",
            str(keys / "kubelets.key"),
        ),
        *("--kubelet-preferred-address-types=InternalIP", "--kubelet-request-timeout=8s"),
    ]
    objects = _objects(port)
    with (folder / "log").open("wb") as log:
        served = subprocess.Popen([*machine.enter, *program], stdout=log, stderr=log)
    try:
        for one in objects:
            real.apply(one)
        path = f"/apis/metrics.k8s.io/v1beta1/nodes/{machine.node}"
        until(lambda: real.page_once(path, 5.0), "metrics-server tells nothing", (folder / "log").read_text, 120)
        yield
    finally:
        for one in reversed(objects):
            with contextlib.suppress(Exception):
                real.delete(one)
        served.kill()
        served.wait()


@pytest.fixture(scope="module")
def asked(machine):
    """An experiment that is to read metrics.k8s.io, for longer than it takes metrics-server to look once more."""
    plain = node_campaign.experiment(machine.kubeconfig, MeshSpec(name="baseline"))
    options = {**plain.environment.options, "telemetry": "metrics-api"}
    loads = tuple(replace(one, duration_s=4.0 * RESOLUTION_S) for one in plain.loads)
    return replace(plain, environment=replace(plain.environment, options=options), loads=loads)


def test_without_it_a_run_that_asks_for_it_is_refused(asked, real, tmp_path):
    with pytest.raises(UnsupportedError, match="metrics-server"):
        run_experiment(asked, data=tmp_path / "data")


def test_a_run_on_averages_is_near_the_kernel_and_is_said_to_be_coarse(machine, real, metrics_server, asked, tmp_path):
    before = snapshot.take(real)
    with KernelAccount(machine, real) as kernel:
        _, runs = node_campaign.stored(tmp_path, run_experiment(asked, data=tmp_path / "data"))
    (run,) = runs.values()
    assert (run.status, run.reason) == ("finished", "")
    (source,) = run.sources
    assert (source.source, source.coarse) == ("metrics-api", True)
    found = Store(tmp_path / "data").consumption([run.run_id]).set_index("component")
    application = [one for one in run.components if one.role == "application"]
    assert application
    for one in application:
        truth = kernel.used_s(one.instance.partition("/")[2], run.window.start_s, run.window.end_s)
        assert found.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=SMEARED), (
            "averages are smeared over their windows"
        )
        assert found.loc[one.name, "mem_working_set_bytes"] > 0
        assert math.isnan(found.loc[one.name, "mem_anon_bytes"]), "it tells no resident memory"
    assert snapshot.differences(before, snapshot.take(real)) == ()


def test_the_doctor_names_it_as_the_source(machine, metrics_server):
    said = {one.name: one for one in diagnose(Options(kubeconfig=str(machine.kubeconfig), telemetry="metrics-api"))}
    source = said["a source of telemetry"]
    assert source.passed and "metrics.k8s.io" in source.evidence
