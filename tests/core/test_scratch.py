"""Private folders in a temporary folder where anybody may have made anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import StoreError
from workbench.files import scratch

NOBODY = 65534


def test_a_folder_is_private_locked_and_swept_when_its_owner_is_gone(tmp_path: Path) -> None:
    folder, held = scratch.fresh("wb-x-", tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert scratch.sweep("wb-x-", tmp_path) == [], "in use"
    os.close(held)
    assert scratch.sweep("wb-y-", tmp_path) == [], "of another purpose"
    assert scratch.sweep("wb-x-", tmp_path) == [folder]
    assert not folder.exists()


def test_a_folder_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    code = "import os, sys\nfrom pathlib import Path\nfrom workbench.files import scratch\n"
    code += "print(scratch.fresh('wb-x-', Path(sys.argv[1]))[0], flush=True)\nos.kill(os.getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert died.returncode == -9
    assert scratch.sweep("wb-x-", tmp_path) == [Path(died.stdout.strip())]


@pytest.mark.parametrize(
    "kind", ["link to a folder", "link to itself", "broken link", "file", "fifo", "99999999999999999999"]
)
def test_what_only_has_such_a_name_is_passed_over(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("mine")
    trap = tmp_path / f"wb-x-{kind}"
    if kind == "file":
        trap.write_text("")
    elif kind == "fifo":
        os.mkfifo(trap)
    elif kind.isdigit():
        trap = tmp_path / f"wb-x-{kind}-y"
        trap.symlink_to(victim)
    else:
        trap.symlink_to({"link to a folder": victim, "link to itself": trap}.get(kind, tmp_path / "nowhere"))
    assert scratch.sweep("wb-x-", tmp_path) == []
    assert os.path.lexists(trap)
    assert (victim / "kept").read_text() == "mine"
    assert not (victim / "lock").exists(), "nothing is written through somebody's link"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a folder that belongs to another user")
def test_the_folder_of_another_user_is_passed_over(tmp_path: Path) -> None:
    trap = tmp_path / "wb-x-1"
    trap.mkdir(mode=0o777)
    os.chown(trap, NOBODY, NOBODY)
    assert scratch.sweep("wb-x-", tmp_path) == []
    assert trap.exists()


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="TMPDIR"):
        scratch.fresh("wb-x-", tmp_path / "missing")
    monkeypatch.setattr("tempfile.gettempdir", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "none")))
    with pytest.raises(StoreError, match="TMPDIR"):
        scratch.parent()
    assert scratch.sweep("wb-x-", tmp_path / "missing") == []
