"""What runs used from moment to moment: the same for parts that are read together and for parts that are not."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from store_makings import PARTS, finished, mesh_facts, new_campaign

from workbench.store import Store
from workbench.widgets.moments import FEW_STEPS, MOMENTS, PERCENTILES, of_run, percentiles, within_windows

START, LENGTH_S = 1_700_000_000.0, 2.0
RATES = (0.25, 0.5, 0.125)
"""Cores that each of the parts uses, all the time."""
MIB = 2.0**20


def stored(folder: Path, readings) -> tuple[Store, list[str]]:
    """A run whose parts are read at ``readings`` (part -> seconds from the window's start), using `RATES`."""
    campaign = new_campaign(folder / "data", blocks=1)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    for place, times in enumerate(readings):
        rows = [
            (START + at, place, {"cpu_time_s": 7.0 + RATES[place] * at, "mem_rss_bytes": MIB * (1 + place)})
            for at in times
        ]
        writer.samples(PARTS, rows)
    writer.finish(finished(writer, START))
    return Store(folder / "data"), [writer.run_id]


def times(step: float, offset: float = 0.0) -> list[float]:
    """From a second before the window until a second after it."""
    return [float(at) for at in np.arange(-1.0 + offset, LENGTH_S + 1.0, step)]


@settings(max_examples=15, deadline=None)
@given(offsets=st.tuples(*[st.floats(0, 0.19)] * 3), steps=st.tuples(*[st.sampled_from([0.1, 0.2, 0.25])] * 3))
def test_constant_use_is_constant_in_every_step_whoever_is_read_when(offsets, steps):
    with tempfile.TemporaryDirectory() as folder:
        store, ids = stored(Path(folder), [times(step, offset) for step, offset in zip(steps, offsets, strict=True)])
        found, step = within_windows(store, ids, "cpu_time_s")
    assert step == pytest.approx(max(steps), rel=1e-6)
    assert len(found) == 3 * int(LENGTH_S / step + 1e-6)
    for part, rate in zip(PARTS, RATES, strict=True):
        mine = found[found["role"] == part.role]
        np.testing.assert_allclose(mine["value"], rate, rtol=1e-5)
        np.testing.assert_allclose(mine["time_s"], np.arange(len(mine)) * step, atol=1e-5)


def test_parts_of_one_role_add_up_whether_read_together_or_apart(tmp_path):
    parts = [times(0.2), times(0.2), times(0.2)]
    together, apart = ([*parts], [times(0.2), times(0.2, 0.07), times(0.2)])
    for name, readings in (("together", together), ("apart", apart)):
        store, ids = stored(tmp_path / name, readings)
        found, _ = within_windows(store, ids, "cpu_time_s")
        peaks = percentiles(found, ("application", "sidecar", "load-generator"))
        assert list(peaks["percentile"]) == list(PERCENTILES)
        np.testing.assert_allclose(peaks["value"], sum(RATES), rtol=1e-5)
        levels, _ = within_windows(store, ids, "mem_rss_bytes")
        assert set(levels["value"]) == {MIB, 2 * MIB, 3 * MIB}


def test_a_percentile_is_the_share_of_steps_that_used_less(tmp_path):
    store, ids = stored(tmp_path, [times(0.1)] * 3)
    found, _ = within_windows(store, ids, "cpu_time_s")
    mine = found["role"].eq("sidecar")
    found.loc[mine, "value"] = np.linspace(0.0, 1.0, mine.sum())
    peaks = percentiles(found, ("sidecar",)).set_index("percentile")["value"]
    assert peaks.to_dict() == pytest.approx(PERCENTILES)


def test_a_step_in_which_a_part_is_unknown_has_no_sum_and_few_steps_no_percentiles(tmp_path):
    late = [at for at in times(0.2) if at >= 1.0 - 1e-9]
    store, ids = stored(tmp_path, [times(0.2), late, times(0.2)])
    found, _ = within_windows(store, ids, "cpu_time_s")
    sidecar = found[found["role"] == "sidecar"]
    assert sidecar["value"].isna().sum() == pytest.approx(5, abs=1)
    assert len(percentiles(found, ("application",))) == len(PERCENTILES)
    few = found[found["k"] < FEW_STEPS]
    assert percentiles(few, ("application",)).empty


def test_one_run_is_shown_with_its_warm_up_in_a_bounded_number_of_steps(tmp_path):
    store, ids = stored(tmp_path, [times(0.01), times(0.01, 0.003), times(0.01)])
    found = of_run(store, ids[0], "cpu_time_s")
    application = found[found["role"] == "application"]
    assert len(application) == pytest.approx(MOMENTS, abs=2)
    assert application["time_s"].min() == pytest.approx(-1.0, abs=0.01)
    np.testing.assert_allclose(application["value"].dropna(), RATES[0], rtol=1e-4)


def test_what_was_never_read_has_no_rows(tmp_path):
    store, ids = stored(tmp_path, [times(0.2)] * 3)
    found, step = within_windows(store, ids, "mem_pss_bytes")
    assert found.empty and step != step
    assert of_run(store, ids[0], "mem_pss_bytes").empty
    assert of_run(store, "no such run", "cpu_time_s").empty
    assert percentiles(found, ("application",)).empty
