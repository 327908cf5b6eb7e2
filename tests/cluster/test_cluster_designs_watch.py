"""Designs on a real API server taking effect; and whatever dies: the kernel that applied one, the cluster itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from design_objects import (
    GROUP,
    SHOP,
    apply_as,
    config_map,
    found,
    route,
    set_status,
    spec_of,
    thing,
)
from rig_objects import namespace, workload

from workbench.environments.kubernetes.designs.configuring import open_configuration
from workbench.errors import UnsupportedError

KILLED = """
    import os, sys
    from workbench.environments.kubernetes.designs import configuring
    from workbench.model.experiment import EnvironmentSpec
    sys.path.insert(0, sys.argv[2])
    from design_objects import config_map, route
    spec = EnvironmentSpec(name="kubernetes", options={"kubeconfig": sys.argv[1]})
    apply, count = configuring.apply_as_design, []
    def dying(*given, **more):
        count.append(apply(*given, **more))
        if len(count) == int(sys.argv[3]):
            os.kill(os.getpid(), 9)
    configuring.apply_as_design = dying
    with configuring.open_configuration(spec) as here:
        here.apply("canary", [route("rig-shop"), route("rig-shop", "second")], [config_map("rig-shop", added="2")])
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("after", [1, 3, 9], ids=["amid", "before it is noted as complete", "after"])
def test_reverted_by_another_process_when_the_kernel_that_applied_it_is_dead(here, cluster, plane, after):
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    code = [sys.executable, "-c", textwrap.dedent(KILLED), str(plane.kubeconfig), os.path.dirname(__file__), str(after)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (listed,) = here.applied()
    assert listed.complete == (after == 9)
    if after == 3:  # of another machine's kernel nobody knows that it is dead: its Lease runs out within a minute
        lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
        cluster.merge(lease, {"spec": {"holderIdentity": "me@another-machine process 1 (design canary)"}})
        with pytest.raises(UnsupportedError, match=r"Another run uses this cluster: .*\(design canary\)"):
            here.revert("canary")
        lease = cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default")
        assert lease["spec"]["leaseDurationSeconds"] == 60
        cluster.merge(lease, {"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}})
    reverted = here.revert("canary")
    assert reverted.as_before
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1"}
    assert cluster.listed(f"{GROUP}/v1", "Route", SHOP)[0] == []
    assert here.applied() == ()


def test_a_cluster_that_is_away(here, cluster, plane, monkeypatch):
    here.apply("canary", [route(SHOP)])
    here.cluster.patience_s = 0.5
    plane.stop_api()
    try:
        monkeypatch.setattr("workbench.environments.kubernetes.designs.configuring.PATIENCE_S", 0.5)
        for act in (lambda: here.check([route(SHOP)]), lambda: here.revert("canary")):
            with pytest.raises(UnsupportedError, match=r"The API server 127.0.0.1:\d+ \(context rig\) did not answer"):
                act()
        with pytest.raises(UnsupportedError, match="did not answer"), open_configuration(spec_of(plane.kubeconfig)):
            pass
        (told,) = list(here.watch(replace_objects(here), deadline_s=1.0))
        assert told.state == "failed" and "The API server has no status for it" in told.sentence
    finally:
        plane.start_api()
    here.cluster.patience_s = 15.0
    assert here.revert("canary").as_before


def replace_objects(here):
    from workbench.environments.kubernetes.designs.changes import Applied, Touched

    one = Touched(api_version=f"{GROUP}/v1", kind="Route", namespace=SHOP, name="web", change="created")
    return Applied(name="canary", context=here.context, by="", at="", objects=(one,))


def test_what_reports_is_waited_for_and_what_does_not_is_said(here, cluster):
    wanted = [route(SHOP), thing("Setting", "s", SHOP, {"a": 1}), thing("Attachment", "a", SHOP, {}), namespace(SHOP)]
    applied = here.apply("canary", wanted)
    events = here.watch(applied, deadline_s=20.0)
    seen = []
    for event in events:
        seen.append(event)
        if (event.object, event.state) == (f"Setting {SHOP}/s", "waiting") and "reported anything" in event.sentence:
            refusal = {"type": "Synced", "status": "False", "message": "service web has protocol tcp"}
            set_status(cluster, wanted[1], {"conditions": [refusal]})
        elif "Not Synced: service web has protocol tcp" in event.sentence:
            set_status(cluster, wanted[1], {"conditions": [{"type": "Synced", "status": "True"}]})
        if (event.object, event.state) == (f"Attachment {SHOP}/a", "waiting"):
            accepted = [
                {"type": kind, "status": "True", "observedGeneration": 1} for kind in ("Accepted", "ResolvedRefs")
            ]
            parent = {"parentRef": {"kind": "Service", "name": "web"}, "conditions": accepted}
            set_status(cluster, wanted[2], {"parents": [parent]})
    last = {one.object: one for one in seen}
    assert last[f"Namespace {SHOP}"].state == "in-effect"
    assert last[f"Setting {SHOP}/s"].state == "in-effect" and last[f"Setting {SHOP}/s"].sentence == "Synced."
    assert last[f"Attachment {SHOP}/a"].sentence == "Accepted by Service web, ResolvedRefs by Service web."
    assert last[f"Route {SHOP}/web"].state == "silent"
    assert [one.state for one in seen if one.object == f"Setting {SHOP}/s"] == ["waiting", "waiting", "in-effect"]


def test_what_does_not_take_effect_in_time_says_why(here, cluster):
    wanted = thing("Setting", "s", SHOP, {"a": 1})
    applied = here.apply("canary", [wanted, route(SHOP)])
    set_status(cluster, wanted, {"conditions": [{"type": "Synced", "status": "False", "message": "no such gateway"}]})
    cluster.delete(route(SHOP))
    last = {one.object: one for one in here.watch(applied, deadline_s=1.5)}
    assert last[f"Setting {SHOP}/s"].state == "failed"
    assert "Not Synced: no such gateway (watched for 2 s)." in last[f"Setting {SHOP}/s"].sentence
    assert last[f"Route {SHOP}/web"].sentence == "Someone deleted it."


def test_a_changed_pod_template_is_rolled_out_and_another_is_not_waited_for(here, agent, cluster):
    place = f"{SHOP}-pods"
    cluster.apply(namespace(place))
    apply_as(cluster, "kubectl", workload("web", place))
    try:
        annotated = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": place, "annotations": {"rig.test/limit": "1"}},
        }
        applied = here.apply("canary", [], [annotated])
        assert not applied.objects[0].rolls
        assert [one.sentence for one in here.watch(applied, 20)] == ["No pod had to be replaced."]
        template = {"template": {"metadata": {"annotations": {"rig.test/proxy-cpu": "2"}}}}
        assert [one.rolls for one in here.differences([], [{**annotated, "spec": template}])] == [True]
        applied = here.apply("canary", [], [{**annotated, "spec": template}])
        assert applied.objects[0].rolls
        last = list(here.watch(applied, 30))[-1]
        assert (last.state, last.sentence) == ("in-effect", "Its pods were replaced and are available.")
        broken = {"template": {"spec": {"containers": [{"name": "app", "image": "registry.test/nosuch:9"}]}}}
        applied = here.apply("canary", [], [{**annotated, "spec": broken}], force=True)
        last = list(here.watch(applied, 3))[-1]
        assert last.state == "failed" and "registry.test/nosuch:9 cannot be pulled" in last.sentence
        assert here.revert("canary").as_before
    finally:
        cluster.delete(namespace(place))
