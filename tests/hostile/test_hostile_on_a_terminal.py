"""Texts from outside on a real terminal: no command reaches it, whatever the verb."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest

from workbench.interchange.smp.bundle import export_bundle
from workbench.store import Store

OWN = re.compile(rb"\x1b\[\??[0-9;]*[A-Za-z]")
"""What the progress bar sends: to move within its lines, to hide the cursor, to dim."""


def on_a_terminal(*arguments: object, cwd, timeout: float = 120) -> bytes:
    """Run the command line on a terminal of its own; return every byte that came out."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", *map(str, arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    told, deadline = b"", time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:
                    break
                told += piece
            elif process.poll() is not None:
                break
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)
        os.close(ours)
    return told


def obeyed(told: bytes, *, bar: bool = False) -> list[bytes]:
    """Return the commands in ``told`` that a terminal would obey."""
    text = (OWN.sub(b"", told) if bar else told).decode("utf-8", "replace")
    allowed = {"\n", "\r", "\t"}
    found = [one for one in text if (not one.isprintable() and one not in allowed)]
    return [one.encode("utf-8", "replace") for one in found]


@pytest.fixture
def home(hostile: Store, tmp_path):
    """A folder of the user's with the hostile campaign, a broken folder with such a name, and a bundle of both."""
    shutil.copytree(hostile.data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "index", ignore_errors=True)
    (tmp_path / "data" / "runs" / "evil\x1b[31m\x1b]0;x\x07").mkdir()
    (tmp_path / "data" / "runs" / "evil\x1b[31m\x1b]0;x\x07" / "campaign.json").write_text('{"a": "\\u001b[31m"')
    return tmp_path


@pytest.mark.parametrize(
    "verb",
    ["runs", "runs --json", "runs {campaign}", "runs {run}", "runs {run} --json", "compare", "compare --json",
     "rebuild", "rebuild --json", "export", "audit {campaign}", "plan evil", "runs no\x1b[31m",
     "compare --traceback no\x1b[31m"],
)  # fmt: skip
def test_a_terminal_obeys_no_text(home, verb):
    campaign = Store(home / "data").campaigns()["campaign_id"].iloc[0]
    run = Store(home / "data").runs()["run_id"].iloc[0]
    told = on_a_terminal(*verb.format(campaign=campaign, run=run).split(), cwd=home)
    assert told, "it says something"
    assert obeyed(told) == []


def test_nor_when_a_report_is_written_with_a_bar(home):
    told = on_a_terminal("report", cwd=home)
    assert obeyed(told, bar=True) == []
    assert b"]0;owned" not in OWN.sub(b"", told).replace(b"\\x1b]0;owned", b"")


def test_nor_when_a_bundle_is_imported(home, tmp_path):
    campaign = Store(home / "data").campaigns()["campaign_id"].iloc[0]
    export_bundle(Store(home / "data"), [campaign], tmp_path / "bundle")
    for target in ("bundle", "no\x1b[31m"):
        assert obeyed(on_a_terminal("import", target, "--data", tmp_path / "other", cwd=home)) == []


def test_names_are_no_markup_of_the_bar(capsys, monkeypatch):
    from workbench.cli.progress import Meter, Step

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Meter("[red]a[/nothing]") as meter:
        meter.step(Step(message="[/x] [link=http://evil]y \x1b[31m", done=1, total=2, remaining_s=None))
        meter.draw()
    told = capsys.readouterr().err
    assert "[/x] [link=http://evil]y" in told
    assert "\x1b[31m" not in told
