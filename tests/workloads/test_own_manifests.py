"""Manifests of somebody's own, as bad as they come: refused in a sentence, never a traceback, never without end."""

from __future__ import annotations

import copy
import json
import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.experiment import MeshSpec, Workload
from workbench.workloads import _manifests

URL = "http://web:80/get"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "elsewhere"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http", "name": "http"}]},
}
POD = {
    "containers": [
        {
            "name": "web",
            "image": "docker.io/mccutchen/go-httpbin:v2.15.0",
            "args": ["-x"],
            "env": [{"name": "A", "value": "b"}],
            "ports": [{"name": "http", "containerPort": 8080}],
        }
    ]
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD},
    },
}
MESHES = [name for name in adapters.names("meshes") if "kubernetes" in adapters.load("meshes", name).environments]


def own(path, url=URL, protocol="http/1.1", **more):
    workload = Workload(name="own", manifests=str(path), url=url, **more)
    return adapters.load("workloads", "own").cluster_application(workload, protocol)


def written(folder, *objects):
    (folder / "app.yaml").write_text(yaml.safe_dump_all(objects))
    return folder / "app.yaml"


def changed(one, *path, value):
    result = copy.deepcopy(one)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def test_what_is_right_is_taken_into_our_namespace(tmp_path):
    app = own(written(tmp_path, SERVICE, DEPLOYMENT))
    assert {one["metadata"]["namespace"] for one in app.objects} == {"workbench-app"}
    listed = {"apiVersion": "v1", "kind": "List", "items": [SERVICE, DEPLOYMENT]}
    assert own(written(tmp_path, listed)).objects == app.objects


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([SERVICE, SERVICE], "Service 'web', which .* contains twice"),
        ([changed(SERVICE, "metadata", "name", value="client"), SERVICE], "Service called 'client'"),
        ([changed(SERVICE, "kind", value="ServiceAccount"), changed(SERVICE, "kind", value=7)], "without kind"),
        ([changed(SERVICE, "metadata", "name", value=True)], "without metadata.name"),
        ([changed(SERVICE, "metadata", value=[])], "without metadata.name"),
        ([changed(SERVICE, "kind", value="PersistentVolume")], "cluster-scoped"),
        ([changed(SERVICE, "kind", value="ValidatingWebhookConfiguration")], "cluster-scoped"),
        ([changed(SERVICE, "spec", value=[])], "spec must be a table"),
        ([changed(SERVICE, "spec", "ports", value={})], "spec.ports must be a list"),
        ([changed(SERVICE, "spec", "ports", 0, "port", value="80")], r"spec.ports\[0\].port must be a whole number"),
        ([changed(SERVICE, "spec", "selector", value={"app": 1})], "spec.selector.app must be text"),
        ([changed(DEPLOYMENT, "spec", value={})], "spec.template is missing"),
        ([changed(DEPLOYMENT, "spec", "template", "spec", value=None)], "spec.template.spec is missing"),
        ([changed(DEPLOYMENT, "spec", "template", "spec", "containers", value=[])], "containers is empty"),
        (
            [changed(DEPLOYMENT, "spec", "template", "spec", "containers", 0, "args", value=[1])],
            r"containers\[0\].args\[0\] must be text",
        ),
        ([changed(DEPLOYMENT, "metadata", "annotations", value={"a": {}})], "metadata.annotations.a must be text"),
        ([DEPLOYMENT], "leads to 'web', but its manifests contain no Service"),
        ([changed(SERVICE, "metadata", "name", value="shop")], "contain the Services shop"),
        (
            [changed(SERVICE, "spec", "ports", 0, "port", value=81)],
            "calls port 80 of the Service 'web', which offers 81",
        ),
        ([changed(SERVICE, "spec", "ports", value=None)], "which offers none"),
        (["text"], "not a Kubernetes object"),
        ([{"kind": "List", "items": [1]}], "not a Kubernetes object"),
        ([{"kind": "List", "items": None}], "contains no Kubernetes object"),
    ],
)
def test_objects_that_cannot_be_used_are_named(objects, words, tmp_path):
    with pytest.raises(BadInputError, match=words):
        own(written(tmp_path, *objects))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must be like http"),
        ("http://", "must be like http"),
        ("http://web:0/", "must be like http"),
        ("http://web:99999/", "must be like http"),
        ("http://[web/", "must be like http"),
        ("http://web:80/a b", "must be like http"),
        ("http://web:80/\n", "must be like http"),
        ("file:///etc/passwd", "must be like http"),
        ("http://me:secret@web:80/", "contains a user"),
        ("http://example.org:80/", "leads to 'example.org'"),
        ("http://web.elsewhere:80/", "leads to 'web.elsewhere'"),
        ("tcp://web:80", r"does not match the protocol http/1.1: set protocol = 'tcp'"),
        ("https://web/", "calls port 443"),
    ],
)
def test_urls_that_cannot_be_called_are_refused(url, words, tmp_path):
    with pytest.raises(BadInputError, match=words) as caught:
        own(written(tmp_path, SERVICE, DEPLOYMENT), url)
    assert "secret" not in str(caught.value)


def test_the_protocol_of_the_load_and_the_scheme_of_the_url_agree(tmp_path):
    path = written(tmp_path, SERVICE, DEPLOYMENT)
    assert own(path, "http://web.workbench-app.svc:80/x", "http/2").url == "h2c://web.workbench-app.svc:80/x"
    assert own(path, "h2c://web:80/x", "http/2").url == "h2c://web:80/x"
    assert own(path, "grpc://web:80/shop.Cart", "grpc").url == "grpc://web:80/shop.Cart"
    assert own(path, "tcp://web:80", "tcp").url == "tcp://web:80"
    for url, protocol in (("http://web:80/", "grpc"), ("grpc://web:80", "http/2"), ("http://web:80/", "tcp")):
        with pytest.raises(BadInputError, match="set protocol = "):
            own(path, url, protocol)
    with pytest.raises(BadInputError, match="needs a port"):
        own(path, "tcp://web", "tcp")


def test_settings_that_say_nothing_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="server_delay_s"):
        own(written(tmp_path, SERVICE, DEPLOYMENT), server_delay_s=1.0)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"a: [\n", "cannot be read as YAML"),
        (b"a: !!python/object/apply:os.system [id]\n", "without apiVersion"),
        (b"[" * 900, "nested more than"),
        (BOMB.encode(), "expanded, it contains more than"),
        (b"&a [*a]\n", "refers to no earlier anchor, or to its own parent"),
        (b"# only words\n---\n---\n", "contains no Kubernetes object"),
        (b"<html>not found</html>", "not a Kubernetes object"),
    ],
)
def test_files_that_are_no_yaml_of_ours_end_in_a_sentence(content, words, tmp_path):
    (tmp_path / "app.yaml").write_bytes(content)
    with pytest.raises(BadInputError, match=words) as caught:
        own(tmp_path)
    assert len(str(caught.value)) < 700


def test_folders_that_are_no_applications_end_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(_manifests, "MOST_FILES", 20)
    monkeypatch.setattr(_manifests, "MOST_ENTRIES", 200)
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(json.dumps({**SERVICE, "metadata": {"name": f"s{number}"}}))
    with pytest.raises(BadInputError, match="too large to be one application's manifests"):
        own(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    for number in range(250):
        (other / f"{number}.txt").touch()
    with pytest.raises(BadInputError, match="too large"):
        own(other)


def test_files_that_are_too_large_or_none_at_all_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_manifests, "MOST_BYTES", 1000)
    (tmp_path / "a.yaml").write_text("# " + "x" * 2000)
    with pytest.raises(BadInputError, match="larger than"):
        own(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(BadInputError, match="neither a file nor a folder"):
        own(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").unlink()
    with pytest.raises(BadInputError, match="contains no Kubernetes object"):
        own(tmp_path)


def test_links_that_lead_round_end(tmp_path):
    (tmp_path / "round").symlink_to(tmp_path)
    written(tmp_path, SERVICE, DEPLOYMENT)
    assert own(tmp_path).objects


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 9),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"a": []}),
)


def places(value, path=()):
    """Every place in a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.data())
def test_any_value_of_a_wrong_kind_is_refused_or_goes_through_every_mesh(tmp_path, data):
    both = [SERVICE, DEPLOYMENT]
    number = data.draw(st.integers(0, 1))
    place = data.draw(st.sampled_from(list(places(both[number]))))
    both[number] = changed(both[number], *place, value=data.draw(VALUES))
    try:
        app = own(written(tmp_path, *both))
    except BadInputError as error:
        assert str(error)
        return
    for name in MESHES:
        mesh, spec = adapters.load("meshes", name), MeshSpec(name=name)
        try:
            enrolled = mesh.enrol(spec, app)
        except BadInputError as error:
            assert str(error)
            continue
        assert mesh.gates(spec, enrolled)
