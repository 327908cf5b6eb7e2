"""What stands in an API server's place is named as such by every verb, with exit code 3 or a row NO; never a bug."""

from __future__ import annotations

import json

import pytest
from impostors import impostor

from workbench.campaigns.runner import run_experiment
from workbench.cli import main
from workbench.environments.kubernetes import answers, client
from workbench.errors import UnsupportedError
from workbench.model.experiment import read_experiment

VERSION = json.dumps({"gitVersion": "v1.34.0", "major": "1", "minor": "34"}).encode()
KINDS = json.dumps({
    "resources": [
        {"kind": kind, "name": f"{kind.lower()}s", "namespaced": kind != "Node", "verbs": ["get", "list"]}
        for kind in ("Node", "Pod", "ConfigMap", "Service", "Secret", "Lease", "Deployment", "DaemonSet", "StatefulSet")
    ]
}).encode()  # fmt: skip
LOGIN = b"<!DOCTYPE html><html><head><title>Sign in to Corp</title></head></html>"


def page(status, body, **headers):
    return lambda method, path: (status, headers, body)


WHOLE = {
    "a page": (page(200, LOGIN), "Sign in to Corp"),
    "nothing": (page(200, b""), "with nothing"),
    "null": (page(200, b"null"), "not an object (null)"),
    "a list": (page(200, b"[1, 2]"), "not an object ([1, 2])"),
    "text": (page(200, b'"hello"'), "not an object"),
    "an empty table": (page(200, b"{}"), "no Kubernetes version"),
    "another table": (page(200, b'{"gitVersion": 7}'), "no Kubernetes version"),
    "words": (page(200, b"SSH-2.0-OpenSSH"), "no JSON"),
    "bytes": (page(200, b"\xff\xfe\x00\x01"), "no JSON"),
    "nesting": (page(200, b'{"a":' * 100_000), "nesting"),
    "closed nesting": (page(200, b'{"a":' * 300 + b"1" + b"}" * 300), "more than 200 levels"),
    "a redirection": (page(302, b"", Location="https://login.corp/start?token=secret"), "https://login.corp/start"),
    "a moved page": (page(301, LOGIN, Location="/login"), "redirect"),
    "a refusal in HTML": (page(403, LOGIN), "Sign in to Corp"),
    "a missing page": (page(404, b"<h1>nope</h1>"), "page of HTML"),
    "an error in HTML": (page(500, LOGIN), "Sign in to Corp"),
    "a proxy that requires a password": (page(407, b"pay"), "password"),
}
INNER = {
    "a page": LOGIN,
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "an empty table": b"{}",
    "items that are none": b'{"metadata": {}, "items": [7, null]}',
    "items of the wrong type": b'{"metadata": {}, "items": {"a": 1}}',
    "objects without names": b'{"metadata": {}, "items": [{"spec": {}}]}',
    "wrong types": json.dumps({
        "metadata": {"name": 7, "labels": []}, "resources": 7, "groups": 7, "status": 3,
        "items": [{"metadata": {"name": "x", "labels": 3}, "spec": [], "status": "x"}],
    }).encode(),
    "wrong types further in": json.dumps({
        "metadata": {"name": "x"}, "spec": {"renewTime": "never", "holderIdentity": "x"}, "status": {"allowed": []},
        "items": [{"metadata": {"name": "x"}, "spec": {"containers": [{}], "taints": [3]},
                   "status": {"capacity": {"cpu": []}, "addresses": [1]}}],
    }).encode(),
}  # fmt: skip


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(client, "PATIENCE_S", 1.0)
    monkeypatch.setattr("workbench.environments.kubernetes.diagnosis._PATIENCE_S", 1.0)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(tmp_path):
    with impostor() as there:
        (tmp_path / "objects.yaml").write_text(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: shop}}\n"
        )
        (tmp_path / "x.toml").write_text(
            'name = "x"\nenvironment = {name = "kubernetes"}\nmeshes = [{name = "baseline"}]\n'
            'workloads = [{name = "echo", payload_bytes = 0}]\n[load]\ngenerator = "fortio"\nrates_per_s = [10]\n'
        )
        yield there, tmp_path


def verbs(folder, kubeconfig):
    where, objects = ["--kubeconfig", str(kubeconfig)], str(folder / "objects.yaml")
    return {
        "clean": ["clean", *where],
        "check": ["design", "check", objects, *where],
        "diff": ["design", "diff", objects, *where],
        "apply": ["design", "apply", objects, *where],
        "revert": ["design", "revert", "x", *where],
        "list": ["design", "list", *where],
        "rights": ["design", "rights", objects, *where],
    }


def said(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert "This is a bug" not in out + err, out + err
    assert "Traceback" not in out + err
    return ended.value.code, out + err


@pytest.mark.parametrize("what", WHOLE)
def test_every_verb_names_what_answers_in_its_place(what, place, capsys):
    there, folder = place
    there.answer, words = WHOLE[what]
    kubeconfig = there.kubeconfig(folder)
    code, told = said(["doctor", "--environment", "kubernetes", "--kubeconfig", str(kubeconfig)], capsys)
    assert code == 0
    assert "NO" in told
    assert words in told
    assert "secret" not in told
    for name, verb in verbs(folder, kubeconfig).items():
        code, told = said(verb, capsys)
        assert (code, words in told) == (3, True), (name, told)


def test_a_run_ends_before_anything_is_done(place, capsys, monkeypatch):
    there, folder = place
    there.answer = page(200, LOGIN)
    monkeypatch.setenv("KUBECONFIG", str(there.kubeconfig(folder)))
    with pytest.raises(UnsupportedError, match="Sign in to Corp"):
        run_experiment(read_experiment(folder / "x.toml"), data=folder)
    assert not list(folder.glob("runs/*"))


@pytest.mark.parametrize("what", INNER)
def test_a_right_version_does_not_make_it_an_api_server(what, place, capsys):
    there, folder = place

    def answer(method, path):
        return 200, {}, VERSION if path.startswith("/version") else INNER[what]

    there.answer = answer
    kubeconfig = there.kubeconfig(folder)
    code, told = said(["doctor", "--environment", "kubernetes", "--kubeconfig", str(kubeconfig)], capsys)
    assert code == 0
    assert "NO" in told
    for name, verb in verbs(folder, kubeconfig).items():
        code, told = said(verb, capsys)
        assert code == 3, (name, told)


@pytest.mark.parametrize("what", INNER)
def test_objects_of_no_form_are_named(what, place, capsys):
    there, folder = place

    def answer(method, path):
        bare = path.partition("?")[0]
        known = {"/version": VERSION, "/api/v1": KINDS, "/apis/apps/v1": KINDS, "/apis/coordination.k8s.io/v1": KINDS}
        return 200, {}, known.get(bare, INNER[what])

    there.answer = answer
    kubeconfig = there.kubeconfig(folder)
    code, told = said(["doctor", "--environment", "kubernetes", "--kubeconfig", str(kubeconfig)], capsys)
    assert (code, "NO" in told) == (0, True)
    for name, verb in verbs(folder, kubeconfig).items():
        code, told = said(verb, capsys)
        assert code in (2, 3), (name, told)


def test_an_answer_without_end_is_cut_off(place, capsys, monkeypatch):
    there, folder = place
    monkeypatch.setattr(answers, "MOST_BYTES", 2**20)
    there.answer = page(200, b'{"gitVersion": "' + b"x" * 2**22 + b'"}')
    code, told = said(["design", "list", "--kubeconfig", str(there.kubeconfig(folder))], capsys)
    assert code == 3
    assert "more than 1 MiB" in told


def test_no_http_at_all(place, capsys):
    there, folder = place
    there.answer = page(0, b"SSH-2.0-OpenSSH_9.2\r\n")
    code, told = said(["design", "list", "--kubeconfig", str(there.kubeconfig(folder))], capsys)
    assert code == 3
    assert "did not answer" in told


def test_credentials_that_are_not_taken_are_no_reason_to_grant_everybody_rights(place, capsys):
    there, folder = place
    refusal = {
        "kind": "Status",
        "message": 'User "system:anonymous" cannot get path "/version"',
        "code": 403,
        "details": [],
    }
    there.answer = page(403, json.dumps(refusal).encode())
    for user in ({"token": "abc"}, {}):
        _, told = said(
            ["doctor", "--environment", "kubernetes", "--kubeconfig", str(there.kubeconfig(folder, user))], capsys
        )
        assert "rbac" not in told
        assert "log in" in told
    there.answer = page(401, b'{"kind": "Status", "message": "Unauthorized", "code": 401}')
    code, told = said(["clean", "--kubeconfig", str(there.kubeconfig(folder))], capsys)
    assert code == 3
    assert "log in again" in told
