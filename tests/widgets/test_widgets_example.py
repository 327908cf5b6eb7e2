"""The explorer on the example: when nothing was measured, or when it is asked for."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

import workbench as wb
from workbench.store import Store
from workbench.widgets.linked import linked
from workbench.widgets.saving import save

BADGE = "Recorded 2026-11-27 on one two-core virtual machine"


def test_the_explorer_opens_on_the_example_while_nothing_was_measured(tmp_path: Path) -> None:
    view = wb.explore(data=tmp_path, reports=tmp_path)
    assert set(view.view.order) == {"baseline", "istio/ambient-equal", "linkerd/equal", "consul/equal", "nsm/equal"}
    assert "example" in view.view.notes[0] and "workbench demo" in view.view.notes[0]
    assert BADGE in view._words.value, "the table"
    assert list(tmp_path.iterdir()) == []


def test_the_badge_stands_in_the_picture_its_words_and_what_is_saved(tmp_path: Path) -> None:
    view = wb.explore("example/four-meshes-by-rate", reports=tmp_path).view
    spec = linked(view)
    assert any(line.startswith(BADGE) for line in spec["title"]["subtitle"])
    assert spec["description"].startswith(BADGE)
    assert set(pd.read_csv(save(view, "csv", tmp_path))["badge"].str[: len(BADGE)]) == {BADGE}
    rows = duckdb.read_parquet(str(save(view, "parquet", tmp_path))).df()
    assert set(rows["badge"].str[: len(BADGE)]) == {BADGE}


def test_with_something_measured_the_explorer_shows_that_alone(explored: Store) -> None:
    view = wb.explore(data=explored.data)
    assert view.view.badge == "" and not any("example" in note for note in view.view.notes)
    assert not any("four-meshes" in one for one in view._model.options(view.view.choice).campaigns)
