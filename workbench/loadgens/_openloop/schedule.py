"""When requests are due: settled before the first is sent, the same for the same seed."""

from __future__ import annotations

from array import array
from math import log

# For annotations only; importing typing would cost 10 ms of start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def counts(rate: float, warmup_s: float, duration_s: float) -> tuple[int, int]:
    """Return how many requests are due before and within the window; neither depends on the arrival process."""
    return int(rate * warmup_s), max(1, round(rate * duration_s))


def make_schedule(arrival: str, rate: float, before: int, within: int, window_ns: int, seed: int) -> array[int]:
    """Return when each request is due, in ns from the window's start, ascending; negative ones are warm-up.

    Constant arrivals are 1/rate apart, one of them exactly at 0. Poisson arrivals are a Poisson process given its
    number of events in the window (and in the warm-up): gaps are exponential, yet every run has the asked rate exactly.
    """
    gap = 1e9 / rate
    if arrival == "constant":
        return array("q", [round(place * gap) for place in range(-before, within)])
    import random

    draw = random.Random(seed).random
    due = array("q", (int(time) - int(before * gap) - 1 for time in _poisson(draw, before, before * gap)))
    due.extend(int(time) for time in _poisson(draw, within, window_ns))
    return due


def _poisson(draw: Callable[[], float], number: int, span: float) -> Iterator[float]:
    """Yield ``number`` Poisson arrivals within ``span``, ascending.

    Given their number they are distributed as that many sorted uniform times (Ross, Stochastic Processes, theorem
    2.3.1), and these as the partial sums of one more exponential gaps scaled to the span: no sorting is needed.
    """
    total, sums = 0.0, array("d")
    for _ in range(number + 1):
        total -= log(1.0 - draw())
        sums.append(total)
    return (span * (one / total) for one in sums[:number])
