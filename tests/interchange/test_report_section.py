"""The report's section on published figures, and reports of imported runs."""

from __future__ import annotations

import pytest
from campaign_making import make_campaign
from import_making import ISTIO, RECORDINGS, written

from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
from workbench.report import build_report
from workbench.report.content import report_content
from workbench.report.material import gather
from workbench.store import Store


def test_own_numbers_stand_beside_published_ones(tmp_path):
    make_campaign(tmp_path / "data", blocks=2)
    content = report_content(gather(Store(tmp_path / "data")))
    section = content.published
    assert section is not None
    assert {row[0].text for row in section.table.rows} >= {"l4-sidecars", "Istio 1.24, ztunnel, 4 connections"}
    whose = {cell.more for row in section.table.rows for cell in row[2:3]}
    assert whose == {"own", "published"}
    rules = {row[1].text for row in section.faults.rows}
    assert {"memory definition unsaid", "closed loop called constant rate"} <= rules
    assert section.reasons and "published" in section.figure.words


@pytest.mark.parametrize("name", ["closed loops", "istio"])
def test_imported_runs_have_a_report_too(tmp_path, name):
    if name == "istio":
        given, landing = [str(written(tmp_path, "istio.csv", ISTIO))], Landing()
    else:
        files = (RECORDINGS / "wrk/latency.txt", RECORDINGS / "wrk/plain.txt")
        given, landing = [f"base={files[0]}", f"proxy={files[1]}"], Landing(baseline="base")
    receive(tmp_path / "data", given, Options(), landing)
    page = build_report(Store(tmp_path / "data"), None, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "imported" in page and "not measured by the workbench" in page
    if name == "istio":
        assert "How your numbers compare with what is published" in page
    else:
        assert "no stated rate" in page
