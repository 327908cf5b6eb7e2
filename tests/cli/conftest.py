"""The real command line in processes of its own, and one small campaign that it measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.cli import main

TINY = """
name = "tiny"
question = "Does it work?"
blocks = 1
[[meshes]]
name = "baseline"
[[meshes]]
name = "node-l7"
[load]
rates_per_s = [150]
duration_s = 0.5
warmup_s = 0.1
connections = 4
"""

Cli = Callable[..., subprocess.CompletedProcess]


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH_", "COLUMNS"))}
    return {**clean, **more}


def call(*arguments: object, cwd: Path, timeout: float = 90, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "workbench", *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    def run(*arguments: object, **more) -> subprocess.CompletedProcess:
        return call(*arguments, **{"cwd": tmp_path, **more})

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Cli:
    """The same without a process of its own: for long lists of what is refused before anything starts."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as end:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, end.value.code, out, err)

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def measured_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("measured")
    (home / "tiny.toml").write_text(TINY)
    done = call("run", "tiny.toml", cwd=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def measured(measured_once: Path, tmp_path: Path) -> Path:
    """A folder with ``data/`` that holds one campaign, to spoil at will."""
    shutil.copytree(measured_once / "data", tmp_path / "data")
    return tmp_path


@pytest.fixture
def campaign(measured: Path) -> Path:
    return next((measured / "data" / "runs").glob("*-tiny-*"))
