"""Kubeconfigs as people have them: merged as kubectl does, wrong in every way, with plugins that are not there."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from impostors import impostor

from workbench import adapters
from workbench.environments.kubernetes import plugins
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.kubeconfig import access
from workbench.environments.kubernetes.proxying import proxy_for
from workbench.errors import UnsupportedError
from workbench.model.experiment import EnvironmentSpec
from workbench.text import decoding

VERSION = "client.authentication.k8s.io/v1"


def config(user=None, cluster=None, **more):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "t",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"} if cluster is None else cluster}],
        "contexts": [{"name": "t", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "abc"} if user is None else user}],
        **more,
    }


def written(folder, content, name="k.yaml"):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("current", [{}, *({"current-context": one} for one in ("", None, "gone"))])
def test_a_named_context_needs_no_present_one(current, tmp_path):
    told = {key: value for key, value in config().items() if key != "current-context"} | current
    found = access("t", written(tmp_path, told))
    assert (found.context, found.server) == ("t", "127.0.0.1:1")
    with pytest.raises(UnsupportedError, match=r"context.*(one of|only) t"):
        access("", written(tmp_path, told))


def test_files_are_merged_as_kubectl_does(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "two").mkdir()
    one = written(tmp_path, {"contexts": [{"name": "t", "context": {"cluster": "far", "user": "u"}}], "users": None})
    other = config(user={"tokenFile": "../token"}, contexts=[{"name": "t", "context": {"cluster": "c", "user": "x"}}])
    other["clusters"].append({"name": "far", "cluster": {"server": "https://far.test:8443/k8s/c-1/"}})
    two = written(tmp_path / "two", other)
    empty = written(tmp_path, "", "empty.yaml")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", str(tmp_path / "gone"), empty, one, two]))
    found = access()
    assert (found.context, found.server, found.anonymous) == ("t", "far.test:8443/k8s/c-1", "")
    assert found.settings.api_key["authorization"] == "Bearer from-file"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "gone"))
    with pytest.raises(UnsupportedError, match="gone"):
        access()


BROKEN = {
    "garbled": 'kind: Config\n clusters: ["',
    "a list": "[]",
    "text": "hello",
    "no base64": config(cluster={"server": "https://h:1", "certificate-authority-data": "!!no"}),
    "no certificate": config(cluster={"server": "https://h:1", "certificate-authority-data": "aGVsbG8="}),
    "no such file": config(cluster={"server": "https://h:1", "certificate-authority": "gone.pem"}),
    "a certificate without key": config(
        user={"client-certificate-data": "aGVsbG8="}, cluster={"server": "https://h:1"}
    ),
    "a token of another type": config(user={"token": 7}),
    "a token that no header can hold": config(user={"token": "a\nb"}),
    "no user": config(users=[]),
    "users twice": config(users=[{"name": "u"}, {"name": "u"}]),
    "a cluster without server": config(cluster={}),
    "a server that is none": config(cluster={"server": "http://[::1"}),
    "a port that is none": config(cluster={"server": "http://h:99999"}),
    "a context of text": config(contexts=[{"name": "t", "context": "c"}]),
    "gcp": config(user={"auth-provider": {"name": "gcp", "config": {"cmd-path": "gcloud"}}}),
    "azure": config(user={"auth-provider": {"name": "azure"}}),
    "oidc without a token": config(user={"auth-provider": {"name": "oidc", "config": {"id-token": "x"}}}),
    "a provider of text": config(user={"auth-provider": "gcp"}),
    "a proxy that is none": config(cluster={"server": "http://h:1", "proxy-url": "ftp://x"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_the_users_to_mend(what, tmp_path):
    path = written(tmp_path, BROKEN[what])
    with pytest.raises(UnsupportedError, match="kubeconfig"):
        Cluster.connect("", path)
    rows = adapters.load("environments", "kubernetes").diagnose(
        EnvironmentSpec(name="kubernetes", options={"kubeconfig": path})
    )
    assert [row.passed for row in rows] == [False]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = {
    "cluster": ("server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify",
                "tls-server-name", "proxy-url", "extensions"),
    "user": ("token", "tokenFile", "client-certificate", "client-certificate-data", "client-key", "client-key-data",
             "username", "password", "exec", "auth-provider"),
    "exec": ("command", "apiVersion", "args", "env", "provideClusterInfo", "interactiveMode", "installHint"),
    "provider": ("name", "config"),
    "whole": ("current-context", "clusters", "contexts", "users"),
}  # fmt: skip


def no_more_than_refused(path):
    try:
        Cluster.connect("", path)
    except UnsupportedError as error:
        assert str(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_field(tmp_path, data):
    part = data.draw(st.sampled_from(sorted(FIELDS)))
    key, value = data.draw(st.sampled_from(FIELDS[part])), data.draw(ANYTHING)
    told = config(user={"token": "abc"} if part != "user" else {}, cluster={"server": "https://127.0.0.1:1"})
    plugin = {"command": "/nowhere/plugin", "apiVersion": VERSION}
    place = {
        "cluster": told["clusters"][0]["cluster"],
        "user": told["users"][0]["user"],
        "exec": plugin,
        "provider": {"name": "oidc", "config": {}},
        "whole": told,
    }[part]
    place[key] = value
    if part in ("exec", "provider"):
        told["users"][0]["user"] = {"exec" if part == "exec" else "auth-provider": place}
    (tmp_path / "k.json").write_text(json.dumps(told))
    no_more_than_refused(str(tmp_path / "k.json"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING | st.fixed_dictionaries({"contexts": ANYTHING, "clusters": ANYTHING, "users": ANYTHING}))
def test_any_document(tmp_path, told):
    (tmp_path / "k.json").write_text(json.dumps(told))
    no_more_than_refused(str(tmp_path / "k.json"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path, content):
    (tmp_path / "k.yaml").write_bytes(content)
    no_more_than_refused(str(tmp_path / "k.yaml"))


# ---------------------------------------------------------------------- plugins
def plugin(folder, body, name="plugin", **more):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": VERSION, "command": f"./{name}", "interactiveMode": "Never", **more}}


def credential(**status):
    return f"print('''{json.dumps({'apiVersion': VERSION, 'kind': 'ExecCredential', 'status': status})}''')"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import sys; print('no session', file=sys.stderr); sys.exit(3)", "ended with status 3 .*no session"),
        ("print('hello')", "no ExecCredential"),
        ("", "no ExecCredential"),
        ("print('{')", "no ExecCredential"),
        ("print('null')", "no ExecCredential"),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", "no ExecCredential"),
        (credential(), "neither a token"),
        (credential(token=7), "not text"),
        (credential(token=""), "neither a token"),
        (credential(clientCertificateData="x"), "without its key"),
        (credential(token="t", expirationTimestamp="soon"), "expirationTimestamp"),
        (credential(token="t").replace("/v1", "/v1beta1"), "v1beta1"),
        ("import time; time.sleep(60)", "did not end"),
        ("import subprocess, sys; subprocess.Popen(['sleep', '60'])", "did not end"),
    ],
)
def test_a_plugin_that_gives_nothing_of_use_is_named_before_anything_is_asked(
    body, words, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(plugins, "DEADLINE_S", 1.0)
    with impostor() as there:
        path = there.kubeconfig(tmp_path, plugin(tmp_path, body))
        begun = time.monotonic()
        with pytest.raises(UnsupportedError, match=words) as caught:
            Cluster.connect("", str(path))
        assert time.monotonic() - begun < 10
        assert "./plugin" in str(caught.value)
        assert there.asked == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("command", ["cloud-auth-nowhere", "./nowhere", "/nowhere/at-all"])
def test_a_plugin_that_is_not_installed_is_named_with_its_own_hint(command, tmp_path):
    with impostor() as there:
        user = {"exec": {"apiVersion": VERSION, "command": command, "installHint": "get it at example.test"}}
        path = str(there.kubeconfig(tmp_path, user))
        spec = EnvironmentSpec(name="kubernetes", options={"kubeconfig": path})
        (row,) = adapters.load("environments", "kubernetes").diagnose(spec)
        assert there.asked == []
    assert not row.passed
    assert command in row.evidence
    assert "get it at example.test" in row.evidence
    assert "anonymous" not in row.evidence


def test_a_plugins_token_is_shown_and_renewed_before_it_ends(tmp_path):
    body = (
        "import json, os, pathlib\n"
        "count = pathlib.Path(__file__).with_name('count')\n"
        "turn = int(count.read_text()) + 1 if count.exists() else 1\n"
        "count.write_text(str(turn))\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert info['spec']['cluster']['server'].startswith('http://127') and os.environ['WHO'] == 'me'\n"
        f"print(json.dumps({{'apiVersion': {VERSION!r}, 'kind': 'ExecCredential',\n"
        "  'status': {'token': f't{turn}', 'expirationTimestamp': '2020-01-01T00:00:00Z' if turn < 3 else None}}))"
    )
    with impostor() as there:
        there.answer = lambda method, path: (200, {}, b'{"gitVersion": "v1.34.0"}')
        user = plugin(tmp_path, body, provideClusterInfo=True, env=[{"name": "WHO", "value": "me"}])
        cluster = Cluster.connect("", str(there.kubeconfig(tmp_path, user)))
        for _ in range(2):
            cluster.version()
        shown = [headers.get("Authorization") or headers.get("authorization") for _, _, headers in there.asked]
    assert shown[-1] == "Bearer t3"
    assert (tmp_path / "count").read_text() == "3"


# ---------------------------------------------------------------------- proxies
@pytest.mark.parametrize(
    ("server", "exceptions", "through"),
    [
        ("http://127.0.0.1:6443", "", False), ("https://127.8.9.1", "", False), ("https://[::1]:6443", "", False),
        ("https://localhost:6443", "", False), ("https://localhost.corp", "", True), ("https://10.1.2.3", "", True),
        ("https://10.1.2.3", "10.0.0.0/8", False), ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:443", True), ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://api.corp.test", "corp.test", False), ("https://corp.test", "corp.test", False),
        ("https://corp.test", ".corp.test", True), ("https://api.corp.test", "*.corp.test", False),
        ("https://apicorp.test", "corp.test", True), ("https://x.test", " a.test , * ", False),
        ("https://[fd00::1]", "fd00::/8", False), ("https://API.Corp.test", "corp.TEST", False),
    ],
)  # fmt: skip
def test_a_proxy_is_asked_as_kubectl_asks_it(server, exceptions, through):
    environment = {"HTTP_PROXY": "http://plain:1", "HTTPS_PROXY": "secure:2", "NO_PROXY": exceptions}
    wanted = ("http://plain:1" if server.startswith("http:") else "http://secure:2") if through else None
    assert proxy_for(server, "", environment) == wanted
    small = {key.lower(): value for key, value in environment.items()}
    assert proxy_for(server, "", small) == wanted
    assert proxy_for(server, "socks5://own:3", environment) == "socks5://own:3"


def test_loopback_is_asked_straight_and_others_through_the_proxy(tmp_path, monkeypatch):
    with impostor() as there, impostor() as proxy:
        there.answer = proxy.answer = lambda method, path: (200, {}, b'{"gitVersion": "v1.34.0"}')
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://me:word@127.0.0.1:{proxy.port}")
        Cluster.connect("", str(there.kubeconfig(tmp_path))).version()
        assert (len(there.asked), len(proxy.asked)) == (1, 0)
        far = written(tmp_path, config(cluster={"server": "http://api.corp.test:6443"}))
        Cluster.connect("", far).version()
        _, path, headers = proxy.asked[0]
        assert path == "http://api.corp.test:6443/version"
        assert "Proxy-Authorization" in {key.title() for key in headers}
        monkeypatch.setenv("HTTP_PROXY", "http://[")
        with pytest.raises(UnsupportedError, match="HTTP_PROXY"):
            Cluster.connect("", far)


@pytest.mark.parametrize("field", ["itself", "certificate-authority", "client-key", "tokenFile"])
def test_a_pipe_into_which_nobody_writes_is_refused_and_not_waited_for(field, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_PATIENCE_S", 0.1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if field == "itself":
        path = pipe
    elif field == "certificate-authority":
        path = written(tmp_path, config(cluster={field: str(pipe)}))
    else:
        path = written(tmp_path, config(user={field: str(pipe)}))
    with pytest.raises(UnsupportedError, match="pipe"):
        access("", str(path))


def test_a_pipe_that_somebody_fills_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    handle = os.open(pipe, os.O_RDWR)  # holds both ends, so that the writer need not wait for its reader
    whole = b"apiVersion: v1\n" * 3000
    writer = threading.Thread(target=lambda: (os.write(handle, whole), time.sleep(0.2), os.close(handle)))
    writer.start()
    assert decoding.content_of(pipe) == whole
    writer.join()
    assert decoding.content_of(written(tmp_path, "abcdef"), 4) == b"abcd"
