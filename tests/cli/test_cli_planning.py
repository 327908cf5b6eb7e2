"""``workbench plan``: what would be done is said before it is done, in words and in full."""

from __future__ import annotations

import json

import pytest

SECRET = "hunter2-very-secret"
EXPERIMENT = f"""
name = "asked"
blocks = 1
[environment]
name = "kubernetes"
[[meshes]]
name = "istio"
options = {{ values = {{ istiod = {{ global = {{ adminPassword = "{SECRET}" }} }} }} }}
[load]
rates_per_s = [50]
duration_s = 5.0
generator = "fortio"
"""


def test_what_would_be_done_on_a_cluster_is_said_with_its_proofs_and_its_way_back(here, tmp_path):
    (tmp_path / "asked.toml").write_text(EXPERIMENT)
    done = here("plan", "asked.toml")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for part in (
        "  up    chart istiod 1.",
        "  up    wait for istio-system: available",
        "  check every pod has a ready istio-proxy",
        "  down  the application, while its mesh still runs",
        "  down  uninstall istio-system/istiod",
        "  down  delete what Istio leaves behind: ",
        "  down  everything else that was started, by its label",
    ):
        assert any(line.startswith(part) for line in lines), part


def test_every_step_in_full_hides_what_is_named_like_a_secret(here, tmp_path):
    (tmp_path / "asked.toml").write_text(EXPERIMENT)
    done = here("plan", "asked.toml", "--show-steps")
    assert "        step: HelmRelease" in done.stdout
    assert "adminPassword: (not stored)" in done.stdout
    assert "readinessProbe:" in done.stdout
    assert SECRET not in done.stdout
    assert "istio values.istiod.global.adminPassword=(not stored)" in done.stdout


def test_a_plan_as_data_holds_steps_gates_and_removal(here, tmp_path):
    (tmp_path / "asked.toml").write_text(EXPERIMENT)
    told = json.loads(here("plan", "asked.toml", "--json").stdout)["deployments"]
    (mesh,) = [one for one in told if one["removal"]]
    assert {"HelmRelease", "Manifest", "Wait"} <= {step["kind"] for step in mesh["steps"]}
    assert {"Answers", "HasProxy"} <= {gate["kind"] for gate in mesh["gates"]}
    assert {"Uninstall", "Delete"} <= {step["kind"] for step in mesh["removal"]}


def test_the_pod_that_asks_the_kubelets_is_shown_before_all_else_where_it_is_asked_for(here, tmp_path):
    asked = EXPERIMENT.replace('"kubernetes"', '"kubernetes"\noptions = { telemetry = "collector" }', 1)
    (tmp_path / "asked.toml").write_text(asked)
    shown = here("plan", "asked.toml", "--show-steps").stdout
    blocks = shown.split("\nblock ")[1:]
    assert len(blocks) == 2
    for block in blocks:
        first, second = [line for line in block.splitlines() if line.startswith("  up")][:2]
        assert first.startswith("  up    the pod that queries the kubelets: Namespace workbench-collector, ")
        assert "ClusterRole workbench-collector" in first and "Deployment workbench-collector" in first
        assert second == "  up    wait for workbench-collector: available"
        assert "- nodes/metrics" in block and "-http-port" in block, "its rights and its pod in full"


def test_where_the_cluster_decides_it_is_said_that_the_pod_may_come_and_where(here, tmp_path):
    (tmp_path / "asked.toml").write_text(EXPERIMENT)
    line = "  up?   a pod that queries the kubelets, only if this user may not get nodes/proxy and may create these"
    assert here("plan", "asked.toml").stdout.splitlines().count(line) == 2
    in_full = here("plan", "asked.toml", "--show-steps").stdout
    assert "  up?   the pod that queries the kubelets: Namespace workbench-collector" in in_full
    told = json.loads(here("plan", "asked.toml", "--json").stdout)["deployments"][0]["collector"]
    assert [step["kind"] for step in told["steps"]] == ["Manifest", "Wait"] and "nodes/proxy" in told["only_where"]


@pytest.mark.parametrize("options", ['telemetry = "kubelet"', 'telemetry = "metrics-api"', 'prometheus = "m/p:9090"'])
def test_no_such_pod_is_announced_where_another_source_was_asked_for(here, tmp_path, options):
    (tmp_path / "asked.toml").write_text(
        EXPERIMENT.replace('"kubernetes"', f'"kubernetes"\noptions = {{ {options} }}', 1)
    )
    done = here("plan", "asked.toml", "--show-steps")
    assert done.returncode == 0 and "kubelets" not in done.stdout, done.stdout + done.stderr
