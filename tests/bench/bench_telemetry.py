"""What watching costs the machine that is being measured."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workbench.environments.lab.watch import TICK_S, Watch
from workbench.model.experiment import Experiment, Load, MeshSpec
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, MeshFacts
from workbench.store import CampaignWriter
from workbench.telemetry.processes import ADAPTER

PROCESSES = 50
TICKS = 60


def _sleepers() -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) for _ in range(50)]


def _cost_s(watch: Watch, *, slow: bool, ticks: int) -> float:
    costs = []
    for _ in range(ticks):
        before = time.thread_time()
        watch.tick(slow=slow)
        costs.append(time.thread_time() - before)
    return statistics.median(costs)


def rows() -> list[dict[str, object]]:
    """CPU of reading 50 processes into a run's folder, at the pace of a measurement."""
    mesh = MeshFacts(label="x", title="x", data_plane="none", layer="", mtls=False, archetype=False)
    plan = make_plan(Experiment(name="bench", meshes=(MeshSpec(name="baseline"),), loads=(Load(rate_per_s=1),)))
    sleepers = _sleepers()
    parts = [Component(name=f"p{n}", role="sidecar", instance=str(one.pid)) for n, one in enumerate(sleepers)]
    components = [*parts, Component(name="node", role="node")]
    try:
        with tempfile.TemporaryDirectory() as folder:
            facts = Facts(environment="lab", fingerprint="bench")
            with CampaignWriter.create(Path(folder), plan, "", facts) as campaign:
                watch = Watch(components, ADAPTER, campaign.begin(plan.runs[0], mesh).samples)
                watch.tick(slow=True)
                fast = _cost_s(watch, slow=False, ticks=TICKS)
                slow = _cost_s(watch, slow=True, ticks=5)
                watch.close()
    finally:
        for one in sleepers:
            one.kill()
            one.wait()
            if one.stdin:
                one.stdin.close()
    what = f"watching {PROCESSES} processes at {1 / TICK_S:.0f} Hz, written to disk"
    return [
        {"what": f"{what}: CPU", "value": fast / TICK_S * 100, "unit": "% of a core", "target": "< 0.1"},
        {
            "what": "one reading of memory and switches of 50 processes (at the edges, every 5 s)",
            "value": slow * 1e3,
            "unit": "ms",
            "target": "",
        },
    ]
