"""How fast reports are built, and how large they become; on a synthetic campaign with 1e7 samples.

A *sample* is one value of one metric at one time, as the targets count: a stored row holds eight of them here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "report"), str(HERE.parent / "analysis")]

from report_store import write_campaign  # noqa: E402

from workbench.charts.vega import vega_bundle  # noqa: E402
from workbench.report import build_report  # noqa: E402
from workbench.report.content import report_content  # noqa: E402
from workbench.report.material import gather  # noqa: E402
from workbench.report.page import render  # noqa: E402
from workbench.store.reader import Store  # noqa: E402

RUNS, PARTS, READINGS, VALUES = 42, 100, 300, 8


def _timed(act: Callable[[], Any], times: int = 3) -> float:
    """Return the median of the seconds that ``act`` takes."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def _import_s() -> float:
    """Return the seconds that a fresh interpreter takes to import what a report needs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "import workbench.report"]
    return _timed(lambda: subprocess.run(command, check=True, env=environment))


def _row(what: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"what": what, "value": value, "unit": unit, "target": target}


def rows() -> list[dict[str, Any]]:
    """Build a report of 42 runs (seven data planes, two rates, three blocks) several times."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "report.html"
        write_campaign(data, blocks=3, bystanders=PARTS, readings=READINGS)
        store, samples = Store(data), RUNS * PARTS * READINGS * VALUES
        indexing = _timed(lambda: store.runs(), times=1)
        vega_bundle()
        whole = _timed(lambda: build_report(store, None, out))
        material = gather(store)
        said = report_content(material)
        label = f"{samples:.0e} samples".replace("e+0", "e")
        return [
            _row(f"build a report, {label}", whole, "s", "<= 5"),
            _row("  of it: reading and comparing", _timed(lambda: gather(store)), "s"),
            _row("  of it: charts and tables", _timed(lambda: report_content(material)), "s"),
            _row("  of it: pictures and page", _timed(lambda: render(said)), "s"),
            _row("size of that report", out.stat().st_size / 1e6, "MB", "<= 2.5"),
            _row(f"indexing before the first, {label}", indexing, "s"),
            _row("importing what a report needs, fresh interpreter", _import_s(), "s"),
        ]
