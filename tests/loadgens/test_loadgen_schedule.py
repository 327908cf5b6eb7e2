"""Schedules: seeded, ascending, of the asked rate, and Poisson where that was asked."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.loadgens._openloop.schedule import counts, make_schedule

SECOND = 10**9


@given(
    st.sampled_from(["constant", "poisson"]),
    st.floats(1, 2000),
    st.floats(0, 2),
    st.floats(0.2, 3),
    st.integers(0, 2**63 - 1),
)
def test_every_schedule_has_its_requests_in_order_and_in_place(arrival, rate, warmup_s, duration_s, seed):
    before, within = counts(rate, warmup_s, duration_s)
    window_ns = round(duration_s * SECOND)
    due = numpy.array(make_schedule(arrival, rate, before, within, window_ns, seed))
    assert len(due) == before + within
    assert (numpy.diff(due) >= 0).all()
    assert (due[:before] < 0).all() and (due[:before] >= -(warmup_s + 1 / rate) * SECOND).all()
    assert (due[before:] >= 0).all() and (due[before:] < window_ns).all()
    assert abs(within - rate * duration_s) <= 1
    assert list(make_schedule(arrival, rate, before, within, window_ns, seed)) == due.tolist()


def test_constant_arrivals_are_evenly_spaced_without_drift():
    due = numpy.array(make_schedule("constant", 997.0, 0, 997 * 600, 600 * SECOND, 1))
    assert due[0] == 0
    assert set(numpy.diff(due).tolist()) <= {1003009, 1003010}
    assert due[-1] == pytest.approx(600 * SECOND - SECOND / 997, abs=1)


def test_another_seed_gives_other_poisson_arrivals():
    one, other = (make_schedule("poisson", 100.0, 0, 100, SECOND, seed) for seed in (1, 2))
    assert list(one) != list(other)


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_exponential_and_counts_are_poisson(seed):
    rate, seconds = 500.0, 40
    due = numpy.array(make_schedule("poisson", rate, 0, int(rate * seconds), seconds * SECOND, seed)) / SECOND
    gaps = numpy.diff(due)
    assert gaps.mean() == pytest.approx(1 / rate, rel=0.01)
    assert stats.kstest(gaps, stats.expon(scale=1 / rate).cdf).pvalue > 1e-4
    assert abs(numpy.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03
    per_bin = numpy.histogram(due, bins=4000, range=(0, seconds))[0]
    assert per_bin.var() / per_bin.mean() == pytest.approx(1, abs=0.1)
