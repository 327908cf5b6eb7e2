"""The report of the example: its badge at every figure, its provenance in full, and nothing of it with your own."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from report_pages import Page

import workbench as wb
from workbench.api.selecting import select
from workbench.errors import BadInputError
from workbench.report.content import report_content
from workbench.report.material import gather
from workbench.report.page import render
from workbench.report.parts import ReportContent
from workbench.report.prose import without_pod_suffix
from workbench.store import Store

BADGE = (
    "Recorded 2026-11-27 on one two-core virtual machine with programs built from source; not your cluster, not the "
    "released images"
)
MESHES = {"baseline", "istio/ambient-equal", "linkerd/equal", "consul/equal", "nsm/equal"}


@pytest.fixture(scope="module")
def example() -> ReportContent:
    chosen = select("example")
    return report_content(gather(chosen.store, chosen.campaigns))


@pytest.fixture(scope="module")
def page(example: ReportContent) -> Page:
    return Page(render(example))


def test_the_badge_stands_at_the_answer_and_at_every_chart_and_table(page: Page) -> None:
    charts, tables = page.all("figcaption"), page.all("caption")
    assert len(charts) >= 8 and len(tables) >= 6
    assert len(charts) == len(page.all("figure")) and len(tables) == len(page.all("table"))
    assert all(BADGE in one.text for one in (*charts, *tables, page.one("div", **{"class": "told"})))
    assert len(page.all("p", **{"class": "badge"})) == len(charts) + len(tables) + 2  # the answer, the files


def test_words_and_files_carry_it_too(example: ReportContent) -> None:
    for figure in (example.headline, *example.figures, *example.trust):
        assert figure.words.startswith(BADGE), figure.key
        assert BADGE not in " ".join(figure.lede)
    for file in example.downloads:
        text = gzip.decompress(file.content) if file.name.endswith(".gz") else file.content
        assert BADGE.encode() in text, file.name


def test_a_section_says_where_it_comes_from(page: Page) -> None:
    section = page.one("section", id="provenance").text
    for told in ("two shared cores", "ztunnel", "server 1.16.3", "VPP", "within 1 to 3 %", "(not kept)"):
        assert told in section, told
    assert "workbench run four-meshes --context NAME" in section
    assert any(link.attributes["href"] == "#provenance" for link in page.all("a") if "provenance" in str(link))


def test_it_compares_the_four_meshes(example: ReportContent) -> None:
    assert {card.label for card in example.cards} == MESHES
    assert all(card.runs == 6 for card in example.cards)
    assert "recorded" in {finding.name for finding in example.findings}


def test_what_was_watched_is_grouped_by_workload(example: ReportContent) -> None:
    for card in example.cards:
        parts = " ".join(names for _, names in card.parts)
        assert len(parts) < 450, parts
        assert "server/app" in parts
    assert dict(next(card.parts for card in example.cards if card.label.startswith("istio"))) == {
        "application": "server/app",
        "node-proxy": "ztunnel/istio-proxy",
        "control-plane": "istiod/discovery",
        "node-agent": "istio-cni-node/install-cni",
        "load-generator": "client/app",
    }


@pytest.mark.parametrize(
    ("component", "named"),
    [
        ("server-574b6d4fdb-vcvnp/app", "server/app"),
        ("istio-cni-node-ggr75/install-cni", "istio-cni-node/install-cni"),
        ("spire-server-0/spire-server", "spire-server/spire-server"),
        ("kube-system/coredns-64f9b4c5c6-qfvbw/coredns", "kube-system/coredns/coredns"),
        ("client-proxy", "client-proxy"),
        ("sidecar-1", "sidecar-1"),
    ],
)
def test_a_pod_is_called_by_its_workload(component: str, named: str) -> None:
    assert without_pod_suffix(component) == named


def test_memory_is_shown_as_what_was_read_and_called_so(example: ReportContent) -> None:
    memory = next(one for one in example.figures if one.key == "memory")
    assert "Data-plane memory (working set), all replicas" in memory.words
    assert "PSS" not in memory.words and "not measured" not in memory.words


def test_your_own_report_has_no_badge(said: ReportContent) -> None:
    own = Page(render(said))
    assert said.recording is None and BADGE not in str([one.text for one in own.elements[:1]])
    assert own.all("section", id="provenance") == []


def test_with_runs_of_your_own_the_example_is_not_among_them(store: Store) -> None:
    chosen = wb.select(data=store.data)
    assert chosen.instead is None and chosen.store.recording is None
    assert set(wb.open_store(store.data).runs()["provenance"]) == {"synthetic"}
    assert wb.campaign("latest", store.data) == chosen.campaign
    assert wb.explore(data=store.data).view.notes == () or "example" not in str(wb.explore(data=store.data).view.notes)


@pytest.mark.parametrize("others", [("latest",), ("quick", "latest")])
def test_the_example_is_never_compared_with_your_own(store: Store, others: tuple[str, ...]) -> None:
    for asked in (("example", *others), (*others, "example/four-meshes-by-rate")):
        with pytest.raises(BadInputError, match="cannot be compared with"):
            wb.compare(*asked, data=store.data)


def test_frames_of_both_put_together_by_hand_are_not_pooled(store: Store) -> None:
    import pandas as pd

    from workbench.analysis import compare

    both = [select("example").store, store]
    frames = [
        pd.concat([getattr(one, name)() for one in both], ignore_index=True)
        for name in ("runs", "consumption", "latency")
    ]
    comparison = compare(*frames)
    assert len(set(comparison.runs["provenance"])) == 1
    assert set(comparison.left_out["why"]) >= {"unlike"}
    [unlike] = [check for check in comparison.checks if check.name == "unlike-circumstances"]
    assert unlike.severity == "error"


def test_its_campaigns_may_be_compared_with_each_other() -> None:
    comparison = wb.compare("example", "example/four-meshes-by-rate")
    assert comparison.circumstances["rates_per_s"] == [100.0, 300.0, 600.0]
    assert comparison.badge == BADGE


def test_an_empty_data_folder_shows_the_example_and_says_so(tmp_path: Path) -> None:
    chosen = wb.select(data=tmp_path)
    assert chosen.instead == tmp_path and chosen.campaign.startswith("20261127T150723-four-meshes")
    assert "holds no run yet" in str(chosen) and BADGE in str(chosen) and "workbench demo" in str(chosen)
    assert BADGE in wb.headline(chosen.compare())[-1]
    assert wb.example().campaigns == chosen.campaigns
    assert list(tmp_path.iterdir()) == []
