"""Designs on a real API server, tried with nothing changed: verdicts, differences, rights."""

from __future__ import annotations

import time

import pytest
from design_objects import (
    GROUP,
    SHOP,
    Refuser,
    apply_as,
    config_map,
    found,
    refusing,
    route,
    spec_of,
    thing,
)
from rig_objects import namespace, workload

from workbench import adapters
from workbench.environments.kubernetes.journal import NAMESPACE
from workbench.environments.kubernetes.objects import DESIGN
from workbench.errors import BadInputError, RunFailedError, UnsupportedError


def sentences(verdicts):
    return " ".join(one.sentence for one in verdicts)


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
    with pytest.raises(BadInputError, match=r"Nothing was applied to rig.*Route rig-shop/web: "):
        here.apply("canary", [config_map(SHOP, a="1"), route(SHOP, **spec)])


def test_what_is_fine_is_accepted_and_nothing_is_changed(here, cluster):
    before = versions_of_config_maps(cluster)
    new = f"{SHOP}-new"
    verdicts = here.check([route(SHOP), route(new), namespace(new)])
    assert [one.standing for one in verdicts] == ["accepted"] * 3
    assert cluster.get("v1", "Namespace", new) is None
    assert found(cluster, route(SHOP)) is None
    assert versions_of_config_maps(cluster) == before


def versions_of_config_maps(cluster):
    """Of the application and of what designs remember, without the authority's that the cluster itself writes.

    A list's own version would not do: it is the whole cluster's, and moves by itself.
    """
    found = [*cluster.listed("v1", "ConfigMap", SHOP)[0], *cluster.listed("v1", "ConfigMap", NAMESPACE)[0]]
    mine = [one["metadata"] for one in found if one["metadata"]["name"] != "kube-root-ca.crt"]
    return {meta["uid"]: meta["resourceVersion"] for meta in mine}


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
    assert "designs cannot contain Secrets" in told
    with pytest.raises(UnsupportedError, match=r"the whole group mesh.nowhere.test is missing"):
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
    with pytest.raises(BadInputError, match="The object 1 of the design"):
        here.check([broken])
    with pytest.raises(BadInputError, match="twice"):
        here.check([route(SHOP), route(SHOP)])


@pytest.mark.parametrize("name", ["", "../x", "A design", "x" * 41, "-", "naïve", "a.b", "a\nb", None, "x,y=z"])
def test_hostile_names_of_designs_are_refused_with_one_that_works(here, name):
    with pytest.raises(BadInputError, match=r"cannot be called .* Call it '[a-z0-9-]+'"):
        here.apply(name, [route(SHOP)])
    with pytest.raises(BadInputError, match="cannot be called"):
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
        with pytest.raises(RunFailedError, match=r"no route may be called.* The applied part was reverted"):
            here.apply("canary", [config_map(SHOP, a="1"), route(SHOP)])
        assert found(cluster, config_map(SHOP)) is None
        assert here.applied() == ()
    finally:
        cluster.delete(hook)
        refuser.stop()


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
    assert "hunter2" not in secret.diff and "battery" not in secret.diff and "hidden" in secret.diff


def test_the_rights_that_a_design_takes_are_told_and_enough(here, plane, cluster, shop):
    limited = spec_of(plane.folder / "limited")
    adapter = adapters.load("environments", "kubernetes")
    with adapter.configuration(limited) as poor:
        (verdict,) = poor.check([route(SHOP)])
        assert (
            verdict.standing == "refused" and 'the right is missing: User "rig-limited" cannot get' in verdict.sentence
        )
        with pytest.raises(UnsupportedError, match=r"no right to apply designs on .*leases.*workbench design rights"):
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
