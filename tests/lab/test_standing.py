"""``wb.deploy`` with no cluster: the archetype of the same shape stands in, says so, and goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench import adapters
from workbench.api.deploying import deploy, deployable
from workbench.environments.lab.environment import LabDeployment
from workbench.errors import GateFailedError, UnknownNameError, UnsupportedError
from workbench.model.experiment import MeshSpec
from workbench.model.records import GateResult

pytestmark = pytest.mark.lab

CLUSTER_ONLY = [name for name in adapters.names("meshes") if "lab" not in adapters.load("meshes", name).environments]


def children() -> set[str]:
    """The processes that this thread has started and that are alive."""
    return set(Path("/proc/thread-self/children").read_text().split())


@pytest.mark.parametrize("name", CLUSTER_ONLY)
def test_an_archetype_of_the_same_layer_stands_in_under_its_own_name(name):
    asked = adapters.load("meshes", name).facts(MeshSpec(name=name))
    with deploy(name) as standing:
        assert standing.mesh.archetype
        assert standing.mesh.layer == asked.layer
        assert name not in standing.mesh.label
        assert f"and not {name}: name a context to deploy that" in standing.where
        assert standing.gates["passed"].all()
        assert standing.parts["ready"].all()
        assert standing.reserved["cores"].isna().all(), "the lab reserves nothing, which is not 0"
    assert "was removed" in repr(standing)
    assert "is removed; the environment is as it was before" in standing.remove()


def test_what_does_not_carry_the_traffic_is_removed_again_loudly(monkeypatch):
    broken = (GateResult(name="the call crossed it", passed=False, evidence="its counters stood still"),)
    monkeypatch.setattr(LabDeployment, "check", lambda self, gates: broken)
    before = children()
    with pytest.raises(GateFailedError, match=r"gate failed: the call crossed it \(its counters stood still\)"):
        deploy("l4-sidecars")
    assert children() - before == set()


def test_unknown_names_and_contexts_are_refused_before_anything_starts(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean"):
        deploy("istoi")
    with pytest.raises(UnknownNameError, match="profile"):
        deploy("istio", profile="fastest")
    with pytest.raises(UnsupportedError, match="no usable kubeconfig"):
        deploy("istio", context="nowhere", kubeconfig=str(tmp_path / "none"))


PROGRAM = """
from pathlib import Path
import workbench as wb
standing = wb.deploy("l4-sidecars")
print(standing.parts["component"].tolist())
print(Path("/proc/thread-self/children").read_text())
"""


def test_the_end_of_the_program_removes_what_stands():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said, pids = done.stdout.splitlines()[:2]
    assert "client-sidecar" in said
    assert len(pids.split()) >= 3
    assert [pid for pid in pids.split() if Path(f"/proc/{pid}").exists()] == []


def test_what_can_be_deployed_is_listed_with_where_and_how():
    known = deployable().set_index("mesh")
    assert set(known.index) == set(adapters.names("meshes"))
    assert "equal" in known.loc["linkerd", "profiles"]
    assert known.loc["linkerd", "where"] == "kubernetes"
