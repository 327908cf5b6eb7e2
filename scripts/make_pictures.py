"""Make the documentation's pictures from the newest report, or the one given: ``scripts/make_pictures.py [REPORT]``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
FIRST_SCREEN = {"width": 1280, "height": 930}


def newest_report() -> Path:
    """Return the report given, or the one written last."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).resolve()
    reports = sorted((ROOT / "reports").glob("*.html"), key=lambda path: path.stat().st_mtime)
    if not reports:
        sys.exit("There is no report yet: run `make demo` first.")
    return reports[-1]


def main() -> None:
    """Take a picture of the report's first screen."""
    PICTURES.mkdir(exist_ok=True)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_context(viewport=FIRST_SCREEN, offline=True).new_page()
        page.goto(newest_report().as_uri())
        page.wait_for_selector("svg")
        page.wait_for_timeout(2000)
        page.screenshot(path=PICTURES / "report.png")
        browser.close()
    print(PICTURES / "report.png")


if __name__ == "__main__":
    main()
