"""Histograms against numpy on the raw values, and against the published implementation recording one by one."""

from __future__ import annotations

import math

import numpy
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.errors import BadInputError, StoreError
from workbench.model.histograms import HIGHEST_NS, buckets, merge, quantiles, record
from workbench.model.records import Histogram

QS = [0.0, 0.001, 0.07, 0.5, 0.9, 0.99, 0.999, 1.0]
latencies = hnp.arrays(
    numpy.int64,
    st.integers(1, 300),
    elements=st.one_of(st.integers(0, 5000), st.integers(0, 10**10), st.integers(0, HIGHEST_NS)),
)


@given(latencies)
def test_quantiles_are_numpys_within_a_thousandth(values):
    found = numpy.array(quantiles(record(values), QS)) * 1e9
    ordered = numpy.sort(values)
    ranks = [max(1, math.ceil(round(q * len(values), 6))) for q in QS]
    truth = ordered[numpy.array(ranks) - 1]
    assert numpy.all(numpy.abs(found - truth) <= 0.001 * truth + 1e-3)


@pytest.mark.parametrize("draw", ["lognormal", "exponential", "two-humps"])
def test_percentiles_of_many_latencies_are_numpys_within_a_thousandth(draw):
    generator = numpy.random.default_rng(7)
    values = {
        "lognormal": generator.lognormal(12, 1, 50_000),
        "exponential": generator.exponential(1e6, 50_000),
        "two-humps": numpy.concatenate([generator.normal(1e5, 1e4, 49_000), generator.normal(2e8, 1e6, 1000)]),
    }[draw]
    found = numpy.array(quantiles(record(values), [0.5, 0.75, 0.9, 0.99, 0.999])) * 1e9
    truth = numpy.quantile(values, [0.5, 0.75, 0.9, 0.99, 0.999], method="inverted_cdf")
    assert found == pytest.approx(truth, rel=0.001)


@given(latencies)
def test_encoding_is_that_of_the_published_implementation(values):
    one_by_one = HdrHistogram(1, HIGHEST_NS, 3)
    for value in values.tolist():
        assert one_by_one.record_value(value)
    histogram = record(values)
    assert histogram.encoded == one_by_one.encode().decode()
    assert histogram.count == len(values)
    assert (histogram.low_s, histogram.high_s) == (values.min() / 1e9, values.max() / 1e9)


@given(st.lists(latencies, min_size=1, max_size=4))
def test_merging_is_recording_everything_into_one(parts):
    assert merge([record(part) for part in parts]) == record(numpy.concatenate(parts))


@given(latencies, st.integers(1, 1000))
def test_weights_count_values_several_times(values, weight):
    assert record(values, numpy.full(len(values), weight)) == record(numpy.repeat(values, weight))


@given(latencies)
def test_buckets_hold_every_value(values):
    found = buckets(record(values))
    assert found.counts.sum() == len(values)
    assert (found.counts > 0).all()
    assert (numpy.diff(found.low_s) > 0).all()
    whole = numpy.rint(found.low_s * 1e9).astype(numpy.int64)
    places = numpy.searchsorted(whole, values, side="right") - 1
    assert numpy.array_equal(numpy.bincount(places, minlength=len(whole)), found.counts)
    assert (values < numpy.rint(found.high_s * 1e9)[places]).all()


def test_an_empty_histogram_has_no_quantiles_and_disappears_in_a_merge():
    empty = record(numpy.array([], dtype=numpy.int64))
    assert empty.count == 0 and empty.low_s is None and empty.high_s is None
    assert all(math.isnan(value) for value in quantiles(empty, QS))
    some = record(numpy.array([5, 10**9]))
    assert merge([empty, some, empty]) == some
    assert merge([]) == merge([empty]) == empty
    assert len(buckets(empty).counts) == 0


def test_histograms_of_another_layout_are_merged_by_value():
    foreign = HdrHistogram(1, 3_600_000_000_000, 2)
    foreign.record_value(1_000_000)
    one = Histogram(encoded=foreign.encode().decode(), count=1, low_s=0.001, high_s=0.001)
    both = merge([one, record(numpy.array([3_000_000]))])
    assert both.count == 2
    assert quantiles(both, [0.5, 1.0]) == pytest.approx([0.001, 0.003], rel=0.01)


@pytest.mark.parametrize("values", [[-1], [HIGHEST_NS + 1], [math.nan], [math.inf, 1.0]])
def test_impossible_durations_are_refused(values):
    with pytest.raises(BadInputError, match="cannot be recorded"):
        record(numpy.array(values))


def test_a_quantile_outside_nought_to_one_is_refused():
    with pytest.raises(BadInputError, match="between 0 and 1"):
        quantiles(record(numpy.array([1])), [99])


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: "HISTF" + raw.hex())))
def test_a_damaged_histogram_says_so(text):
    with pytest.raises(StoreError, match="histogram"):
        quantiles(Histogram(encoded=text, count=3), [0.5])


@given(st.data())
def test_a_histogram_with_a_changed_character_is_damaged_or_still_counts_right(data):
    good = record(numpy.arange(1, 2000, 7) * 1000)
    place = data.draw(st.integers(0, len(good.encoded) - 1))
    letter = data.draw(st.sampled_from("Aa0+/="))
    bad = Histogram(encoded=good.encoded[:place] + letter + good.encoded[place + 1 :], count=good.count)
    try:
        assert buckets(bad).counts.sum() == good.count
    except StoreError as error:
        assert "damaged" in str(error)
