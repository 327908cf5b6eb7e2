"""What all tests share: options, rings, and an environment without the choices of whoever runs them."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from workbench.environments.lab.envoy import envoy_path
from workbench.errors import UnsupportedError
from workbench.startup import skip_slow_format_checks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

skip_slow_format_checks()

HERE = Path(__file__).parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

RINGS_OF_PLACES = {
    "cluster": "rig",
    "node": "node",
    "lab": "lab",
    "runner": "lab",
    # what takes long: pictures and pages drawn for real, kernels and programs in processes of their own, many crashes
    "charts/test_charts_display.py": "slow",
    "charts/test_charts_drawn.py": "slow",
    "cli": "slow",
    "interchange/test_settling.py": "slow",
    "interchange/test_cli_exchanging.py": "slow",
    "interchange/test_importing.py": "slow",
    "interchange/test_report_section.py": "slow",
    "landscape/test_landscape_pictures.py": "slow",
    "notebooks": "slow",
    "packaging/test_chores.py": "slow",
    "packaging/test_docs_site.py": "slow",
    "packaging/test_installation.py": "slow",
    "report": "slow",
    "store/test_store_damage.py": "slow",
    "store/test_store_disk.py": "slow",
    "store/test_store_hostile_values.py": "slow",
    "store/test_store_index.py": "slow",
    "store/test_store_recovery.py": "slow",
    "telemetry/test_prometheus.py": "slow",
    "widgets/test_widgets_moments.py": "slow",
    "widgets/test_widgets_views.py": "slow",
}
"""Folder or file of tests -> the ring of everything in it."""

RINGS_OF_FIXTURES = {
    "browser": "browser",
    "plane": "rig",
    "server": "rig",
    "machine": "node",
    "measured_once": "lab",
}
"""Fixture -> the ring of whatever asks for it, directly or through others."""

QUICK = "quick"
SHARING = ("node", "rig", "lab")
"""Rings whose tests share one thing: the node, the control plane, the CPUs that data planes are measured on."""
OUTSIDE_QUICK = ("lab", "browser", "rig", "node", "cluster", "slow")

for variable in [name for name in os.environ if name.startswith("WORKBENCH_")]:
    del os.environ[variable]

# The machine is shared and noisy: an example that takes long says nothing about the code.
settings.register_profile("workbench", deadline=None)
# For continuous integration: the same commit, the same examples, the same verdict. People's runs go on looking.
settings.register_profile("same", deadline=None, derandomize=True)
# For `make quick`: a look, where `make test` searches.
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "workbench"))

# Programs inherit what is ignored, and shells let what they start in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def built() -> Path:
    """Return the folder into which `scripts/control_plane/build` puts programs."""
    path = HERE.parent / "scripts" / "control_plane" / "build"
    loader = importlib.machinery.SourceFileLoader("control_plane_build", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return Path(module.folder())


# What `make test` has built is found without anybody's PATH; whatever is on it goes first.
if os.path.isdir(built()):  # unlike Path's, false where it may not be looked at
    os.environ["PATH"] = os.pathsep.join(filter(None, (os.environ.get("PATH", ""), str(built()))))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with-cluster", action="store_true", help="also run the tests that need a cluster")


def no_envoy() -> str:
    """Why no real proxies run here, and what mends it; empty when they do."""
    try:
        envoy_path()
    except UnsupportedError as error:
        return str(error)
    return "" if sys.platform == "linux" else f"the lab needs Linux, and this is {sys.platform}"


NO_CLUSTER = "needs a Kubernetes cluster; run: make test ARGS=--with-cluster"
WHY_NOT = {"lab": no_envoy}
"""Ring -> what tells why its tests cannot run here. Of the others, the fixtures tell."""


def places(path: Path) -> list[str]:
    """Return the names under which a file of tests may stand in the table: its own and its folders'."""
    inside = path.relative_to(HERE)
    return [str(one) for one in (inside, *inside.parents)]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what the quick ring holds nothing of."""
    left_out = config.getoption("markexpr") == QUICK and collection_path.is_relative_to(HERE)
    return True if left_out and not RINGS_OF_PLACES.keys().isdisjoint(places(collection_path)) else None


def rings(item: pytest.Item) -> set[str]:
    """Return a test's rings outside the quick one: by its place, its fixtures and its own markers."""
    named = {RINGS_OF_PLACES.get(place) for place in places(item.path)}
    named |= {RINGS_OF_FIXTURES.get(one) for one in getattr(item, "fixturenames", ())}
    return {one for one in named if one} | {one for one in OUTSIDE_QUICK if item.get_closest_marker(one)}


def group(item: pytest.Item, of_item: set[str]) -> str:
    """Return the group that a test runs in when tests run in parallel: the tests of one group run one after another.

    Rings that share one thing on this machine are one group each; of all others each file is one.
    """
    return next((ring for ring in SHARING if ring in of_item), str(item.path.relative_to(HERE)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test its rings, the quick one when it is in no other, before ``-m`` looks at them."""
    stale = [place for place in RINGS_OF_PLACES if not (HERE / place).exists()]
    if stale:
        raise pytest.UsageError(f"tests/conftest.py gives rings to what is not there: {', '.join(stale)}")
    lacking = {ring: functools.cache(why_not) for ring, why_not in WHY_NOT.items()}
    for item in items:
        of_item = rings(item) or {QUICK}
        for ring in of_item:
            item.add_marker(ring)
        item.add_marker(pytest.mark.xdist_group(group(item, of_item)))
        if "cluster" in of_item and not config.getoption("--with-cluster"):
            item.add_marker(pytest.mark.skip(reason=NO_CLUSTER))
        for reason in filter(None, (lacking[ring]() for ring in sorted(of_item & WHY_NOT.keys()))):
            item.add_marker(pytest.mark.skip(reason=reason))


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
