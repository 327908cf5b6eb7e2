"""Damage: broken folders are named and hide no others, a broken database is made anew."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from store_makings import new_campaign, one_run

from workbench.errors import StoreError
from workbench.model.records import SCHEMA_VERSION
from workbench.store import Store
from workbench.store.sealing import digest


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of two runs."""
    data = tmp_path_factory.mktemp("template")
    with new_campaign(data, "2020-first") as campaign:
        one_run(campaign, 0)
        one_run(campaign, 1)
        campaign.finish("finished")
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A copy of the template."""
    shutil.copytree(template / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture(scope="module")
def before(template: Path) -> dict[str, pd.DataFrame]:
    """The template's frames."""
    return _frames(Store(template))


def _frames(store: Store) -> dict[str, pd.DataFrame]:
    return {"runs": store.runs(), "consumption": store.consumption()}


def _assert_same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    for name, frame in one.items():
        assert_frame_equal(frame, other[name])


def _copy(run: Path, name: str) -> Path:
    """Another run with the same samples."""
    shutil.copytree(run, run.with_name(name))
    manifest = run.with_name(name) / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"run_id": "{run.name}"', f'"run_id": "{name}"'))
    return run.with_name(name)


def _truncate(run: Path) -> None:
    file = run / "samples.parquet"
    file.write_bytes(file.read_bytes()[:-20])


def _flip(run: Path) -> None:
    file = run / "samples.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def _forge(run: Path) -> None:
    """A file that is no Parquet, with a manifest that vouches for it."""
    file = run / "samples.parquet"
    old = json.loads((run / "manifest.json").read_text())
    file.write_bytes(b"PAR1 this is not a table PAR1")
    for record in old["files"]:
        if record["name"] == file.name:
            record.update(size=file.stat().st_size, sha256=digest(file))
    (run / "manifest.json").write_text(json.dumps(old))


def _other_columns(run: Path) -> None:
    file = run / "samples.parquet"
    file.unlink()
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'x' AS surprise) TO '{file}' (FORMAT parquet)")
    old = json.loads((run / "manifest.json").read_text())
    for record in old["files"]:
        if record["name"] == file.name:
            record.update(size=file.stat().st_size, sha256=digest(file))
    (run / "manifest.json").write_text(json.dumps(old))


def _edit(old: str, new: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        manifest = run / "manifest.json"
        assert old in manifest.read_text()
        manifest.write_text(manifest.read_text().replace(old, new, 1))

    return edit


_NEWER = _edit(f'"schema_version": {SCHEMA_VERSION}', f'"schema_version": {SCHEMA_VERSION + 7}')

BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated Parquet": (_truncate, "is damaged: "),
    "one flipped bit": (_flip, "SHA-256 differs"),
    "no Parquet although listed": (lambda run: (run / "samples.parquet").unlink(), "samples.parquet is missing"),
    "a forged Parquet": (_forge, "samples.parquet cannot be read"),
    "Parquet with other columns": (_other_columns, "samples.parquet cannot be read"),
    "no manifest": (lambda run: (run / "manifest.json").unlink(), "has no manifest"),
    "an empty folder": (lambda run: (shutil.rmtree(run), run.mkdir()), "has no manifest"),
    "garbage for a manifest": (lambda run: (run / "manifest.json").write_bytes(b"\0\xff garbage"), "is not JSON"),
    "an empty manifest": (lambda run: (run / "manifest.json").write_bytes(b""), "is not JSON"),
    "deeply nested garbage": (lambda run: (run / "manifest.json").write_text("[" * 10**6), ""),
    "a folder for a manifest": (
        lambda run: ((run / "manifest.json").unlink(), (run / "manifest.json").mkdir()),
        "there is a file in place of a folder",
    ),
    "a newer format": (_NEWER, f"was written by a newer workbench (format {SCHEMA_VERSION + 7}"),
    "a raw file changed": (lambda run: (run / "raw/builtin/output.json").write_text("[]"), "SHA-256 differs"),
    "a file outside its folder": (_edit('"samples.parquet"', '"../../../campaign.json"'), "is missing"),
    "a value out of range": (_edit('"rate_per_s": 100.0', '"rate_per_s": 0.0'), "out of range"),
    "another run's manifest": (_edit('"run_id": "2', '"run_id": "3'), "is a copy, or was renamed"),
}


def test_broken_folders_are_named_and_hide_no_others(data: Path) -> None:
    """All breakages at once, one run each, between sound ones."""
    campaign = data / "runs" / "2020-first"
    first, last = sorted(path for path in campaign.iterdir() if path.is_dir())
    broken = {name: _copy(first, f"{first.name}-{place:02d}") for place, name in enumerate(BREAKAGES)}
    assert len(Store(data).runs()) == 2 + len(BREAKAGES), "all are sound so far"
    for name, run in broken.items():
        BREAKAGES[name][0](run)
    for again in (False, True):
        if again:
            (data / "workbench.duckdb").unlink()
        store = Store(data)
        # samples of an indexed run are in the index: only a change of the manifest makes the folder be read again
        assert {first.name, last.name} <= set(store.runs()["run_id"])
    problems = dict(store.problems())
    assert set(problems) == {str(run) for run in broken.values()}
    for name, run in broken.items():
        assert BREAKAGES[name][1] in problems[str(run)], name
        assert len(problems[str(run)]) < 600
    assert store.runs()["run_id"].tolist() == [first.name, last.name]
    assert len(store.consumption()) == 6


@pytest.mark.parametrize("name", ["truncated Parquet", "no manifest", "a forged Parquet"])
def test_a_restored_folder_is_noticed(name: str, data: Path) -> None:
    broken = next(path.parent for path in sorted(data.glob("runs/*/*/manifest.json")))
    shutil.copytree(broken, data / "kept")
    BREAKAGES[name][0](broken)
    store = Store(data)
    assert len(store.runs()) == 1
    ((folder, reason),) = store.problems()
    with pytest.raises(StoreError) as error:
        store.run(broken.name)
    assert (folder, str(error.value)) == (str(broken), reason)
    shutil.rmtree(broken)
    shutil.move(data / "kept", broken)
    assert len(store.runs()) == 2
    assert store.problems() == []


def _garbage(database: Path) -> None:
    database.write_bytes(os.urandom(10_000))


def _half(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def _scribbled(database: Path) -> None:
    content = bytearray(database.read_bytes())
    for place in range(12_288, len(content), 512):
        content[place : place + 64] = os.urandom(64)
    database.write_bytes(bytes(content))


def _foreign(database: Path) -> None:
    database.unlink()
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'mine' AS text")


def _versioned(version: int) -> Callable[[Path], None]:
    def change(database: Path) -> None:
        with duckdb.connect(str(database)) as connection:
            connection.execute("UPDATE index_version SET version = ?", [version])
            connection.execute("DROP TABLE samples")

    return change


@pytest.mark.parametrize(
    "damage", [_garbage, _half, _scribbled, _foreign, _versioned(0), _versioned(99)],
    ids=["garbage", "cut in half", "scribbled over", "a foreign database", "an older index", "a newer index"],
)  # fmt: skip
def test_a_database_of_no_use_is_set_aside_and_remade(
    damage: Callable[[Path], None], data: Path, before: dict[str, pd.DataFrame], caplog: pytest.LogCaptureFixture
) -> None:
    Store(data).rebuild()
    damage(data / "workbench.duckdb")
    with caplog.at_level(logging.WARNING):
        _assert_same(_frames(Store(data)), before)
    assert "is rebuilt from the run folders" in caplog.text
    assert (data / "workbench.duckdb.aside").exists(), "in case somebody misses something"
    caplog.clear()
    assert len(Store(data).runs()) == 2
    assert caplog.text == "", "mended for good"


def test_an_index_that_lost_a_table_is_remade(data: Path, before: dict[str, pd.DataFrame]) -> None:
    Store(data).rebuild()
    with duckdb.connect(str(data / "workbench.duckdb")) as connection:
        connection.execute("DROP TABLE gates")
        connection.execute("ALTER TABLE consumption DROP COLUMN cpu_s")
    _assert_same(_frames(Store(data)), before)
