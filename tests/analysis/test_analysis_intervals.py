import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.analysis.intervals import ENOUGH_BLOCKS, intervals, method, rank_and_coverage

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)
ROWS = st.integers(1, 14).flatmap(lambda width: arrays(np.float64, (4, width), elements=FINITE | st.just(math.nan)))


@pytest.mark.parametrize(
    ("blocks", "rank", "coverage"),
    [
        (0, 0, 0),
        (1, 0, 0),
        (2, 1, 0.5),
        (3, 1, 0.75),
        (4, 1, 0.875),
        (5, 1, 0.9375),
        (6, 1, 0.96875),
        (9, 2, 0.9609375),
    ],
)
def test_the_known_values_of_the_sign_test(blocks, rank, coverage):
    assert rank_and_coverage(blocks) == (rank, coverage)


@pytest.mark.parametrize("blocks", range(2, 6))
def test_with_few_blocks_it_is_the_range_and_its_coverage_is_the_formula_of_the_documentation(blocks):
    assert rank_and_coverage(blocks) == (1, 1 - 2 ** (1 - blocks))
    assert method(blocks) == "range"


@pytest.mark.parametrize("blocks", [6, 7, 8, 9, 12, 25, 100, 1000])
def test_from_six_blocks_on_it_is_the_narrowest_that_holds_95_percent(blocks):
    from scipy.stats import binom

    rank, coverage = rank_and_coverage(blocks)
    assert coverage == pytest.approx(1 - 2 * binom.cdf(rank - 1, blocks, 0.5), abs=1e-12)
    assert coverage >= 0.95
    assert 1 - 2 * binom.cdf(rank, blocks, 0.5) < 0.95
    assert method(blocks) == "order statistics"


@pytest.mark.parametrize("blocks", [6, 8, 11, 40])
def test_it_is_scipys_exact_interval_of_the_median(blocks):
    from scipy.stats import quantile_test

    values = np.random.default_rng(blocks).lognormal(size=blocks)
    exact = quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    ours = intervals(values[None, :])
    assert (ours.low[0], ours.high[0]) == (exact.low, exact.high)


def _covered(found, truth):
    return np.mean((found.low <= truth) & (truth <= found.high))


@pytest.mark.parametrize("blocks", [2, 3, 5, 6, 7, 8, 9, 20])
@pytest.mark.parametrize("shape", ["lognormal", "exponential", "cauchy"])
def test_the_stated_coverage_is_the_real_one_whatever_the_distribution(blocks, shape):
    random, samples = np.random.default_rng([blocks, len(shape)]), 20_000
    if shape == "lognormal":
        values, truth = random.lognormal(0, 1, (samples, blocks)), 1.0
    elif shape == "exponential":
        values, truth = random.exponential(1, (samples, blocks)), math.log(2)
    else:
        values, truth = random.standard_cauchy((samples, blocks)), 0.0
    found = intervals(values)
    error = 4 * math.sqrt(0.25 / samples)
    assert _covered(found, truth) == pytest.approx(found.coverage[0], abs=error)


def test_why_there_is_no_bootstrap_its_95_percent_are_87_at_seven_blocks():
    from scipy.stats import bootstrap

    values = np.random.default_rng(7).lognormal(0, 0.3, (1500, 7))
    found = bootstrap(
        (values,),
        np.median,
        axis=-1,
        n_resamples=999,
        method="percentile",
        confidence_level=0.95,
        rng=np.random.default_rng(1),
        batch=100,
    ).confidence_interval
    covered = np.mean((found.low <= 1) & (found.high >= 1))
    assert covered == pytest.approx(0.875, abs=0.03)  # between the 2nd and the 6th of seven: 1 - 2 * 8 / 128
    assert _covered(intervals(values), 1.0) >= 0.97


@given(ROWS)
def test_medians_and_counts_leave_out_what_is_missing(rows):
    found = intervals(rows)
    for row, median, low, high, blocks in zip(rows, found.median, found.low, found.high, found.blocks, strict=True):
        there = row[~np.isnan(row)]
        assert blocks == len(there)
        if len(there) == 0:
            assert math.isnan(median)
        else:
            assert median == pytest.approx(np.median(there), rel=1e-12, abs=1e-300)
        if len(there) < 2:
            assert math.isnan(low)
            assert math.isnan(high)
        else:
            assert low <= median <= high
            assert {low, high} <= set(there)


@given(ROWS, st.permutations(range(14)))
def test_the_order_of_blocks_does_not_matter(rows, order):
    shuffled = rows[:, [place for place in order if place < rows.shape[1]]]
    one, other = intervals(rows), intervals(shuffled)
    for name in ("median", "low", "high", "coverage", "blocks"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_no_rows_and_no_columns():
    assert len(intervals(np.empty((0, 3))).median) == 0
    found = intervals(np.empty((2, 0)))
    assert np.isnan(found.median).all()
    assert (found.coverage == 0).all()


def test_six_are_enough():
    assert rank_and_coverage(ENOUGH_BLOCKS)[1] >= 0.95 > rank_and_coverage(ENOUGH_BLOCKS - 1)[1]
