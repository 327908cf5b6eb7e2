"""Whole runs as a person starts them, on a real control plane with real load: killed, stopped, refused, continued."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from control_plane import ADMIN_TOKEN
from test_cluster_failures import expire, wait_for

from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.store import read_campaign, read_run

pytestmark = pytest.mark.usefixtures("live")

EXPERIMENT = """
name = "rig"
blocks = 1
[environment]
name = "kubernetes"
options = {edge_s = 1.0, poll_s = 0.3}
[[meshes]]
name = "baseline"
[load]
rates_per_s = [100, 200]
duration_s = 2.0
warmup_s = 0.2
connections = 4
generator = "fortio"
"""


@pytest.fixture
def asked(tmp_path, plane):
    """The command line up to the verb's own words."""
    (tmp_path / "rig.toml").write_text(EXPERIMENT)
    return Asked(tmp_path, plane.kubeconfig)


class Asked:
    def __init__(self, home, kubeconfig):
        self.home, self.kubeconfig = home, kubeconfig

    def line(self, verb, *words):
        return [sys.executable, "-m", "workbench", verb, *words]

    def run(self, *words):
        place = ("--context", "rig", "--kubeconfig", str(self.kubeconfig), "--data", "data")
        return self.line("run", *(words or ("rig.toml",)), *place)

    def clean(self, *words):
        return self.line("clean", "--context", "rig", "--kubeconfig", str(self.kubeconfig), *words)

    def start(self, command):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.home, **pipes)

    def done(self, command):
        return subprocess.run(command, cwd=self.home, capture_output=True, text=True, timeout=120)

    def events(self):
        found = [line for file in self.home.glob("data/runs/*/events.jsonl") for line in file.read_text().splitlines()]
        return [json.loads(line) for line in found]

    def seen(self, kind):
        return [event for event in self.events() if event["kind"] == kind]

    def records(self):
        return sorted(
            (read_run(path.parent) for path in self.home.glob("data/runs/*/*/manifest.json")),
            key=lambda run: run.started_at_s,
        )


def test_a_run_killed_in_its_load_keeps_what_was_finished_and_goes_on_after_a_clean(asked, cluster):
    before = snapshot.take(cluster)
    child = asked.start(asked.run())
    try:
        wait_for(lambda: asked.seen("run-started"), 60)
        other = asked.start(asked.run())
        wait_for(lambda: len(asked.seen("run-started")) == 2, 60)
        time.sleep(0.5)
    finally:
        child.kill()
        printed = child.communicate()[0]
    told, _ = other.communicate(timeout=60)
    assert (other.returncode, "Another run uses this cluster" in told) == (3, True)
    assert "on the cluster of context rig, server 127.0.0.1:" in printed
    assert "baseline: deploying the application" in printed
    expire(cluster)
    refused = asked.done(asked.run())
    assert refused.returncode == 3
    assert "left things behind; remove them first with: workbench clean" in refused.stderr
    cleaned = asked.done(asked.clean())
    assert (cleaned.returncode, cleaned.stdout) == (0, "The workbench left nothing on the cluster.\n")
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert [run.status for run in asked.records()] == ["finished", "interrupted"]
    kept = asked.records()[0]
    done = asked.done(asked.line("run", "--resume", "latest", "--data", "data"))
    assert done.returncode == 0, done.stderr
    assert [run.status for run in asked.records()] == ["finished", "interrupted", "finished"]
    assert asked.records()[0] == kept
    assert labelled_objects(cluster) == []


PLANTED = {
    "data of a Secret": "cGxhbnRlZC1pbi1hLXNlY3JldA==",
    "text of a Secret": "planted-in-a-secret-as-text",
    "a variable called PASSWORD": "planted-in-a-variable",
    "a private key in a ConfigMap": "MIIEplantedInAConfigMap",
    "a bearer token in an annotation": "planted.bearer.token-0123456789",
}
OWN = """
apiVersion: v1
kind: Secret
metadata: {name: held}
data: {a: cGxhbnRlZC1pbi1hLXNlY3JldA==}
stringData: {b: planted-in-a-secret-as-text}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: told, annotations: {note: "Authorization: Bearer planted.bearer.token-0123456789"}}
data: {pem: "-----BEGIN PRIVATE KEY-----\\nMIIEplantedInAConfigMap\\n-----END PRIVATE KEY-----"}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
        - name: app
          image: docker.io/fortio/fortio:1.75.2
          args: [server, -http-port, "8080", -grpc-port, disabled, -tcp-port, disabled, -udp-port, disabled,
                 -redirect-port, disabled]
          env: [{name: DB_PASSWORD, value: planted-in-a-variable}]
"""


def test_no_secret_of_cluster_or_application_reaches_folder_notebook_log_or_report(asked, cluster):
    (asked.home / "app.yaml").write_text(OWN)
    own = '[[workloads]]\nname = "own"\nmanifests = "app.yaml"\nurl = "http://server:8080/echo"\n[load]'
    text = EXPERIMENT.replace("[load]", own).replace("[100, 200]", "[100]")
    (asked.home / "rig.toml").write_text(text)
    run = asked.done(asked.run())
    assert run.returncode == 0, run.stderr
    report = asked.done(asked.line("report", "--no-fail", "--data", "data", "--reports", "reports"))
    assert report.returncode == 0, report.stderr
    printed = {"what was printed": (run.stdout + run.stderr + report.stdout + report.stderr).encode()}
    places = [path for folder in ("data", "reports") for path in (asked.home / folder).rglob("*") if path.is_file()]
    names = {path.suffix for path in places}
    assert {".json", ".ipynb", ".html"} <= names
    everything = printed | {str(path): path.read_bytes() for path in places}
    planted = {**PLANTED, "the token of the kubeconfig": ADMIN_TOKEN}
    found = [
        (what, place) for what, text in planted.items() for place in everything if text.encode() in everything[place]
    ]
    assert found == []
    (deployed,) = (asked.home / "data").glob("runs/*/*/raw/deployed.json")
    assert {"Secret", "ConfigMap", "Deployment"} <= {
        one["kind"] for one in json.loads(deployed.read_text())["manifests"]
    }


def test_a_run_stopped_by_a_person_is_recorded_and_leaves_the_cluster_as_it_was(asked, cluster):
    before = snapshot.take(cluster)
    nameless = [word for word in asked.run() if word not in ("--context", "rig")]
    with asked.start(nameless) as child:
        try:
            wait_for(lambda: asked.seen("run-started"), 60)
            child.send_signal(signal.SIGINT)
            printed, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 5, printed
    assert "On the cluster of context rig." in printed
    (folder,) = asked.home.glob("data/runs/*")
    assert read_campaign(folder).plan.experiment.environment.options["context"] == "rig", "it stays on its cluster"
    assert "Continue with: workbench run --resume" in printed
    assert {run.status for run in asked.records()} <= {"interrupted", "finished"}
    assert asked.records()[-1].status == "interrupted"
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert journal.read(cluster) == ("", {})
