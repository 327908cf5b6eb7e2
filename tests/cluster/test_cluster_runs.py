"""Whole runs as a person starts them, on a real control plane with real load: killed, stopped, refused, continued."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from test_cluster_failures import expire, wait_for

from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.acting import labelled_objects
from workbench.store import read_run

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
        place = ("-p", "context=rig", "-p", f"kubeconfig={self.kubeconfig}", "--data", "data")
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
    assert (other.returncode, "Another run works on this cluster" in told) == (3, True)
    assert "on the cluster of context rig, server 127.0.0.1:" in printed
    assert "baseline: deploying the application" in printed
    expire(cluster)
    refused = asked.done(asked.run())
    assert refused.returncode == 3
    assert "left things behind; remove them first with: workbench clean" in refused.stderr
    cleaned = asked.done(asked.clean())
    assert (cleaned.returncode, cleaned.stdout) == (0, "Nothing of the workbench is left on the cluster.\n")
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert [run.status for run in asked.records()] == ["finished", "interrupted"]
    kept = asked.records()[0]
    done = asked.done(asked.line("run", "--resume", "latest", "--data", "data"))
    assert done.returncode == 0, done.stderr
    assert [run.status for run in asked.records()] == ["finished", "interrupted", "finished"]
    assert asked.records()[0] == kept
    assert labelled_objects(cluster) == []


def test_a_run_stopped_by_a_person_is_recorded_and_leaves_the_cluster_as_it_was(asked, cluster):
    before = snapshot.take(cluster)
    child = asked.start(asked.run())
    try:
        wait_for(lambda: asked.seen("run-started"), 60)
        child.send_signal(signal.SIGINT)
        printed, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 5, printed
    assert "Continue with: workbench run --resume" in printed
    assert {run.status for run in asked.records()} <= {"interrupted", "finished"}
    assert asked.records()[-1].status == "interrupted"
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
    assert journal.read(cluster) == ("", {})
