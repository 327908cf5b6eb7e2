"""Opening a page in a browser that has no network, and keeping account of whatever goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DRAWN = "html[data-charts=drawn]"


@contextmanager
def opened(
    browser: Browser, url: str, width: int = 1280, *, allowed: str = "\0", refused: list[str] | None = None
) -> Iterator[Page]:
    """A page off line, drawn; afterwards nothing may have gone wrong, been asked for or popped up.

    Except what contains ``allowed``, which goes into ``refused``.
    """
    context = browser.new_context(offline=True, accept_downloads=True, viewport={"width": width, "height": 900})
    troubles: list[str] = []
    context.route("http*://**", lambda route: (troubles.append(f"asked for {route.request.url}"), route.abort()))
    context.on("console", lambda told: troubles.append(told.text) if told.type in ("error", "warning") else None)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on("requestfailed", lambda request: troubles.append(f"failed: {request.url[:80]}"))
    context.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(url)
    page.wait_for_selector(DRAWN, state="attached")
    yield page
    context.close()
    if refused is not None:
        refused += [one for one in troubles if allowed in one]
    assert [one for one in troubles if allowed not in one] == []
