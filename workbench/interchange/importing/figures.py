"""Figures as tools write them: durations with units, percentiles, cumulative counts; and distributions made of them.

A distribution told as counts in intervals becomes a histogram with each interval's values spread evenly over it, so a
quantile is off by up to its interval's width. A few percentiles alone are no distribution and are kept as figures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy

from workbench.errors import BadInputError
from workbench.interchange.documents import shown
from workbench.model.histograms import HIGHEST_NS, record
from workbench.model.records import Histogram

UNITS_S: dict[str, float] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}
"""Unit -> seconds, as tools abbreviate them."""

COLUMNS: dict[float, str] = {0.5: "p50_s", 0.75: "p75_s", 0.9: "p90_s", 0.99: "p99_s", 0.999: "p999_s"}
"""Quantile -> column of the latency frame."""

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*([a-zµμ]+)")
_POINTS = 1000


def seconds(text: str, where: str) -> float:
    """Return a duration such as ``"403.32us"`` or ``"1m30s"`` in seconds.

    Raises
    ------
    BadInputError
        When it is none; ``where`` names the place.
    """
    found = _WITH_UNIT.findall(text)
    whole = "".join(number + unit for number, unit in found)
    if not found or whole != text.replace(" ", "") or any(unit not in UNITS_S for _, unit in found):
        raise BadInputError(f"{where}: {shown(text)} is not a duration such as 1.5ms or 2s.")
    total = math.fsum(float(number) * UNITS_S[unit] for number, unit in found)
    return checked(total, where)


def checked(value_s: float, where: str) -> float:
    """Return a duration in seconds; refuse one that no run can have.

    Raises
    ------
    BadInputError
        When it is negative, not finite, or longer than two days.
    """
    if not 0 <= value_s <= HIGHEST_NS / 1e9:
        raise BadInputError(f"{where}: a latency of {value_s:g} s is impossible; check the unit.")
    return value_s


def started(text: str, where: str) -> float | None:
    """Return an ISO time with a zone in seconds since the epoch; None for the year 1, Go's "no time".

    Raises
    ------
    BadInputError
        When it is none.
    """
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError as error:
        raise BadInputError(f"{where}: {shown(text)} is not a time such as 2026-01-01T00:00:00Z.") from error
    if moment.tzinfo is None:
        raise BadInputError(f"{where}: {shown(text)} has no time zone; add one, such as Z for UTC.")
    return None if moment.year == 1 else moment.timestamp()


def spread(low_s: Sequence[float], high_s: Sequence[float], counts: Sequence[int], where: str) -> Histogram:
    """Return the histogram of counts in intervals, each spread evenly over its interval.

    Parameters
    ----------
    low_s, high_s, counts
        One interval each, ascending; counts are whole.

    Raises
    ------
    BadInputError
        When intervals do not ascend, a count is negative, or a value is impossible.
    """
    points: list[numpy.ndarray] = [numpy.empty(0)]
    weights: list[numpy.ndarray] = [numpy.empty(0, numpy.int64)]
    reached = 0.0
    for low, high, count in zip(low_s, high_s, counts, strict=True):
        if count < 0 or high < low or low < reached - 1e-12:
            raise BadInputError(f"{where}: its intervals do not ascend, at {low:g} to {high:g} s with {count} values.")
        checked(high, where)
        reached = high
        places = max(1, min(count, _POINTS))
        step = numpy.arange(places)
        points.append(low + (high - low) * (step + 0.5) / places)
        weights.append(count // places + (step < count % places))
    return record(numpy.concatenate(points) * 1e9, numpy.concatenate(weights))


def from_cumulative(values_s: Sequence[float], reached: Sequence[int], where: str) -> Histogram:
    """Return the histogram of a cumulative distribution: ``reached[i]`` values are at most ``values_s[i]``.

    The first point's values are taken to equal it; those between two points to lie evenly between them. Smallest and
    largest value are the first and last point.
    """
    if not values_s:
        return record(numpy.empty(0))
    lows = [values_s[0], *values_s[:-1]]
    counts = [reached[0], *(after - before for before, after in pairwise(reached))]
    made = spread(lows, list(values_s), counts, where)
    return replace(made, low_s=values_s[0], high_s=values_s[-1]) if made.count else made


def told(pairs: Iterable[tuple[float, float]], extremes: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return figures by column of the latency frame.

    Parameters
    ----------
    pairs
        (quantile from 0 to 1, seconds); quantiles that the frame has no column for are left out.
    extremes
        ``low_s`` and ``high_s``, as far as they are told.
    """
    known = {COLUMNS[round(q, 6)]: value for q, value in pairs if round(q, 6) in COLUMNS}
    return {**known, **(extremes or {})}
