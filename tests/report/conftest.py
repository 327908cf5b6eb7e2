"""A store with one finished campaign, written once for all tests of the report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "analysis")]

from report_store import write_campaign  # noqa: E402

from workbench.model.experiment import MeshSpec  # noqa: E402
from workbench.report import build_report  # noqa: E402
from workbench.report.content import report_content  # noqa: E402
from workbench.report.material import Material, gather  # noqa: E402
from workbench.report.parts import ReportContent  # noqa: E402
from workbench.store.reader import Store  # noqa: E402

ALERT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    data = tmp_path_factory.mktemp("report") / "data"
    toml = (Path(__file__).parents[2] / "data" / "experiments" / "quick.toml").read_text(encoding="utf-8")
    write_campaign(data, failing="l4-sidecars", toml=toml)
    return Store(data)


@pytest.fixture(scope="session")
def material(store: Store) -> Material:
    return gather(store)


@pytest.fixture(scope="session")
def said(material: Material) -> ReportContent:
    return report_content(material)


@pytest.fixture(scope="session")
def report_file(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(store, None, tmp_path_factory.mktemp("page") / "new folder" / "report.html")


@pytest.fixture(scope="session")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which every text that people or programs may choose is an attack; it replaces an old one."""
    folder = tmp_path_factory.mktemp("hostile")
    meshes = {
        "baseline": MeshSpec(name="baseline"),
        "l4-sidecars": MeshSpec(name="l4", version=IMAGE),
        "l7-sidecars": MeshSpec(name=ALERT, options={"it's": "</style>"}),
    }
    campaign = write_campaign(
        folder / "data",
        question=f"{ALERT} & </script> {{{{ 7 * 7 }}}} {{% raw %}}",
        blocks=2,
        meshes=meshes,
        rates=(200.0,),
        failing=meshes["l7-sidecars"].label,
        reason="</td><script>alert(3)</script>",
        provenance="measured",
        toml="</pre><script>alert(4)</script>",
    )
    out = folder / "report.html"
    out.write_text("old", encoding="utf-8")
    return build_report(Store(folder / "data"), [campaign], out, title=f"{ALERT}<!--")
