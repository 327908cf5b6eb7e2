"""A notebook opened in real JupyterLab or Voila by a real browser that has no way to anywhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_servers import TOKEN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"laptop": (1440, 900), "projector": (1920, 1080)}
PICTURES = os.environ.get("TEST_PICTURES", "")
"""Folder to leave screenshots in, for people who want to look."""


def write_notebook(path: Path, *sources: str) -> None:
    cells = [
        {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for n, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))


@contextmanager
def guarded(browser: Browser, url: str, size: tuple[int, int]) -> Iterator[Page]:
    """A page that reaches ``url`` only; afterwards nothing may have gone wrong or been asked for elsewhere."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    troubles: list[str] = []

    def gate(route):
        if route.request.url.startswith(url):
            route.continue_()
        else:
            troubles.append(f"asked for {route.request.url[:120]}")
            route.abort()

    context.route("http*://**", gate)
    context.on("response", lambda told: troubles.append(f"{told.status} {told.url}") if told.status >= 400 else None)
    context.on("console", lambda told: troubles.append(told.text) if told.type == "error" else None)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    page = context.new_page()
    try:
        yield page
    except Exception:
        picture(page, "at-failure")
        raise
    context.close()
    assert troubles == []


@contextmanager
def opened(browser: Browser, lab, notebook: str, size: tuple[int, int]) -> Iterator[Page]:
    """A notebook in JupyterLab, executed; no cell may have complained."""
    with guarded(browser, lab.url, size) as page:
        page.goto(f"{lab.url}/doc/tree/{notebook}?token={TOKEN}&reset")
        page.set_default_timeout(60_000)  # other tests run beside these, on as few as two processors
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("[data-command='runmenu:run-all']").click()
        yield page
        assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")
