"""A real API server: one run at a time, everything labelled, nothing foreign touched, everything gone afterwards."""

from __future__ import annotations

import time

import pytest
from rig_objects import application, manifest, namespace, workload

from workbench import adapters
from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.environments.kubernetes.objects import MANAGED, RUN
from workbench.environments.kubernetes.session import OpenCluster
from workbench.environments.kubernetes.waiting import gone
from workbench.errors import RunFailedError, UnknownNameError, UnsupportedError
from workbench.model.cluster_steps import Delete, Wait
from workbench.model.experiment import EnvironmentSpec


def test_a_run_holds_a_lease_and_a_second_is_refused_by_name(opened, options, cluster):
    lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
    assert opened.run in lease["spec"]["holderIdentity"]
    with pytest.raises(UnsupportedError, match=f"Another run uses this cluster: .*{opened.run}.*workbench clean"):
        OpenCluster(options).__enter__()


def test_nothing_stays_after_a_run_that_did_nothing(agent, options, cluster):
    before = snapshot.take(cluster)
    with OpenCluster(options):
        pass
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default") is None
    assert journal.read(cluster) == ("", {})


def test_the_lease_is_renewed_and_its_loss_is_noticed(opened, cluster):
    first = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")["spec"]["renewTime"]
    opened._holding.renew()
    lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
    assert lease["spec"]["renewTime"] > first
    cluster.merge(lease, {"spec": {"holderIdentity": "a usurper"}})
    opened._holding.renew()
    with pytest.raises(UnsupportedError, match="no longer owns"), opened.deploy((), application()):
        pass
    cluster.merge(lease, {"spec": {"holderIdentity": opened._holding.holder}})


def test_facts_say_which_cluster_and_which_nodes(opened):
    facts = opened.facts()
    assert facts.environment == "kubernetes"
    assert facts.details["cluster"]["context"] == "rig"
    assert facts.details["cluster"]["kubernetes"].startswith("v1.")
    assert [node["name"] for node in facts.details["nodes"]] == ["node-1", "node-2"]
    assert facts.fingerprint == opened.facts().fingerprint


def test_an_application_comes_up_labelled_and_goes_completely(opened, cluster):
    steps = (
        manifest("rig-mesh", workload("control", "rig-mesh"), workload("every-node", "rig-mesh", kind="DaemonSet")),
        Wait(condition="available", namespace="rig-mesh", deadline_s=20),
    )
    with opened.deploy(steps, application()) as deployment:
        names = {f"{one['kind']} {one['metadata']['name']}" for one in labelled_objects(cluster, opened.run)}
        assert {"Namespace rig-mesh", "Namespace rig-app", "Deployment control", "Deployment server"} <= names
        for pod in deployment.pods():
            assert pod["metadata"]["labels"][MANAGED] == "mesh-workbench"
            assert pod["metadata"]["labels"][RUN] == opened.run
        daemons, _ = cluster.listed("v1", "Pod", "rig-mesh", "app=every-node")
        assert {one["spec"]["nodeName"] for one in daemons} == {"node-1", "node-2"}
    assert opened.left_behind == ()
    assert labelled_objects(cluster, opened.run) == []
    assert cluster.get("v1", "Namespace", "rig-app") is None


def test_what_was_there_before_is_never_touched(agent, options, cluster):
    cluster.apply(namespace("theirs"))
    cluster.apply(workload("control", "theirs"))
    try:
        with OpenCluster(options) as environment:
            steps = (manifest("theirs", workload("control", "theirs", "rig/mine:1")),)
            assert "Namespace theirs exists already" in environment.refuses(steps)
            with (
                pytest.raises(UnsupportedError, match="Namespace theirs exists already"),
                environment.deploy(steps, application()),
            ):
                pass
            with pytest.raises(UnsupportedError, match="needs its own"), environment.deploy((), application("theirs")):
                pass
            shared = (manifest("theirs", workload("control", "theirs", "rig/mine:1"), shared=True),)
            assert environment.refuses(shared) == ""
            named = Delete(name="theirs", objects=(namespace("theirs"),))
            with environment.deploy(shared, application(), removal=(named,)):
                pass
            assert environment.left_behind == ()
        kept = cluster.get("apps/v1", "Deployment", "control", "theirs")
        assert kept["spec"]["template"]["spec"]["containers"][0]["image"] == "rig/plain:1"
        assert MANAGED not in (kept["metadata"].get("labels") or {})
    finally:
        cluster.delete(cluster.get("v1", "Namespace", "theirs"))


def test_a_delete_strips_finalizers_only_when_it_may(opened, cluster):
    stuck = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "stuck",
            "namespace": "default",
            "finalizers": ["rig.test/never"],
            "labels": {"rig": "stuck"},
        },
    }
    selected = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "default", "labels": {"rig": "stuck"}},
    }
    cluster.apply(stuck)
    patient = Delete(name="left-overs", objects=(selected,), deadline_s=1.0)
    with (
        pytest.raises(RunFailedError, match=r"left-overs: ConfigMap default/stuck still exist after 1 s"),
        opened.deploy((patient,), application()),
    ):
        pass
    able = Delete(name="left-overs", objects=(selected,), deadline_s=2.0, strip_finalizers=True)
    with opened.deploy((able,), application()):
        assert cluster.get("v1", "ConfigMap", "stuck", "default") is None


def test_left_overs_that_nobody_removes_are_named(opened, cluster):
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "root-cert", "namespace": "default"}}
    labels = {"metadata": {"labels": {"mesh.test/inject": "on"}}}
    try:
        with opened.deploy((), application()):
            cluster.apply(made)
            cluster.merge(namespace("default"), labels)
        assert "ConfigMap default/root-cert is left behind" in opened.left_behind
        assert "Namespace default has other labels: mesh.test/inject" in opened.left_behind
    finally:
        cluster.delete(made)
        cluster.merge(namespace("default"), {"metadata": {"labels": {"mesh.test/inject": None}}})


def test_what_somebody_was_deleting_already_is_not_missed(agent, options, cluster):
    held = {**namespace("going"), "metadata": {"name": "going"}}
    inside = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "going", "finalizers": ["rig.test/never"]},
    }
    cluster.apply(held)
    cluster.apply(inside)
    cluster.delete(held)
    cluster.delete(inside)
    with OpenCluster(options) as environment:
        with environment.deploy((), application()):
            cluster.merge(inside, {"metadata": {"finalizers": None}})
            assert gone(cluster, {**held, "metadata": {"name": "going"}}, time.monotonic() + 20)
        assert environment.left_behind == ()


def test_unknown_options_and_contexts_are_refused_with_the_known_ones(plane):
    adapter = adapters.load("environments", "kubernetes")
    with pytest.raises(UnknownNameError, match="kubeconfig"):
        adapter(EnvironmentSpec(name="kubernetes", options={"kubconfig": "x"}))
    with pytest.raises(UnsupportedError, match="no context 'nowhere', only rig"):
        adapter(EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(plane.kubeconfig), "context": "nowhere"}))
    with pytest.raises(UnsupportedError, match="no usable kubeconfig"):
        adapter(EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(plane.folder / "missing")}))
