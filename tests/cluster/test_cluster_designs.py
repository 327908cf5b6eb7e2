"""Designs on a real API server: checked, compared, applied, watched and reverted, and what goes wrong meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from control_plane import ADMIN_TOKEN
from design_objects import (
    GROUP,
    Refuser,
    apply_as,
    config_map,
    edit,
    install_kinds,
    refusing,
    route,
    set_status,
    thing,
)
from rig_objects import namespace, workload

from workbench import adapters
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.environments.kubernetes.client import Cluster, Refused
from workbench.environments.kubernetes.designs.configuring import open_configuration
from workbench.environments.kubernetes.designs.differing import pruned
from workbench.environments.kubernetes.designs.restoring import found_by_label
from workbench.environments.kubernetes.designs.trying import DESIGN_MANAGER
from workbench.environments.kubernetes.objects import DESIGN, MANAGED
from workbench.environments.kubernetes.session import OpenCluster
from workbench.errors import BadInput, CannotHere, RunFailed
from workbench.spec import EnvironmentSpec

SHOP = "rig-shop"


def spec_of(kubeconfig):
    return EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(kubeconfig)})


@pytest.fixture(scope="module")
def kinds(cluster):
    install_kinds(cluster)


@pytest.fixture
def shop(cluster, kinds):
    """A namespace as somebody has it; empty again after each test."""
    cluster.apply(namespace(SHOP))
    yield SHOP
    for kind in ("Route", "Setting", "Attachment"):
        for one in cluster.listed(f"{GROUP}/v1", kind, SHOP)[0]:
            cluster.delete(one)
    for one in cluster.listed("v1", "ConfigMap", SHOP)[0]:
        cluster.delete(one)


@pytest.fixture
def here(plane, shop):
    with open_configuration(spec_of(plane.kubeconfig)) as configuration:
        yield configuration
        for one in configuration.applied():
            configuration.revert(one.name)


def found(cluster, wanted):
    meta = wanted["metadata"]
    return cluster.get(wanted["apiVersion"], wanted["kind"], meta["name"], meta.get("namespace", ""))


def sentences(verdicts):
    return " ".join(one.sentence for one in verdicts)


# ---------------------------------------------------------------------- check
@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        ({"mode": "OFF"}, ("spec.mode",), 'Unsupported value: "OFF": supported values: "STRICT", "PERMISSIVE"'),
        ({"http": [{"version": "v1"}]}, ("spec.http[0].weight",), "Required value"),
        ({"tiemout": "3s"}, ("spec.tiemout",), "the field spec.tiemout is not known to the kind's schema"),
        ({"http": [{"weight": 1, "to": 2}]}, ("spec.http[0].to",), "is not known to the kind's schema"),
        ({"timeout": 3}, ("spec.timeout",), "expected string, got 3"),
        ({"timeout": "soon"}, ("spec.timeout",), "should match"),
        ({"http": {"a": 1}}, ("spec.http",), "expected list, got a table."),
    ],
)
def test_the_schema_refuses_by_field(here, spec, fields, says):
    (verdict,) = here.check([route(SHOP, **spec)])
    assert (verdict.standing, verdict.fields) == ("refused", fields)
    assert verdict.sentence.startswith(f"Route {SHOP}/web: ") and says in verdict.sentence
    with pytest.raises(BadInput, match=r"Nothing was applied to rig.*Route rig-shop/web: "):
        here.apply("canary", [config_map(SHOP, a="1"), route(SHOP, **spec)])


def test_what_is_fine_is_accepted_and_nothing_is_changed(here, cluster):
    before = cluster.listed("v1", "ConfigMap")[1]
    new = f"{SHOP}-new"
    verdicts = here.check([route(SHOP), route(new), namespace(new)])
    assert [one.standing for one in verdicts] == ["accepted"] * 3
    assert cluster.get("v1", "Namespace", new) is None
    assert found(cluster, route(SHOP)) is None
    assert cluster.listed("v1", "ConfigMap")[1] == before


def test_kinds_namespaces_and_objects_that_are_not_there_are_told(here):
    other = {"apiVersion": "mesh.nowhere.test/v1", "kind": "Gateway", "metadata": {"name": "x", "namespace": SHOP}}
    verdicts = here.check(
        [
            other,
            {**route(SHOP), "apiVersion": f"{GROUP}/v9"},
            thing("Nothing", "x", SHOP, {}),
            route("nowhere"),
            {**route(SHOP), "metadata": {"name": "x"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": SHOP}},
        ],
        [{**config_map(SHOP, "absent"), "data": {"a": "1"}}],
    )
    assert [one.standing for one in verdicts] == [
        *("not-served", "not-served", "not-served", "no-namespace", "refused", "refused", "absent")
    ]
    told = sentences(verdicts)
    assert "the whole group mesh.nowhere.test is missing: install the mesh, or its CRDs" in told
    assert f"serves this kind only in {GROUP}/v1, not in {GROUP}/v9" in told
    assert "there is no namespace nowhere" in told
    assert "designs hold no Secrets" in told
    with pytest.raises(CannotHere, match=r"the whole group mesh.nowhere.test is missing"):
        here.apply("canary", [other])


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        {},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ".."}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a/b?dryRun=All"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "../../nodes"}},
        {"apiVersion": "../v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": 1, "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": [1]}},
    ],
)
def test_what_is_no_object_or_could_mean_another_is_refused(here, broken):
    with pytest.raises(BadInput, match="The object 1 of the design"):
        here.check([broken])
    with pytest.raises(BadInput, match="twice"):
        here.check([route(SHOP), route(SHOP)])


@pytest.mark.parametrize("name", ["", "../x", "A design", "x" * 41, "-", "naïve", "a.b", "a\nb", None, "x,y=z"])
def test_hostile_names_of_designs_are_refused_with_one_that_works(here, name):
    with pytest.raises(BadInput, match=r"cannot be called .* Call it '[a-z0-9-]+'"):
        here.apply(name, [route(SHOP)])
    with pytest.raises(BadInput, match="cannot be called"):
        here.revert(name)


def test_a_webhook_that_refuses_is_quoted_in_the_check_and_undoes_what_was_applied(here, cluster, tmp_path):
    late: list[bool] = []
    refuser = Refuser(
        tmp_path,
        lambda asked: (
            "no route may be called forbidden here"
            if asked["name"] == "forbidden" or (late and not asked.get("dryRun") and asked["operation"] != "DELETE")
            else ""
        ),
    )
    cluster.apply(hook := refusing(refuser.url, refuser.ca, SHOP))
    try:
        deadline = time.monotonic() + 10
        while here.check([route(SHOP, "forbidden")])[0].passed and time.monotonic() < deadline:
            time.sleep(0.1)  # until the API server has taken the webhook up
        (verdict,) = here.check([route(SHOP, "forbidden")])
        assert verdict.standing == "refused"
        assert "the webhook routes.refuser.test refuses it: no route may be called forbidden here." in verdict.sentence
        late.append(True)  # accepts every dry run, and refuses when it is meant
        with pytest.raises(RunFailed, match=r"no route may be called.* What had been applied was reverted"):
            here.apply("canary", [config_map(SHOP, a="1"), route(SHOP)])
        assert found(cluster, config_map(SHOP)) is None
        assert here.applied() == ()
    finally:
        cluster.delete(hook)
        refuser.stop()


# ---------------------------------------------------------------------- differences
def test_differences_show_what_would_change_and_no_secret(here, cluster):
    apply_as(cluster, "kubectl", route(SHOP, timeout="3s"))
    apply_as(cluster, "kubectl", config_map(SHOP, password="hunter2hunter2", mode="old"))
    wanted = [
        route(SHOP, timeout="5s"),
        route(SHOP, "other"),
        config_map(SHOP, mode="old"),
        config_map(SHOP, "broken", mode=1),
    ]
    changed, created, unchanged, refused = here.differences(wanted)
    assert (changed.change, changed.verdict.standing) == ("changed", "conflict")
    assert "-  timeout: 3s\n+  timeout: 5s\n" in changed.diff
    assert "managedFields" not in changed.diff and "resourceVersion" not in changed.diff and DESIGN not in changed.diff
    assert created.change == "created" and "+kind: Route" in created.diff and "+  mode: PERMISSIVE" in created.diff
    assert (unchanged.change, unchanged.diff) == ("unchanged", "")
    assert (refused.change, refused.diff) == (None, "")
    (secret,) = here.differences([config_map(SHOP, password="correct horse battery")])
    assert secret.change == "changed"
    assert "hunter2" not in secret.diff and "battery" not in secret.diff and "not shown" in secret.diff


# ---------------------------------------------------------------------- apply and revert
def test_a_design_comes_and_goes_and_leaves_nothing(here, cluster):
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    before, snapped = found(cluster, config_map(SHOP)), snapshot.take(cluster)
    new = f"{SHOP}-new"
    applied = here.apply("canary", [route(new), namespace(new), route(SHOP)], [config_map(SHOP, added="2")])
    assert (applied.context, applied.complete) == ("rig", True)
    assert [one.change for one in applied.objects] == ["created", "created", "created", "changed"]
    made, changed = found(cluster, route(SHOP)), found(cluster, config_map(SHOP))
    assert made["metadata"]["labels"] == {DESIGN: "canary", MANAGED: "mesh-workbench"}
    assert changed["metadata"]["labels"] == {DESIGN: "canary"}
    assert changed["data"] == {"keep": "1", "added": "2"}
    assert here.applied() == (applied,)
    assert labelled_objects(cluster) == [], "clean-up of runs must not see designs"
    reverted = here.revert("canary")
    assert reverted.as_before
    assert [one.outcome for one in reverted.objects] == ["restored", "deleted", "deleted", "deleted"]
    after = found(cluster, config_map(SHOP))
    drop = ("resourceVersion",)
    assert {k: v for k, v in after["metadata"].items() if k not in drop} == {
        k: v for k, v in before["metadata"].items() if k not in drop
    }
    assert after["data"] == before["data"]
    assert snapshot.differences(snapped, snapshot.take(cluster)) == ()
    assert here.revert("canary").objects == () and here.applied() == ()
    assert cluster.get("coordination.k8s.io/v1", "Lease", "mesh-workbench", "default") is None


def test_a_conflict_is_told_with_who_and_only_force_takes_and_reverting_gives_back(here, cluster, monkeypatch):
    apply_as(cluster, "kubectl", route(SHOP, timeout="3s", http=[{"weight": 5}]))
    edit(cluster, "kubectl-edit", route(SHOP), {"spec": {"mode": "STRICT"}})
    before = found(cluster, route(SHOP))
    wanted = route(SHOP, timeout="5s", mode="PERMISSIVE", http=[{"weight": 50}])
    with pytest.raises(BadInput, match=r"spec.http, spec.mode, spec.timeout are set by kubectl and kubectl-edit"):
        here.apply("canary", [wanted])
    assert found(cluster, route(SHOP)) == before
    (asked,) = here.check([wanted], force=True)
    assert asked.passed and asked.managers == ("kubectl", "kubectl-edit")
    here.apply("canary", [wanted], force=True)
    assert pruned(found(cluster, route(SHOP)))["spec"] == wanted["spec"]
    with pytest.raises(BadInput, match="has taken fields by force: replace it by force too, or revert it first"):
        here.apply("canary", [route(SHOP, timeout="9s")])
    here.apply("canary", [route(SHOP, timeout="9s")], force=True)
    assert found(cluster, route(SHOP))["spec"] == {**before["spec"], "timeout": "9s"}
    replace = here.cluster.replace
    monkeypatch.setattr(Cluster, "replace", lambda *_: (_ for _ in ()).throw(Refused("a blackout", 500)))
    with pytest.raises(RunFailed, match=r"a blackout. It can be tried again"):
        here.revert("canary")
    monkeypatch.undo()
    assert here.cluster.replace == replace and here.revert("canary").as_before
    after = found(cluster, route(SHOP))
    drop = ("resourceVersion", "generation")
    for one in (before, after):
        for entry in one["metadata"]["managedFields"]:
            entry.pop("time", None)
    assert after["spec"] == before["spec"]
    assert {k: v for k, v in after["metadata"].items() if k not in drop} == {
        k: v for k, v in before["metadata"].items() if k not in drop
    }


def test_a_design_is_replaced_by_its_next_form(here, cluster):
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    here.apply("canary", [route(SHOP), route(SHOP, "old")], [config_map(SHOP, a="1")])
    applied = here.apply("canary", [route(SHOP, timeout="7s")], [config_map(SHOP, b="2")])
    assert [one.change for one in applied.objects] == ["created", "changed"]
    assert found(cluster, route(SHOP, "old")) is None
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1", "b": "2"}
    with pytest.raises(BadInput, match="belongs to the design canary, which is in force; revert that one first"):
        here.apply("other", [route(SHOP)])
    assert here.revert("canary").as_before
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1"}


def test_what_others_did_meanwhile_is_left_alone_and_said(here, cluster):
    for name in ("edited", "deleted", "unlabelled"):
        apply_as(cluster, "kubectl", route(SHOP, name))
    mine = [route(SHOP, name, timeout="5s") for name in ("edited", "deleted", "unlabelled", "made", "remade")]
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    here.apply("canary", mine, [config_map(SHOP, added="2")])
    time.sleep(1.1)  # the server's clock of field managers counts seconds
    edit(cluster, "kubectl-edit", route(SHOP, "edited"), {"spec": {"timeout": "30s"}})
    cluster.delete(route(SHOP, "deleted"))
    edit(cluster, "kubectl-label", route(SHOP, "unlabelled"), {"metadata": {"labels": {DESIGN: None}}})
    edit(cluster, "kubectl-edit", route(SHOP, "made"), {"spec": {"mode": "STRICT"}})
    edit(cluster, "kubectl-scale", config_map(SHOP), {"data": {"others": "1"}})
    cluster.delete(route(SHOP, "remade"))
    apply_as(cluster, "kubectl", route(SHOP, "remade"))
    done = here.revert("canary")
    told = {one.object.rpartition("/")[2]: one for one in done.objects}
    assert {name: one.outcome for name, one in told.items()} == {
        "edited": "left",
        "deleted": "gone",
        "unlabelled": "left",
        "made": "deleted",
        "remade": "left",
        "settings": "restored",
    }
    assert told["settings"].sentence == "kubectl-scale changed other fields meanwhile; that is left alone."
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1", "others": "1"}
    assert told["edited"].sentence == "kubectl-edit changed spec.timeout meanwhile; that is left alone."
    assert told["made"].sentence == "kubectl-edit had changed it meanwhile; it is gone all the same."
    assert found(cluster, route(SHOP, "edited"))["spec"]["timeout"] == "30s"
    assert DESIGN not in found(cluster, route(SHOP, "edited"))["metadata"].get("labels", {})
    assert found(cluster, route(SHOP, "remade")) is not None
    assert not done.as_before and here.applied() == ()


def test_a_namespace_in_which_others_have_moved_is_left_to_them(here, cluster):
    new = f"{SHOP}-shared"
    here.apply("canary", [namespace(new), route(new)])
    apply_as(cluster, "kubectl", config_map(new, theirs="1"))
    try:
        done = here.revert("canary")
        assert [(one.object, one.outcome) for one in done.objects] == [
            (f"Route {new}/web", "deleted"),
            (f"Namespace {new}", "left"),
        ]
        assert "it holds what is not the design's: ConfigMap settings" in done.objects[1].sentence
        assert found(cluster, config_map(new))["data"] == {"theirs": "1"}
        assert MANAGED not in found(cluster, namespace(new))["metadata"]["labels"]
    finally:
        cluster.delete(namespace(new))


def test_without_its_memory_a_design_is_reverted_by_its_label(here, cluster):
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    here.apply("canary", [route(SHOP)], [config_map(SHOP, added="2")])
    memory = {"apiVersion": "v1", "kind": "ConfigMap"}
    kept = {**memory, "metadata": {"name": "mesh-workbench-design-canary", "namespace": "default"}}
    edit(cluster, "kubectl-edit", kept, {"binaryData": {"design.json.gz": "AAAA"}})
    with pytest.raises(CannotHere, match=r"ConfigMap default/mesh-workbench-design-canary.* is damaged. Delete it"):
        here.revert("canary")
    cluster.delete(kept)
    done = here.revert("canary")
    assert {one.object: one.outcome for one in done.objects} == {
        f"Route {SHOP}/web": "deleted",
        f"ConfigMap {SHOP}/settings": "restored",
    }
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1"}
    assert found_by_label(cluster, "canary") == ()


def test_a_secret_that_would_have_to_be_remembered_is_not_taken(here, cluster):
    apply_as(cluster, "kubectl", config_map(SHOP, password="hunter2hunter2"))
    with pytest.raises(CannotHere, match="looks like a secret, and the workbench stores none"):
        here.apply("canary", [config_map(SHOP, password="mine")], force=True)
    assert found(cluster, config_map(SHOP))["data"] == {"password": "hunter2hunter2"}
    assert here.applied() == ()


def test_a_design_waits_its_turn_while_a_run_works_on_the_cluster(here, plane, options):
    with OpenCluster(options) as run:
        with pytest.raises(CannotHere, match=f"Another run works on this cluster: .*{run.run}"):
            here.apply("canary", [route(SHOP)])
        with pytest.raises(CannotHere, match="Another run works on this cluster"):
            here.revert("canary")
        assert here.check([route(SHOP)])[0].passed


def test_a_run_names_the_designs_that_are_in_force_and_so_does_doctor(here, plane, options):
    with OpenCluster(options) as run:
        alone = run.facts()
    here.apply("canary", [route(SHOP)])
    with OpenCluster(options) as run:
        assert run.facts().details["designs"] == {"in_force": ["canary"]}
        assert run.facts().fingerprint != alone.fingerprint
    assert "designs" not in alone.details
    checks = adapters.load("environments", "kubernetes").diagnose(spec_of(plane.kubeconfig))
    (told,) = (one for one in checks if one.name == "no design in force")
    assert not told.passed and "canary" in told.evidence


def test_a_run_is_refused_while_a_design_is_being_applied(here, options):
    with here._alone("canary"), pytest.raises(CannotHere, match=r"Another run works .*\(design canary\)"):
        OpenCluster(options).__enter__()


# ---------------------------------------------------------------------- whatever dies
KILLED = """
    import os, sys
    from workbench.environments.kubernetes.designs import configuring
    from workbench.spec import EnvironmentSpec
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
    if after < 9:  # its Lease runs out within a minute; nobody waits here
        with pytest.raises(CannotHere, match=r"Another run works on this cluster: .*\(design canary\)"):
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
            with pytest.raises(CannotHere, match=r"The API server 127.0.0.1:\d+ \(context rig\) did not answer"):
                act()
        with pytest.raises(CannotHere, match="did not answer"), open_configuration(spec_of(plane.kubeconfig)):
            pass
        (told,) = list(here.watch(replace_objects(here), deadline_s=1.0))
        assert told.state == "failed" and "The API server told nothing" in told.sentence
    finally:
        plane.start_api()
    here.cluster.patience_s = 15.0
    assert here.revert("canary").as_before


def replace_objects(here):
    from workbench.environments.kubernetes.designs.changes import Applied, Touched

    one = Touched(api_version=f"{GROUP}/v1", kind="Route", namespace=SHOP, name="web", change="created")
    return Applied(name="canary", context=here.context, by="", at="", objects=(one,))


# ---------------------------------------------------------------------- watching
def test_what_reports_is_waited_for_and_what_does_not_is_said(here, cluster):
    wanted = [route(SHOP), thing("Setting", "s", SHOP, {"a": 1}), thing("Attachment", "a", SHOP, {}), namespace(SHOP)]
    applied = here.apply("canary", wanted)
    events = here.watch(applied, deadline_s=20.0)
    seen = []
    for event in events:
        seen.append(event)
        if (event.object, event.state) == (f"Setting {SHOP}/s", "waiting") and "said anything" in event.sentence:
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
    assert last[f"Route {SHOP}/web"].sentence == "Somebody has deleted it."


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


# ---------------------------------------------------------------------- rights, secrets, the adapter
def test_the_rights_that_a_design_takes_are_told_and_enough(here, plane, cluster, shop):
    limited = spec_of(plane.folder / "limited")
    adapter = adapters.load("environments", "kubernetes")
    with adapter.configuration(limited) as poor:
        (verdict,) = poor.check([route(SHOP)])
        assert (
            verdict.standing == "refused" and 'the right is missing: User "rig-limited" cannot get' in verdict.sentence
        )
        with pytest.raises(CannotHere, match=r"with these rights: leases.*workbench design rights"):
            poor.apply("canary", [route(SHOP)])
        told = poor.rights([route(SHOP)], name="canary")
        assert f"get, list, watch, create, update, patch, delete routes.{GROUP} in {SHOP} (the design's objects)" in (
            told.missing
        )
        role = told.role
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role["metadata"]["name"]},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role["metadata"]["name"],
            },
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "rig-limited"}],
        }
        cluster.apply(role)
        cluster.apply(binding)
        try:
            deadline = time.monotonic() + 10
            while poor.rights([route(SHOP)]).missing and time.monotonic() < deadline:
                time.sleep(0.1)
            applied = poor.apply("canary", [route(SHOP, timeout="5s")])
            assert [one.state for one in poor.watch(applied, 10)][-1] == "silent"
            assert poor.revert("canary").as_before
            (verdict,) = poor.check([workload("web", SHOP)])
            assert "the right is missing" in verdict.sentence
        finally:
            cluster.delete(binding)
            cluster.delete(role)


def test_nothing_that_is_kept_holds_what_was_there(here, cluster):
    secret = "hunter2hunter2hunter2"
    apply_as(cluster, "kubectl", config_map(SHOP, innocent=secret))
    here.apply("canary", [], [config_map(SHOP, added="2")])
    kept = cluster.get("v1", "ConfigMap", "mesh-workbench-design-canary", "default")
    import base64
    import gzip

    content = gzip.decompress(base64.b64decode(kept["binaryData"]["design.json.gz"])).decode()
    assert secret not in content and ADMIN_TOKEN not in content
    assert "ConfigMap rig-shop/settings" in kept["data"]["objects"]
    assert {one["manager"] for one in found(cluster, config_map(SHOP))["metadata"]["managedFields"]} == {
        "kubectl",
        DESIGN_MANAGER,
    }
