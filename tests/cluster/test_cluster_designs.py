"""Designs on a real API server: applied, replaced, reverted, and what others do meanwhile."""

from __future__ import annotations

import time

import pytest
from control_plane import ADMIN_TOKEN
from design_objects import (
    SHOP,
    apply_as,
    config_map,
    edit,
    found,
    route,
    spec_of,
)
from rig_objects import namespace

from workbench import adapters
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.environments.kubernetes.client import Cluster, RefusedError
from workbench.environments.kubernetes.designs.differing import pruned
from workbench.environments.kubernetes.designs.restoring import found_by_label
from workbench.environments.kubernetes.designs.trying import DESIGN_MANAGER
from workbench.environments.kubernetes.objects import DESIGN, MANAGED
from workbench.environments.kubernetes.session import OpenCluster
from workbench.errors import BadInputError, RunFailedError, UnsupportedError


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
    with pytest.raises(BadInputError, match=r"spec.http, spec.mode, spec.timeout are set by kubectl and kubectl-edit"):
        here.apply("canary", [wanted])
    assert found(cluster, route(SHOP)) == before
    (asked,) = here.check([wanted], force=True)
    assert asked.passed and asked.managers == ("kubectl", "kubectl-edit")
    here.apply("canary", [wanted], force=True)
    assert pruned(found(cluster, route(SHOP)))["spec"] == wanted["spec"]
    with pytest.raises(
        BadInputError, match="took over fields by force: replace it with --force too, or revert it first"
    ):
        here.apply("canary", [route(SHOP, timeout="9s")])
    here.apply("canary", [route(SHOP, timeout="9s")], force=True)
    assert found(cluster, route(SHOP))["spec"] == {**before["spec"], "timeout": "9s"}
    replace = here.cluster.replace
    monkeypatch.setattr(Cluster, "replace", lambda *_: (_ for _ in ()).throw(RefusedError("a blackout", 500)))
    with pytest.raises(RunFailedError, match=r"a blackout. Try again"):
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
    with pytest.raises(BadInputError, match="belongs to the design canary, which is in force; revert that one first"):
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
    assert told["settings"].sentence == "kubectl-scale changed other fields meanwhile; those stay as they are."
    assert found(cluster, config_map(SHOP))["data"] == {"keep": "1", "others": "1"}
    assert told["edited"].sentence == "kubectl-edit changed spec.timeout meanwhile; those stay as they are."
    assert told["made"].sentence == "kubectl-edit had changed it meanwhile; it was deleted anyway."
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
        assert "it contains objects that are not the design's: ConfigMap settings" in done.objects[1].sentence
        assert found(cluster, config_map(new))["data"] == {"theirs": "1"}
        assert MANAGED not in found(cluster, namespace(new))["metadata"]["labels"]
    finally:
        cluster.delete(namespace(new))


def test_a_namespace_that_cannot_be_looked_through_is_not_deleted(here, cluster, plane, monkeypatch):
    new = f"{SHOP}-dark"
    here.apply("canary", [namespace(new)])
    listed = Cluster.list_of

    def forbidden(self, kind, *given, **more):
        if kind.kind == "Secret":
            raise RefusedError("secrets is forbidden", 403)
        return listed(self, kind, *given, **more)

    monkeypatch.setattr(Cluster, "list_of", forbidden)
    try:
        (done,) = here.revert("canary").objects
        assert (done.outcome, done.as_before) == ("left", False)
        assert "perhaps objects of kind Secret, which you have no right to list" in done.sentence
        assert found(cluster, namespace(new)) is not None
    finally:
        cluster.delete(namespace(new))


def test_without_its_memory_a_design_is_reverted_by_its_label(here, cluster):
    apply_as(cluster, "kubectl", config_map(SHOP, keep="1"))
    here.apply("canary", [route(SHOP)], [config_map(SHOP, added="2")])
    memory = {"apiVersion": "v1", "kind": "ConfigMap"}
    kept = {**memory, "metadata": {"name": "mesh-workbench-design-canary", "namespace": "default"}}
    edit(cluster, "kubectl-edit", kept, {"binaryData": {"design.json.gz": "AAAA"}})
    with pytest.raises(
        UnsupportedError, match=r"ConfigMap default/mesh-workbench-design-canary.* is damaged. Delete it"
    ):
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
    with pytest.raises(UnsupportedError, match="looks like a secret"):
        here.apply("canary", [config_map(SHOP, password="mine")], force=True)
    assert found(cluster, config_map(SHOP))["data"] == {"password": "hunter2hunter2"}
    assert here.applied() == ()


def test_a_design_waits_its_turn_while_a_run_works_on_the_cluster(here, plane, options):
    with OpenCluster(options) as run:
        with pytest.raises(UnsupportedError, match=f"Another run uses this cluster: .*{run.run}"):
            here.apply("canary", [route(SHOP)])
        with pytest.raises(UnsupportedError, match="Another run uses this cluster"):
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
    with here._alone("canary"), pytest.raises(UnsupportedError, match=r"Another run uses .*\(design canary\)"):
        OpenCluster(options).__enter__()


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
