"""The widgets in real JupyterLab and a real browser that has no way to anywhere else."""

from __future__ import annotations

import time

import pytest
from lab_browsing import SIZES, opened, picture, write_notebook

pytestmark = pytest.mark.browser

TINY = """
name = "tiny"
question = "Does it go on by itself?"
blocks = 3
[[meshes]]
name = "node-l7"
[load]
rates_per_s = [150]
duration_s = 0.8
warmup_s = 0.1
connections = 4
"""


def test_a_change_of_a_drop_down_changes_the_chart_and_nothing_goes_elsewhere(browser, lab):
    write_notebook(lab.folder / "explore.ipynb", "import workbench as wb", "explorer = wb.explore()\nexplorer")
    with opened(browser, lab, "explore.ipynb", SIZES["laptop"]) as page:
        chart = page.locator(".vega-embed svg").first
        chart.wait_for(timeout=60_000)
        page.get_by_text("CPU per request: 5 data planes").wait_for()
        bars = chart.locator(".mark-rect.role-mark path[aria-roledescription=bar]")
        assert bars.count() > 10
        for size, (width, height) in reversed(SIZES.items()):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(700)
            page.locator(".jp-OutputArea").last.scroll_into_view_if_needed()
            picture(page, f"explore-{size}")
        metric = page.get_by_label("Metric", exact=True)
        metric.select_option(label="Memory, PSS")
        page.get_by_text("Memory, PSS: 5 data planes").wait_for(timeout=60_000)
        page.get_by_role("checkbox", name="l7-sidecars").focus()
        page.keyboard.press("Space")
        page.get_by_text("Memory, PSS: 4 data planes").wait_for(timeout=60_000)
        page.get_by_text("medians over runs", exact=False).last.scroll_into_view_if_needed()
        page.get_by_text("The query (").click()
        page.get_by_text("FROM consumption c JOIN runs r USING (run_id)").wait_for()
        picture(page, "explore-memory")


def test_brush_and_legend_change_the_other_charts_in_the_browser(browser, lab):
    write_notebook(lab.folder / "brush.ipynb", "import workbench as wb", "wb.explore()")
    with opened(browser, lab, "brush.ipynb", SIZES["projector"]) as page:
        chart = page.locator(".vega-embed svg").first
        chart.wait_for(timeout=60_000)
        chart.scroll_into_view_if_needed()
        bars = chart.locator("path[aria-roledescription=bar]")
        before = bars.evaluate_all("all => all.map(one => one.getAttribute('d'))")
        area = chart.locator(".mark-symbol.role-mark").first.bounding_box()
        assert area
        page.mouse.move(area["x"] + 2, area["y"] + 2)
        page.mouse.down()
        page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + area["height"] * 0.8, steps=5)
        page.mouse.up()
        page.wait_for_timeout(300)
        brushed = bars.evaluate_all("all => all.map(one => one.getAttribute('d'))")
        assert brushed != before
        chart.get_by_text("application", exact=True).first.click()
        page.wait_for_timeout(300)
        assert bars.evaluate_all("all => new Set(all.map(one => one.getAttribute('opacity'))).size") > 1
        picture(page, "explore-brushed")


def focused(page) -> str:
    """What the keyboard is at, by its label."""
    return page.evaluate(
        "(() => { const at = document.activeElement; return at.labels?.[0]?.textContent || at.textContent; })()"
    )


def test_the_explorer_is_worked_with_the_keyboard_alone(browser, lab):
    write_notebook(lab.folder / "keys.ipynb", "import workbench as wb", "explorer = wb.explore()\nexplorer")
    with opened(browser, lab, "keys.ipynb", SIZES["laptop"]) as page:
        page.locator(".vega-embed svg").first.wait_for(timeout=60_000)
        page.get_by_label("Metric", exact=True).focus()
        page.keyboard.press("ArrowDown")
        page.get_by_text("CPU in use: 5 data planes").wait_for(timeout=60_000)
        reached = []
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.append(focused(page))
            if reached[-1] == "l7-sidecars":
                page.keyboard.press("Space")
                page.get_by_text("CPU in use: 4 data planes").wait_for(timeout=60_000)
            if reached[-1] == "Save":
                break
        wanted = [
            "Environment",
            "Experiments",
            "Workload",
            "l7-sidecars",
            "997 requests/s",
            "sidecar",
            "block 2",
            "Save",
        ]
        assert [one for one in reached if one in wanted] == wanted
        page.keyboard.press("Shift+Tab")
        assert focused(page) == "Save as"
        page.keyboard.press("s")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Saved: ", exact=False).wait_for(timeout=60_000)
        assert page.get_by_text("Saved: ", exact=False).inner_text().endswith(".svg")


@pytest.mark.lab
def test_a_measurement_outlives_its_tab_and_kernel_and_is_found_again(browser, lab):
    (lab.folder / "tiny.toml").write_text(TINY)
    write_notebook(lab.folder / "launch.ipynb", "import workbench as wb", "wb.launch('./tiny.toml')")
    with opened(browser, lab, "launch.ipynb", SIZES["laptop"]) as page:
        page.get_by_text("6 runs in 3 randomized blocks").wait_for(timeout=60_000)
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_text("running: ", exact=False).first.wait_for(timeout=60_000)
        page.get_by_text("Now: ", exact=False).first.wait_for(timeout=60_000)
        picture(page, "launch-running")
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.locator("[data-command='kernelmenu:shutdown']").first.click()
        page.wait_for_timeout(1500)
    with opened(browser, lab, "launch.ipynb", SIZES["projector"]) as page:
        page.get_by_text("finished: 6 of 6 runs").wait_for(timeout=60_000)
        page.get_by_role("button", name="Open its report").click()
        frame = page.frame_locator("iframe[title='The report']")
        frame.locator("h1").first.wait_for(timeout=60_000)
        time.sleep(0.5)
        picture(page, "launch-report")


@pytest.mark.lab
def test_closing_the_tab_stops_nothing_and_another_one_finds_it_and_stops_it_with_the_keyboard(browser, lab):
    (lab.folder / "long.toml").write_text(TINY.replace('"tiny"', '"long"').replace("blocks = 3", "blocks = 60"))
    write_notebook(lab.folder / "begin.ipynb", "import workbench as wb", "wb.launch('./long.toml')")
    with opened(browser, lab, "begin.ipynb", SIZES["laptop"]) as page:
        page.get_by_text("120 runs in 60 randomized blocks").wait_for(timeout=60_000)
        page.get_by_role("button", name="Start", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_text("running: ", exact=False).first.wait_for(timeout=60_000)
    write_notebook(lab.folder / "again.ipynb", "import workbench as wb", "wb.launch()")
    with opened(browser, lab, "again.ipynb", SIZES["laptop"]) as page:
        page.get_by_text("of 120 runs", exact=False).first.wait_for(timeout=60_000)
        page.get_by_label("Campaign").focus()
        page.keyboard.press("Tab")
        assert focused(page) == "Stop"
        page.keyboard.press("Enter")
        page.get_by_text("interrupted: ", exact=False).first.wait_for(timeout=60_000)
        assert page.get_by_role("button", name="Continue", exact=True).is_enabled()
        picture(page, "launch-stopped")
