"""Make the pictures of the documentation: ``make pictures``, or ``make pictures ARGS="explorer launcher"``.

They show what was measured in the data folder (``--data``, else ``data``); where nothing was, the demo measures first.
To add one: a function that takes a `Stage` and leaves the page as it is to be seen, and a line in `PICTURES`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "widgets"), str(ROOT)]

from jupyter_servers import TOKEN, Lab, lab_server  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

import workbench as wb  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
FIRST_SCREEN = {"width": 1280, "height": 930}
LAPTOP = {"width": 1440, "height": 900}
PROJECTOR = {"width": 1920, "height": 1080}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a picture is made with: a browser, a running JupyterLab, and the folder where its notebooks lie."""

    browser: Browser
    lab: Lab

    @contextmanager
    def notebook(self, name: str, size: Any, wait: str, simple: bool = True) -> Iterator[Page]:
        """Open the shipped notebook ``name`` in JupyterLab, run it, and wait until ``wait`` is there."""
        page = self.browser.new_context(viewport=size).new_page()
        where = "doc/tree" if simple else "lab/tree"
        page.goto(f"{self.lab.url}/{where}/{name}.ipynb?token={TOKEN}&reset")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("[data-command='runmenu:run-all']").click()
        page.locator(wait).last.wait_for(timeout=120_000)
        page.wait_for_timeout(2500)
        yield page
        page.context.close()


Take = Callable[[Stage, Path], None]


def _top(page: Page, selector: str, above: int = 12) -> None:
    """Scroll the notebook until the first of ``selector`` stands at the top."""
    page.evaluate(
        """([selector, above]) => {
            const found = document.querySelector(selector);
            const scroller = document.querySelector('.jp-WindowedPanel-outer');
            scroller.scrollTop += found.getBoundingClientRect().top - scroller.getBoundingClientRect().top - above;
        }""",
        [selector, above],
    )
    page.wait_for_timeout(800)


def report(stage: Stage, out: Path) -> None:
    """Show the first screen of the report of the example."""
    page = stage.browser.new_context(viewport=FIRST_SCREEN, offline=True).new_page()
    page.goto(wb.write_report("example", reports=stage.lab.folder).as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    page.wait_for_timeout(1000)
    page.screenshot(path=out)
    page.context.close()


def _explorer(size: Any) -> Take:
    def take(stage: Stage, out: Path) -> None:
        with stage.notebook("30_explore_runs", size, ".wb-picture svg") as page:
            _top(page, ".wb-explorer")
            page.screenshot(path=out)

    return take


def launcher(stage: Stage, out: Path) -> None:
    """Show the launcher while something is measured; stop it afterwards."""
    with stage.notebook("20_run_an_experiment", LAPTOP, ".wb-launcher") as page:
        page.get_by_label("Begin from").select_option("quick")
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_text("running: 2 of", exact=False).wait_for(timeout=60_000)
        page.locator(".wb-launcher polyline").first.wait_for(timeout=60_000)
        _top(page, ".wb-launcher")
        page.locator(".wb-launcher polyline").first.wait_for(timeout=60_000)
        page.screenshot(path=out)
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text("interrupted", exact=False).first.wait_for(timeout=60_000)


def playground(stage: Stage, out: Path) -> None:
    """Show the playground with a design that asks for much."""
    with stage.notebook("60_playground", PROJECTOR, ".wb-player .wb-picture svg") as page:
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=180_000)  # its further cells measure
        _top(page, ".wb-player")
        page.get_by_label("Design", exact=True).select_option("canary")
        for feature in ("Retries", "Injected failure", "Outlier detection", "Mutual TLS", "Rate limit"):
            page.get_by_role("checkbox", name=feature).check()
        page.get_by_label("As applied by").select_option("linkerd")
        page.get_by_text("on linkerd").wait_for()
        _top(page, ".wb-player")
        page.screenshot(path=out)


def jupyterlab(stage: Stage, out: Path) -> None:
    """Show JupyterLab as `workbench lab` opens it, with the answer of the tour."""
    with stage.notebook("00_take_the_tour", PROJECTOR, ".jp-RenderedSVG, .vega-embed svg", simple=False) as page:
        page.locator("h2").filter(has_text="The answer").first.scroll_into_view_if_needed()
        page.evaluate("document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer')")
        page.wait_for_timeout(1000)
        page.screenshot(path=out)


def _chart(nth: int, choice: str = "") -> Take:
    """Chart number ``nth`` of `05_choose_a_mesh` on its own, with ``choice`` in its drop-down."""

    def take(stage: Stage, out: Path) -> None:
        with stage.notebook("05_choose_a_mesh", LAPTOP, ".vega-embed svg") as page:
            chart = page.locator(".jp-OutputArea-output .vega-embed").nth(nth)
            chart.scroll_into_view_if_needed()
            if choice:
                chart.locator("select").select_option(choice)
            page.add_style_tag(content=".vega-embed details, .vega-bindings {display: none !important}")
            page.wait_for_timeout(800)
            chart.screenshot(path=out)

    return take


PICTURES: dict[str, Take] = {
    "report": report,
    "explorer": _explorer(LAPTOP),
    "explorer-projector": _explorer(PROJECTOR),
    "architecture": _chart(0, "Istio (sidecar mode)"),
    "adoption": _chart(1, "NSM beside a sidecar mesh"),
    "nsm-steps": _chart(3),
    "playground": playground,
    "jupyterlab": jupyterlab,
    "launcher": launcher,
}
"""File name -> what makes it, given the stage and the file."""


def _measured(data: Path) -> Path:
    """Return ``data`` with something in it."""
    wb.campaign("latest", data, otherwise_run="quick")
    return data


def main() -> None:
    """Make the pictures that were asked for."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"pictures to make; default: all of {', '.join(PICTURES)}")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="data folder; default: data")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder to put them into; default: docs/pictures")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(PICTURES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(PICTURES)}")
    asked.to.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        shutil.copytree(_measured(asked.data.resolve()), Path(home) / "data", ignore=shutil.ignore_patterns("*.duckdb"))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with lab_server(Path(home), Path(home) / "data") as lab:
            for name in asked.names or PICTURES:
                PICTURES[name](Stage(browser=browser, lab=lab), asked.to / f"{name}.png")
                print(asked.to / f"{name}.png", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
