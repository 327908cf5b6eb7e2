"""Medians and their intervals over blocks, and what such an interval is worth.

The unit of replication is the block: one fresh start of a data plane. Requests and scrapes within a run are thousands
but not independent, and an interval over them would be far too narrow.

The interval runs from the k-th smallest to the k-th largest block. The true median lies outside exactly when fewer
than k blocks fall on one side of it, which is the chance that n tosses of a fair coin show fewer than k heads, or
fewer than k tails. Hence its coverage, for any distribution, with nothing assumed but independent blocks::

    coverage(n, k) = 1 - 2 * sum(C(n, i) for i < k) / 2**n            (sign test; H. A. David, Order Statistics, 7.1)

With k = 1 it is the range: 1 - 2**(1 - n), that is 75 % for 3 blocks, 93.75 % for 5, 96.9 % for 6. Six blocks are
therefore the fewest that give 95 %; from there on k is the largest that still does.

Why no bootstrap: resampling n values cannot tell more about their median than those order statistics do, and says
it less truly. The percentile bootstrap of the median ends on order statistics too, and its real coverage, where "95 %"
is written, is 87.5 % at 7 blocks and 93 % at 8; BCa does no better (``tests/analysis/test_analysis_intervals.py``
measures both). The order statistics hold what they promise, need no seed, and cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WANTED_COVERAGE = 0.95
"""What an interval is to cover where there are blocks enough; the convention of the field."""

ENOUGH_BLOCKS = 6
"""The fewest blocks whose range covers the median with 95 %: 1 - 2**(1 - 6) = 96.9 %."""


@cache
def rank_and_coverage(blocks: int) -> tuple[int, float]:
    """Return (k, coverage) of the interval from the k-th smallest to the k-th largest of ``blocks`` values.

    k is the largest whose coverage is at least `WANTED_COVERAGE`, or 1 (the range) where none is; (0, 0.0) for
    fewer than two blocks, which give no interval.
    """
    if blocks < 2:
        return 0, 0.0
    whole, below, rank = 2**blocks, 1, 1
    while whole - 2 * (below + comb(blocks, rank)) >= WANTED_COVERAGE * whole:
        below += comb(blocks, rank)
        rank += 1
    return rank, (whole - 2 * below) / whole


def method(blocks: int) -> str:
    """Return how the interval over ``blocks`` blocks was made: "none", "range" or "order statistics"."""
    if blocks < 2:
        return "none"
    return "range" if blocks < ENOUGH_BLOCKS else "order statistics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Medians with intervals, one for each row; arrays of one length.

    Attributes
    ----------
    median
        NaN where there is no value.
    low, high
        NaN where there are fewer than two values.
    coverage
        0..1, the probability that such an interval holds the true median.
    blocks
        Values behind it.
    """

    median: Floats
    low: Floats
    high: Floats
    coverage: Floats
    blocks: npt.NDArray[np.int64]


def _pick(rows: Floats, position: npt.NDArray[np.int64]) -> Floats:
    inside = np.clip(position, 0, rows.shape[1] - 1)[:, None]
    picked: Floats = np.take_along_axis(rows, inside, axis=1)[:, 0]
    return picked


def intervals(values: Any) -> Intervals:
    """Return median and interval of each row of ``values``, shape (rows, blocks); NaN: no value in that block."""
    rows: Floats = np.sort(np.asarray(values, dtype=np.float64), axis=1)  # NaN goes to the end
    blocks = np.sum(~np.isnan(rows), axis=1).astype(np.int64)
    if rows.shape[1] == 0:
        rows = np.full((len(rows), 1), np.nan)
    table = np.array([rank_and_coverage(count) for count in range(int(blocks.max(initial=0)) + 1)])
    rank, coverage = table[blocks, 0].astype(np.int64), table[blocks, 1]
    middle = (_pick(rows, (blocks - 1) // 2) + _pick(rows, blocks // 2)) / 2
    some, several = blocks > 0, blocks > 1
    return Intervals(
        median=np.where(some, middle, np.nan),
        low=np.where(several, _pick(rows, rank - 1), np.nan),
        high=np.where(several, _pick(rows, blocks - rank), np.nan),
        coverage=coverage,
        blocks=blocks,
    )
