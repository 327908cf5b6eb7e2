"""Verdicts on arrays: errors of both kinds, symmetry, invariance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.analysis.judging import RESOLUTION, judge

POSITIVE = st.floats(1e-6, 1e6, allow_subnormal=False)


def _pair(width, elements=POSITIVE):
    return st.tuples(*[arrays(np.float64, (3, width), elements=elements)] * 2)


PAIRS = st.integers(1, 8).flatmap(_pair)
# Nothing so small that its reciprocal is not a number: whoever is told 1e-308 seconds has measured nothing.
ANY = st.sampled_from((0.0, np.nan)) | st.floats(1e-6, 1e3) | st.floats(-1e3, -1e-6)
ANY_PAIRS = st.integers(1, 8).flatmap(lambda width: _pair(width, ANY))


def _judge(a, b, ratio=True, floor=0.0):
    rows = len(a)
    return judge(a, b, np.full(rows, ratio), np.full(rows, floor))


def _told(found):
    return found.consistent & found.outstanding & found.resolved


@pytest.mark.parametrize("blocks", [2, 3, 4, 5, 6, 7, 10])
@pytest.mark.parametrize("ratio", [True, False])
def test_equal_data_planes_are_called_different_in_about_five_percent(blocks, ratio):
    random = np.random.default_rng([blocks, ratio])
    mood = random.normal(0, 0.4, (20_000, blocks))  # of the block, common to both
    a, b = (np.exp(mood + random.normal(0, 0.3, mood.shape)) for _ in range(2))
    wrong = np.mean(_told(_judge(a, b, ratio)))
    assert wrong <= 0.053


def test_the_range_alone_would_call_one_equal_pair_in_four_different():
    random = np.random.default_rng(3)
    a, b = np.exp(random.normal(0, 0.3, (2, 20_000, 3)))
    assert np.mean(_judge(a, b).consistent) == pytest.approx(0.25, abs=0.02)


def test_clearly_different_ones_are_told_apart_by_three_blocks():
    random = np.random.default_rng(4)
    mood = random.normal(0, 0.3, (5_000, 3))
    a = 3.9 * np.exp(mood + random.normal(0, 0.05, mood.shape))
    b = 1.2 * np.exp(mood + random.normal(0, 0.05, mood.shape))
    assert np.mean(_told(_judge(a, b))) > 0.99


@pytest.mark.parametrize(("scatter", "most"), [(0.1, 0.053), (0.4, 0.06), (0.6, 0.085)])
def test_the_errors_at_three_blocks_are_those_that_are_documented(scatter, most):
    a, b = np.exp(np.random.default_rng(5).normal(0, scatter, (2, 40_000, 3)))
    assert np.mean(_told(_judge(a, b))) <= most


def test_blocks_that_agree_on_far_apart_need_not_agree_on_how_far():
    a, b = np.array([[684.0, 656, 1610]]), np.array([[331.0, 281, 346]])  # p50 in µs, measured on a busy machine
    assert _told(_judge(a, b))[0]
    assert not _told(_judge(a[:, :2] * [[1, 3]], b[:, :2]))[0]
    assert not _told(_judge(np.array([[1.4, 9.0, 2.0]]), np.ones((1, 3))))[0]


@pytest.mark.parametrize(("blocks", "told"), [(3, False), (6, True)])
def test_small_differences_are_not_told_by_few_blocks_however_steady(blocks, told):
    b = np.linspace(1, 1.001, blocks)[None, :]
    assert _told(_judge(b * (1 + 0.8 * RESOLUTION), b))[0] == told
    assert _told(_judge(b * (1 + 1.2 * RESOLUTION), b))[0]


def test_the_floor_of_differences_holds_for_few_blocks_only():
    a = np.array([[0.03, 0.031, 0.029]])
    assert not _told(_judge(a, np.zeros_like(a), ratio=False, floor=0.05))[0]
    assert _told(_judge(a, np.zeros_like(a), ratio=False))[0]
    six = np.repeat(a, 2, axis=1)
    assert _told(_judge(six, np.zeros_like(six), ratio=False, floor=0.05))[0]


@settings(max_examples=40, deadline=None)
@given(ANY_PAIRS, st.booleans())
def test_swapping_the_two_mirrors_everything(pair, ratio):
    one, other = _judge(*pair, ratio=ratio), _judge(*pair[::-1], ratio=ratio)
    np.testing.assert_array_equal(one.by_ratio, other.by_ratio)
    np.testing.assert_array_equal(one.consistent, other.consistent)
    np.testing.assert_array_equal(one.resolved, other.resolved)
    np.testing.assert_allclose(one.difference.median, -other.difference.median, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.difference.low, -other.difference.high, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.ratio.median, 1 / other.ratio.median, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(pair, unit):
    a, b = pair
    one, other = _judge(a, b), _judge(a * unit, b * unit)
    np.testing.assert_allclose(one.ratio.median, other.ratio.median, rtol=1e-9)
    np.testing.assert_allclose(one.difference.median * unit, other.difference.median, rtol=1e-6, atol=1e-6 * unit)


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.data())
def test_what_slows_a_whole_block_leaves_the_ratios_as_they_are(pair, data):
    a, b = pair
    foreign = data.draw(arrays(np.float64, (1, a.shape[1]), elements=st.floats(0.1, 10)))
    one, other = _judge(a, b), _judge(a * foreign, b * foreign)
    for name in ("median", "low", "high"):
        np.testing.assert_allclose(getattr(one.ratio, name), getattr(other.ratio, name), rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_the_same_twice_is_never_told_apart(pair):
    assert not _told(_judge(pair[0], pair[0])).any()


@settings(max_examples=40, deadline=None)
@given(ANY_PAIRS)
def test_a_value_that_is_not_positive_makes_it_a_difference(pair):
    a, b = pair
    found = _judge(a, b)
    both = ~np.isnan(a) & ~np.isnan(b)
    positive = np.all(~both | ((a > 0) & (b > 0)), axis=1)
    np.testing.assert_array_equal(found.by_ratio, positive)
    assert np.isnan(found.ratio.median[~positive]).all()


@settings(max_examples=40, deadline=None)
@given(ANY_PAIRS)
def test_only_blocks_with_both_values_count(pair):
    a, b = pair
    found = _judge(a, b)
    np.testing.assert_array_equal(found.difference.blocks, np.sum(~np.isnan(a) & ~np.isnan(b), axis=1))
