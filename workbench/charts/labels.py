"""The line of text above a data plane's mark: its name on the left, its value on the right."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from workbench.charts.engine import alt
from workbench.charts.theme import WIDTH

LINE = -8
"""Pixels from the middle of a row to its line of text."""

MARK = 9
"""Pixels from the middle of a row to its mark."""

_HEADING = 36
"""Characters of a heading's line that fit above the narrowest panel."""

_LONGEST = 24
"""Characters of a name that leave room for its value in the narrowest panel; the tooltip has all of it. Shortened here
because Vega, asked to cut text to a width in pixels, measures it over and over and doubles the drawing time."""


def shortened(label: str) -> str:
    """Return ``label``, its end cut off where it is long."""
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def mesh_rows(order: Sequence[str]) -> Any:
    """Return the vertical channel: one row for each mesh of ``order``, without an axis, since labels stand inside."""
    return alt.Y("mesh:N", sort=list(order), axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))


def row_text(base: Any) -> list[Any]:
    """Return the layers that write the fields ``name`` and ``said``; a white edge parts them from the grid."""
    layers = []
    for edge in (True, False):
        look = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round"} if edge else {}
        name = base.mark_text(align="left", yOffset=LINE, fontWeight=600, **look)
        said = base.mark_text(align="right", yOffset=LINE, **look)
        layers += [
            name.encode(x=alt.value(0), text="name:N"),
            said.encode(x=alt.value("width"), text="said:N"),
        ]
    return layers


def heading(*parts: str) -> str:
    """Return a panel's heading: each of ``parts`` on a line of its own, long ones on two."""
    return "\n".join(line for part in parts for line in textwrap.wrap(part, _HEADING))


def columns_for(rates: Sequence[Any]) -> int:
    """Return how many panels, one for each rate, stand side by side where there is room."""
    return 3 if len(rates) > 2 else 2


def width_for(panels: Sequence[Any]) -> int:
    """Return the width of one panel where these stand together: one alone takes the room of two."""
    return 2 * WIDTH if len(panels) == 1 else WIDTH


def panelled(layers: Any, headings: Sequence[str], *, columns: int, width: int, height: Any) -> Any:
    """Return ``layers`` once for each value of the rows' field ``panel``, in the order of ``headings``, without rows.

    `workbench.charts.theme.finish` adds the rows last: every step that altair takes copies all that is there.
    """
    facet = alt.Facet("panel:N", sort=list(headings), header=_lined())
    empty = alt.InlineData(values=[])
    return layers.properties(width=width, height=height).facet(facet=facet, columns=columns, data=empty)


def _lined() -> Any:
    """Return how panels show a `heading`."""
    return alt.Header(labelExpr="split(datum.value, '\\n')", labelLineHeight=17)
