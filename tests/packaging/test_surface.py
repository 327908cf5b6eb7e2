"""The short public surface, the settings, and what is shipped."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import workbench
from workbench.errors import BadInputError, UnknownNameError, UnsupportedError
from workbench.files import shipped
from workbench.model.experiment import read_experiment
from workbench.model.plan import make_plan
from workbench.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_public_names_are_few_documented_and_there():
    assert len(workbench.__all__) <= 22
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
        assert f"wb.{name}" in (workbench.__doc__ or "")
    assert set(workbench.__all__) <= set(dir(workbench))


def test_no_public_name_is_hidden_by_a_module_of_the_package():
    package = Path(workbench.__file__).parent
    modules = {path.stem for path in package.glob("*.py")} | {path.name for path in package.iterdir() if path.is_dir()}
    assert set(workbench.__all__) & modules == {"charts"}


def test_an_unknown_name_is_answered_with_the_known():
    with pytest.raises(AttributeError, match="open_store"):
        workbench.store_of_everything  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, workbench\n"
        "print(sorted({'pandas','numpy','altair','papermill','duckdb','scipy','typer','IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_come_from_the_argument_else_the_environment_else_the_current_folder(tmp_path):
    chosen = Settings.resolve(data="a", environ={"WORKBENCH_DATA": "b", "WORKBENCH_REPORTS": "/c"}, cwd=tmp_path)
    assert chosen == Settings(data=tmp_path / "a", reports=Path("/c"))
    assert Settings.resolve(environ={}, cwd=tmp_path) == Settings(data=tmp_path / "data", reports=tmp_path / "reports")
    inside = Settings.resolve(data="", environ={}, cwd=tmp_path / "notebooks")
    assert inside.data == tmp_path / "data"


def test_a_child_process_resolves_to_the_same_settings(tmp_path):
    chosen = Settings.resolve(data=tmp_path / "d", reports=tmp_path / "r")
    assert Settings.resolve(environ=chosen.child_environment(), cwd=Path("/")) == chosen


def test_the_shipped_experiments_are_valid_and_what_they_are_said_to_be():
    files = {path.stem: path for path in (ROOT / "data" / "experiments").glob("*.toml")}
    assert set(files) >= {"quick", "smoke", "thorough"}
    plans = {name: make_plan(read_experiment(path)) for name, path in files.items()}
    assert [plans[name].experiment.name for name in files] == list(files)
    assert len(plans["smoke"].runs) == 3
    assert plans["quick"].measured_s < 100
    assert plans["thorough"].experiment.blocks >= 6
    assert {workload.name for workload in plans["thorough"].experiment.workloads} == {"echo", "chain"}


def test_the_explained_experiment_explains_every_key():
    from dataclasses import fields

    from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload

    text = (ROOT / "data" / "experiments" / "quick.toml").read_text()
    stated = {line.lstrip("# ").split("=")[0].strip() for line in text.splitlines() if "=" in line}
    for cls, skipped in (
        (Experiment, {"environment", "meshes", "workloads", "loads"}),
        (MeshSpec, set()),
        (Workload, set()),
        (Load, {"rate_per_s"}),
        (EnvironmentSpec, set()),
    ):
        assert {one.name for one in fields(cls)} - skipped - stated == set()


def test_defaults_in_the_explained_experiment_are_the_real_ones():
    lines = (ROOT / "data" / "experiments" / "quick.toml").read_text().splitlines()
    kept = [line[2:] if line.startswith("# ") and _is_default(line[2:]) else line for line in lines]
    assert kept != lines
    uncommented = tomllib.loads("\n".join(kept))
    from workbench.model.experiment import experiment_from_toml

    asked = experiment_from_toml("\n".join(kept), "quick with its defaults written out")
    assert asked == read_experiment(ROOT / "data" / "experiments" / "quick.toml")
    assert "rerun_noisy" in uncommented


def _is_default(text: str) -> bool:
    key, separator, value = text.partition(" = ")
    return bool(separator) and key.isidentifier() and value not in ('"..."',)


def test_notebooks_and_experiments_are_found_by_name(tmp_path):
    assert shipped.notebook("20_run_an_experiment").is_file()
    with pytest.raises(UnknownNameError, match="20_run_an_experiment"):
        shipped.notebook("20_run_an_experimnet")
    assert (shipped.reference() / "README.md").is_file()
    assert shipped.experiment_file("quick", tmp_path).name == "quick.toml"
    with pytest.raises(BadInputError, match="no experiment file"):
        shipped.experiment_file("./quick", tmp_path)


def test_an_installation_that_lost_its_files_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "workbench")
    with pytest.raises(UnsupportedError, match="reinstall"):
        shipped.home()
