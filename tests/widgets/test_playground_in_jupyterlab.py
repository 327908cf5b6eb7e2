"""The playground in real JupyterLab: controls by mouse and keyboard, the picture, the objects, real proxies at work."""

from __future__ import annotations

import re

import pytest
from lab_browsing import SIZES, opened, picture, write_notebook

pytestmark = pytest.mark.browser


def test_an_intent_is_set_seen_and_told_when_it_contradicts_itself(browser, lab):
    write_notebook(lab.folder / "play.ipynb", "import workbench as wb", "wb.play('canary')")
    with opened(browser, lab, "play.ipynb", SIZES["projector"]) as page:
        chart = page.locator(".wb-player .wb-picture svg").first
        chart.wait_for(timeout=60_000)
        chart.get_by_text("10 %", exact=True).wait_for()
        page.locator(".wb-player").scroll_into_view_if_needed()
        picture(page, "play-canary")

        slider = page.locator(".wb-player .widget-slider").filter(has_text="v2").locator(".noUi-handle")
        slider.focus()
        page.keyboard.press("PageUp")
        chart.get_by_text("10 %", exact=True).wait_for(state="detached")

        page.get_by_role("checkbox", name="Retries").focus()
        page.keyboard.press("Space")
        chart.get_by_text("2 retries").wait_for()
        page.get_by_role("checkbox", name="Mutual TLS").check()
        chart.get_by_text("a stranger").wait_for()

        limit = page.get_by_label(re.compile("^per try timeout"))
        limit.fill("soon")
        limit.press("Tab")
        page.get_by_text("is not a number").wait_for()
        picture(page, "play-contradiction")
        limit.fill("0.25")
        limit.press("Tab")
        chart.get_by_text("2 retries, 250 ms each").wait_for()

        page.get_by_label("As applied by").select_option("nsm")
        page.get_by_text("canary on nsm").first.wait_for()
        page.get_by_label("As applied by").select_option("istio")
        page.get_by_role("tab", name="Objects").click()
        page.get_by_text("kind: VirtualService").first.wait_for()
        picture(page, "play-objects")


@pytest.mark.lab
def test_real_proxies_follow_the_design_while_it_is_watched(browser, lab):
    write_notebook(lab.folder / "live.ipynb", "import workbench as wb", "wb.play('canary')")
    with opened(browser, lab, "live.ipynb", SIZES["laptop"]) as page:
        page.locator(".wb-player .wb-picture svg").first.wait_for(timeout=60_000)
        page.get_by_role("tab", name="In the lab").click()
        page.get_by_role("button", name="Start", exact=True).last.click()
        live = page.locator(".wb-live .wb-picture svg").first
        live.wait_for(timeout=60_000)
        live.get_by_text("v2", exact=True).first.wait_for(timeout=60_000)
        page.get_by_role("checkbox", name="Injected failure").check()
        page.locator(".wb-live").get_by_text("Injected failure").first.wait_for(timeout=60_000)
        live.get_by_text("503", exact=True).first.wait_for(timeout=60_000)
        live.scroll_into_view_if_needed()
        picture(page, "play-live")
        page.get_by_role("button", name="Stop", exact=True).last.click()
        page.get_by_text("It ends when you press Stop").wait_for(timeout=60_000)
