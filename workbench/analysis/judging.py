"""Is the difference between two paired rows real? Pure arithmetic on arrays, no meshes, no metrics.

Part of the fifth stage; `workbench.analysis.verdicts` says what the conditions are and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analysis.intervals import ENOUGH_BLOCKS, WANTED_COVERAGE, Floats, Intervals, intervals

Flags = npt.NDArray[np.bool_]

RESOLUTION = 0.05
"""Smallest relative difference that fewer than six blocks may tell apart: between equal sweeps of 3 x 3 s the median
normalised CPU differed by 3-9 %, and 4 x 3 s did not resolve 5 %."""

FAR, FAR_BLOCKS = 1.5, 3
"""From three blocks on, data planes that every block finds at least this many times apart are told apart even when the
blocks disagree on how many times: Student's interval widens with an outlier, whichever way that lies. Of equal pairs
whose single runs scatter by 30 % this calls 5.0 % different in all, at 40 % 5.5 %, at 60 % 8 % (simulated)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Paired comparisons, arrays of one length.

    Attributes
    ----------
    ratio
        Of a to b, with interval; NaN where the metric has no ratio.
    difference
        a - b in the metric's unit, with interval.
    by_ratio
        Which of the two decided.
    consistent
        Whether the deciding interval leaves equality out.
    outstanding
        Whether Student's paired t interval does, or every block finds them far apart (True from six blocks on,
        where it is not asked).
    resolved
        Whether the median is large enough to be told with so few blocks.
    """

    ratio: Intervals
    difference: Intervals
    by_ratio: Flags
    consistent: Flags
    outstanding: Flags
    resolved: Flags


def _student(paired: Floats) -> Flags:
    """Flag the rows whose paired t interval at 95 % leaves 0 out; rows of fewer than two values never."""
    from scipy.special import stdtrit  # scipy is slow to import, and few commands need it

    count = np.sum(~np.isnan(paired), axis=1)
    filled = np.nan_to_num(paired)
    mean = filled.sum(axis=1) / np.maximum(count, 1)
    squares = np.where(np.isnan(paired), 0.0, (paired - mean[:, None]) ** 2).sum(axis=1)
    freedom = np.maximum(count - 1, 1)
    half = stdtrit(freedom, (1 + WANTED_COVERAGE) / 2) * np.sqrt(squares / freedom / np.maximum(count, 1))
    flags: Flags = (count >= 2) & (np.abs(mean) > half)
    return flags


def _far(logs: Floats) -> Flags:
    """Flag the rows of at least `FAR_BLOCKS` values that are all at least `FAR` times from equality."""
    there = ~np.isnan(logs)
    near = np.any(there & (np.abs(np.nan_to_num(logs)) < np.log(FAR)), axis=1)
    flags: Flags = ~near & (np.sum(there, axis=1) >= FAR_BLOCKS)
    return flags


def _exponential(logs: Intervals) -> Intervals:
    with np.errstate(over="ignore"):  # a ratio beyond the largest float is infinite
        median, low, high = np.exp(logs.median), np.exp(logs.low), np.exp(logs.high)
    return Intervals(median=median, low=low, high=high, coverage=logs.coverage, blocks=logs.blocks)


def judge(a: Floats, b: Floats, may_be_ratio: Flags, floor: Floats) -> Judged:
    """Compare ``a`` with ``b``, both of shape (rows, blocks), NaN where a block holds no value.

    Parameters
    ----------
    may_be_ratio
        For each row, whether its metric has ratios. It is compared by ratio when all its pairs are positive as well.
    floor
        For each row, the smallest absolute difference that few blocks may tell apart where it is compared by
        difference; 0: any.
    """
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = np.where(both, a, np.nan), np.where(both, b, np.nan)
    by_ratio = may_be_ratio & np.all(~both | ((a > 0) & (b > 0)), axis=1)
    usable = by_ratio[:, None] & both
    logs = np.log(np.where(usable, a, 1.0)) - np.log(np.where(usable, b, 1.0))
    logs = np.where(usable, logs, np.nan)
    difference, log_ratio = intervals(a - b), intervals(logs)
    paired = np.where(by_ratio[:, None], logs, a - b)
    low = np.where(by_ratio, log_ratio.low, difference.low)
    high = np.where(by_ratio, log_ratio.high, difference.high)
    few = difference.blocks < ENOUGH_BLOCKS
    near = np.abs(difference.median) < floor
    small = np.where(by_ratio, np.abs(log_ratio.median) < np.log1p(RESOLUTION), near)
    return Judged(
        ratio=_exponential(log_ratio),
        difference=difference,
        by_ratio=by_ratio,
        consistent=(low > 0) | (high < 0),
        outstanding=~few | _student(paired) | _far(logs),
        resolved=~few | ~small,
    )
