"""The registry of a run's columns is what the table, the rows, the frame and the analysis hold."""

from __future__ import annotations

from pathlib import Path

from store_makings import finished, mesh_facts, new_campaign

from workbench.analysis import contract
from workbench.model.columns import RUN_COLUMNS
from workbench.store import Store, schema
from workbench.store.rows import _run_row

NAMES = [column.name for column in RUN_COLUMNS]
NOT_SHOWN = {"folder", "ended_at_s", "window_start_s", "window_end_s", "failures"}


def test_the_table_and_the_contract_are_made_of_it():
    assert len(NAMES) == len(set(NAMES))
    assert schema.TABLES["runs"] == {column.name: column.kind for column in RUN_COLUMNS}
    used = {column.name for column in RUN_COLUMNS if column.use}
    assert set(contract.RUN_COLUMNS) == used | {"started_at"}


def test_every_column_has_a_value_in_a_row_and_a_place_in_the_frame(tmp_path: Path):
    with new_campaign(tmp_path) as campaign:
        spec = campaign.campaign.plan.runs[0]
        writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
        run = finished(writer, 1000.0)
        writer.finish(run)
        campaign.finish("finished")
    assert {"run_id", *_run_row(run, "a/b")} == set(NAMES)
    shown = [name.replace("started_at_s", "started_at") for name in NAMES if name not in NOT_SHOWN]
    assert list(Store(tmp_path).runs().columns) == shown
