"""The chores of the Makefile: what this machine cannot do is left out with its reason, and the files agree."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import workbench

ROOT = Path(__file__).resolve().parents[2]


def module(path: Path):
    spec = importlib.util.spec_from_file_location(f"chore_{path.stem.strip('_')}", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_benchmark_that_cannot_be_run_here_is_a_row_and_no_failure(tmp_path, capsys):
    bench = module(ROOT / "tests" / "bench" / "__main__.py")
    able, unable, broken = (tmp_path / f"bench_{name}.py" for name in ("able", "unable", "broken"))
    able.write_text("def rows():\n    return [dict(what='a', value=1234.5, unit='s', target='')]\n")
    unable.write_text(
        "from workbench.errors import UnsupportedError\ndef rows():\n    raise "
        "UnsupportedError('no browser: install it')\n"
    )
    rows, failed = bench.measure([able, unable])
    assert failed == 0
    assert [(row["module"], row["value"]) for row in rows] == [("able", 1234.5), ("unable", None)]
    table = bench.table(rows)
    assert re.search(r"unable +skipped: no browser: install it +-$", table, re.MULTILINE)
    broken.write_text("def rows():\n    raise RuntimeError('oh')\n")
    assert bench.measure([broken]) == ([], 1)
    assert "RuntimeError: oh" in capsys.readouterr().err


def test_the_widgets_benchmark_without_a_browser_says_so(tmp_path, monkeypatch):
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "import bench_widgets\n"
        "from pathlib import Path\n"
        "print(bench_widgets._in_the_browser(Path(sys.argv[3]), Path(sys.argv[3])))\n"
    )
    tests = ROOT / "tests"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tests / "bench"), str(tests), str(tmp_path)],
        env={"PATH": "/nowhere", "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "skipped: no Chromium" in done.stdout
    assert "'value': None" in done.stdout


def pins(path: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / path).read_text(), re.MULTILINE)
    assert found
    return dict(found)


def test_the_lock_holds_a_hash_of_every_package_and_the_versions_of_the_constraints():
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    locked, constrained = pins("requirements.lock"), pins("constraints.txt")
    assert {name: constrained.get(name) for name in locked} == locked
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_everything_that_the_tests_are_installed_with_is_locked_at_a_version_that_may_be():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
        *project["build-system"]["requires"],
    ]
    locked = pins("requirements.lock")
    for one in map(Requirement, wanted):
        assert one.specifier.contains(locked[one.name.lower().replace("_", "-")]), one


def test_extras_of_users_are_installed_for_the_tests_too():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras["helm"]) | set(extras["voila"]) <= set(extras["dev"])


def test_the_version_stands_in_one_place(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert wheel.name.startswith(f"mesh_workbench-{workbench.__version__}-")
    assert f"## {workbench.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(name) == (ROOT / "LICENSE").read_bytes()
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        assert "License-Expression: Apache-2.0" in archive.read(metadata).decode()
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:300]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_hooks_before_a_commit_are_local_and_what_make_check_runs():
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [one["repo"] for one in configuration["repos"]] == ["local"]
    hooks = configuration["repos"][0]["hooks"]
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks)
    checks = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    for hook in hooks:
        what = hook["entry"].split()[-1] if "scripts/" in hook["entry"] else hook["id"].split("-")[0]
        assert what.replace("import", "lint-imports") in checks, hook["id"]


def test_continuous_integration_calls_what_everybody_can():
    steps = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["all"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)", script, re.MULTILINE) == ["check", "test"]


def test_the_readme_names_every_target():
    targets = re.findall(r"^([a-z]+):.*  ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    assert {one for one in targets if f"make {one}" not in said} - {"help"} == set()
