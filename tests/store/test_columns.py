"""The registry of columns is what tables, rows, frames, their help, the analysis and the documentation hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from store_makings import finished, mesh_facts, new_campaign

from workbench.analysis import contract
from workbench.model.columns import TABLES, shown
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.store import Store, schema
from workbench.store.rows import _run_row

ROOT = Path(__file__).resolve().parents[2]
FRAMES = {
    "runs": Store.runs,
    "consumption": Store.consumption,
    "components": Store.reservations,
    "sources": Store.sources,
    "latency": Store.latency,
    "gates": Store.gates,
}


@pytest.mark.parametrize("table", TABLES)
def test_a_tables_columns_are_described_once_each(table: str):
    names = [column.name for column in TABLES[table]]
    assert len(names) == len(set(names))
    assert all(column.says for column in TABLES[table])
    assert list(schema.TABLES[table]) == names
    assert {column.of for column in TABLES[table] if column.made} <= set(SAMPLE_COLUMNS)


@pytest.mark.parametrize("table", FRAMES)
def test_the_frame_and_its_help_hold_the_registrys_columns_and_the_contract_asks_for_no_other(
    table: str, tmp_path: Path
):
    frame = FRAMES[table](Store(tmp_path))
    assert list(frame.columns) == list(shown(table))
    assert all(f"\n        {name}\n" in str(FRAMES[table].__doc__) for name in shown(table))
    assert {column.name for column in shown(table).values() if column.use} <= set(frame.columns)


def test_the_analysis_names_a_column_that_a_frame_lacks():
    assert set(contract.RUN_COLUMNS) <= set(shown("runs"))
    consumption = Store(Path("none")).consumption()
    assert list(contract.clean_consumption(consumption)) == [n for n in shown("consumption") if n != "samples"]
    with pytest.raises(contract.BadInputError, match=r"consumption.*cpu_cores"):
        contract.clean_consumption(consumption.drop(columns="cpu_cores"))


def test_every_column_of_a_run_has_a_value_in_a_row(tmp_path: Path):
    with new_campaign(tmp_path) as campaign:
        spec = campaign.campaign.plan.runs[0]
        writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
        run = finished(writer, 1000.0)
        writer.finish(run)
        campaign.finish("finished")
    assert {"run_id", *_run_row(run, "a/b")} == {column.name for column in TABLES["runs"]}


def test_the_documentations_page_has_every_column_with_its_meaning():
    pytest.importorskip("mkdocs", reason="needs the extra docs; run: pip install 'mesh-workbench[docs]'")
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "scripts" / "docs_pages.py")
    assert spec is not None and spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    page = pages.columns_page()
    for table, columns in TABLES.items():
        section = page.partition(f"\n## {table}")[2].partition("\n## ")[0]
        assert [line for line in section.splitlines() if line.startswith("| `")] and all(
            f"| `{one.name}`" in section and f"| {one.says} |" in section for one in columns
        )
