"""A further environment is one file: what runs plans knows neither the lab nor clusters."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from workbench import adapters, analysis
from workbench.campaigns.deployments import deployments, estimate_s
from workbench.campaigns.runner import run_experiment
from workbench.cli.app import app
from workbench.errors import BadInputError
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.plan import make_plan
from workbench.store import Store, read_run

GROUPS = """[workbench.environments]
paper = paper:ENVIRONMENT
[workbench.meshes]
paper = paper:NO_MESH
paper-mesh = paper:MESH
[workbench.workloads]
page = paper:WORKLOAD
[workbench.loadgens]
pencil = paper:GENERATOR
[workbench.telemetry]
paper = paper:TELEMETRY
"""


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """The file of the environment, as a distribution of somebody else's."""
    about = tmp_path / "paper-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paper\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(GROUPS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    importlib.invalidate_caches()
    adapters._modules.cache_clear()
    yield tmp_path / "data"
    adapters._modules.cache_clear()


def experiment(**more):
    return Experiment(
        **{
            "name": "on-paper",
            "environment": EnvironmentSpec(name="paper"),
            "meshes": (MeshSpec(name="paper-mesh"),),
            "baseline": "paper",
            "workloads": (Workload(name="page"),),
            "loads": (Load(rate_per_s=100, duration_s=10, generator="pencil"),),
            "blocks": 3,
            **more,
        }
    )


def test_an_experiment_is_planned_measured_stored_and_compared(paper):
    plan = make_plan(experiment())
    assert estimate_s(plan) == pytest.approx(0.006)
    assert {step.text for one in deployments(plan) for step in one.everything} == {"write paper", "write paper-mesh"}
    campaign = run_experiment(experiment(), data=paper)
    runs = [read_run(path.parent) for path in (paper / "runs" / campaign).glob("*/manifest.json")]
    assert {(run.status, run.environment, run.notes) for run in runs} == {
        ("finished", "paper", ("everything here happened on paper",))
    }
    store = Store(paper)
    used = store.consumption().merge(store.runs()[["run_id", "mesh"]], on="run_id")
    used = used[used["role"] == "application"].groupby("mesh")["cpu_s"].median()
    assert used.to_dict() == pytest.approx({"paper": 1.0, "paper-mesh": 3.0})
    told = analysis.compare(store.runs(), store.consumption(), store.latency(), store.reservations(), store.sources())
    assert set(told.bill_summary["mesh"]) == {"paper", "paper-mesh"}


def test_its_plan_is_printed(paper, monkeypatch, capsys):
    paper.mkdir()
    file = paper / "on-paper.toml"
    file.write_text(
        'name = "on-paper"\nbaseline = "paper"\n[environment]\nname = "paper"\n[[meshes]]\nname = "paper-mesh"\n'
        '[[workloads]]\nname = "page"\n[load]\nrates_per_s = [100]\ngenerator = "pencil"\n'
    )
    app(["plan", str(file), "--json", "--data", str(paper)], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert {one["text"] for deployment in told["deployments"] for one in deployment["steps"]} == {
        "write paper",
        "write paper-mesh",
    }
    assert {gate["kind"] for deployment in told["deployments"] for gate in deployment["gates"]} == {"Line"}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"meshes": (MeshSpec(name="l7-sidecars"),)}, ("l7-sidecars", "'paper'", "lab")),
        ({"workloads": (Workload(name="chain"),)}, ("chain", "'paper'")),
        ({"loads": (Load(rate_per_s=100, generator="builtin"),)}, ("builtin", 'generator = "pencil"')),
    ],
)
def test_what_is_not_of_its_kind_is_refused_with_what_is(paper, changed, named):
    with pytest.raises(BadInputError) as caught:
        deployments(make_plan(experiment(**changed)))
    assert all(one in str(caught.value) for one in named)


def test_nothing_that_runs_plans_knows_the_lab_or_clusters():
    import grimp

    graph = grimp.build_graph("workbench")
    for module in ("workbench.campaigns.deployments", "workbench.campaigns.runner", "workbench.model.environment"):
        imported = graph.find_modules_directly_imported_by(module)
        assert not {one for one in imported if one.startswith("workbench.environments")}
        assert "workbench.model.lab_steps" not in imported
