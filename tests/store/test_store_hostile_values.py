"""Any value in any field of a stored document: the store opens, the bad folder is named, the others are shown."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_makings import new_campaign, one_run

import workbench as wb
from workbench.errors import StoreError, WorkbenchError
from workbench.model.records import LATEST_S
from workbench.store import Store, read_run

Path_ = tuple[str | int, ...]

NASTY: tuple[Any, ...] = (
    None, "x", "\ud800", "\0\x1b[31m", [], {"\udfff": 1},
    -1, 0, 10**30, 0.5, 1e18, -1e300, float("nan"), float("inf"), LATEST_S + 1,
)  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of two runs, and another that nobody touches."""
    data = tmp_path_factory.mktemp("template")
    for name in ("2020-first", "2021-second"):
        with new_campaign(data, name) as campaign:
            one_run(campaign, 0)
            one_run(campaign, 1)
            campaign.finish("finished")
    return data


def _paths(value: Any, above: Path_ = ()) -> Iterator[Path_]:
    """Every place in a document but its root."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*above, key)
        yield from _paths(one, (*above, key))


def _with(document: Any, path: Path_, value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def _read_all(store: Store) -> None:
    """Every frame of the store, and the series of a few runs."""
    for frame in (store.campaigns, store.runs, store.consumption, store.reservations, store.sources, store.latency):
        frame()
    store.histograms()
    store.gates()
    for run_id in store.runs()["run_id"][::50]:
        store.series(run_id)


def test_each_nasty_value_in_each_field_of_a_run_hides_nothing_else(template: Path, tmp_path: Path) -> None:
    shutil.copytree(template / "runs", tmp_path / "runs")
    first = sorted(path for path in (tmp_path / "runs/2020-first").iterdir() if path.is_dir())[0]
    document = json.loads((first / "manifest.json").read_text())
    made = []
    for path in list(_paths(document)):
        for value in NASTY:
            folder = first.with_name(f"{first.name}-{len(made):05d}")
            shutil.copytree(first, folder, copy_function=os.link)
            changed = _with(document, ("run", "run_id"), folder.name)
            changed = _with(changed, path, value)
            (folder / "manifest.json").unlink()
            (folder / "manifest.json").write_text(json.dumps(changed))
            made.append(folder)
    store = Store(tmp_path)
    _read_all(store)
    shown = set(store.runs()["run_id"])
    named = {Path(folder).name for folder, _ in store.problems()}
    assert shown | named == {folder.name for folder in made} | {
        path.name for path in tmp_path.glob("runs/*/*") if path.is_dir()
    }
    assert not shown & named
    assert set(Store(template).runs()["run_id"]) <= shown, "the sound runs are shown"
    assert len(named) > len(made) // 3, "most nonsense is found out"
    comparison = wb.compare("2020-first", data=tmp_path)
    assert len(comparison.runs) > 0, "whatever stands in the runs that are left, they are compared"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) | st.sampled_from(
        [one for one in NASTY if not isinstance(one, list | dict)]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_any_field_leaves_the_others_readable_and_comparable(
    template: Path, tmp_path: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "data"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template / "runs", folder / "runs")
    name = data.draw(st.sampled_from(["campaign.json", "manifest.json"]))
    file = sorted(folder.glob(f"runs/2020-first/**/{name}"))[0]
    document = json.loads(file.read_text())
    changed = document
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(_paths(changed))))
        changed = _with(changed, place, data.draw(_values))
    file.write_text(json.dumps(changed))
    store = Store(folder)
    _read_all(store)
    whole = set(Store(template).runs()["run_id"])
    assert whole - set(store.runs()["run_id"]) <= {Path(one).name for one, _ in store.problems()}
    assert set(Store(template).runs(campaign_id="2021-second")["run_id"]) <= set(store.runs()["run_id"])
    try:
        wb.compare("2020-first", data=folder)
    except WorkbenchError as error:
        assert "2020-first" in str(error)


@pytest.mark.parametrize("value", [10**30, -1, 1e300, LATEST_S + 1, float("nan"), "\ud800"])
def test_a_value_out_of_range_is_named_with_its_field(template: Path, tmp_path: Path, value: Any) -> None:
    shutil.copytree(template / "runs", tmp_path / "runs")
    first = sorted(tmp_path.glob("runs/2020-first/*/manifest.json"))[0]
    first.write_text(json.dumps(_with(json.loads(first.read_text()), ("run", "started_at_s"), value)))
    with pytest.raises(StoreError, match="started_at_s"):
        read_run(first.parent)
    ((folder, reason),) = Store(tmp_path).problems()
    assert folder == str(first.parent)
    assert "started_at_s" in reason


@pytest.mark.parametrize("name", [b"caf\xe9", b"line\nbreak", b"esc\x1b[31m"])
def test_a_folder_whose_name_is_no_text_is_named_and_passed_over(template: Path, tmp_path: Path, name: bytes) -> None:
    shutil.copytree(template / "runs", tmp_path / "runs")
    shutil.copytree(tmp_path / "runs/2020-first", tmp_path / "runs" / os.fsdecode(name))
    run = next(path for path in (tmp_path / "runs/2020-first").iterdir() if path.is_dir())
    shutil.copytree(run, tmp_path / "runs/2020-first" / os.fsdecode(name))
    store = Store(tmp_path)
    assert len(store.runs()) == 4
    problems = store.problems()
    assert len(problems) == 2
    assert all(folder.isprintable() and reason.isprintable() for folder, reason in problems)


@pytest.mark.parametrize("name", ["campaign.json", "manifest.json", "lock"])
def test_a_fifo_in_place_of_a_record_blocks_nobody(template: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(template / "runs", tmp_path / "runs")
    file = sorted(tmp_path.glob(f"runs/2020-first/**/{name}"))[0]
    file.unlink()
    os.mkfifo(file)
    store = Store(tmp_path)
    assert set(store.runs(campaign_id="2021-second")["run_id"])
    assert [Path(folder).name for folder, _ in store.problems()] == ([] if name == "lock" else [file.parent.name])


def test_a_window_that_ends_before_it_begins_is_damage(template: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(template, data)
    manifest = sorted(data.glob("runs/*/*/manifest.json"))[0]
    document = json.loads(manifest.read_text())
    window = document["run"]["window"]
    document["run"]["window"] = {"start_s": window["end_s"], "end_s": window["start_s"]}
    manifest.write_text(json.dumps(document))
    store = Store(data)
    assert len(store.runs()) == 3
    ((folder, reason),) = store.problems()
    assert Path(folder).name == manifest.parent.name and "before it begins" in reason


def test_whole_numbers_of_64_bits_are_kept(template: Path, tmp_path: Path) -> None:
    shutil.copytree(template / "runs", tmp_path / "runs")
    first = sorted(tmp_path.glob("runs/2020-first/*/manifest.json"))[0]
    document = json.loads(first.read_text())
    for value, is_kept in ((-(2**63), True), (2**63 - 1, True), (-(2**63) - 1, False), (2**63, False)):
        first.write_text(json.dumps(_with(document, ("run", "spec", "mesh", "options"), {"a": value})))
        if is_kept:
            assert read_run(first.parent).spec.mesh.options["a"] == value
        else:
            with pytest.raises(StoreError, match="out of range"):
                read_run(first.parent)
