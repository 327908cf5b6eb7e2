"""Captures: what goes in comes out, whatever tears the end off."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_makings import PARTS, finished, mesh_facts, new_campaign

from workbench.errors import StoreError, UnknownNameError
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.records import Component
from workbench.store import read_run
from workbench.store.capture import CaptureFile, pack, read_capture

_RECORD = 8 * (2 + len(SAMPLE_COLUMNS))

_values = st.dictionaries(st.sampled_from(SAMPLE_COLUMNS), st.floats(allow_nan=True, allow_infinity=False), max_size=4)
_rows = st.lists(st.tuples(st.floats(0, 4e9), st.integers(0, len(PARTS) - 1), _values), min_size=1, max_size=30)


def _same(a: float | None, b: float | None) -> bool:
    return (a is None or math.isnan(a)) if b is None else a == b


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(_rows, min_size=1, max_size=4))
def test_samples_come_back_from_parquet_as_they_went_in(calls: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    with new_campaign(data) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        for rows in calls:
            writer.samples(PARTS, rows)
        writer.finish(finished(writer, 0.0))
        campaign.finish("finished")
    names = ", ".join(SAMPLE_COLUMNS)
    file = writer.folder / "samples.parquet"
    with duckdb.connect() as connection:
        stored = connection.execute(f"SELECT time_s, component, role, {names} FROM read_parquet(?)", [str(file)])
        got = stored.fetchall()
    asked = [row for rows in calls for row in rows]
    assert len(got) == len(asked)
    for (time_s, position, values), row in zip(asked, got, strict=True):
        assert row[:3] == (time_s, PARTS[position].name, PARTS[position].role)
        for name, value in zip(SAMPLE_COLUMNS, row[3:], strict=True):
            assert _same(values.get(name), value), name


@given(size=st.integers(0, 3 * _RECORD + 5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_tail_is_cut_off(size: int, tmp_path: Path) -> None:
    whole = pack([(float(n), n % 3, {"cpu_time_s": n}) for n in range(3)], [0, 1, 2])
    path = tmp_path / "capture.bin"
    path.write_bytes((whole + b"\x01" * 5)[:size])
    records = read_capture(path, len(SAMPLE_COLUMNS), 3)
    assert len(records) == min(size // _RECORD, 3)
    assert list(records[:, 0]) == [0.0, 1.0, 2.0][: len(records)]


@pytest.mark.parametrize("position", [-1.0, 3.0, math.nan])
def test_records_that_refer_to_nothing_are_cut_off(position: float, tmp_path: Path) -> None:
    path = tmp_path / "capture.bin"
    good = pack([(1.0, 0, {}), (2.0, 1, {})], [0, 1])
    bad = struct.pack(f"<{2 + len(SAMPLE_COLUMNS)}d", 3.0, position, *[0.0] * len(SAMPLE_COLUMNS))
    path.write_bytes(good + bad + good)
    assert list(read_capture(path, len(SAMPLE_COLUMNS), 3)[:, 0]) == [1.0, 2.0]


def test_a_missing_capture_is_empty(tmp_path: Path) -> None:
    assert read_capture(tmp_path / "capture.bin", len(SAMPLE_COLUMNS), 3).shape == (0, 2 + len(SAMPLE_COLUMNS))


def test_a_metric_that_is_not_sampled_is_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match=r"cpu_seconds.*Known:.*cpu_time_s"):
        pack([(1.0, 0, {"cpu_seconds": 1.0})], [0])


def test_one_call_is_one_write_that_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "capture.bin"
    capture = CaptureFile(path)
    for n in range(1, 4):
        capture.append(pack([(float(n), 0, {})] * 50, [0]))
        assert path.stat().st_size == n * 50 * _RECORD
    capture.close()
    capture.close()
    assert not capture.open


def test_the_component_list_may_grow_and_change(tmp_path: Path) -> None:
    """Records keep referring to the right part when parts come, go and change places between calls."""
    a, b, c = PARTS
    later = Component(name="backend-sidecar", role="sidecar", instance="99")
    calls: list[list[Component]] = [[a], [a, b], [c, a], [later, b], [a]]
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        for n, parts in enumerate(calls):
            writer.samples(parts, [(float(n), place, {"cpu_time_s": n}) for place in range(len(parts))])
        writer.finish(finished(writer, 0.0))
        campaign.finish("finished")
    assert read_run(writer.folder).components == (a, b, c, later)
    with duckdb.connect() as connection:
        stored = connection.execute(
            "SELECT time_s, component FROM read_parquet(?)", [str(writer.folder / "samples.parquet")]
        ).fetchall()
    assert stored == [(float(n), part.name) for n, parts in enumerate(calls) for part in parts]


def test_a_list_that_grows_in_place_is_noticed(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        parts = [PARTS[0]]
        writer.samples(parts, [(1.0, 0, {})])
        parts.append(PARTS[1])
        writer.samples(parts, [(2.0, 1, {})])
        assert writer.run.components == PARTS[:2]


def test_an_ended_run_takes_no_more_samples(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        writer.samples(PARTS, [(1.0, 0, {})])
        writer.finish(finished(writer, 0.0))
        with pytest.raises(StoreError, match="accepts no more samples"):
            writer.samples(PARTS, [(2.0, 0, {})])


def test_unknown_values_are_null_and_never_zero(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        writer.samples(PARTS, [(1.0, 0, {"cpu_time_s": 0.0}), (1.0, 1, {"mem_pss_bytes": np.nan})])
        writer.finish(finished(writer, 0.0))
    with duckdb.connect() as connection:
        stored = connection.execute(
            "SELECT cpu_time_s, mem_pss_bytes FROM read_parquet(?)", [str(writer.folder / "samples.parquet")]
        ).fetchall()
    assert stored == [(0.0, None), (None, None)]
