"""Kubelets asked straight by a pod of the run's own, for a user who may not ask them through the API server."""

from __future__ import annotations

import contextlib
import copy
import json

import authority
import node_campaign
import pytest
from control_plane import LIMITED_TOKEN
from kernel_account import RATIO, SECONDS, KernelAccount
from node_machine import until

from workbench import analysis
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import collecting, snapshot
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.collecting import Collector
from workbench.environments.kubernetes.diagnosis import diagnose
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.rights import cluster_role
from workbench.environments.kubernetes.waiting import wait
from workbench.model.experiment import MeshSpec
from workbench.store import Store

pytestmark = pytest.mark.timeout(300)  # the first waits for the whole campaign

KUBELETS = "of the kubelets, read by a pod of the run"


@pytest.fixture(scope="module")
def limited(machine, real):
    """The kubeconfig of a user with the role that ``workbench rbac --metrics-only`` prints."""
    role = cluster_role("metrics-only", metrics_only=True)
    bound = {
        "apiVersion": role["apiVersion"],
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "metrics-only"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "metrics-only"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "rig-limited"}],
    }
    for one in (role, bound):
        real.apply(one)
    yield machine.plane.write_kubeconfig("metrics-only", LIMITED_TOKEN)
    for one in (bound, role):
        real.delete(one)


@pytest.fixture(scope="module")
def campaign(machine, real, limited, tmp_path_factory):
    folder = tmp_path_factory.mktemp("collected")
    before = snapshot.take(real)
    asked = node_campaign.experiment(limited, MeshSpec(name="baseline"))
    with KernelAccount(machine, real) as kernel:
        where, runs = node_campaign.stored(folder, run_experiment(asked, data=folder / "data"))
    differences = snapshot.differences(before, snapshot.take(real))
    return node_campaign.Campaign(folder / "data", where, runs, kernel, differences)


def test_this_user_may_not_ask_through_the_api_server(machine, limited):
    cluster = Cluster.connect(kubeconfig=str(limited))
    assert cluster.page_once(f"/api/v1/nodes/{machine.node}/proxy/stats/summary", 5.0) is None


def test_the_doctor_says_which_way_is_taken_and_why(limited):
    said = {one.name: one for one in diagnose(Options(kubeconfig=str(limited)))}
    assert said["the rights a run needs"].passed, said["the rights a run needs"].evidence
    source = said["a source of telemetry"]
    assert source.passed and source.evidence.endswith(
        f"{KUBELETS} (certificates are checked where the cluster's CA signed them), "
        "because this user may not get nodes/proxy"
    )
    assert said["the kubelets' accounts"].passed


def test_cpu_is_what_the_kernel_counted_and_the_way_is_said(campaign):
    (run,) = campaign.runs.values()
    assert (run.status, run.reason) == ("finished", "")
    found = Store(campaign.data).consumption([run.run_id]).set_index("component")
    for one in run.components:
        if "/" in one.name or one.role == "node":
            truth = campaign.kernel.used_s(one.instance.partition("/")[2], run.window.start_s, run.window.end_s)
            assert found.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=RATIO, abs=SECONDS), one.name
    (source,) = run.sources
    assert (source.source, source.coarse) == ("kubelet", False)
    assert source.place.endswith(f"{KUBELETS} (its certificate checked with the cluster's CA)")
    assert source.why == "this user may not get nodes/proxy"
    store = Store(campaign.data)
    told = analysis.compare(store.runs(), store.consumption(), store.latency(), store.reservations(), store.sources())
    assert "other-source" in {one.name for one in told.checks}
    assert told.node_bill["closes"].all()


def test_its_own_cost_is_the_systems_and_nothing_stays(campaign):
    (run,) = campaign.runs.values()
    (own,) = [one for one in run.components if one.name.startswith(collecting.NAME)]
    assert own.role == "system"
    assert Store(campaign.data).consumption([run.run_id]).set_index("component").loc[own.name, "cpu_s"] > 0
    assert campaign.differences == ()


def test_no_token_is_stored(campaign):
    for path in campaign.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"Bearer " not in content and b"eyJhbGciOi" not in content, path


@pytest.fixture
def image(campaign):
    """The load generator's, which the campaign ran."""
    (run,) = campaign.runs.values()
    deployed = json.loads((campaign.folder / run.run_id / "raw" / "deployed.json").read_bytes())
    return next(one for one in deployed["images"] if "fortio" in one)


@contextlib.contextmanager
def collector(cluster, objects, ready):
    """The pod made of these objects; all of them go again."""
    try:
        for one in objects:
            cluster.apply(one)
        wait(cluster, ready)
        made = Collector(cluster)
        made.start()
        yield made
    finally:
        for one in reversed(objects):
            if cluster.get(
                one["apiVersion"], one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", "")
            ):
                cluster.delete(one)
        until(lambda: cluster.get("v1", "Namespace", collecting.NAME) is None, "its namespace stays", lambda: "")


def test_a_pod_without_the_right_is_refused_by_the_kubelet(machine, real, image):
    """The same pod and a token of its own, without its rights: so the answers above were the rights' doing."""
    manifest, ready = collecting.steps(image)
    kept = [one for one in manifest.objects if "ClusterRole" not in one["kind"]]
    with collector(real, kept, ready) as made:
        assert made.page(machine.node, "metrics/resource", 5.0) is None
        assert made.trust(machine.node) == "its certificate checked with the cluster's CA"


def test_a_certificate_that_the_trusted_authority_did_not_sign_is_taken_as_it_is_and_that_is_said(
    machine, real, image, tmp_path
):
    """The same kubelet, and a pod that trusts somebody else: so the certificate above was checked."""
    manifest, ready = collecting.steps(image)
    stranger = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "stranger", "namespace": collecting.NAME},
        "data": {"ca.crt": authority.made(tmp_path / "stranger", "a-stranger").crt.read_text()},
    }
    objects = [*copy.deepcopy(manifest.objects), stranger]
    (pod,) = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    pod["volumes"][0]["configMap"]["name"] = "stranger"
    with collector(real, objects, ready) as made:
        until(lambda: made.page(machine.node, "metrics/resource", 5.0), "it is never answered", lambda: "")
        assert made.trust(machine.node) == "its certificate was not checked: certificate signed by unknown authority"
