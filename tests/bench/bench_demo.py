"""How long users wait: the demo from its start to its report, the help, a notebook's kernel."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def _seconds(*arguments: str, cwd: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "workbench", *arguments], cwd=cwd, check=True, capture_output=True)
    return time.monotonic() - began


def _demo(home: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "demo", "--json"], cwd=home, check=True, capture_output=True, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _events(home: str, campaign_id: str) -> list[dict[str, Any]]:
    file = Path(home) / "data" / "runs" / campaign_id / "events.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def rows() -> list[dict[str, Any]]:
    """Run the demo once (two minutes) in a folder of its own, and the quick verbs several times."""
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as home:
        helps = [_seconds("--help", cwd=home) for _ in range(5)]
        began = time.monotonic()
        told = _demo(home)
        elapsed = time.monotonic() - began
        events = _events(home, told["campaign_id"])
        campaign = events[-1]["time_s"] - events[0]["time_s"]
        lists = [_seconds("runs", cwd=home) for _ in range(3)]
        reports = [_seconds("report", cwd=home) for _ in range(3)]
    measured = told["measured_s"]
    return [
        {"what": "demo, from start to report", "value": elapsed, "unit": "s", "target": "<= 120"},
        {"what": "demo, measured / elapsed", "value": measured / elapsed, "unit": "", "target": ">= 0.7"},
        {"what": "campaign, measured / elapsed", "value": measured / campaign, "unit": "", "target": ""},
        {"what": "demo, outside the campaign", "value": elapsed - campaign, "unit": "s", "target": ""},
        {"what": "workbench report, 36 runs", "value": statistics.median(reports), "unit": "s", "target": "<= 5"},
        {"what": "workbench runs, 36 runs", "value": statistics.median(lists), "unit": "s", "target": ""},
        {"what": "workbench --help", "value": statistics.median(helps), "unit": "s", "target": "<= 0.3"},
    ]
