"""A shipped notebook as Voila shows it, in a real browser that has no way to anywhere else."""

from __future__ import annotations

import shutil

import pytest
from jupyter_servers import voila_server
from lab_browsing import SIZES, guarded, picture, write_notebook

from workbench.files import shipped

pytest.importorskip("voila", reason="needs Voila; run: pip install 'mesh-workbench[voila]'")

pytestmark = pytest.mark.browser


def test_voila_shows_the_explorer_and_answers_without_asking_elsewhere(browser, explored, tmp_path):
    shutil.copytree(explored.data, tmp_path / "data")
    notebook = shutil.copy(shipped.notebook("30_explore_runs"), tmp_path)
    with (
        voila_server(tmp_path, tmp_path / "data", notebook) as url,
        guarded(browser, url, SIZES["laptop"]) as page,
    ):
        page.goto(url)
        chart = page.locator(".vega-embed").filter(has_text="CPU per request: 5 data planes").first
        chart.wait_for(timeout=90_000)
        metric = page.get_by_label("Metric", exact=True)
        metric.select_option(label="Memory, PSS")
        page.get_by_text("Memory, PSS: 5 data planes").first.wait_for(timeout=60_000)
        page.get_by_text("Memory, PSS: 5 data planes").first.scroll_into_view_if_needed()
        picture(page, "voila-explore")
        assert page.get_by_text("import workbench as wb").count() == 0


def test_voila_plays_a_design(browser, tmp_path):
    notebook = tmp_path / "play.ipynb"
    write_notebook(notebook, "import workbench as wb", "wb.play('canary')")
    with (
        voila_server(tmp_path, tmp_path / "data", str(notebook)) as url,
        guarded(browser, url, SIZES["laptop"]) as page,
    ):
        page.goto(url)
        chart = page.locator(".wb-player .wb-picture svg").first
        chart.wait_for(timeout=90_000)
        page.get_by_role("checkbox", name="Retries").check()
        chart.get_by_text("2 retries").wait_for(timeout=60_000)
        page.get_by_role("tab", name="Objects").click()
        page.get_by_text("kind: VirtualService").first.wait_for()
        picture(page, "voila-play")
