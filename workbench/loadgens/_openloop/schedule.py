"""When requests are due: settled before the first is sent, the same for the same seed."""

from __future__ import annotations

from array import array


def counts(rate: float, warmup_s: float, duration_s: float) -> tuple[int, int]:
    """Return how many requests are due before and within the window; neither depends on the arrival process."""
    return int(rate * warmup_s), max(1, round(rate * duration_s))


def make_schedule(arrival: str, rate: float, before: int, within: int, window_ns: int, seed: int) -> array[int]:
    """Return when each request is due, in ns from the window's start, ascending; negative ones are warm-up.

    Constant arrivals are 1/rate apart, one of them exactly at 0. Poisson arrivals are the given number of uniform
    times over the window (and over the warm-up), sorted: a Poisson process given its number of events (Ross,
    Stochastic Processes, theorem 2.3.1), so that gaps are exponential and yet every run has the asked rate exactly.
    """
    gap = 1e9 / rate
    if arrival == "constant":
        return array("q", [round(place * gap) for place in range(-before, within)])
    import random

    draw = random.Random(seed).random
    warm = sorted(int(-draw() * before * gap) - 1 for _ in range(before))
    return array("q", [*warm, *sorted(int(draw() * window_ns) for _ in range(within))])
