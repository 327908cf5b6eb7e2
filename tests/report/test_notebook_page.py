"""An executed notebook as a page: charts drawn off line, text escaped, scripts of outputs dead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from frames_factory import frames
from report_browsing import opened
from report_pages import Page as Parsed

from workbench import charts
from workbench.analysis import compare
from workbench.charts.display import LAB_TYPE, SPEC_TYPE, bundle
from workbench.errors import BadInputError, StoreError
from workbench.report import notebook_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OWN_CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"a": "x", "b": 1}]},
    "mark": "bar",
    "encoding": {"x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal"}},
}


def _cell(source: str, *outputs: object) -> object:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1)


def _shown(data: dict[str, object]) -> object:
    return nbformat.v4.new_output("display_data", data=data)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs, consumption, latency = frames(blocks=2, meshes=("baseline", "l7-sidecars"))
    comparison = compare(runs, consumption, latency)
    ours = bundle(charts.overhead(comparison.overhead, comparison.order).to_dict())
    cells = [
        nbformat.v4.new_markdown_cell("# Compare <meshes>\n\nText with `code`."),
        _cell("charts.overhead(...)", _shown(ours)),
        _cell("alt.Chart(...)", _shown({LAB_TYPE: OWN_CHART, "text/plain": "alt.Chart(...)"})),
        _cell("comparison.meshes", _shown({"text/html": comparison.meshes[["mesh", "title"]].to_html()})),
        _cell("spoil()", _shown({"text/html": "<script>document.title = 'spoilt'</script><b>bold</b>"})),
        _cell("print('</script>')", nbformat.v4.new_output("stream", name="stdout", text="</script><i>\n")),
        _cell("1 / 0", nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="<b>", traceback=["<b>"])),
    ]
    path = tmp_path_factory.mktemp("notebook") / "executed.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def written(notebook: Path) -> Path:
    return notebook_page(notebook, notebook.parent / "pages" / "executed.html")


def test_self_contained(written: Path) -> None:
    page = Parsed(written.read_text(encoding="utf-8"))
    assert written.stat().st_size < 1_500_000
    assert page.one("title").text == "Compare <meshes>"
    assert len(page.all("figure")) == 2 and all(one.attributes["alt"] for one in page.all("img"))
    for element in page.elements:
        for name in ("src", "href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:"))
    assert not page.all("link")
    assert "</script><i>" in page.one("main").text


@pytest.mark.browser
def test_drawn_off_line_and_scripts_of_outputs_do_not_run(browser: Browser, written: Path) -> None:
    refused = []
    with opened(browser, written.as_uri(), allowed="Content Security Policy", refused=refused) as page:
        assert page.locator("figure[data-state=live] svg.marks").count() == 2
        assert page.title() == "Compare <meshes>"
        page.select_option("select[name=chosen_metric]", label="Latency p50 (µs)")
        page.locator("svg.marks text", has_text="Latency p50 (µs)").first.wait_for()
        assert page.locator("b", has_text="bold").is_visible()
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert len(refused) == 1, "the one script among the outputs"


def test_what_cannot_be_done_is_said(tmp_path: Path, notebook: Path) -> None:
    with pytest.raises(BadInputError, match="no notebook"):
        notebook_page(tmp_path / "missing.ipynb", tmp_path / "page.html")
    (tmp_path / "not.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInputError, match="cannot be read"):
        notebook_page(tmp_path / "not.ipynb", tmp_path / "page.html")
    (tmp_path / "text.ipynb").write_text("no json", encoding="utf-8")
    with pytest.raises(BadInputError, match="cannot be read"):
        notebook_page(tmp_path / "text.ipynb", tmp_path / "page.html")
    with pytest.raises(StoreError, match="page"):
        notebook_page(notebook, tmp_path / "not.ipynb" / "page.html")


def test_the_notebook_itself_is_left_alone(notebook: Path, written: Path) -> None:
    kept = nbformat.read(notebook, as_version=4)
    assert SPEC_TYPE in kept.cells[1].outputs[0].data
    assert written.exists()
