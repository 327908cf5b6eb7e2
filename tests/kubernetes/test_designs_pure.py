"""Field managers' bookkeeping, differences and names: what designs rest on, with no cluster."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.environments.kubernetes.client import RefusedError
from workbench.environments.kubernetes.designs.differing import as_yaml, changed_fields, difference, pruned
from workbench.environments.kubernetes.designs.effects import Promise, judged, promised
from workbench.environments.kubernetes.designs.memory import check_name
from workbench.environments.kubernetes.designs.ownership import fields_of, paths_of, picked, said, touches
from workbench.environments.kubernetes.designs.refusals import verdict_on
from workbench.errors import BadInputError
from workbench.files.yaml_text import dumped
from workbench.intents import Rendering
from workbench.playground import from_yaml, to_yaml

names = st.sampled_from(["f:a", "f:b-c", "f:x.test/y", 'k:{"port":80}', 'v:"x"', "i:0"])
paths = st.frozensets(st.lists(names, min_size=1, max_size=4).map(tuple), max_size=8)

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "annotations": {"a.test/b": "1", "c": "2"},
        "finalizers": ["x", "y"],
    },
    "spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}], "selector": {"app": "web"}},
}


@given(paths)
def test_fields_and_paths_are_the_same_thing(some):
    assert paths_of(fields_of(some)) == some
    assert paths_of(json.loads(json.dumps(fields_of(some)))) == some


@given(paths, paths)
def test_paths_touch_when_one_is_within_the_other(some, others):
    meant = any(a[: len(b)] == b or b[: len(a)] == a for a in some for b in others)
    assert touches(some, others) == touches(others, some) == meant


def test_what_the_server_writes_is_read():
    fields = {
        "f:metadata": {"f:annotations": {".": {}, "f:a.test/b": {}}, "f:finalizers": {'v:"y"': {}}},
        "f:spec": {"f:ports": {'k:{"port":80}': {".": {}, "f:name": {}}}, "f:selector": {}},
    }
    held = paths_of(fields)
    assert ("f:metadata", "f:annotations") in held
    assert fields_of(held) == fields
    part = picked(SERVICE, held)
    assert part == {
        "metadata": {"annotations": {"a.test/b": "1"}, "finalizers": ["y"]},
        "spec": {"ports": [{"port": 80, "name": "http"}], "selector": {"app": "web"}},
    }
    assert picked(SERVICE, ()) == {}
    assert picked(SERVICE, {("f:spec", "f:nothing"), ("f:spec", "f:ports", 'k:{"port":1}', "f:name")}) == {
        "spec": {"ports": []}
    }
    assert {said(path) for path in held} >= {"spec.ports[port=80].name", "metadata.annotations[a.test/b]"}


def test_differences_leave_out_what_servers_keep():
    served = {
        **SERVICE,
        "status": {"x": 1},
        "metadata": {
            **SERVICE["metadata"],
            "uid": "1",
            "resourceVersion": "7",
            "managedFields": [],
            "labels": {
                "mesh-workbench/design": "canary",
                "app.kubernetes.io/managed-by": "mesh-workbench",
                "mine": "1",
            },
        },
    }
    assert pruned(served)["metadata"]["labels"] == {"mine": "1"}
    assert difference(served, {**served, "status": {}}) == ""
    changed = {**SERVICE, "spec": {**SERVICE["spec"], "selector": {"app": "other"}}}
    assert list(changed_fields(SERVICE, changed)) == ["spec.selector.app"]
    assert "-    app: web\n+    app: other\n" in difference(SERVICE, changed)
    assert difference(None, SERVICE).count("\n+") > 10
    drawn = {**SERVICE, "spec": {**SERVICE["spec"], "clusterIP": "10.96.1.2", "clusterIPs": ["10.96.1.2"]}}
    assert difference(None, drawn) == difference(None, SERVICE)
    assert as_yaml(SERVICE).startswith("apiVersion: v1\nkind: Service\nmetadata:\n")


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_any_text_is_a_name_or_is_answered_with_one(text):
    try:
        assert check_name(text) == text
    except BadInputError as error:
        near = str(error).rpartition("Call it '")[2].removesuffix("'.")
        assert check_name(near) == near


@pytest.mark.parametrize(
    ("said", "status", "details", "meant"),
    [
        ('admission webhook "v.test" denied the request: no', 403, {}, "the webhook v.test refuses it: no."),
        (
            'admission webhook "v.test" does not support dry run',
            400,
            {},
            "the webhook v.test does not support dry runs",
        ),
        (
            'Internal error occurred: failed calling webhook "v.test": failed to call webhook: refused',
            500,
            {},
            "the webhook v.test does not answer",
        ),
        ("exceeded quota: small, requested: pods=1", 403, {}, "a quota forbids it: exceeded quota: small"),
        ("strange", 418, {"causes": "no list"}, "strange."),
        ('admission webhook "v.test" denied the request: \x1b[2Jgone\n', 403, {}, "refuses it: [2Jgone."),
    ],
)
def test_refusals_say_who_and_why(said, status, details, meant):
    told = verdict_on(
        SERVICE, RefusedError("x", status, "", said, details if isinstance(details.get("causes"), list) else {})
    )
    assert told.standing == "refused"
    assert told.sentence.startswith("Service shop/web: ") and meant in told.sentence


def custom(status, generation=2, time="2026-01-01T00:00:00Z"):
    return {
        "apiVersion": "mesh.test/v1",
        "kind": "Thing",
        "metadata": {
            "name": "x",
            "generation": generation,
            "managedFields": [{"manager": "mesh-workbench-design", "time": time}],
        },
        "status": status,
    }


def condition(kind, status="True", **more):
    return {"conditions": [{"type": kind, "status": status, **more}]}


@pytest.mark.parametrize(
    ("status", "promise", "state"),
    [
        ({}, Promise(), "silent"),
        ({}, Promise(("Synced",)), "waiting"),
        ({}, Promise(parents=True), "waiting"),
        (condition("Synced"), Promise(("Synced",)), "in-effect"),
        (condition("Synced", "False"), Promise(("Synced",)), "waiting"),
        (condition("Accepted", observedGeneration=1), Promise(), "waiting"),
        (condition("Accepted", observedGeneration=2), Promise(), "in-effect"),
        ({**condition("Synced"), "lastSyncedTime": "2025-12-31T23:59:59Z"}, Promise(("Synced",)), "waiting"),
        ({**condition("Synced"), "lastSyncedTime": "2026-01-01T00:00:01Z"}, Promise(("Synced",)), "in-effect"),
        ({"parents": [condition("Accepted"), condition("ResolvedRefs", "False")]}, Promise(parents=True), "waiting"),
        (condition("SomethingElse", "False"), Promise(), "silent"),
    ],
)
def test_a_status_is_judged_for_this_form_of_the_object(status, promise, state):
    assert judged(custom(status), promise).state == state


def test_what_a_definition_promises():
    column = {"jsonPath": '.status.conditions[?(@.type=="Synced")].status'}
    parents = {"openAPIV3Schema": {"properties": {"status": {"properties": {"parents": {}}}}}}
    versions = [{"name": "v1", "additionalPrinterColumns": [column]}, {"name": "v2", "schema": parents}]
    crd = {"spec": {"versions": versions}}
    assert promised(crd, "v1") == Promise(("Synced",))
    assert promised(crd, "v2") == Promise(parents=True)
    assert not promised(crd, "v3") and not promised(None, "v1")


def test_what_is_exported_is_read_back():
    rendering = Rendering(
        mesh="some", objects=(SERVICE, {**SERVICE, "kind": "Route"}), patches=({**SERVICE, "data": 1},)
    )
    assert from_yaml(to_yaml(rendering)) == (rendering.objects, rendering.patches)
    listed = dumped({"apiVersion": "v1", "kind": "List", "items": [SERVICE]})
    assert from_yaml(listed) == ((SERVICE,), ())
    with pytest.raises(BadInputError, match="here, line 2: cannot be read as YAML"):
        from_yaml("a: [", "here")


def test_the_types_are_had_without_a_kubernetes_client():
    code = (
        "import sys\nimport workbench.environments.kubernetes.designs.changes\n"
        "print(sorted({'kubernetes', 'yaml', 'urllib3'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
