"""A store with one finished campaign, written once for all tests of the report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "analysis")]

from report_store import write_campaign  # noqa: E402

from workbench.store.reader import Store  # noqa: E402


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    data = tmp_path_factory.mktemp("report") / "data"
    toml = (Path(__file__).parents[2] / "data" / "experiments" / "quick.toml").read_text(encoding="utf-8")
    write_campaign(data, failing="l4-sidecars", toml=toml)
    return Store(data)
