"""What is decided from data alone: labels, redaction, quantities, complaints, room, Prometheus text."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import adapters
from workbench.environments.kubernetes import complaints, objects, rights, snapshot
from workbench.model.experiment import MeshSpec, Workload
from workbench.text.prometheus import TextReader, parse_labels, total

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBsecretsecret\n-----END EC PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyaWcifQ.c2lnbmF0dXJl"


def test_secrets_do_not_survive_redaction():
    encoded = base64.b64encode(KEY.encode()).decode()
    told = objects.redacted(
        {
            "items": [
                {"kind": "Secret", "data": {"a": "aGlkZGVu"}, "stringData": {"b": "hidden"}},
                {"kind": "ConfigMap", "data": {"key.pem": KEY, "ca.crt": "public", "bundle": f"x {encoded}"}},
                {"env": [{"name": "API_TOKEN", "value": "hidden"}, {"name": "LEVEL", "value": "debug"}]},
                {"note": f"Authorization: Bearer abcdefghijklmnop and {JWT}"},
                {"identity": {"issuer": {"tls": {"keyPEM": "hidden"}}}},
            ]
        }
    )
    text = json.dumps(told)
    for secret in ("hidden", "aGlkZGVu", "MHcCAQ", JWT, "abcdefghijklmnop", encoded[:60]):
        assert secret not in text
    for public in ("public", "debug", "LEVEL", "key.pem"):
        assert public in text


def test_labels_reach_pods_and_leave_the_argument_alone():
    manifest = {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"selector": {}, "template": {"spec": {}}}}
    before = json.dumps(manifest)
    made = objects.labelled(manifest, "wb-1")
    assert json.dumps(manifest) == before
    assert made["spec"]["template"]["metadata"]["labels"] == objects.labels("wb-1") == made["metadata"]["labels"]
    assert objects.is_ours(made) and objects.is_ours(made, "wb-1") and not objects.is_ours(made, "wb-2")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker.io/fortio/fortio:1", "m.test/x/fortio/fortio:1"),
        ("fortio/fortio:1", "m.test/x/fortio/fortio:1"),
        ("busybox", "m.test/x/busybox"),
        ("localhost/a", "m.test/x/a"),
        ("h:5000/a/b@sha256:1", "m.test/x/a/b@sha256:1"),
    ],
)
def test_images_move_to_a_mirror(image, expected):
    assert objects.mirrored_image(image, "m.test/x/") == expected


OURS = ("bookinfo", "chain", "echo", "emojivoto", "httpbin", "online-boutique")
AN_IMAGE = re.compile(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/_.-]+:v?[0-9][\w.-]*")


@pytest.mark.parametrize("name", OURS)
def test_every_image_of_ours_moves_and_none_becomes_anothers(name):
    """Those too that NSM's webhook is told to put into pods, which stand in its environment."""
    app = adapters.load("workloads", name).cluster_application(Workload(name=name, payload_bytes=0))
    mesh, spec = adapters.load("meshes", "nsm"), MeshSpec(name="nsm", options={"joins": "entry"})
    enrolled = mesh.enrol(spec, app)
    installed = [one for step in mesh.install(spec, app) for one in getattr(step, "objects", ())]
    before = json.dumps([*installed, *enrolled.objects, enrolled.client])
    after = json.dumps([objects.mirrored(one, "mirror.test/all") for one in json.loads(before)])
    asked, moved = set(AN_IMAGE.findall(before)), set(AN_IMAGE.findall(after))
    assert len(asked) >= 12 and any("cmd-nsc:" in one for one in asked)
    assert all(one.startswith("mirror.test/all/") for one in moved)
    assert len(moved) == len(asked)


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("1", 1), (2, 2), ("1Gi", 2**30), ("1.5G", 1.5e9), ("1e3", 1000), ("", 0)]
)
def test_quantities(text, value):
    assert objects.quantity(text) == pytest.approx(value)


def test_complaints_name_the_cause():
    assert complaints.shortage(
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: 0/2."
    ) == ("there is too little cpu and memory (0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory)")
    assert complaints.refusal('pods "x" is forbidden: exceeded quota: small, requested: pods=1').startswith(
        "a quota forbids it: exceeded quota: small"
    )
    events = [
        {
            "metadata": {},
            "type": "Warning",
            "message": "first",
            "lastTimestamp": "1",
            "involvedObject": {"kind": "Pod", "name": "p"},
        },
        {"metadata": {}, "type": "Warning", "message": f"second {KEY}", "lastTimestamp": "2"},
        {"metadata": {}, "type": "Normal", "message": "third", "lastTimestamp": "3"},
    ]
    said = complaints.about_events(events)
    assert said == ["second (not stored)", "Pod p: first"]
    assert complaints.joined([]) == "neither its pods nor its events give a reason"
    assert complaints.joined(["a", "a", "b", "c", "d", "e"]) == "a; b; c; d; and 1 more"


def test_room_on_nodes_leaves_out_what_takes_no_pods_and_what_is_reserved():
    def node(name, **spec):
        return {"metadata": {"name": name}, "spec": spec, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}

    taint = {"key": "control", "effect": "NoSchedule"}
    asked = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    sidecar = {"restartPolicy": "Always", "resources": asked}
    once = {"resources": {"requests": {"cpu": "9"}}}
    pod = {"spec": {"nodeName": "a", "containers": [{"resources": asked}], "initContainers": [sidecar, once]}}
    done = {**pod, "status": {"phase": "Succeeded"}}
    free = rights.free_on([node("a"), node("b", taints=[taint]), node("c", unschedulable=True)], [pod, done])
    assert free == {"a": (1.0, 2.0 * 2**30)}
    assert rights.too_small([], {}) == "the cluster has no schedulable node"


def test_differences_name_what_came_went_and_changed():
    before = {"Namespace": {"a": {"x": "1"}, "b": {}}, "ClusterRole": {}}
    after = {"Namespace": {"a": {"x": "2"}, "c": {}}, "ClusterRole": {"r": None}}
    assert snapshot.differences(before, after) == (
        "Namespace c is left behind",
        "Namespace b is missing",
        "ClusterRole r is left behind",
        "Namespace a has other labels: x",
    )


# ---------------------------------------------------------------------- Prometheus text
LABELS = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True), st.text(max_size=12), max_size=4)
VALUES = st.floats(allow_nan=False, allow_infinity=False)


def written(labels):
    def escaped(value):
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items())


@given(st.lists(st.tuples(LABELS, VALUES, st.none() | st.integers(0, 2**42)), max_size=6))
def test_every_line_comes_back_as_it_was_written(series):
    lines = ["# TYPE other counter", 'other{a="1"} 5', "# TYPE wanted counter"]
    for labels, value, stamp in series:
        lines.append(f"wanted{{{written(labels)}}} {value!r}" + ("" if stamp is None else f" {stamp}"))
    lines += ["# TYPE wanted_too counter", 'wanted_too{a="1"} 7', ""]
    seen = TextReader(["wanted"], lambda _, labels: tuple(labels.items())).read("\n".join(lines).encode())
    expected = [(tuple(labels.items()), value, None if at is None else at / 1e3) for labels, value, at in series]
    assert [(key, value, at) for _, key, value, at in seen] == expected


def test_pages_without_comments_or_labels_or_order_are_read():
    page = b'up 1\nup{a="x"} 2 1000\nother 9\nup{a="} y"} 3\ndamaged{a="x"} nope\nup{a="z"}\n'
    assert total(page, "up", {}) == 6
    assert total(page, "up", {"a": "} y"}) == 3
    assert total(page, "missing", {}) is None
    assert total(page, "damaged", {}) is None
    assert parse_labels(rb'a="1\"\\\n",b=""') == {"a": '1"\\\n', "b": ""}
