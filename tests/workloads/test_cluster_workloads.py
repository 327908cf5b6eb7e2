"""The workloads on a cluster: the same names, Fortio in every pod, and what a user's own manifests may hold."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.experiment import MeshSpec, Workload

OWN = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: elsewhere}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "docker.io/mccutchen/go-httpbin:v2.15.0", ports: [{name: http, containerPort: 8000}]}
"""


def application(name, **settings):
    return adapters.load("workloads", name).cluster_application(Workload(name=name, **settings))


def arguments(app, name):
    (one,) = [one for one in app.objects if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    return one["spec"]["template"]["spec"]["containers"][0]["args"]


def test_echo_and_chain_call_what_they_call_in_the_lab():
    assert application("echo").calls == (("client", "server"),)
    assert application("chain").calls == (("client", "frontend"), ("frontend", "backend"))
    for name in ("echo", "chain"):
        lab = adapters.load("workloads", name).application(Workload(name=name))
        assert application(name).calls == lab.edges()


def test_namespace_and_registry_are_the_environments():
    made = adapters.load("workloads", "chain").cluster_application(
        Workload(name="chain"), namespace="ours", registry="mirror.example/f"
    )
    assert {one["metadata"]["namespace"] for one in (*made.objects, made.client)} == {"ours"}
    assert "docker.io" not in str(made)


def test_delay_and_fan_out_reach_fortio():
    assert "delay=0.25s" in arguments(application("echo", server_delay_s=0.25), "server")
    assert arguments(application("chain", fan_out=3), "frontend")[-1].count("http://backend:8080") == 3


@pytest.mark.parametrize("name", ["echo", "chain"])
def test_versions_of_the_called_service_stand_side_by_side_behind_its_one_service(name):
    """As in the lab: the first keeps the service's name, the others are called after it."""
    made = application(name, versions=3)
    entry = made.calls[0][1]
    found = {one["metadata"]["name"]: one["spec"] for one in made.objects if one["kind"] == "Deployment"}
    assert {key for key in found if key.startswith(entry)} == {entry, f"{entry}-v2", f"{entry}-v3"}
    labels = [found[key]["template"]["metadata"]["labels"] for key in (entry, f"{entry}-v2", f"{entry}-v3")]
    assert [one["version"] for one in labels] == ["v1", "v2", "v3"]
    assert {one["app"] for one in labels} == {entry}
    assert [one["matchLabels"] for one in (spec["selector"] for spec in found.values() if "version" in str(spec))] == [
        {"app": entry, "version": version} for version in ("v1", "v2", "v3")
    ]
    assert "version" not in str(application(name).objects), "one alone does not say which it is"
    for mesh in ("istio", "linkerd", "consul"):
        assert adapters.load("meshes", mesh).enrol(MeshSpec(name=mesh), made)
    with pytest.raises(BadInputError, match=f"NSM needs one workload behind the Service '{entry}'.*{entry}-v2"):
        adapters.load("meshes", "nsm").enrol(MeshSpec(name="nsm"), made)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _call(port: int, body: bytes) -> bytes:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/echo", data=body, timeout=5) as answer:
                return answer.read()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.skipif(shutil.which("fortio") is None, reason="fortio is not on PATH: go install fortio.org/fortio@latest")
@pytest.mark.lab
def test_the_real_fortio_understands_the_arguments_and_answers_as_described():
    """The pods' own command lines, on loopback: one echo with a delay, one frontend that fans out twice."""
    ports = {"frontend": _free_port(), "backend": _free_port()}
    app = application("chain", fan_out=2, server_delay_s=0.1)
    running = []
    try:
        for name, port in ports.items():
            text = [
                one.replace("http://backend:8080", f"http://127.0.0.1:{ports['backend']}").replace(
                    "8080", f"127.0.0.1:{port}"
                )
                if "8080" in one
                else one
                for one in arguments(app, name)
            ]
            running.append(subprocess.Popen(["fortio", *text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert _call(ports["backend"], b"abc") == b"abc"
        start = time.monotonic()
        assert _call(ports["frontend"], b"abc") == b"abcabc", "the answers of both calls, one after the other"
        assert time.monotonic() - start >= 0.1
    finally:
        for one in running:
            one.terminate()
            one.wait(timeout=10)


def test_ones_own_manifests_come_from_a_file_or_a_folder(tmp_path):
    (tmp_path / "app.yaml").write_text(OWN)
    for place in (tmp_path, tmp_path / "app.yaml"):
        made = application("own", manifests=str(place), url="http://web:80/get")
        assert [one["kind"] for one in made.objects] == ["ServiceAccount", "Service", "Deployment"]
        assert {one["metadata"]["namespace"] for one in made.objects} == {"workbench-app"}
        assert made.url == "http://web:80/get"


@pytest.mark.parametrize("mesh", ["baseline", "istio", "linkerd", "consul", "nsm"])
def test_ones_own_application_goes_into_every_mesh(mesh, tmp_path):
    (tmp_path / "app.yaml").write_text(OWN)
    made = application("own", manifests=str(tmp_path), url="http://web:80/get")
    adapter, spec = adapters.load("meshes", mesh), MeshSpec(name=mesh)
    enrolled = adapter.enrol(spec, made)
    assert adapter.install(spec, made) is not None
    assert adapter.gates(spec, enrolled)
    if mesh == "nsm":
        assert enrolled.url == "http://172.16.1.100:8000/get", "behind the Service is the container's port"
    if mesh == "consul":
        assert "'consul.hashicorp.com/connect-service-port': '8000'" in str(enrolled.objects)


@pytest.mark.parametrize(
    ("text", "url", "words"),
    [
        ("", "http://web/", "no Kubernetes object"),
        ("- 1\n", "http://web/", "not a Kubernetes object"),
        ("a: [\n", "http://web/", "cannot be read as YAML"),
        ("kind: Pod\n", "http://web/", "without apiVersion"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n", "http://web/", "leave it out"),
        (OWN, "web", "must be like http"),
        (OWN, "ftp://web/", "must be like http"),
        (OWN.replace("name: web}\nspec:\n  selector", "name: client}\nspec:\n  selector"), "http://web/", "rename it"),
    ],
)
def test_manifests_that_cannot_be_used_are_refused_with_the_reason(text, url, words, tmp_path):
    (tmp_path / "app.yaml").write_text(text)
    with pytest.raises(BadInputError, match=words):
        application("own", manifests=str(tmp_path / "app.yaml"), url=url)


def test_missing_manifests_and_the_lab_are_refused():
    with pytest.raises(BadInputError, match="no manifests at"):
        application("own", url="http://web/")
    with pytest.raises(BadInputError, match="on clusters only"):
        adapters.load("workloads", "own").application(Workload(name="own"))
