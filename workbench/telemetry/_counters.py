"""Readings of cumulative counters, each with its own time, and what they say at the edges of a window.

What every source of a cluster's telemetry shares. A counter is read every 10 s or more seldom; between two of its
readings it is taken to grow evenly, which a steady load makes true, so that its value at a window's edge is
interpolated between the readings around it. For that the load lasts beyond the window at both ends.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from workbench.model.protocols import SampleRow
from workbench.model.records import Component, SourceUse, Window

CPU = "cpu_time_s"
PRESSURE = "psi_some_s"
CUMULATIVE = (CPU, "cpu_throttled_s", PRESSURE)

Life = list[tuple[float, float]]
"""(time, value) of a counter from one start of its container to the next."""


@dataclass(slots=True)
class Counters:
    """What was read about one list of components."""

    components: tuple[Component, ...]
    _lives: dict[tuple[int, str], list[Life]] = field(default_factory=dict)
    _tokens: dict[tuple[int, str], str] = field(default_factory=dict)

    def add(self, position: int, metric: str, at: float, value: float, token: str = "") -> bool:
        """Remember a reading; False when its time has not moved, or went back.

        `token` tells one start of the container from another (its start time, its id); a value that went down does so
        too.
        """
        lives = self._lives.setdefault((position, metric), [[]])
        last = lives[-1]
        if last and at <= last[-1][0]:
            return False
        known = self._tokens.setdefault((position, metric), token)
        if last and _showed_nothing(lives, value):
            last = self._mended(lives, same=bool(token) and token == known)
        if last and (token != known or (metric in CUMULATIVE and value < last[-1][1])):
            self._tokens[position, metric] = token
            lives.append([])
        lives[-1].append((at, value))
        return True

    def _mended(self, lives: list[Life], *, same: bool) -> Life:
        """Drop the 0 that a counter showed once and return what the next reading belongs to.

        Where nothing tells one start of the container from another, it is a life of its own: nobody knows which it was.
        """
        lives[-1].pop()
        if same:
            lives.pop()
        return lives[-1]

    def forget(self, position: int, metric: str) -> None:
        """Drop what was read of a counter, because a better reading of it takes over."""
        self._lives.pop((position, metric), None)
        self._tokens.pop((position, metric), None)

    def edges(self, moments: Iterable[float]) -> list[SampleRow]:
        """Return the cumulative counters at these moments, interpolated between the readings around each.

        A component of role ``unattributed`` gets what its node used and none of the node's components did. Without
        readings on both sides of every moment, or with a restart between the first and the last, a counter has no row.
        """
        asked = tuple(moments)
        at: dict[int, dict[str, tuple[float, ...]]] = {}
        for (position, metric), lives in self._lives.items():
            values = _through(lives, asked) if metric in CUMULATIVE else None
            if values is not None:
                at.setdefault(position, {})[metric] = values
        for position, one in enumerate(self.components):
            if one.role == "unattributed" and (left := self._left(one.node, at, len(asked))) is not None:
                at[position] = {CPU: left}
        return [
            (moment, position, {metric: values[place] for metric, values in found.items()})
            for place, moment in enumerate(asked)
            for position, found in sorted(at.items())
        ]

    def _left(
        self, node: str, at: Mapping[int, Mapping[str, tuple[float, ...]]], count: int
    ) -> tuple[float, ...] | None:
        """Return a node's CPU less its components'; None when the node's, or that of one that is billed, is unknown.

        What is unknown of the system stays in what is left.
        """
        left: tuple[float, ...] | None = None
        taken = [0.0] * count
        for position, one in enumerate(self.components):
            if one.node != node or one.role == "unattributed":
                continue
            used = at.get(position, {}).get(CPU)
            if one.role == "node":
                left = used
            elif used is not None:
                taken = [sum(pair) for pair in zip(taken, used, strict=True)]
            elif one.role != "system":
                return None
        return None if left is None else tuple(whole - part for whole, part in zip(left, taken, strict=True))

    def used(self, source: str, window: Window, *, coarse: bool = False) -> tuple[SourceUse, ...]:
        """Return how well each node was read; where it was asked, and why there, is for the environment to say."""
        return tuple(
            self._use(position, one, source, window, coarse)
            for position, one in enumerate(self.components)
            if one.role == "node"
        )

    def _use(self, position: int, node: Component, source: str, window: Window, coarse: bool) -> SourceUse:
        times = [at for life in self._lives.get((position, CPU), ()) for at, _ in life]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        return SourceUse(
            source=source,
            place="",
            node=node.node,
            coarse=coarse,
            readings=sum(window.start_s <= at <= window.end_s for at in times),
            interval_s=median(gaps) if gaps else None,
            reach_s=self._reach(node.node, position, window),
        )

    def _reach(self, node: str, own: int, window: Window) -> float | None:
        """Return how far outside the window the readings lie that the edges rest on; None without the node's."""
        worst: float | None = None
        for position, one in enumerate(self.components):
            for life in self._lives.get((position, CPU), ()) if one.node == node else ():
                before = [at for at, _ in life if at <= window.start_s]
                after = [at for at, _ in life if at >= window.end_s]
                if before and after:
                    worst = max(worst or 0.0, window.start_s - before[-1], after[0] - window.end_s)
        return worst if _through(self._lives.get((own, CPU), ()), (window.start_s, window.end_s)) else None


def _showed_nothing(lives: Sequence[Life], value: float) -> bool:
    """Whether a counter fell to 0 for one reading and now goes on from where it had been."""
    return len(lives) > 1 and len(lives[-1]) == 1 and lives[-1][0][1] == 0.0 and value >= lives[-2][-1][1] > 0.0


def figure(value: object, *, least: float = 0.0) -> float | None:
    """Return a number that a source tells as one; None for what is not a figure: null, text, NaN, below `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        return None
    return float(value)


TINY = 1e-12
"""Above nothing: what runs has used some CPU and holds some memory, so that 0 of these means that nobody looked."""


def _through(lives: Sequence[Life], moments: Sequence[float]) -> tuple[float, ...] | None:
    """Return the values at all moments out of the one life that holds them all; None when none does."""
    for life in lives:
        values = [interpolated(life, moment) for moment in moments]
        known = tuple(value for value in values if value is not None)
        if len(known) == len(moments):
            return known
    return None


def interpolated(life: Sequence[tuple[float, float]], moment: float) -> float | None:
    """Return a counter's value at ``moment``; None outside its readings, or where it was reset between two."""
    place = bisect_left(life, (moment, float("-inf")))
    if place < len(life) and life[place][0] == moment:
        return life[place][1]
    if place in (0, len(life)):
        return None
    (t0, v0), (t1, v1) = life[place - 1], life[place]
    return None if v1 < v0 else v0 + (v1 - v0) * (moment - t0) / (t1 - t0)
