"""Measuring through the real command line, and whatever ends it: nothing captured is lost, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.store import read_campaign, read_run

pytestmark = pytest.mark.lab

LONGER = """
name = "longer"
blocks = 1
[[meshes]]
name = "baseline"
[[meshes]]
name = "node-l7"
[load]
rates_per_s = [150]
duration_s = {duration}
warmup_s = 0.1
connections = 4
"""
MARK = "WORKBENCH_TEST_MARK"


def wait_for(condition: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


class Measuring:
    """`workbench run` in the background, marked so that whatever it starts can be found."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home, self.mark = home, uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "run", *(arguments or ("longer.toml",))],
            cwd=home,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def family(self) -> list[int]:
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def events(self) -> list[dict]:
        for file in (self.home / "data" / "runs").glob("*/events.jsonl"):
            return [json.loads(line) for line in file.read_text().splitlines()]
        return []

    def until(self, kind: str, times: int = 1) -> None:
        assert wait_for(lambda: sum(event["kind"] == kind for event in self.events()) >= times, 30)

    def campaign(self) -> Path:
        return next((self.home / "data" / "runs").iterdir())


@pytest.fixture
def measuring(tmp_path: Path) -> Iterator[Callable[..., Measuring]]:
    started: list[Measuring] = []

    def start(duration: float, *arguments: str) -> Measuring:
        (tmp_path / "longer.toml").write_text(LONGER.format(duration=duration))
        started.append(Measuring(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_a_campaign_keeps_its_lab_record(campaign):
    record = json.loads((campaign / "notebooks" / "20_run_an_experiment.ipynb").read_text())
    assert any(cell.get("outputs") for cell in record["cells"])
    assert record["metadata"]["papermill"]["parameters"]["campaign_id"] == campaign.name
    assert read_campaign(campaign).status == "finished"
    assert {read_run(path.parent).status for path in campaign.glob("*/manifest.json")} == {"finished"}
    assert 'question = "Does it work?"' in (campaign / "experiment.toml").read_text()


def test_what_was_measured_can_be_listed_shown_and_compared(here, measured, campaign):
    listed = json.loads(here("runs", "--json").stdout)
    assert {run["mesh"] for run in listed} == {"baseline", "node-l7"}
    assert {run["status"] for run in listed} == {"finished"}
    shown = json.loads(here("runs", listed[0]["run_id"], "--json").stdout)
    assert {part["role"] for part in shown["consumption"]} >= {"application", "load-generator"}
    table = here("runs", campaign.name).stdout.splitlines()
    assert len(table) == 3
    compared = json.loads(here("compare", "tiny", "--json").stdout)
    assert compared["order"] == ["baseline", "node-l7"]
    assert compared["headline"]
    text = here("compare").stdout
    assert "node-l7" in text
    assert json.loads(here("rebuild", "--json").stdout)["problems"] == []


def test_a_report_is_written_and_its_notebook_kept(cli, measured, campaign):
    done = cli("report", "--no-fail", "--json", "-p", "title=What <b>it</b> costs")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    page = Path(told["report"])
    assert page == measured / "reports" / f"{campaign.name}.html"
    assert "What &lt;b&gt;it&lt;/b&gt; costs" in page.read_text()
    assert (campaign / "notebooks" / "50_build_a_report.ipynb").exists()


def test_an_executed_notebook_becomes_a_page(here, measured, campaign):
    record = campaign / "notebooks" / "20_run_an_experiment.ipynb"
    page = Path(here("report", "--notebook", record).stdout.strip())
    assert page == measured / "reports" / "20_run_an_experiment.html"
    assert "Run an experiment" in page.read_text()
    done = here("report", "tiny", "--notebook", record)
    assert done.returncode == 2
    assert "neither a campaign nor parameters" in done.stderr
    assert here("report", "--notebook", measured / "none.ipynb").returncode == 2


def test_ctrl_c_stops_in_good_order_and_resume_goes_on(measuring, cli):
    run = measuring(1.5)
    run.until("run-ended")
    run.until("run-started", 2)
    run.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = run.process.communicate(timeout=30)
    assert run.process.returncode == 5, err
    assert time.monotonic() - began < 25, "it did not wait for what was still planned"
    assert "Traceback" not in err
    folder = run.campaign()
    assert f"workbench run --resume {folder.name}" in err
    assert wait_for(lambda: not run.family(), 5), run.family()
    assert read_campaign(folder).status == "interrupted"
    statuses = sorted(read_run(path.parent).status for path in folder.glob("*/manifest.json"))
    assert statuses == ["finished", "interrupted"]
    done = cli("run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert read_campaign(folder).status == "finished"
    records = sorted(path.name for path in (folder / "notebooks").iterdir())
    assert records == ["20_run_an_experiment-2.ipynb", "20_run_an_experiment.ipynb"]


def test_a_stop_while_a_resumed_campaign_starts_is_heard_and_its_own_plan_is_shown(measuring):
    first = measuring(2.5)
    first.until("run-started")
    first.process.send_signal(signal.SIGTERM)
    first.process.communicate(timeout=30)
    assert first.process.returncode == 5
    resumed = measuring(2.5, "--resume", "latest")
    assert wait_for(lambda: len(resumed.family()) > 1, 30), "its kernel is starting"
    resumed.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = resumed.process.communicate(timeout=30)
    assert resumed.process.returncode == 5, err
    assert time.monotonic() - began < 15
    assert wait_for(lambda: not resumed.family(), 5), resumed.family()
    done = measuring(2.5, "--resume", "latest")
    _, err = done.process.communicate(timeout=60)
    assert done.process.returncode == 0, err
    record = json.loads(sorted((resumed.campaign() / "notebooks").iterdir())[-1].read_text())
    shown = json.dumps([cell.get("outputs") for cell in record["cells"]])
    assert "node-l7" in shown
    assert "l7-sidecars" not in shown, "that is the plan of the notebook's default"


def test_a_reader_that_hangs_up_is_no_error(measured):
    command = f"{sys.executable} -m workbench runs --json | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=measured, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_rebuild_that_passes_folders_over_is_no_success(here, measured, campaign):
    manifest = next(campaign.glob("*/manifest.json"))
    manifest.write_text(manifest.read_text()[:100])
    done = here("rebuild")
    assert done.returncode == 6
    assert manifest.parent.name in done.stdout
    assert here("runs").returncode == 0


def test_after_a_kill_nothing_runs_on_and_the_next_command_completes_the_record(measuring, cli):
    run = measuring(30.0)
    run.until("run-started")
    assert len(run.family()) >= 2
    time.sleep(0.8)  # let a few samples be captured; what is asserted below does not depend on how many
    run.process.kill()
    run.process.communicate()
    assert wait_for(lambda: not run.family(), 10), run.family()
    done = cli("rebuild")
    assert done.returncode == 0, done.stderr
    folder = run.campaign()
    assert read_campaign(folder).status == "interrupted"
    [manifest] = folder.glob("*/manifest.json")
    assert read_run(manifest.parent).status == "interrupted"
    assert (manifest.parent / "samples.parquet").exists()


def test_two_experiments_at_once_both_land(tmp_path, tiny):
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "workbench", "run", "tiny.toml"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        _, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
    campaigns = list((tmp_path / "data" / "runs").iterdir())
    assert len(campaigns) == 2
    assert {read_campaign(folder).status for folder in campaigns} == {"finished"}
