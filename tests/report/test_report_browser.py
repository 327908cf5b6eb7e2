"""The report in a real browser, with no network: drawn, answering, readable at every width, printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report_browsing import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(report_file: Path) -> str:
    return report_file.as_uri()


@pytest.fixture(scope="module")
def wide(browser: Browser, report: str) -> Iterator[Page]:
    """The report at 1280 pixels; tests leave the charts as they like."""
    with opened(browser, report) as page:
        yield page


def nothing_sticks_out(page: Page, width: int) -> None:
    assert page.locator("figure[data-state=live] svg.marks").count() == 10
    assert page.locator(".still").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    spare = page.evaluate(
        "[...document.querySelectorAll('svg.marks')]"
        ".map((one) => one.closest('.canvas').clientWidth - one.width.baseVal.value)"
    )
    assert all(0 <= one <= 4 for one in spare), "every chart fills its place and stays in it"


@pytest.mark.parametrize(("first", "then"), [(360, 768), (1920, 1280)])
def test_drawn_at_every_width(browser: Browser, report: str, first: int, then: int) -> None:
    with opened(browser, report, first) as page:
        nothing_sticks_out(page, first)
        page.set_viewport_size({"width": then, "height": 900})
        page.wait_for_timeout(900)
        nothing_sticks_out(page, then)


def test_a_drop_down_changes_the_picture_and_survives_a_new_width(wide: Page) -> None:
    before = wide.inner_html("#chart-overhead svg.marks")
    wide.select_option("#chart-overhead select[name=chosen_metric]", label="Latency p50 (µs)")
    wide.locator("#chart-overhead svg.marks text", has_text="Latency p50 (µs)").first.wait_for()
    assert wide.inner_html("#chart-overhead svg.marks") != before
    wide.set_viewport_size({"width": 420, "height": 900})
    wide.wait_for_timeout(700)
    assert wide.locator("#chart-overhead select[name=chosen_metric]").input_value() == "Latency p50 (µs)"
    assert wide.locator("#chart-overhead svg.marks text", has_text="Latency p50 (µs)").count() >= 1
    wide.set_viewport_size({"width": 1280, "height": 900})
    wide.wait_for_timeout(700)


def test_rates_are_chosen_in_the_latency_chart(wide: Page) -> None:
    assert "at 997 requests/s" in (wide.text_content("#chart-latency svg.marks") or "")
    wide.select_option("#chart-latency select", label="293 requests/s")
    wide.locator("#chart-latency svg.marks text", has_text="at 293 requests/s").wait_for()


LEGENDS = [(key, "l7-sidecars") for key in ("latency", "cost-against-rate", "blocks", "noise")]
LEGENDS += [("consumption", "sidecar"), ("timeline", "sidecar")]


@pytest.mark.parametrize(("key", "entry"), LEGENDS)
def test_a_click_on_the_legend_singles_out(wide: Page, key: str, entry: str) -> None:
    faint = wide.locator(f"#chart-{key} svg.marks path[opacity='0.12']")
    clear = wide.locator(f"#chart-{key} svg.marks path:is([opacity='1'], [opacity='0.9'])[aria-label]")
    assert faint.count() == 0
    label = wide.locator(f"#chart-{key} svg.marks .role-legend text", has_text=entry).first
    label.click(force=True)  # Vega listens on the svg, not on the text
    faint.first.wait_for(state="attached")
    assert faint.count() > 0 and clear.count() > 0


def test_tables_are_sorted_by_their_heads(wide: Page) -> None:
    head = wide.locator("#table-costs-0 thead th").nth(2)
    head.locator("button").focus()
    wide.keyboard.press("Enter")
    wide.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert wide.locator("#table-costs-0 tbody th").first.inner_text() == "l7-sidecars"


def test_verdicts_are_chosen_by_metric(wide: Page) -> None:
    wide.locator("#verdicts summary").click()
    wide.locator("#verdicts .controls select").first.select_option(label="Latency p50")
    shown = wide.locator("#table-verdicts tbody tr:visible th")
    assert shown.count() == 21
    assert set(shown.all_inner_texts()) == {"Latency p50"}


def test_a_file_is_saved(wide: Page, tmp_path: Path) -> None:
    with wide.expect_download() as download:
        wide.locator("a[download='runs.csv'], a[download='runs.csv.gz']").click()
    download.value.save_as(tmp_path / "runs")
    assert (tmp_path / "runs").stat().st_size > 1000


def test_text_has_contrast(wide: Page) -> None:
    assert wide.evaluate(FAINT_TEXT) == []


def test_printed(wide: Page, tmp_path: Path) -> None:
    wide.evaluate(
        "addEventListener('beforeprint', () => Promise.resolve().then(() => { window.paper = "
        "[...document.querySelectorAll('svg.marks')].map((one) => one.width.baseVal.value); "
        "window.closed = document.querySelectorAll('details.more:not([open])').length; }))"
    )
    opened_before = wide.locator("details.more[open]").count()
    content = wide.pdf(path=tmp_path / "report.pdf", format="A4", prefer_css_page_size=True)
    assert content.startswith(b"%PDF") and 4 <= content.count(b"/Type /Page\n") <= 25
    assert wide.evaluate("window.closed") == 0
    assert all(width <= 694 for width in wide.evaluate("window.paper")), "charts are as wide as the paper"
    wide.wait_for_timeout(200)
    assert wide.locator("details.more[open]").count() == opened_before


def test_the_keyboard_reaches_everything_and_without_scripts_the_essentials_stand(
    browser: Browser, report: str
) -> None:
    with opened(browser, report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.tagName"))
        assert {"A", "SELECT", "SUMMARY", "BUTTON"} <= reached
    context = browser.new_context(offline=True, java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report)
    box = page.locator("#chart-consumption img").bounding_box()
    assert box is not None and box["width"] > 300 and box["height"] > 200
    assert page.locator("img.still:visible").count() >= 8
    assert page.locator("#table-matrix").is_visible()
    context.close()


def test_hostile_text_does_nothing(browser: Browser, hostile_file: Path) -> None:
    with opened(browser, hostile_file.as_uri()) as page:
        assert page.locator("figure[data-state=live]").count() == 9
        assert "<script>alert(1)</script>" in (page.text_content("#chart-latency svg.marks") or "")
        assert page.inner_text(".question").startswith("<script>alert(1)</script> & </script>")
        page.locator("#chart-consumption svg.marks path[aria-roledescription=bar]").first.hover()
        page.locator("#vg-tooltip-element.visible").wait_for()


FAINT_TEXT = """() => {
  const channel = (value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg *):not(script)")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (!element.checkVisibility()) continue;
    const both = [light(parts(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const contrast = (both[0] + 0.05) / (both[1] + 0.05);
    if (contrast < 4.5) faint.push(`${element.tagName} ${element.textContent.slice(0, 30)} ${contrast.toFixed(2)}`);
  }
  return faint;
}"""
"""The elements with text whose contrast against their background is below WCAG's 4.5."""
