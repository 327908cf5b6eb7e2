"""Every shipped notebook runs top to bottom as it stands, with nothing measured before and no cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.files import shipped
from workbench.notebooks import execute

pytestmark = pytest.mark.lab

QUICKER = """
name = "smoke"
question = "Do the notebooks run?"
blocks = 1
[[meshes]]
name = "baseline"
[[meshes]]
name = "node-l7"
[load]
rates_per_s = [150]
duration_s = 0.4
warmup_s = 0.0
connections = 4
"""
NOTEBOOKS = [path.stem for path in shipped.notebooks()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folder, whose own experiment `smoke` goes before the shipped one and takes half the time."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "data" / "experiments").mkdir(parents=True)
    (folder / "data" / "experiments" / "smoke.toml").write_text(QUICKER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def executed(home: Path) -> dict[str, Path]:
    """All notebooks executed, two at a time; the first two find nothing measured."""
    with ThreadPoolExecutor(2) as pool:
        going = {
            name: pool.submit(execute, shipped.notebook(name), home / "executed" / f"{name}.ipynb", {})
            for name in NOTEBOOKS
        }
        return {name: one.result() for name, one in going.items()}


def cells_of(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_runs_as_it_stands(executed, notebook):
    copy = executed[notebook]
    outputs = [output for cell in cells_of(copy) for output in cell["outputs"]]
    assert outputs
    assert [output for output in outputs if output["output_type"] in ("error", "stream")] == []
    charts = [output for output in outputs if "image/svg+xml" in output.get("data", {})]
    assert bool(charts) == (notebook[:2] in ("00", "05", "30", "40", "60"))
    for output in charts:
        assert "application/vnd.vegalite.v6+json" in output["data"]


def test_the_report_notebook_leaves_a_report(home, executed):
    pages = list((home / "reports").glob("*.html"))
    assert len(pages) == 1
    assert "<html" in pages[0].read_text()[:200].lower()
