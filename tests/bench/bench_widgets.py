"""How fast `explore` answers a change of selection, on a synthetic campaign with 1e7 samples.

A *sample* is one value of one metric at one time, as the targets count. What is timed is everything between a control's
event in the kernel and the messages to the browser: choice, query, picture, table. The browser adds what it takes to
draw some hundred marks; with JupyterLab and Chromium on the development machine some 0.1 s.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_store import _fill

from workbench.store import Store
from workbench.widgets.explorer import ExplorerView
from workbench.widgets.exploring import Explorer

RUNS = 100


def _median_ms(action: Callable[[], object], turns: int = 9) -> float:
    taken = []
    for _ in range(turns):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1e3


def _turn(control: Any, values: Iterator[Any]) -> Callable[[], None]:
    def change() -> None:
        control.value = next(values)

    return change


def _row(what: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"what": what, "value": value, "unit": unit, "target": target}


def rows() -> list[dict[str, Any]]:
    """Measure and return the table's rows."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        _fill(store.data, RUNS)
        store.rebuild()
        begun = time.perf_counter()
        view = ExplorerView(Explorer(store), "", Path(folder))
        opened = time.perf_counter() - begun
        metric = _turn(view._quantity, cycle(["mem_pss_bytes", "cpu_cores", "cpu_per_request_s"]))
        tick = view._meshes._group.children[-1]
        mesh = _turn(tick, cycle([False, True]))
        metric_ms, mesh_ms = _median_ms(metric), _median_ms(mesh)
        tick.value = True
        runs = [value for _, value in view._run.options]
        close = _turn(view._run, cycle(runs[:20]))
        return [
            _row("explore: first view, Vega's bundle included, 1e7 samples", opened, "s"),
            _row("explore: another metric, 1e7 samples", metric_ms, "ms", "<= 200"),
            _row("explore: a data plane left out, 1e7 samples", mesh_ms, "ms", "<= 200"),
            _row("explore: another run from close, 1e7 samples", _median_ms(close), "ms", "<= 200"),
        ]
