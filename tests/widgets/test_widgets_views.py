"""The views, driven by their controls' values as a browser drives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import StoreError
from workbench.widgets.explorer import ExplorerView
from workbench.widgets.exploring import Explorer


@pytest.fixture
def view(explored, tmp_path) -> ExplorerView:
    return ExplorerView(Explorer(explored), "", tmp_path / "out")


def test_controls_and_state_follow_each_other(view):
    view._quantity.value = "mem_pss_bytes"
    assert view.choice.quantity == "mem_pss_bytes"
    view.choice = replace(view.choice, quantity="cpu_cores", rates=(997.0,))
    assert view._quantity.value == "cpu_cores"
    assert [box.value for box in view._rates._group.children] == [False, True]
    assert view._picture.spec["title"]["text"].startswith("CPU in use")
    assert set(view.view.rows["rate_per_s"]) == {997.0}


def test_a_group_with_nothing_ticked_shows_all_again(view):
    view._rates._group.children[0].value = False
    view._rates._group.children[1].value = False
    assert [box.value for box in view._rates._group.children] == [True, True]
    assert view.choice.rates == (293.0, 997.0)


def test_what_goes_wrong_is_told_and_the_view_stays(view, monkeypatch):
    def broken(choice):
        raise StoreError("The disk went away.")

    monkeypatch.setattr(view._model, "look", broken)
    before = view.choice
    view._quantity.value = "mem_pss_bytes"
    assert "The disk went away." in view._notes.value
    assert view.choice == before
    assert view._quantity.value == before.quantity


def test_saving_names_the_file(view, tmp_path):
    view._form.value = "csv"
    view._save.click()
    (written,) = (tmp_path / "out").iterdir()
    assert str(written) in view._saved.value


def test_the_static_chart_stands_for_the_widget(view):
    assert "vconcat" in view.chart.to_dict()
    assert "CPU per request" in repr(view)


def test_the_launcher_refuses_in_words_and_goes_back(tmp_path):
    launcher = wb.launch("smoke", data=tmp_path / "data", reports=tmp_path / "reports")
    assert "3 runs in 1 randomized blocks" in launcher._plan.value
    assert "nothing has been measured yet" in launcher._state.value
    assert launcher._stop.disabled and launcher._open.disabled
    launcher._rates.value = "many"
    assert launcher._start.disabled
    assert "not numbers" in launcher._plan.value
    launcher._rates.value = "293, 997"
    assert not launcher._start.disabled
    assert "6 runs" in launcher._plan.value
    launcher._name.value = "no/name"
    assert launcher._start.disabled
    launcher._begin.value = "quick"
    assert launcher.draft.name == "quick"
    assert not launcher._start.disabled
    assert not (Path(tmp_path) / "data" / "launches").exists()
