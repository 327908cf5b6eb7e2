"""``workbench plan``: what would be done is said before it is done, in words and in full."""

from __future__ import annotations

import json

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
        "  prove every pod has a ready istio-proxy",
        "  down  the application, while its mesh lives",
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
