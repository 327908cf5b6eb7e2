"""The report of a cluster: what the application takes of it comes first, bills close, and made-up data says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_store import BROUGHT, QUESTION, write_cluster_campaign
from report_pages import Page
from typer.testing import CliRunner

from workbench.analysis import Comparison
from workbench.cli.app import app
from workbench.report.content import report_content
from workbench.report.material import Material, gather
from workbench.report.page import render
from workbench.report.parts import ReportContent
from workbench.store.reader import Store


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "data"
    write_cluster_campaign(folder)
    return folder


@pytest.fixture(scope="module")
def material(data: Path) -> Material:
    return gather(Store(data))


@pytest.fixture(scope="module")
def comparison(material: Material) -> Comparison:
    return material.comparison


@pytest.fixture(scope="module")
def said(material: Material) -> ReportContent:
    return report_content(material)


def test_what_the_nodes_used_is_seen_first_and_said_above_it(said: ReportContent) -> None:
    assert said.question == QUESTION
    assert said.headline.key == "node-bill"
    assert said.answer[0].startswith(
        "At 500 requests/s (workload echo, environment kubernetes), without a mesh, the nodes"
    )
    assert any(one.startswith("istio/equal adds ") and "control plane 0." in one for one in said.answer)
    assert [one.key for one in said.figures[:2]] == ["resources", "consumption"]
    assert said.figures[0].title.startswith("Application resource consumption on each mesh: used, and requested")


def test_every_picture_says_that_nothing_was_measured(said: ReportContent) -> None:
    assert any("Nothing was measured" in one for one in said.banners)
    assert said.badge == "Synthetic data, not measured"
    for one in (said.headline, *said.figures, *said.trust):
        assert one.words.startswith("Synthetic data, not measured.")
    assert all(said.badge in one.text for one in Page(render(said)).all("figcaption"))


def test_every_mesh_stands_beside_the_others_with_what_it_requests(said: ReportContent) -> None:
    table, bills = said.taken
    every = {row[0].text: row for row in table.rows if row[1].text == "all but the load generator"}
    assert set(every) == set(BROUGHT)
    used, requested, limit = every["linkerd/equal"][3:6]
    assert used.text.endswith("cores") and requested.text == "0.300 cores"
    assert requested.more == "+ 3 of 6 without one"
    assert limit.text == "none"
    for row in bills.rows:
        parts = [cell.sort for cell in row[2:-1] if cell.sort is not None]
        assert sum(parts) == pytest.approx(row[-1].sort)


def test_a_rest_above_the_limit_is_marked_in_the_table_the_picture_and_the_checks(
    said: ReportContent, comparison: Comparison
) -> None:
    flagged = {(row[0].text, row[1].text) for row in said.taken[1].rows for cell in row if cell.tone == "error"}
    assert ("nsm/equal", "node-1") in flagged and ("istio/equal", "node-1") not in flagged
    assert "(!)" in said.headline.words
    assert {one.scope for one in comparison.checks if one.name == "bill-residual"} >= {"nsm/equal on node-1"}
    badge = next(one for one in said.badges if one.label == "Bills of nodes")
    assert (badge.tone, badge.value) == ("warning", "all 72 close")


def test_where_it_was_read_is_said(said: ReportContent) -> None:
    assert next(one for one in said.badges if one.label == "Consumption read from").value == "kubelet"
    assert "read for each container from the kubelets" in said.watching
    assert {"resources.csv", "sources.csv"} <= {one.name for one in said.downloads}


def test_the_page_holds_it(said: ReportContent) -> None:
    page = Page(render(said))
    assert {one.attributes.get("id") for one in page.all("table")} >= {"table-resources-0", "table-node-bill-1"}


def test_the_terminal_says_the_same(data: Path, comparison: Comparison) -> None:
    told = CliRunner().invoke(app, ["compare", "--data", str(data)], env={"COLUMNS": "300"})
    assert told.exit_code == 0
    assert told.output.count("Synthetic data, not measured") >= 4
    assert "echo at 500/s, used / requested / limit (+ containers without one):" in told.output
    assert "0.300 cores (+3) / none" in told.output
    line = next(one for one in told.output.splitlines() if one.startswith("nsm/equal") and "node-1" in one)
    assert " !)" in line
    asked = CliRunner().invoke(app, ["compare", "--json", "--data", str(data)])
    document = json.loads(asked.output)
    assert len(document["resource_summary"]) == len(comparison.resource_summary)
    assert {one["role"] for one in document["node_bill_summary"]} >= {"system", "unattributed"}
    assert len(document["sources"]) == 72


def test_one_run_is_shown_with_what_it_reserved_and_its_source(data: Path) -> None:
    run_id = Store(data).runs()["run_id"].iloc[0]
    told = CliRunner().invoke(app, ["runs", run_id, "--data", str(data)], env={"COLUMNS": "300"})
    assert told.exit_code == 0
    assert "\nreserved:\n" in told.output and "\nsources:\n" in told.output
