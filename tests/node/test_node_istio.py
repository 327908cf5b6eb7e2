"""Istio's description on a real node: istiod and pilot-agent built from Istio's source, with **stock Envoy**.

This is not Istio's released data plane, and no number of it bears Istio's name; see `meshes/istiod_stock_envoy.py`.
What counts is that the adapter's own charts, waits, injection, gates, parts and removal hold on a live cluster.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import images
import node_campaign
import node_machine
import pytest

from workbench import adapters
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.client import RefusedError
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster
from workbench.environments.lab.envoy import envoy_path
from workbench.intents import Abort, Intent, Target, read_design
from workbench.model.cluster_load import PodCall
from workbench.model.experiment import EnvironmentSpec, MeshSpec, Workload
from workbench.model.fortio_rest import PORT, RUN_PATH
from workbench.store import Store, read_run

pytestmark = pytest.mark.timeout(400)

MESH = "istiod-stock-envoy"
DESIGNS = Path(__file__).parents[2] / "data" / "designs"
FAULT = Intent(name="all-fail", abort=Abort(percent=100, status=503))
USER = "1337:1337"


@pytest.fixture(scope="module")
def built():
    """The folder with what ``scripts/control_plane/build --istio`` makes."""
    reason, folder = node_machine.why_not(), node_machine.cache() / "istio"
    if reason:
        pytest.skip(reason)
    if not os.access(folder / "pilot-agent", os.X_OK):
        pytest.skip("no istiod built: run scripts/control_plane/build --istio (needs Go; ten minutes, once)")
    return folder


@pytest.fixture(scope="module")
def charts(built, machine):
    """The folder of charts, with the images that they name in the node's store."""
    envoy, iptables = Path(envoy_path()), Path(shutil.which("iptables") or "").resolve()
    files = {
        "/usr/local/bin/pilot-agent": built / "pilot-agent",
        "/usr/local/bin/envoy": envoy,
        "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": built / "envoy_bootstrap.json",
        **images.libraries(envoy),
        **images.libraries(iptables),
        **{str(one): one for one in next(Path("/usr/lib").glob("*/xtables")).glob("lib*t_*.so")},
    }
    for family in ("iptables", "ip6tables"):
        for kind in ("", "-nft"):
            files |= {f"/usr/sbin/{family}{kind}{end}": iptables for end in ("", "-save", "-restore")}
    pilot = {"/usr/local/bin/pilot-discovery": built / "pilot-discovery"}
    machine.add_image("rig.test/istio/proxyv2:1.0.0", files, ["/usr/local/bin/pilot-agent"], USER)
    machine.add_image("rig.test/istio/pilot:1.0.0", pilot, ["/usr/local/bin/pilot-discovery"], USER)
    return built / "charts"


def test_istios_description_holds_with_istiod_and_stock_envoy(charts, machine, real, tmp_path):
    asked = node_campaign.experiment(machine.kubeconfig, MeshSpec(name=MESH))
    options = {**asked.environment.options, "charts": str(charts)}
    environment = EnvironmentSpec(name="kubernetes", options=options)
    mesh, before, ended = MeshSpec(name=MESH), snapshot.take(real), []
    with node_campaign.known():
        campaign_id = run_experiment(
            replace(asked, environment=environment, meshes=(mesh,), baseline=MESH),
            data=tmp_path,
            on_event=lambda event: ended.append(event) if event.kind == "mesh-removed" else None,
        )
    (run,) = [read_run(path.parent) for path in (tmp_path / "runs" / campaign_id).glob("*/manifest.json")]
    assert (run.status, run.reason, run.load_result.errors) == ("finished", "", 0)
    evidence = {gate.name: gate.evidence for gate in run.gates if gate.passed}
    assert "istio-proxy is ready in client-" in evidence["every pod has a ready istio-proxy"]
    assert "moved by 1;" in evidence["the call left by its proxy"]
    told = evidence["the call was mTLS"]
    assert told.startswith("envoy_cluster_ssl_handshake") and " of istio-proxy is " in told
    assert len(evidence) == len(run.gates)
    assert "not Istio's released data plane" in run.mesh.title
    used = Store(tmp_path).consumption([run.run_id])
    sidecars = used[used["role"] == "sidecar"]
    assert {one.rpartition("/")[2] for one in sidecars["component"]} == {"istio-proxy"}
    assert len(sidecars) == 2 and (sidecars["cpu_s"] > 0.05).all()
    (istiod,) = used[used["role"] == "control-plane"]["component"]
    assert istiod.endswith("/discovery")
    assert ended[0].data["left_behind"] == []
    assert snapshot.differences(before, snapshot.take(real)) == ()


def test_istios_own_webhook_takes_every_design_and_a_fault_reaches_the_traffic(charts, machine):
    """Dry runs of every shipped design against Istio's CRDs and its validating webhook; then one for real."""
    with node_campaign.known():
        mesh = adapters.load("meshes", MESH)
    spec, plain = MeshSpec(name=MESH), adapters.load("workloads", "echo").cluster_application(Workload(name="echo"))
    enrolled = mesh.enrol(spec, plain)
    opened = OpenCluster(Options(kubeconfig=str(machine.kubeconfig), charts=str(charts)))
    with opened, opened.deploy(mesh.install(spec, plain), enrolled, removal=mesh.remove(spec, enrolled)) as up:
        cluster = up.cluster
        for design in map(read_design, sorted(DESIGNS.glob("*.toml"))):
            for one in mesh.configure(spec, design.intent, design.target).objects:
                cluster.apply(one, dry_run=True)
        with pytest.raises(RefusedError, match="denied the request"):
            cluster.apply(_broken(mesh.configure(spec, FAULT, Target()).objects), dry_run=True)
        assert answered(up, "200")
        for one in mesh.configure(spec, FAULT, Target()).objects:
            cluster.apply(one)
        assert answered(up, "503")
        for one in mesh.configure(spec, FAULT, Target()).objects:
            cluster.delete(one)
        assert answered(up, "200")
    assert opened.left_behind == ()


def answered(up, status, deadline_s=20.0):
    """Whether the client's calls are soon answered so: what istiod is told reaches the proxies in a second or two."""
    deadline, said = time.monotonic() + deadline_s, None
    while time.monotonic() < deadline:
        asked = {"url": up.application.url, "n": "4", "c": "1", "qps": "-1"}
        said = json.loads(up.ask(PodCall(port=PORT, path=RUN_PATH, body=asked)))["RetCodes"]
        if set(said) == {status}:
            return True
        time.sleep(0.5)
    raise AssertionError(f"the calls are answered {said}, not {status}")


def _broken(objects):
    """Return the VirtualService with a share of faults that no schema forbids and Istio does."""
    made = copy.deepcopy(dict(next(one for one in objects if one["kind"] == "VirtualService")))
    made["spec"]["http"][0]["fault"]["abort"]["percentage"]["value"] = 250
    return made
