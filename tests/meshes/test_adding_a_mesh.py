"""The mesh of docs/adding-a-mesh.md: one file, found in both ways, held to the conformance, and sent real traffic."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
import test_meshes_conformance as conformance
from intent_cases import designs

import workbench.meshes
from workbench import adapters
from workbench.campaigns.deployments import deployments
from workbench.environments.lab.environment import ADAPTER as LAB
from workbench.model.experiment import EnvironmentSpec, MeshSpec, Workload, experiment_from_toml
from workbench.model.plan import make_plan

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-mesh.md"
NAME = "plain-relay"
EXPERIMENT = f"""
name = "fifth"
[[meshes]]
name = "{NAME}"
[load]
rates_per_s = [50]
"""


def as_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "plain_relay.py").write_text(text)
    monkeypatch.setattr(workbench.meshes, "__path__", [*workbench.meshes.__path__, str(folder)])


def by_entry_point(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "somebodys_relay.py").write_text(text)
    about = folder / "somebodys_relay-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-relay\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[workbench.meshes]\n{NAME} = somebodys_relay\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture(params=[as_one_file, by_entry_point], ids=lambda way: way.__name__)
def added(request, tmp_path, monkeypatch):
    text, _ = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert NAME not in adapters.names("meshes")
    request.param(tmp_path, monkeypatch, text)
    importlib.invalidate_caches()
    adapters._modules.cache_clear()
    yield adapters.load("meshes", NAME)
    adapters._modules.cache_clear()
    for module in ("workbench.meshes.plain_relay", "somebodys_relay"):
        sys.modules.pop(module, None)
    if hasattr(workbench.meshes, "plain_relay"):
        del workbench.meshes.plain_relay


def test_it_is_listed_planned_and_described(added):
    assert NAME in adapters.names("meshes")
    first, *_ = deployments(make_plan(experiment_from_toml(EXPERIMENT)))
    both = {one.facts.label for one in deployments(make_plan(experiment_from_toml(EXPERIMENT)))}
    assert both == {"baseline", NAME}
    assert first.gates


@pytest.mark.parametrize("workload", ["echo", "chain"])
def test_it_keeps_what_every_mesh_must_keep(added, workload):
    application = adapters.load("workloads", workload).application(Workload(name=workload, fan_out=2))
    case = (added, MeshSpec(name=NAME), application)
    held = [value for name, value in vars(conformance).items() if name.startswith("test_") and _takes_a_case(value)]
    assert len(held) >= 6
    for check in held:
        check(case)


def _takes_a_case(check) -> bool:
    return check.__code__.co_varnames[: check.__code__.co_argcount] == ("case",)


def test_it_answers_every_feature_of_an_intent(added):
    for design in designs():
        one = added.configure(MeshSpec(name=NAME), design.intent, design.target)
        assert [answer.feature for answer in one.answers] == list(design.intent.asked)
        assert {answer.support for answer in one.answers} == {"unsupported"}


@pytest.mark.lab
@pytest.mark.parametrize("workload", ["echo", "chain"])
def test_real_traffic_goes_through_it(added, workload):
    spec = MeshSpec(name=NAME)
    application = adapters.load("workloads", workload).application(Workload(name=workload))
    enrolled = added.enrol(spec, application)
    with LAB(EnvironmentSpec()) as lab:
        assert lab.refuses(added.install(spec, application)) == ""
        with lab.deploy(added.install(spec, application), enrolled) as deployment:
            results = deployment.check(added.gates(spec, enrolled))
    assert [result.evidence for result in results if not result.passed] == []
    assert len(results) == 1 + len(application.services)
