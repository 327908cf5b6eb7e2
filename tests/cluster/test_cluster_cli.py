"""The verbs about clusters, as a person calls them."""

from __future__ import annotations

import subprocess
import sys

import yaml
from control_plane import ADMIN_TOKEN
from rig_objects import application

from workbench.environments.kubernetes.rights import cluster_role


def verb(*arguments):
    return subprocess.run([sys.executable, "-m", "workbench", *arguments], capture_output=True, text=True, timeout=60)


def test_doctor_says_what_the_cluster_can_do(agent, plane):
    done = verb("doctor", "--environment", "kubernetes", "--kubeconfig", str(plane.kubeconfig))
    assert done.returncode == 0, done.stderr
    assert "context rig, server 127.0.0.1" in done.stdout
    assert "the server would allow all of them" in done.stdout
    assert "pods on node-1, cgroup v2" in done.stdout
    assert ADMIN_TOKEN not in done.stdout + done.stderr


def test_rbac_prints_the_role(tmp_path):
    assert yaml.safe_load(verb("rbac").stdout) == cluster_role()


def test_rbac_prints_a_role_without_the_strong_right():
    role = yaml.safe_load(verb("rbac", "--metrics-only").stdout)
    assert role == cluster_role(metrics_only=True)
    named = [resource for rule in role["rules"] for resource in rule["resources"]]
    assert "nodes/proxy" not in named and {"nodes/metrics", "nodes/stats", "serviceaccounts/token"} <= set(named)


def test_clean_refuses_while_a_run_is_alive_and_says_when_nothing_is_left(opened, plane):
    done = verb("clean", "--kubeconfig", str(plane.kubeconfig))
    assert done.returncode == 3
    assert "Another run uses this cluster" in done.stderr
    with opened.deploy((), application()):
        pass


def test_clean_finds_nothing_on_a_clean_cluster(agent, plane):
    done = verb("clean", "--kubeconfig", str(plane.kubeconfig))
    assert (done.returncode, done.stdout) == (0, "The workbench left nothing on the cluster.\n")
