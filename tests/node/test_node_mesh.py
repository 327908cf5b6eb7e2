"""A mesh of the tests on a real node: injected by a real webhook, proven by its proxies, charged, and removed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import images
import injector
import pytest
import sidecar
from kernel_account import KernelAccount
from test_node_measured import experiment

import workbench.meshes
from workbench import adapters
from workbench.environments._supervisor import envoy_path
from workbench.environments.kubernetes import snapshot
from workbench.errors import RunFailed
from workbench.runner import run_experiment
from workbench.spec import MeshSpec
from workbench.store import Store, read_run

MESH = "meshlike"


@pytest.fixture(scope="module")
def proxied(machine):
    """The node with images of stock Envoy and of iptables, laid out from the programs that are here."""
    envoy, iptables = Path(envoy_path()), Path(shutil.which("iptables") or "").resolve()
    machine.add_image(sidecar.ENVOY, {"/usr/bin/envoy": envoy, **images.libraries(envoy)}, ["/usr/bin/envoy"])
    plugins = next(Path("/usr/lib").glob("*/xtables"))
    files = {str(one): one for one in plugins.glob("lib*t_*.so")}
    files |= {"/usr/sbin/iptables": iptables, **images.libraries(iptables)}
    machine.add_image(sidecar.REDIRECT, files, ["/usr/sbin/iptables"])
    return machine


@pytest.fixture(scope="module")
def webhook(proxied, tmp_path_factory):
    """The injector, served where the API server can reach it."""
    folder = tmp_path_factory.mktemp("injector")
    (folder / "patch.json").write_text(json.dumps(sidecar.patch()))
    program = [sys.executable, injector.__file__, str(folder), str(folder / "patch.json")]
    with subprocess.Popen([*proxied.enter, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as served:
        told = json.loads(served.stdout.readline())
        yield {"webhook_url": told["url"], "ca_bundle": told["ca"]}
        served.stdin.close()


@pytest.fixture(scope="module", autouse=True)
def known():
    """Put the mesh's one file where meshes are found."""
    usual = list(workbench.meshes.__path__)
    workbench.meshes.__path__.append(str(Path(__file__).parent / "meshes"))
    adapters._modules.cache_clear()
    yield
    workbench.meshes.__path__[:] = usual
    adapters._modules.cache_clear()
    sys.modules.pop(f"workbench.meshes.{MESH}", None)


@pytest.fixture(scope="module")
def measured(proxied, webhook, real, tmp_path_factory):
    """One block of baseline and mesh, and what the kernel said meanwhile."""
    data, before = tmp_path_factory.mktemp("data"), snapshot.take(real)
    asked = experiment(proxied)
    asked = replace(asked, meshes=(*asked.meshes, MeshSpec(name=MESH, options=webhook)))
    with KernelAccount(proxied, real) as kernel:
        campaign_id = run_experiment(asked, data=data)
    runs = [read_run(path.parent) for path in (data / "runs" / campaign_id).glob("*/manifest.json")]
    return data, {one.spec.mesh.name: one for one in runs}, kernel, snapshot.differences(before, snapshot.take(real))


def test_it_is_proven_by_its_own_proxies_and_leaves_nothing(measured):
    data, runs, _, differences = measured
    assert {name: (run.status, run.reason) for name, run in runs.items()} == dict.fromkeys(runs, ("finished", ""))
    evidence = {gate.name: gate.evidence for gate in runs[MESH].gates if gate.passed}
    assert "moved by 1;" in evidence["the call crossed the client's proxy"]
    assert "proxy is ready in client-" in evidence["a proxy in every pod"]
    assert runs[MESH].load_result.errors == 0
    (events,) = data.glob("runs/*/events.jsonl")
    removed = [json.loads(line) for line in events.read_text().splitlines() if '"mesh-removed"' in line]
    assert [one["data"]["left_behind"] for one in removed] == [[], []]
    assert differences == ()


def test_every_container_of_a_meshed_pod_is_charged_to_its_own(measured):
    data, runs, kernel, _ = measured
    run = runs[MESH]
    used = Store(data).consumption([run.run_id]).set_index("component")
    sidecars = [one.name for one in run.components if one.role == "sidecar"]
    assert {one.rpartition("/")[2] for one in sidecars} == {"proxy"} and len(sidecars) == 2
    assert {"control-plane", "node-proxy"} <= {one.role for one in run.components}
    for one in run.components:
        if one.role in ("application", "load-generator", "sidecar", "node"):
            truth = kernel.used_s("" if one.role == "node" else one.name, run.window.start_s, run.window.end_s)
            assert used.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=0.05, abs=0.01), one.name
            assert used.loc[one.name, "mem_rss_bytes"] > 1e6


def test_two_proxies_cost_more_than_none(measured):
    data, runs, _, _ = measured
    used = {
        name: Store(data).consumption([run.run_id]).groupby("role")["cpu_s"].sum().drop("node").sum()
        for name, run in runs.items()
    }
    assert used[MESH] > 1.3 * used["baseline"]


def test_pods_that_no_webhook_has_touched_fail_the_run(proxied, webhook, tmp_path):
    asked = experiment(proxied, duration_s=1.0)
    asked = replace(asked, meshes=(MeshSpec(name=MESH, options={**webhook, "enrolled": False}),), baseline=MESH)
    with pytest.raises(RunFailed, match="no container proxy in client-.* these pods are not meshed"):
        run_experiment(asked, data=tmp_path)
