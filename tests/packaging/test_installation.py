"""A built wheel works outside any checkout; the bootstrap says what is wrong with a machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel of its own and this one's dependencies; returns its interpreter."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # addpackage-free path: the dependencies, but not the editable installation's hook to the checkout
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin" / "python"


def outside(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(python), "-m", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH_", "PYTHONPATH"))},
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_the_wheel_carries_what_is_shipped(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = (
        ("notebooks", "*.ipynb"),
        ("data/experiments", "*.toml"),
        ("data/designs", "*.toml"),
        ("data/landscape", "**/*.toml"),
        ("data/example", "**/*.*"),
        ("data/reference", "*.md"),
        ("jupyter/config", "**/*.json"),
    )
    for folder, pattern in shipped:
        for path in (ROOT / folder).glob(pattern):
            assert f"workbench/_shipped/{path.relative_to(ROOT)}" in names
    assert wheel.stat().st_size < 3_000_000
    assert "workbench/py.typed" in names
    assert "workbench/widgets/picture.js" in names
    assert [name for name in names if name.endswith(".data/data/share/jupyter/voila/templates/workbench/index.html.j2")]
    assert [name for name in names if name.endswith(".data/data/etc/jupyter/voila.json")]
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]


def test_an_installed_wheel_works_outside_any_checkout(installed, tmp_path):
    where = outside(installed, tmp_path, "workbench.files.shipped")
    assert where.returncode == 0
    found = subprocess.run(
        [str(installed), "-c", "from workbench.files import shipped; print(shipped.home())"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(installed.parents[1])
    assert "36 runs" in outside(installed, tmp_path, "workbench", "plan", "quick").stdout
    assert not (tmp_path / "data").exists()


def test_an_installed_wheel_shows_the_example_and_leaves_it_as_it_is(installed, tmp_path):
    [shipped] = installed.parents[1].rglob("_shipped/data/example")
    before = {path: path.stat().st_mtime_ns for path in shipped.rglob("*")}
    shown = outside(installed, tmp_path, "workbench", "compare", "example")
    assert shown.returncode == 0, shown.stderr
    assert "Recorded 2026-11-27" in shown.stdout
    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*")} == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.lab
def test_an_installed_wheel_measures_into_the_current_folder(installed, tmp_path):
    experiment = tmp_path / "data" / "experiments" / "own.toml"
    experiment.parent.mkdir(parents=True)
    experiment.write_text(
        'name = "own"\nblocks = 1\n[[meshes]]\nname = "baseline"\n'
        "[load]\nrates_per_s = [100]\nduration_s = 0.3\nwarmup_s = 0.0\n"
    )
    done = outside(installed, tmp_path, "workbench", "run", "own")
    assert done.returncode == 0, done.stderr
    [campaign] = (tmp_path / "data" / "runs").iterdir()
    record = (campaign / "notebooks" / "20_run_an_experiment.ipynb").read_text()
    noted = json.loads(record)["metadata"]["papermill"]
    assert Path(noted["input_path"]).name == "20_run_an_experiment.ipynb", "papermill notes which notebook it executed"
    assert str(installed.parents[1]) not in record, "and nothing tells where things are on this machine"


def test_one_list_of_dependencies_pinned_by_name_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[A-Za-z0-9_.-]+", one)[0].lower() for one in wanted}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {re.fullmatch(r"([a-z0-9_.-]+)==([^;\s]+)( ; .+)?", line)[1] for line in lines}
    assert {name.replace("_", "-") for name in names} - pinned == set()
    for path in (
        "constraints.txt",
        "requirements.lock",
        "environment.yml",
        "pyproject.toml",
        "Makefile",
        ".ci/run",
        "scripts/bootstrap",
    ):
        assert "://" not in (ROOT / path).read_text(), path
    environment = (ROOT / "environment.yml").read_text()
    assert "-e .[dev]" in environment
    assert "-c constraints.txt" in environment


def test_the_required_libraries_are_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[A-Za-z0-9_.-]+", one)[0].lower() for one in project["dependencies"]}
    assert {"jupyterlab", "ipywidgets", "pandas", "altair", "duckdb", "kubernetes", "papermill"} <= names


def bootstrap(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(ROOT / "scripts" / "bootstrap")],
        env={"PATH": os.environ["PATH"], "VENV": str(folder / "venv"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_bootstrap_refuses_an_old_python(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = bootstrap(tmp_path, PYTHON=str(old))
    assert done.returncode != 0
    assert "is not Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_bootstrap_says_what_is_missing_where_there_is_neither_pip_nor_ensurepip(tmp_path):
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$*" in *pip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    bare.chmod(0o755)
    done = bootstrap(tmp_path, PYTHON=str(bare))
    assert done.returncode != 0
    assert "apt-get install python3-pip, or python3-venv" in done.stderr
