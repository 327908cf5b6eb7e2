"""What goes wrong on clusters, each tried on a real API server: a sentence that says why, and a cluster as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from rig_objects import application, manifest, workload

from workbench import adapters
from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.diagnosis import clean
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.rights import cluster_role, missing_rights
from workbench.environments.kubernetes.session import OpenCluster
from workbench.errors import DeadlineExceededError, RunFailedError, UnsupportedError
from workbench.model.cluster_steps import Wait
from workbench.model.experiment import EnvironmentSpec

PLACE = "rig-broken"


def fails(opened, *objects, deadline_s=2.5):
    """Deploy objects that do not come up and return the sentence."""
    steps = (manifest(PLACE, *objects), Wait(condition="available", namespace=PLACE, deadline_s=deadline_s))
    with pytest.raises(DeadlineExceededError) as caught, opened.deploy(steps, application()):
        pass
    assert opened.left_behind == ()
    assert labelled_objects(opened.cluster, opened.run) == []
    return str(caught.value)


def test_an_image_that_cannot_be_pulled(opened):
    said = fails(opened, workload("web", PLACE, "registry.test/nosuch:9"))
    assert "the image registry.test/nosuch:9 cannot be pulled" in said
    assert "Deployment rig-broken/web has 0 of 1 pods available" in said


def test_a_container_that_crashes_shows_its_log(opened):
    said = fails(opened, workload("web", PLACE, "rig/crash:1"))
    assert (
        "it ended with exit code 2, 3 restarts; it printed last: starting\npanic: no configuration at /etc/rig" in said
    )


def test_a_pod_that_fits_nowhere_names_the_shortage(opened):
    said = fails(opened, workload("web", PLACE, requests={"cpu": "64"}))
    assert "cannot be scheduled: there is too little cpu (0/2 nodes are available" in said


def test_a_quota(opened, cluster):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": PLACE},
        "spec": {"hard": {"pods": "0"}},
        "status": {"hard": {"pods": "0"}, "used": {"pods": "0"}},
    }
    said = fails(opened, {key: quota[key] for key in quota if key != "status"}, workload("web", PLACE))
    assert "a quota forbids it: exceeded quota: small" in said


def test_a_webhook_that_does_not_answer(opened):
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "silent"},
        "webhooks": [
            {
                "name": "inject.silent.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 1,
                "clientConfig": {"url": "https://127.0.0.1:9/inject"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": PLACE}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    }
    said = fails(opened, hook, workload("web", PLACE), deadline_s=4)
    assert "the webhook inject.silent.test does not answer, so pods are refused" in said


def test_a_webhook_without_its_ca_is_waited_for_and_named(opened):
    steps = (Wait(condition="webhooks", names=("not-there",), deadline_s=1.0),)
    with (
        pytest.raises(DeadlineExceededError, match="not-there has no CA bundle yet"),
        opened.deploy(steps, application()),
    ):
        pass


def test_a_webhook_whose_server_does_not_come_up_says_what_its_pods_say(opened):
    service = {"name": "web", "namespace": PLACE}
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "late"},
        "webhooks": [
            {
                "name": "check.late.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "clientConfig": {"service": service},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nodes"]}],
            }
        ],
    }
    steps = (
        manifest(PLACE, workload("web", PLACE, "registry.test/nosuch:9"), hook),
        Wait(condition="webhooks", names=("late",), deadline_s=2.5),
    )
    with pytest.raises(DeadlineExceededError) as caught, opened.deploy(steps, application()):
        pass
    assert "late has no CA bundle yet" in str(caught.value)
    assert "the image registry.test/nosuch:9 cannot be pulled" in str(caught.value)
    assert opened.left_behind == ()


def test_a_crd_that_is_not_served(opened):
    steps = (Wait(condition="established", names=("gateways.nowhere.test",), deadline_s=1.0),)
    with (
        pytest.raises(DeadlineExceededError, match=r"gateways.nowhere.test are not served"),
        opened.deploy(steps, application()),
    ):
        pass


def test_nodes_too_small_are_told_before_anything_is_deployed(opened, cluster):
    steps = (manifest(PLACE, workload("web", PLACE, requests={"cpu": "5"})),)
    assert "requests 5 cores, and no node has more than 4 cores free" in opened.refuses(steps)
    many = (manifest(PLACE, workload("web", PLACE, requests={"memory": "3Gi"}, replicas=6)),)
    assert "its pods request 18 GiB together, and 16 GiB are free" in opened.refuses(many)
    assert cluster.get("v1", "Namespace", PLACE) is None


def test_missing_rights_are_listed_and_the_printed_role_is_enough(plane, cluster):
    limited = Cluster.connect(kubeconfig=str(plane.folder / "limited"))
    lacking = missing_rights(limited)
    assert any(one.startswith("get, list, watch, create, update, patch, delete deployments.apps") for one in lacking)
    adapter = adapters.load("environments", "kubernetes")
    spec = EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(plane.folder / "limited")})
    told = {one.name: one for one in adapter.diagnose(spec)}
    assert not told["an API server"].passed
    with pytest.raises(RunFailedError, match="cannot get resource"):
        adapter(spec).__enter__()
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "rig-limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "mesh-workbench"},
        "subjects": [{"kind": "User", "name": "rig-limited", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    made = (cluster_role(), binding)
    try:
        for one in made:
            cluster.apply(one)
        deadline = time.monotonic() + 5
        while missing_rights(limited) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert missing_rights(limited) == ()
        with adapter(spec) as environment, environment.deploy((), application()):
            pass
        assert environment.left_behind == ()
    finally:
        for one in made:
            cluster.delete(one)


def test_a_right_that_is_missing_half_way_is_named_and_what_was_made_is_removed(plane, cluster, agent):
    role = cluster_role("rig-some")
    role["rules"] = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if "deployments" not in rule["resources"] or verb != "patch"]}
        for rule in role["rules"]
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "rig-some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rig-some"},
        "subjects": [{"kind": "User", "name": "rig-limited", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    limited = Cluster.connect(kubeconfig=str(plane.folder / "limited"))
    try:
        for one in (role, binding):
            cluster.apply(one)
        wait_for(lambda: limited.may("list", "", "nodes"))
        options = Options(kubeconfig=str(plane.folder / "limited"))
        with OpenCluster(options) as environment:
            with pytest.raises(RunFailedError) as caught, environment.deploy((manifest(PLACE),), application()):
                pass
            assert environment.left_behind == ()
        assert "Deployment rig-app/server could not be applied" in str(caught.value)
        assert 'cannot patch resource "deployments"' in str(caught.value)
        assert "The ClusterRole from `workbench rbac` grants this right." in str(caught.value)
        assert labelled_objects(cluster) == []
    finally:
        for one in (role, binding):
            cluster.delete(one)


def test_the_api_server_may_go_away_in_the_middle(plane, opened):
    """Shortened to seconds: what is tried is that a wait and a removal go on where they were."""
    steps = (manifest(PLACE, workload("web", PLACE, "rig/never:1")),)
    with opened.deploy(steps, application()):
        plane.stop_api()
        seen = []
        asking = threading.Thread(target=lambda: seen.append(opened.cluster.listed("v1", "Pod", PLACE)[0]))
        asking.start()
        time.sleep(2.0)
        assert asking.is_alive()
        plane.start_api()  # from this thread: the kernel ends it with the thread that started it
        asking.join(20)
        assert len(seen[0]) == 1
    assert opened.left_behind == ()


def test_a_server_that_stays_away_is_said_so(tmp_path, plane):
    text = plane.kubeconfig.read_text().replace(str(plane.port), "9")
    (tmp_path / "dead").write_text(text)
    dead = Cluster.connect(kubeconfig=str(tmp_path / "dead"))
    dead.patience_s = 0.5
    with pytest.raises(UnsupportedError, match=r"API server 127.0.0.1:9 \(context rig\) did not answer GET /version"):
        dead.json("get", "/version")


KILLED = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from rig_objects import application, manifest, workload
    from workbench.model.cluster_steps import Delete, Wait
    from workbench.environments.kubernetes.options import Options
    from workbench.environments.kubernetes.session import OpenCluster
    meta = {{"name": "made-by-a-controller", "namespace": "default"}}
    left = {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}}
    with OpenCluster(Options(kubeconfig={kubeconfig!r})) as environment:
        steps = (manifest("rig-killed", workload("web", "rig-killed", {image!r})),
                 Wait(condition="available", namespace="rig-killed"))
        with environment.deploy(steps, application(), removal=(Delete(name="left", objects=(left,)),)):
            environment.cluster.apply(left)
            print("up", flush=True)
            if {while_removing}:
                raise SystemExit
            time.sleep(60)
"""


@pytest.mark.parametrize("moment", ["deploying", "loading", "removing"])
def test_a_client_killed_in_the_middle_is_cleaned_up_from_elsewhere(agent, plane, cluster, moment):
    before = snapshot.take(cluster)
    image = "rig/never:1" if moment == "deploying" else "rig/plain:1"
    code = textwrap.dedent(KILLED).format(
        tests=str(Path(__file__).parent),
        kubeconfig=str(plane.kubeconfig),
        image=image,
        while_removing=moment == "removing",
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        if moment == "deploying":
            wait_for(lambda: cluster.get("apps/v1", "Deployment", "web", "rig-killed"))
        else:
            assert child.stdout.readline() == "up\n"
        if moment == "removing":
            wait_for(
                lambda: (
                    "deletionTimestamp" in (cluster.get("v1", "Namespace", "rig-app") or {"metadata": ()})["metadata"]
                )
            )
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    options = Options(kubeconfig=str(plane.kubeconfig))
    lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
    cluster.merge(lease, {"spec": {"holderIdentity": "me@another-machine process 1 (killed)"}})
    with pytest.raises(UnsupportedError, match="Another run uses this cluster"):
        clean(options)
    expire(cluster)
    with pytest.raises(UnsupportedError, match=r"an interrupted run .* left things behind.*workbench clean"):
        OpenCluster(options).__enter__()
    assert clean(options) == ()
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert labelled_objects(cluster) == []
    assert journal.read(cluster) == ("", {})
    assert clean(options) == ()


def wait_for(question, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def expire(cluster):
    lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
    cluster.merge(lease, {"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}})
