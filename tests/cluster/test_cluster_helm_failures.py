"""What goes wrong with charts, on a real API server with real Helm: told beforehand, or with what the pods say."""

from __future__ import annotations

import contextlib
import functools
import http.server
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import control_plane
import pytest
from injector import Injector
from rig_objects import CHARTS, application, release

from workbench.environments.kubernetes import helm_sdk, session, snapshot
from workbench.environments.kubernetes.diagnosis import clean
from workbench.environments.kubernetes.helm import releases
from workbench.environments.kubernetes.options import Options
from workbench.errors import DeadlineExceededError, RunFailedError

pytestmark = pytest.mark.usefixtures("needs_helm")
BOTH = pytest.mark.parametrize("options", ["program", "package"], indirect=True)


@pytest.fixture
def options(request, plane, monkeypatch):
    """Whose Helm it is: the program's, unless the test asks for the package."""
    if getattr(request, "param", "program") == "program":
        return Options(kubeconfig=str(plane.kubeconfig), helm=control_plane.helm())
    if not helm_sdk.is_there():
        pytest.skip("no helm-python-sdk: pip install 'mesh-workbench[helm]'")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return Options(kubeconfig=str(plane.kubeconfig))


@pytest.fixture
def injector(tmp_path):
    made = Injector(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def repository(tmp_path):
    """A chart repository on loopback that holds version 1.2.3 and no other."""
    program, served = control_plane.helm(), tmp_path / "charts"
    subprocess.run([program, "package", CHARTS / "meshlike", "-d", served], check=True, capture_output=True)
    subprocess.run([program, "repo", "index", served], check=True, capture_output=True)
    handler = functools.partial(Quiet, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@BOTH
def test_a_version_that_its_repository_lacks_is_told_before_anything_is_deployed(opened, cluster, repository):
    asked = replace(release(), chart="meshlike", repository=repository)
    assert opened.refuses((asked,)) == ""
    said = opened.refuses((replace(asked, version="9.9.9"),))
    assert said.startswith("helm ") and " meshy failed: " in said
    assert "9.9.9" in said and "not found" in said
    assert cluster.get("v1", "Namespace", "meshlike") is None


@BOTH
def test_a_chart_too_large_for_the_nodes_is_told_before_anything_is_deployed(opened, cluster):
    said = opened.refuses((release(cpu="64"),))
    assert said == "Deployment meshy-control requests 64 cores, and no node has more than 4 cores free"
    assert cluster.get("v1", "Namespace", "meshlike") is None


def test_an_injector_that_is_not_ready_is_named(opened, injector, monkeypatch):
    monkeypatch.setattr(session, "APPLICATION_S", 4.0)
    silent = release(webhookUrl="https://127.0.0.1:9/inject", caBundle=injector.ca)
    with (
        pytest.raises(
            DeadlineExceededError, match=r"the webhook inject.meshlike.test does not answer, so pods are refused"
        ),
        opened.deploy((silent,), application(labels={"meshlike": "enabled"})),
    ):
        pass
    assert opened.left_behind == ()


def test_an_api_server_away_while_a_chart_is_installed_ends_with_a_sentence(plane, opened):
    said = []

    def install():
        try:
            with opened.deploy((release(hookImage="rig/never:1", deadline_s=5),), application()):
                said.append("it came up")
        except RunFailedError as error:
            said.append(str(error))

    installing = threading.Thread(target=install, daemon=True)
    installing.start()
    eventually(lambda: opened.cluster.get("batch/v1", "Job", "meshy-hook", "meshlike"))
    plane.stop_api()
    time.sleep(1.0)
    plane.start_api()  # from this thread: the kernel ends it with the thread that started it
    installing.join(90)
    assert said and said[0].startswith("helm install meshy failed: ")
    assert opened.left_behind == ()


INSTALLING = """
import sys
sys.path.insert(0, {tests!r})
from rig_objects import application, release
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster
with OpenCluster(Options(kubeconfig={kubeconfig!r}, helm={helm!r})) as environment:
    with environment.deploy((release(hookImage="rig/never:1", deadline_s=60),), application()):
        pass
"""


def test_a_program_killed_while_its_helm_installs_leaves_nobody_at_work_and_is_cleaned_up(agent, options, cluster):
    before = snapshot.take(cluster)
    tests = str(CHARTS.parent)
    code = INSTALLING.format(tests=tests, kubeconfig=options.kubeconfig, helm=options.helm)
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        eventually(lambda: cluster.get("batch/v1", "Job", "meshy-hook", "meshlike"))
        assert helms(options.kubeconfig)
    finally:
        child.kill()
        child.wait()
    eventually(lambda: not helms(options.kubeconfig))
    assert clean(options, force=True) == ()
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert releases(cluster, "") == []


def helms(kubeconfig):
    """Return the helms that work on this cluster."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes().split(b"\0")
            if b"install" in words and kubeconfig.encode() in words:
                found.append(words)
    return found


def eventually(question, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
