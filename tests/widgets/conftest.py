"""Stores to explore, and JupyterLab in a folder of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / part) for part in ("report", "analysis"))]

from jupyter_servers import TOKEN, Lab, lab_server  # noqa: E402
from report_store import _as_spec, write_campaign  # noqa: E402

from workbench.store import Store  # noqa: E402

__all__ = ["TOKEN", "Lab"]


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two campaigns of unlike circumstances, one with a failed data plane; made-up numbers."""
    data = tmp_path_factory.mktemp("explored") / "data"
    chosen = {name: _as_spec(name) for name in ("baseline", "l4-sidecars", "l7-sidecars", "node-l7", "cross-connect")}
    write_campaign(data, name="other", blocks=1, duration_s=1.0, meshes=chosen)
    write_campaign(data, meshes=chosen, failing="l4-sidecars", blocks=3)
    return Store(data)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, explored: Store) -> Iterator[Lab]:
    """JupyterLab as ``workbench lab`` opens it; what is measured in it is nobody else's."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(explored.data, home / "data")
    with lab_server(home, home / "data") as running:
        yield running
