"""The set-up of the environment and of the tests: by hash, idempotent, and it says what is not here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands for the python of the environment: it notes how it was called and fails where it is told to.
STAND_IN = """#!/bin/sh
echo "$*" >>{log}
case "$*" in
    *"-m venv"*) for last in "$@"; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";;
    *--require-hashes*) exit {hashes};;
esac
exit 0
"""


@pytest.fixture
def bootstrap(tmp_path):
    """Run the bootstrap with a stand-in for Python; returns how it ended and what was called."""

    def run(*, hashes: int = 0, **variables: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        log, python = tmp_path / "log", tmp_path / "python3"
        python.write_text(STAND_IN.format(log=log, hashes=hashes))
        python.chmod(0o755)
        tree = tmp_path / "tree"
        (tree / "scripts").mkdir(parents=True)
        for name in ("scripts/bootstrap", "requirements.lock", "constraints.txt"):
            shutil.copy(ROOT / name, tree / name)
        done = subprocess.run(
            [str(tree / "scripts" / "bootstrap")],
            env={"PATH": os.environ["PATH"], "PYTHON": str(python), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done, log.read_text().splitlines()

    return run


def installs(calls):
    return [one for one in calls if " install " in one]


def test_everything_is_installed_by_hash(bootstrap):
    done, calls = bootstrap()
    assert done.returncode == 0
    assert "WITHOUT" not in done.stderr
    installers, packages, itself = installs(calls)
    assert "--require-hashes" in installers
    assert "--require-hashes -r requirements.lock" in packages
    assert "--no-deps --no-build-isolation -e .[dev]" in itself


def test_what_cannot_be_had_by_hash_is_said_and_the_versions_still_hold(bootstrap):
    done, calls = bootstrap(hashes=1)
    assert done.returncode == 0
    assert done.stderr.count("WITHOUT checking hashes") == 2  # when it happens, and as the last word
    assert "HASHES=required" in done.stderr.splitlines()[-1]
    assert "-c constraints.txt -e .[dev]" in installs(calls)[-1]
    assert all("--require-hashes" in one or "constraints.txt" in one for one in installs(calls))


def test_whoever_insists_on_hashes_gets_nothing_else(bootstrap, tmp_path):
    done, calls = bootstrap(hashes=1, HASHES="required")
    assert done.returncode != 0
    assert "requirements.lock" in done.stderr
    assert all("--require-hashes" in one for one in installs(calls))
    assert not (tmp_path / "tree" / ".venv" / ".ready").exists()


def test_other_extras_have_no_hashes_and_that_is_said(bootstrap):
    done, calls = bootstrap(EXTRAS="")
    assert done.returncode == 0
    assert "WITHOUT checking hashes" in done.stderr
    assert installs(calls)[-1].endswith("-c constraints.txt -e .")


def set_up(tmp_path, path="", **variables):
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "test_setup")],
        env={"PATH": path or str(tmp_path), "HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_set_up_says_what_is_not_here_and_never_fails(tmp_path):
    done = set_up(tmp_path)
    assert done.returncode == 0
    for said in ("there is no Go", "in a browser will be skipped", "real node will be skipped", "Prometheus"):
        assert said in done.stderr


def test_the_set_up_goes_on_when_a_build_fails(tmp_path):
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho this go cannot >&2\nexit 1\n")
    go.chmod(0o755)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = set_up(tmp_path, f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin", **offline)
    assert done.returncode == 0
    assert done.stderr.count("not all could be built") == 2


def test_the_set_up_says_nothing_of_what_is_there(tmp_path):
    for name in ("chromium", "prometheus"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    done = set_up(tmp_path)
    assert "browser" not in done.stderr
    assert "Prometheus" not in done.stderr
