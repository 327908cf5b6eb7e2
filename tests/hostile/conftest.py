"""A store whose every text is hostile, and JupyterLab beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), *(str(_TESTS / part) for part in ("widgets", "report", "analysis"))]

from hostile_store import Leaks, hostile_store, leak_server  # noqa: E402
from jupyter_servers import Lab, lab_server  # noqa: E402

from workbench.store import Store  # noqa: E402


@pytest.fixture(scope="session")
def leaks() -> Iterator[Leaks]:
    """A server that nothing may ask for anything."""
    with leak_server() as running:
        yield running


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory, leaks: Leaks) -> Store:
    """One campaign, hostile in every text of it that is shown anywhere."""
    return hostile_store(tmp_path_factory.mktemp("hostile") / "data", leaks)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, hostile: Store) -> Iterator[Lab]:
    """JupyterLab on the hostile store."""
    with lab_server(tmp_path_factory.mktemp("lab"), hostile.data) as running:
        yield running
