"""Charts in notebooks: valid by nbformat, kept by a real kernel, drawn without a network."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts.display import LAB_TYPE, PICTURE_TYPE, SPEC_TYPE, bundle, fit, svg
from workbench.notebooks import execute

CELL = """
import sys
sys.path[:0] = [{charts!r}, {analysis!r}]
from chart_makings import made
from workbench import charts
from workbench.charts.display import enable
enable()
comparison, latency = made(meshes=("baseline", "l7-sidecars"), blocks=2)
charts.tax(comparison.summary, comparison.order)
"""


def test_an_executed_notebook_holds_the_chart(tmp_path: Path) -> None:
    here = Path(__file__).parent
    cell = CELL.format(charts=str(here), analysis=str(here.parent / "analysis"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)], metadata=kernel)
    source, executed = tmp_path / "chart.ipynb", tmp_path / "executed.ipynb"
    nbformat.write(notebook, source)
    execute(source, executed, {})
    kept = nbformat.read(executed, as_version=4)
    nbformat.validate(kept)
    (output,) = (one for one in kept.cells[-1].outputs if "data" in one)
    assert {SPEC_TYPE, LAB_TYPE, PICTURE_TYPE} <= set(output.data)
    assert "/v6." in output.data[SPEC_TYPE]["$schema"]
    assert "/v5" in output.data[LAB_TYPE]["$schema"]
    assert "l7-sidecars" in "".join(output.data[PICTURE_TYPE])


@pytest.mark.parametrize("module", ["workbench.charts", "workbench.notebooks"])
def test_slow_format_checks_are_not_imported_and_not_forbidden(module: str) -> None:
    """Other code in the process can still import them."""
    code = (
        f"import sys, workbench; before = set(sys.modules); import {module}; from workbench.charts import engine\n"
        "assert 'jsonschema' in sys.modules and 'rfc3987_syntax' not in sys.modules\n"
        "import rfc3987_syntax"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_changes_no_modules_of_others() -> None:
    code = "import sys; before = set(sys.modules); import workbench\n"
    code += "print(sorted(one for one in set(sys.modules) - before if sys.modules[one] is None))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@given(
    st.recursive(st.text(st.characters(codec=None)), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_fit_text_can_be_written_anywhere(value: object) -> None:
    text = json.dumps(fit(value), ensure_ascii=False)
    text.encode()
    ElementTree.fromstring(f"<a>{text.replace('&', '').replace('<', '')}</a>")
    assert fit(fit(value)) == fit(value)


def test_a_picture_survives_what_no_picture_can_hold() -> None:
    spec = {
        "data": {"values": [{"a": "x\x00\ud800y", "b": 1}]},
        "mark": "bar",
        "encoding": {"x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal"}},
    }
    assert "x\ufffd\ufffdy" in svg(spec)
    assert set(bundle(spec)) == {SPEC_TYPE, LAB_TYPE, PICTURE_TYPE}
