"""The report as a file: self-contained, well-formed, escaped, complete."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_pages import Page
from report_store import QUESTION, write_campaign

from workbench.analysis import compare
from workbench.errors import NothingToShowError, StoreError
from workbench.model.experiment import MeshSpec
from workbench.report import build_report
from workbench.report.content import report_content
from workbench.report.downloads import downloads
from workbench.report.material import Material, gather, shown_runs
from workbench.report.packing import pack
from workbench.report.page import PAGE_LIMIT, inline_script, json_text, pictures, render, unbroken
from workbench.report.parts import ReportContent
from workbench.store.reader import Store

ALERT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(report_file: Path) -> Page:
    return Page(report_file.read_text(encoding="utf-8"))


def test_small_enough_to_be_mailed(report_file: Path) -> None:
    assert 500_000 < report_file.stat().st_size <= PAGE_LIMIT


def test_it_refers_to_nothing_outside(page: Page) -> None:
    for element in page.elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            value = element.attributes.get(name, "#")
            assert value.startswith(("#", "data:")), (element.name, name, value[:80])
    assert not page.all("link") and not page.all("iframe")


def test_its_policy_names_its_scripts_and_nothing_else(page: Page) -> None:
    policy = next(one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    scripts = [one for one in page.all("script") if one.attributes.get("type") != "application/json"]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.text.encode()).digest()).decode()}'" for one in scripts}
    assert len(scripts) == 2 and set(rules["script-src"].split()) == hashes
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert "unsafe-eval" not in policy and "http" not in policy


def test_its_structure(page: Page) -> None:
    assert page.one("h1").text == "Data planes compared: quick"
    assert page.one("html").attributes["lang"] == "en"
    for landmark in ("main", "nav", "footer"):
        page.one(landmark)
    levels = [int(one.name[1]) for one in page.elements if one.name in ("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(identifiers) == len(set(identifiers))
    for link in page.all("a"):
        target = link.attributes["href"]
        assert not target.startswith("#") or target[1:] in identifiers


def test_pictures_have_words_and_tables_have_heads(page: Page) -> None:
    figures = page.all("figure")
    assert len(figures) == 10
    assert all(len(one.attributes["alt"]) > 60 for one in page.all("img"))
    assert len(page.all("img")) >= 8, "pictures for readers without scripts"
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(one.attributes.get("scope") in ("col", "row") for one in page.all("th"))


def test_the_first_screen_answers(page: Page) -> None:
    answer = page.one("section", id="answer").text
    assert "requests/s" in answer and "What 1000 requests/s cost" in answer
    for badge in ("Repetition", "Machine", "Gates", "Failed requests", "Environment", "archetypes, not products"):
        assert badge in answer
    assert [one.text for one in page.all("p", **{"class": "question"})] == [QUESTION]


def test_made_up_numbers_say_so(page: Page) -> None:
    assert "Synthetic data" in page.one("p", role="note").text


def test_everything_that_was_asked_for_is_there(page: Page, store: Store) -> None:
    text = page.one("main").text
    assert "workbench run quick.toml" in text
    assert "What does each kind of data plane cost the application" in text
    assert "1.40.0" in text and "machine.governor" in text and "unknown" in text
    assert "gate mtls: a plaintext call was answered" in text
    assert "✕" in text and "it got 200" in text
    assert "not measured (kernel)" in text and "no data plane" in text
    for mesh in store.runs()["mesh"].unique():
        assert text.count(mesh) > 5


def test_no_number_stands_beside_a_products_name(page: Page) -> None:
    products = ("Istio", "Linkerd", "Consul", "Cilium", "Network Service Mesh")
    others = page.one("section", id="published").text  # what products published of themselves, and nothing else
    for cell in [*page.all("td"), *page.all("th")]:
        assert cell.text in others or not any(product in cell.text for product in products), cell.text
    for script in page.all("script", type="application/json"):
        assert script.text in others or not any(product in script.text for product in products)
    for sentence in page.all("p", **{"class": "lead"}) + page.all("p", **{"class": "then"}):
        assert not any(product in sentence.text for product in products)


def test_the_data_is_inside(page: Page, store: Store) -> None:
    files = {
        one.attributes["download"]: one.attributes["href"] for one in page.all("a") if "download" in one.attributes
    }
    contents = {}
    for name, url in files.items():
        content = base64.b64decode(url.partition("base64,")[2])
        contents[name.removesuffix(".gz")] = gzip.decompress(content) if name.endswith(".gz") else content
    runs = pd.read_csv(io.BytesIO(contents["runs.csv"]))
    assert set(runs["run_id"]) == set(store.runs()["run_id"])
    assert {"costs.csv", "summary.csv", "overhead.csv", "bill.csv", "verdicts.csv", "gates.csv"} <= set(contents)
    document = json.loads(contents["comparison.json"])
    assert document["order"][0] == "baseline" and document["checks"] and document["facts"]


def test_charts_are_json_without_a_title(page: Page) -> None:
    for script in page.all("script", type="application/json"):
        spec = json.loads(script.text)
        assert "title" not in spec and spec["data"]["packed"] and spec["description"]


def test_hostile_text_is_shown_not_run(hostile_file: Path) -> None:
    page = Page(hostile_file.read_text(encoding="utf-8"))
    kinds = [one.attributes.get("type") for one in page.all("script")]
    assert kinds.count("module") == 2 and set(kinds) == {"module", "application/json"}
    assert page.one("h1").text == f"{ALERT}<!--"
    text = page.one("body").text
    for shown in (
        ALERT,
        "onerror=alert(2)",
        "</style>",
        "<script>alert(3)</script>",
        "<script>alert(4)</script>",
        "{{ 7 * 7 }}",
    ):
        assert shown in text
    assert not [one for one in page.elements if any(name.startswith("on") for name in one.attributes)]
    assert "Synthetic" not in text


def test_an_old_report_is_replaced_whole(hostile_file: Path) -> None:
    assert hostile_file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(one.name for one in hostile_file.parent.iterdir()) == ["data", "report.html"]


def test_a_place_that_is_none_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="write the report"):
        build_report(store, None, tmp_path / "file" / "report.html")


def test_nothing_to_show(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NothingToShowError, match="no-such-campaign"):
        build_report(store, ["no-such-campaign"], tmp_path / "report.html")
    with pytest.raises(NothingToShowError):
        build_report(Store(tmp_path / "empty"), None, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_baseline_that_failed_still_heads_the_charts(tmp_path: Path) -> None:
    meshes = {name: MeshSpec(name=name) for name in ("baseline", "l4-sidecars", "l7-sidecars")}
    write_campaign(tmp_path, blocks=1, meshes=meshes, rates=(200.0,), failing="baseline", reason="no answer")
    said = report_content(gather(Store(tmp_path)))
    tax = next(figure for figure in said.figures if figure.key == "tax")
    first = next(row["mesh"] for row in tax.spec["data"]["values"])
    assert first == "baseline" and "baseline not measured" in tax.words
    assert "cost-against-rate" not in {figure.key for figure in said.figures}, "there is one rate only"
    assert next(card for card in said.cards if card.label == "baseline").runs == 0
    assert any("no answer" in cell.text for row in said.left_out.rows for cell in row)


def test_two_campaigns_in_one_report(tmp_path: Path) -> None:
    meshes = {name: MeshSpec(name=name) for name in ("baseline", "l4-sidecars")}
    ids = [write_campaign(tmp_path, blocks=2, meshes=meshes, rates=(200.0,), toml=f"# {n}\n") for n in range(2)]
    said = report_content(gather(Store(tmp_path), ids))
    assert [one.campaign_id for one in said.campaigns] == ids
    assert "4 blocks" in next(badge.value for badge in said.badges if badge.label == "Repetition")


def test_a_timeline_is_aggregated_where_the_samples_are(store: Store, material: Material) -> None:
    label, run_id = next(iter(shown_runs(material.comparison).items()))
    rows = material.series[material.series["run"] == label]
    assert label == material.comparison.order[-1]
    assert "node" not in set(rows["role"]) and len(rows) <= 60 * rows["component"].nunique()
    whole = store.series(run_id)
    for component, part in rows.groupby("component"):
        mean = whole.loc[(whole["component"] == component) & (whole["time_s"] > 0), "cpu_cores"].mean()
        assert part["cpu_cores"].mean() == pytest.approx(mean, rel=0.05)


def test_pictures_stop_at_the_limit(said: ReportContent) -> None:
    figures = (said.headline, *said.figures)
    assert list(pictures(figures, room=0)) == [said.headline.key], "the first screen's is always there"
    assert 1 < len(pictures(figures, room=160_000)) < len(figures)


def test_files_that_do_not_fit_are_named(material: Material, said: ReportContent) -> None:
    kept = downloads(material, room=20_000)
    assert {bool(one.content) for one in kept} == {True, False}
    assert sum(len(one.content) for one in kept) <= 20_000
    page = Page(render(replace(said, downloads=kept, figures=(), trust=())))
    assert "too large for this page" in page.one("section", id="data").text


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcd"), st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
        )
    )
)
def test_packed_rows_are_the_same_rows(rows: list[dict[str, Any]]) -> None:
    packed = pack({"data": {"values": rows}})["data"]
    if not any(rows):
        return
    columns = {
        name: column if isinstance(column, list) else [None if at is None else column["of"][at] for at in column["at"]]
        for name, column in packed["packed"].items()
    }
    assert [
        {name: column[place] for name, column in columns.items() if column[place] is not None}
        for place in range(len(rows))
    ] == [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_small_parts() -> None:
    assert str(json_text({"a": "</script>&\u2028"})) == '{"a":"\\u003c/script\\u003e\\u0026\\u2028"}'
    assert unbroken("142 µs [140–192]") == "142\u00a0µs [140\u2060–\u2060192]"
    with pytest.raises(ValueError, match="script"):
        inline_script("'</SCRIPT>'")


def imported(data: Path, meshes: tuple[str, ...]) -> Material:
    """Runs as an import leaves them: latency, and next to nothing else; a closed loop without a stated rate."""
    both = {name: MeshSpec(name=name) for name in ("baseline", "l7-sidecars")}
    write_campaign(data, blocks=2, meshes=both, rates=(200.0,), provenance="imported")
    whole = gather(Store(data))
    kept = whole.runs[whole.runs["mesh"].isin(meshes)]
    unknown = ["rate_per_s", "warmup_s", "payload_bytes", "cpus", "psi_ratio", "steal_ratio", "foreign_cores"]
    runs = kept.assign(arrival="closed", **dict.fromkeys(unknown, float("nan")))
    none = whole.consumption.iloc[:0]
    comparison = compare(runs, none, whole.latency)
    return replace(
        whole,
        runs=runs,
        consumption=none,
        comparison=comparison,
        gates=whole.gates.iloc[:0],
        series=whole.series.iloc[:0],
    )


@pytest.mark.parametrize("meshes", [("baseline", "l7-sidecars"), ("l7-sidecars",)])
def test_imported_runs_make_a_report_of_what_is_known(tmp_path: Path, meshes: tuple[str, ...]) -> None:
    said = report_content(imported(tmp_path, meshes))
    assert said.headline.key == "latency", "nobody measured CPU"
    keys = {figure.key for figure in (*said.figures, *said.trust)}
    assert keys <= {"overhead", "blocks"} and not said.measured
    page = Page(render(said))
    text = page.one("main").text
    assert "no stated rate" in text and "Closed loop" in text and "unknown" in text
    assert "nan" not in text.lower().replace("nano", "").split() and "inf requests" not in text
    assert "Imported data" in page.one("p", role="note").text
    assert "other tools" in page.one("section", id="method").text
