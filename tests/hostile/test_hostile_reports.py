"""Texts from outside in the report, in a notebook's page and in the tables that both bring along."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re

import pandas as pd
import pytest
from hostile_store import ESC
from hypothesis import given
from hypothesis import strategies as st
from report_browsing import opened

from workbench.notebooks import execute
from workbench.report import build_report
from workbench.report.notebook_html import notebook_page
from workbench.text import plain
from workbench.widgets.exploring import Explorer
from workbench.widgets.saving import save

MADE = "img[src='x'], .pwned, a[href^='javascript:' i], img[src*='leak'], iframe, mjx-container"


@pytest.fixture(scope="module")
def report(hostile, tmp_path_factory):
    campaign = hostile.campaigns()["campaign_id"].iloc[0]
    return build_report(hostile, [campaign], tmp_path_factory.mktemp("report") / "report.html")


@pytest.mark.browser
def test_the_report_shows_texts_and_makes_nothing_of_them(browser, report, leaks):
    with opened(browser, report.as_uri()) as page:
        assert page.locator(MADE).count() == 0
        assert page.evaluate("window.PWNED") is None
        told = page.evaluate("document.body.textContent")
    assert leaks.asked == []
    for name in ("l4-sidecars", "question", "reason", "title", "shape", "lack", "fact", "campaign-reason"):
        assert f"{name}<b class=pwned>" in told, name


@pytest.mark.browser
def test_so_does_the_page_of_an_executed_notebook(browser, hostile, leaks, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(hostile.data))
    from workbench.files import shipped

    copy = execute(shipped.notebook("40_compare_meshes"), tmp_path / "out" / "40.ipynb", {"data": str(hostile.data)})
    page_file = notebook_page(copy, tmp_path / "page.html")
    troubles: list[str] = []
    with opened(browser, page_file.as_uri(), allowed="", refused=troubles) as page:
        assert page.locator(MADE).count() == 0
        assert page.evaluate("window.PWNED") is None
        assert "l4-sidecars<b class=pwned>" in page.evaluate("document.body.textContent")
    drawing = "Error: <"  # a chart of a single rate has an axis without an end
    assert (leaks.asked, [one for one in troubles if not one.startswith(drawing)]) == ([], [])


def tables(page: str):
    """Every table that a report brings along, as rows of cells."""
    for name, media, content in re.findall(r'download="([^"]+)" href="data:([^;]+);base64,([^"]+)"', page):
        data = base64.b64decode(content)
        data = gzip.decompress(data) if media == "application/gzip" else data
        if ".csv" in name:
            yield name, list(csv.reader(io.StringIO(data.decode())))


def starts_a_formula(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.lstrip()[:1] in ("=", "+", "-", "@", "\t", "\r")
    return False


def test_no_cell_of_a_table_is_a_formula(report, hostile, tmp_path):
    found = list(tables(report.read_text(encoding="utf-8")))
    assert {"runs.csv", "summary.csv"} <= {name.removesuffix(".gz") for name, _ in found}
    explorer = Explorer(hostile)
    saved = save(explorer.look(explorer.default("")), "csv", tmp_path).read_text(encoding="utf-8")
    found.append(("saved", list(csv.reader(io.StringIO(saved)))))
    for name, rows in found:
        assert [cell for row in rows for cell in row if starts_a_formula(cell)] == [], name
    assert any("'=HYPERLINK" in cell for _, rows in found for row in rows for cell in row), "it is there, as text"


@given(st.lists(st.one_of(st.text(), st.floats(), st.integers(-(2**60), 2**60), st.none()), min_size=1, max_size=6))
def test_a_cell_keeps_its_text_and_numbers_stay_numbers(values):
    shown = list(plain.cells(pd.DataFrame({"=a": pd.Series(values, dtype=object)}))["'=a"])
    for before, after in zip(values, shown, strict=True):
        assert (pd.isna(before) and pd.isna(after)) or after in (before, f"'{before}")
        assert not (isinstance(after, str) and after.lstrip()[:1] in ("=", "+", "-", "@"))


def test_what_is_escaped_for_a_terminal_and_for_json_is_printable():
    assert plain.for_terminal(f"a\n{ESC}").replace("\n", "").isprintable()
    assert plain.in_json('"\u009b\u202e\U000e0041ü"') == '"\\u009b\\u202e\\udb40\\udc41ü"'
