"""How fast `explore` answers a change of selection, on a synthetic campaign with 1e7 samples.

A *sample* is one value of one metric at one time, as the targets count. What is timed first is everything between a
control's event in the kernel and the messages to the browser: choice, query, picture, table. Then the whole way, in
JupyterLab and Chromium: from the event of a drop-down to the last change that it makes to the picture.
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

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), *(str(TESTS / part) for part in ("report", "analysis", "widgets"))]

from report_store import write_campaign  # noqa: E402

import workbench as wb  # noqa: E402
from workbench.store import Store  # noqa: E402
from workbench.widgets.explorer import ExplorerView  # noqa: E402
from workbench.widgets.exploring import Explorer  # noqa: E402

RUNS, PARTS, READINGS, VALUES = 42, 100, 300, 8
"""Seven data planes at two rates in three blocks: 42 x 100 x 300 x 8 are 1e7 samples."""

REDRAWN = """async ([label, place]) => {
    const labelled = [...document.querySelectorAll('.widget-label')].find((one) => one.textContent === label);
    const select = document.getElementById(labelled.htmlFor);
    const picture = document.querySelector('.wb-picture');
    const began = performance.now();
    const redrawn = new Promise((told) => {
        let last = 0, quiet;
        const observer = new MutationObserver(() => {
            last = performance.now();
            clearTimeout(quiet);
            quiet = setTimeout(() => { observer.disconnect(); told(last - began); }, 500);
        });
        observer.observe(picture, {childList: true, subtree: true, attributes: true, characterData: true});
    });
    select.selectedIndex = place;
    select.dispatchEvent(new Event('change', {bubbles: true}));
    return await redrawn;
}"""
"""Milliseconds from a drop-down's event to the last change of the picture."""


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


def _row(what: str, value: float | None, unit: str, target: str = "") -> dict[str, Any]:
    return {"what": what, "value": value, "unit": unit, "target": target}


def rows() -> list[dict[str, Any]]:
    """Measure and return the table's rows."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "data")
        write_campaign(store.data, blocks=3, bystanders=PARTS, readings=READINGS)
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
            _row("explore: first view, 1e7 samples", opened, "s"),
            _row("explore: another metric, 1e7 samples", metric_ms, "ms", "<= 200"),
            _row("explore: a data plane left out, 1e7 samples", mesh_ms, "ms", "<= 200"),
            _row("explore: another run in detail, 1e7 samples", _median_ms(close), "ms", "<= 200"),
            *_in_the_browser(Path(folder), store.data),
            *_played(Path(folder)),
        ]


def _played(folder: Path) -> list[dict[str, Any]]:
    """Time a move of the playground's slider: every mesh asked again, picture, table and objects made anew."""
    view = wb.play("canary", data=folder / "played")
    [slider] = view._wishes._split._sliders
    return [_row("play: a slider moved, all meshes", _median_ms(_turn(slider, cycle([20, 30, 40]))), "ms", "<= 200")]


def _in_the_browser(home: Path, data: Path) -> list[dict[str, Any]]:
    """Measure the whole way; one row that says so where there is no browser."""
    from conftest import chromium  # type: ignore[attr-defined]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = chromium(playwright)
        if browser is None:
            return [_row("explore: in JupyterLab: skipped: no Chromium; run: playwright install chromium", None, "")]
        return _from_drop_down_to_picture(browser, home, data)


def _from_drop_down_to_picture(browser: Any, home: Path, data: Path) -> list[dict[str, Any]]:
    from jupyter_servers import lab_server
    from lab_browsing import SIZES, opened, write_notebook

    with lab_server(home, data) as lab:
        write_notebook(lab.folder / "explore.ipynb", "import workbench as wb", "wb.explore()")
        with opened(browser, lab, "explore.ipynb", SIZES["laptop"]) as page:
            page.locator(".wb-picture svg").wait_for(timeout=60_000)
            page.wait_for_timeout(1000)
            places = {"Metric": [1, 2, 3, 0] * 3, "One run in detail": range(20, 32)}
            return [
                _row(
                    f"explore: {label.lower()}, from its drop-down to the picture in JupyterLab, 1e7 samples",
                    statistics.median(page.evaluate(REDRAWN, [label, place]) for place in chosen),
                    "ms",
                    "<= 200",
                )
                for label, chosen in places.items()
            ]
