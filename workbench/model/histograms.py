"""Whole distributions of durations: record, merge, ask for quantiles.

Stands just above `workbench.model.records`, which defines `Histogram` as text; here it is made and read. Load
generators record, the store keeps, analysis merges and asks. Percentiles always come from a whole or merged
histogram, never from an average of percentiles.

The layout is HdrHistogram's with a unit of one nanosecond and three significant digits: values below 2048 ns
are exact, larger ones fall into 1024 equal buckets per power of two, so that a bucket is at most 1/1024
(0.098 %) of its value wide. The index arithmetic below is that of the published Java and C code, done for
whole arrays; encoding and decoding are the ``hdrhistogram`` package's own.
"""

from __future__ import annotations

import binascii
import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from workbench.errors import BadInputError, StoreError
from workbench.model.records import Histogram

HIGHEST_NS = 2 * 86_400 * 10**9
"""Largest duration that is kept, two days: twice the longest window that can be asked for."""

_DIGITS = 3
_HALF_BITS = 10
_HALF = 1 << _HALF_BITS
_FOREIGN = (
    ValueError,
    TypeError,
    ArithmeticError,
    IndexError,
    RuntimeError,
    zlib.error,
    binascii.Error,
    HdrCookieException,
    HdrLengthException,
    HdrHistogramSettingsException,
)

Whole = NDArray[numpy.int64]
Real = NDArray[numpy.float64]


class Buckets(NamedTuple):
    """The non-empty buckets of a histogram, ascending.

    Attributes
    ----------
    low_s, high_s
        Bounds in seconds, `low_s` inclusive, `high_s` exclusive; shape (n,).
    counts
        Values within; shape (n,).
    """

    low_s: Real
    high_s: Real
    counts: Whole


def record(values_ns: NDArray[Any], weights: NDArray[Any] | None = None) -> Histogram:
    """Return the histogram of ``values_ns``.

    Parameters
    ----------
    values_ns
        Durations in nanoseconds, shape (n,); fractions are rounded. Empty gives an empty histogram.
    weights
        How often each value occurred, whole numbers, shape (n,); None: once each.

    Raises
    ------
    BadInputError
        When a value is negative, not finite or above `HIGHEST_NS`: the clock or the unit is wrong.
    """
    values = numpy.asarray(values_ns)
    if values.dtype.kind == "f":
        values = numpy.rint(values)
    if values.size and not (values.min() >= 0 and values.max() <= HIGHEST_NS):
        raise BadInputError(
            f"A duration from {values.min()} to {values.max()} ns cannot be recorded: it must be between "
            f"0 and {HIGHEST_NS} ns. Check the unit and the clock it was measured with."
        )
    values = values.astype(numpy.int64)
    if weights is not None:
        weights = numpy.asarray(weights, dtype=numpy.int64)
        values, weights = values[weights > 0], weights[weights > 0]
    return _encode(_counts(values, weights), _bound(values, min), _bound(values, max))


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Return one histogram of everything in ``histograms``, as if all values had been recorded into one.

    Raises
    ------
    StoreError
        When one of them is damaged.
    """
    whole = tuple(histograms)
    total = numpy.zeros(_empty().counts_len, numpy.int64)
    for one in whole:
        total += _decode(one)
    lows = [one.low_s for one in whole if one.low_s is not None]
    highs = [one.high_s for one in whole if one.high_s is not None]
    return _encode(total, min(lows, default=None), max(highs, default=None))


def quantiles(histogram: Histogram, qs: Sequence[float]) -> list[float]:
    """Return the quantiles ``qs`` (0 to 1) in seconds; NaN for each when the histogram is empty.

    The q-quantile of n values is the value at rank ceil(q n) (numpy calls this ``inverted_cdf``), known to
    within half a bucket (0.05 %) and never outside the exact smallest and largest value.

    Raises
    ------
    BadInputError
        When a q is not between 0 and 1.
    StoreError
        When the histogram is damaged.
    """
    if any(not 0 <= q <= 1 for q in qs):
        raise BadInputError(f"A quantile must be between 0 and 1, not {', '.join(f'{q:g}' for q in qs)}.")
    if histogram.count == 0:
        return [math.nan] * len(qs)
    reached = numpy.cumsum(_decode(histogram))
    # Rounding first: 0.07 x 100 is 7.000000000000001 in binary, but the rank meant is 7.
    ranks = [max(1, math.ceil(round(q * histogram.count, 6))) for q in qs]
    low, width = _bounds(numpy.searchsorted(reached, ranks))
    middles = (low + (width - 1) / 2) / 1e9
    lowest = middles.min() if histogram.low_s is None else histogram.low_s
    highest = middles.max() if histogram.high_s is None else histogram.high_s
    inside = numpy.clip(middles, lowest, highest)
    exact = {0.0: lowest, 1.0: highest}
    return [float(exact.get(q, value)) for q, value in zip(qs, inside, strict=True)]


def buckets(histogram: Histogram) -> Buckets:
    """Return the non-empty buckets.

    Raises
    ------
    StoreError
        When the histogram is damaged.
    """
    counts = _decode(histogram)
    filled = numpy.flatnonzero(counts)
    low, width = _bounds(filled)
    return Buckets(low / 1e9, (low + width) / 1e9, counts[filled])


def _empty() -> Any:
    return HdrHistogram(1, HIGHEST_NS, _DIGITS)


def _layout(histogram: Any) -> tuple[int, int, int]:
    return histogram.counts_len, histogram.significant_figures, histogram.unit_magnitude


def _bound(values: Whole, which: Any) -> float | None:
    return float(which(values.min(), values.max())) / 1e9 if values.size else None


def _counts(values: Whole, weights: Whole | None) -> Whole:
    """How many of ``values`` lie in each bucket; shape (number of buckets,)."""
    # frexp gives the number of bits of a whole number exactly below 2**53, which HIGHEST_NS is.
    bits = numpy.frexp((values | (2 * _HALF - 1)).astype(numpy.float64))[1].astype(numpy.int64)
    exponent = bits - (_HALF_BITS + 1)
    index = (exponent << _HALF_BITS) + (values >> exponent)
    length = _empty().counts_len
    if weights is None:
        return numpy.bincount(index, minlength=length).astype(numpy.int64)
    total = numpy.zeros(length, numpy.int64)
    numpy.add.at(total, index, weights)
    return total


def _bounds(index: NDArray[Any]) -> tuple[Whole, Whole]:
    """Lowest value and width, in ns, of the buckets at ``index``."""
    exponent = numpy.maximum((index >> _HALF_BITS) - 1, 0).astype(numpy.int64)
    low = (index - (exponent << _HALF_BITS)) << exponent
    return low, numpy.int64(1) << exponent


def _encode(counts: Whole, low_s: float | None, high_s: float | None) -> Histogram:
    histogram = _empty()
    filled = numpy.flatnonzero(counts)
    if filled.size:
        numpy.frombuffer(histogram.counts, dtype=numpy.uint64)[:] = counts
        histogram.set_internal_tacking_values(int(filled[0]), int(filled[-1]), int(counts.sum()))
    return Histogram(encoded=histogram.encode().decode("ascii"), count=int(counts.sum()), low_s=low_s, high_s=high_s)


def _decode(histogram: Histogram) -> Whole:
    """Return the counts of ``histogram`` in the layout of `_empty`; shape (number of buckets,)."""
    home = _empty()
    try:
        decoded = HdrHistogram.decode(histogram.encoded)
        if _layout(decoded) == _layout(home):
            counts = numpy.frombuffer(decoded.counts, dtype=numpy.uint64).astype(numpy.int64)
        else:
            home.add(decoded)
            counts = numpy.frombuffer(home.counts, dtype=numpy.uint64).astype(numpy.int64)
    except _FOREIGN as error:
        raise StoreError(
            f"A latency histogram of {histogram.count} values is damaged and cannot be read ({error}). "
            "Leave its run out, or restore the run's folder."
        ) from error
    if int(counts.sum()) != histogram.count:
        raise StoreError(
            f"A latency histogram contains {int(counts.sum())} values, but {histogram.count} were counted: "
            "it is damaged. Leave its run out, or restore the run's folder."
        )
    return counts
