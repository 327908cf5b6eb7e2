"""Where boxes, frames and arrows of a topology stand, in pixels: the geometry of `workbench.charts.topology`.

The files give a grid of 12 columns and 7 rows; here it becomes pixels from the left upper corner. Arrows between the
same two boxes run side by side, and end at the boxes' edges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.landscape import Topology
from workbench.landscape.facts import Box

COLUMN: Final = 70
ROW: Final = 60
WIDTH: Final = 12 * COLUMN
HEIGHT: Final = 7 * ROW

_TIP: Final = 6
"""Pixels by which the middle of an arrowhead stands before the arrow's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A rectangle in pixels."""

    x: float
    y: float
    x2: float
    y2: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle."""
        return (self.x + self.x2) / 2, (self.y + self.y2) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A line in pixels, where its heads stand and point (degrees clockwise from upwards), and its own middle."""

    x: float
    y: float
    x2: float
    y2: float
    head_x: float
    head_y: float
    angle: float
    tail_angle: float
    tail_x: float
    tail_y: float
    middle_x: float
    middle_y: float


def rect_of(box: Box) -> Rect:
    """Return where ``box`` stands."""
    x, y, w, h = box.x * COLUMN, box.y * ROW, box.w * COLUMN / 2, box.h * ROW / 2
    return Rect(x=x - w, y=y - h, x2=x + w, y2=y + h)


def arrows(topology: Topology, pairs: Sequence[tuple[str, str]], apart: float) -> list[Arrow | None]:
    """Return an arrow for each (start, end) of ``pairs``, in their order; None where both are the same box.

    Parameters
    ----------
    apart
        Pixels between arrows that join the same two boxes.
    """
    rects = {box.id: rect_of(box) for box in topology.boxes}
    together: dict[frozenset[str], list[int]] = {}
    for place, pair in enumerate(pairs):
        together.setdefault(frozenset(pair), []).append(place)
    found: list[Arrow | None] = []
    for place, (start, end) in enumerate(pairs):
        group = together[frozenset((start, end))]
        aside = (group.index(place) - (len(group) - 1) / 2) * apart
        # one side of the pair for all of them, whichever way an arrow points
        aside = aside if start <= end else -aside
        found.append(None if start == end else _arrow(rects, start, end, aside))
    return found


def _arrow(rects: Mapping[str, Rect], start: str, end: str, aside: float) -> Arrow:
    (x1, y1), (x2, y2) = rects[start].middle, rects[end].middle
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    x1, y1, x2, y2 = x1 - uy * aside, y1 + ux * aside, x2 - uy * aside, y2 + ux * aside
    leave = _leaves(rects[start], x1, y1, ux, uy)
    arrive = length - _leaves(rects[end], x2, y2, -ux, -uy)
    ax, ay, bx, by = x1 + ux * leave, y1 + uy * leave, x1 + ux * arrive, y1 + uy * arrive
    angle = math.degrees(math.atan2(ux, -uy)) % 360
    return Arrow(
        x=ax,
        y=ay,
        x2=bx,
        y2=by,
        head_x=bx - ux * _TIP,
        head_y=by - uy * _TIP,
        angle=angle,
        tail_angle=(angle + 180) % 360,
        tail_x=ax + ux * _TIP,
        tail_y=ay + uy * _TIP,
        middle_x=(ax + bx) / 2,
        middle_y=(ay + by) / 2,
    )


def _leaves(rect: Rect, x: float, y: float, ux: float, uy: float) -> float:
    """Return how far from (x, y) inside ``rect`` the direction (ux, uy) reaches its edge."""
    reach = [math.inf]
    if ux:
        reach.append(((rect.x2 if ux > 0 else rect.x) - x) / ux)
    if uy:
        reach.append(((rect.y2 if uy > 0 else rect.y) - y) / uy)
    return max(min(reach), 0.0)
