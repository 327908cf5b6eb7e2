"""Texts from outside in real JupyterLab, in the shipped notebooks: nothing of them runs, all of it is read."""

from __future__ import annotations

import json

import pytest
from lab_browsing import SIZES, opened, picture, write_notebook

from workbench.files import shipped

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SHIPPED = ("00_take_the_tour", "20_run_an_experiment", "30_explore_runs", "40_compare_meshes", "50_build_a_report")
WORKING = "[...document.querySelectorAll('.jp-InputPrompt')].some((one) => one.textContent.includes('*'))"
MADE = "img[src='x'], .pwned, a[href^='javascript:' i], img[src*='leak'], iframe[src*='leak'], mjx-container, .MathJax"
"""What would stand in the page if some text had been taken for markup or for a formula."""


def cells_of(name: str, campaign: str) -> list[str]:
    """The notebook's own cells; what would measure takes the campaign that is there."""
    cells = json.loads(shipped.notebook(name).read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        if "wb.run(" in source:
            source = f"campaign = {campaign!r}\ncampaign"
        if "experiment: str" in source:
            source = source.replace('resume: str = ""', f"resume: str = {campaign!r}").replace('"smoke"', '"evil"')
        found.append(source)
    return found


def seen(page) -> str:
    """Everything that the page shows, while it is scrolled through from its beginning to its end."""
    told = []
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    for place in range(cells.count()):
        cells.nth(place).scroll_into_view_if_needed()
        page.wait_for_timeout(60)
        assert page.locator(MADE).count() == 0, page.locator(MADE).first.evaluate("one => one.outerHTML")
        told.append(cells.nth(place).evaluate("one => one.textContent"))
        told += (
            cells.nth(place)
            .locator("option, input[type=checkbox]")
            .evaluate_all("all => all.map((one) => one.textContent + (one.labels?.[0]?.textContent ?? ''))")
        )
    return "\n".join(told)


def test_no_text_of_a_run_is_taken_for_anything_but_text(browser, lab, hostile, leaks):
    campaign = hostile.campaigns()["campaign_id"].iloc[0]
    sources = [source for name in SHIPPED for source in cells_of(name, campaign)]
    write_notebook(lab.folder / "hostile.ipynb", *sources)
    with opened(browser, lab, "hostile.ipynb", SIZES["laptop"]) as page:
        page.wait_for_function(f"!({WORKING})", timeout=120_000)
        errors = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert errors.count() == 0, errors.first.inner_text()
        page.locator(".wb-explorer .vega-embed svg").first.wait_for(timeout=60_000)
        told = seen(page)
        picture(page, "hostile")
        assert page.evaluate("window.PWNED") is None
    assert leaks.asked == []
    for name in ("l4-sidecars", "workload", "question", "reason", "title", "gate", "evidence", "limited", "generator",
                 "fingerprint", "environment", "experiment", "echo", "node"):  # fmt: skip
        assert f"{name}<b class=pwned>" in told, name
