"""What all tests share: options, and an environment without the choices of whoever runs them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from workbench.startup import skip_slow_format_checks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

skip_slow_format_checks()

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

for variable in [name for name in os.environ if name.startswith("WORKBENCH_")]:
    del os.environ[variable]

# The machine is shared and noisy: an example that takes long says nothing about the code.
settings.register_profile("workbench", deadline=None)
# For continuous integration: the same commit, the same examples, the same verdict. People's runs go on looking.
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "workbench"))

# Programs inherit what is ignored, and shells let what they start in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with-cluster", action="store_true", help="also run the tests that need a cluster")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--with-cluster"):
        return
    skip = pytest.mark.skip(reason="needs a Kubernetes cluster; run: make test ARGS=--with-cluster")
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(skip)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the system's, or the one that Playwright installed.

    Of a module's scope because Playwright's synchronous interface keeps an event loop running in this thread, in which
    other tests could start none.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright; run: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        running = chromium(playwright)
        if running is None:
            pytest.skip("no Chromium on this machine; run: playwright install --with-deps chromium")
        yield running
        running.close()


def chromium(playwright: Playwright) -> Browser | None:
    """Return a headless Chromium; None where there is none."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None) or playwright.chromium.executable_path
    if not Path(found).exists():
        return None
    root = ["--no-sandbox"] if os.getuid() == 0 else []
    return playwright.chromium.launch(executable_path=found, args=[*root, "--disable-dev-shm-usage"])
