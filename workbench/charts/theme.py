"""How every chart looks: colours, type, sizes and the last touch, in one place.

Colours follow Okabe and Ito's colour-blind safe set, moved a little until every two of them, the baseline's grey
included, stay apart (CIE76 distance 15 or more) under simulated protanopia, deuteranopia and tritanopia (Machado et al.
2009) and each has a contrast of 2.7 or more against white. `tests/charts/test_theme.py` computes that again.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from workbench.charts.engine import Picture, alt
from workbench.charts.rows import inline

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK: Final = "#212529"
QUIET: Final = "#5F6770"
GRID: Final = "#E6E9EC"

BASELINE_COLOUR: Final = "#5C6066"
MESH_COLOURS: Final = ("#0C77CD", "#B54C0B", "#008F53", "#DA76A5", "#DC8805", "#4CA5E0", "#5B2A86")
SHAPES: Final = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
"""Eight shapes against seven colours: the pair repeats only after 56 meshes."""

ROLE_COLOURS: Final = {
    "application": "#2F4B6E",
    "sidecar": "#B5502F",
    "node-proxy": "#E0A030",
    "gateway": "#C295D7",
    "waypoint": "#779E55",
    "kernel": "#539B7B",
    "control-plane": "#AF689D",
    "node-agent": "#D8B4CC",
    "load-generator": "#B4BCC6",
    "system": "#5E4343",
    "unattributed": "#D9CBA3",
    "node": "#8E9AA6",
}
"""Role -> colour, in the order in which charts stack them: the application nearest to the axis, then what the mesh
brings, the load generator, which belongs to the measurement and not to the bill, and what has to do with neither."""

WIDTH: Final = 320
"""Width of one panel in pixels where nothing else decides; a report stretches panels to the space there is."""


def mesh_colours(order: Sequence[str]) -> dict[str, str]:
    """Return mesh label -> colour for ``order`` (labels, baseline first).

    The baseline is always grey; the others take the palette in alphabetical order, so that the same meshes have the
    same colours in every chart and every report, however they ranked.
    """
    others = sorted(order[1:])
    colours = {mesh: MESH_COLOURS[place % len(MESH_COLOURS)] for place, mesh in enumerate(others)}
    return {mesh: colours.get(mesh, BASELINE_COLOUR) for mesh in order}


def mesh_shapes(order: Sequence[str]) -> dict[str, str]:
    """Return mesh label -> point shape: the second sign beside colour. The baseline is a circle."""
    others = sorted(order[1:])
    shapes = {mesh: SHAPES[(place + 1) % len(SHAPES)] for place, mesh in enumerate(others)}
    return {mesh: shapes.get(mesh, SHAPES[0]) for mesh in order}


def mesh_scale(order: Sequence[str]) -> Any:
    """Scale of `mesh_colours`."""
    colours = mesh_colours(order)
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def shape_scale(order: Sequence[str]) -> Any:
    """Scale of `mesh_shapes`."""
    shapes = mesh_shapes(order)
    return alt.Scale(domain=list(shapes), range=list(shapes.values()))


def roles_in_order(roles: Iterable[str]) -> list[str]:
    """Return the distinct ``roles`` in stacking order; roles unknown here come last, by name."""
    known = list(ROLE_COLOURS)
    return sorted(set(roles), key=lambda role: (known.index(role) if role in known else len(known), role))


def role_scale(roles: Iterable[str]) -> Any:
    """Scale of `ROLE_COLOURS` over the ``roles`` that occur."""
    present = roles_in_order(roles)
    return alt.Scale(domain=present, range=[ROLE_COLOURS.get(role, QUIET) for role in present])


_LABELS: Final = {"labelFont": FONT, "labelFontSize": 12, "labelColor": INK, "titleFont": FONT, "titleFontSize": 12}

_AXIS: Final = {
    **_LABELS,
    "labelColor": QUIET,
    "titleColor": QUIET,
    "titleFontWeight": "normal",
    "titlePadding": 8,
    "labelPadding": 6,
    "domain": False,
    "ticks": False,
    "gridColor": GRID,
    "labelOverlap": "greedy",
}

_TITLE: Final = {
    "font": FONT,
    "fontSize": 16,
    "fontWeight": 600,
    "color": INK,
    "anchor": "start",
    "offset": 14,
    "subtitleFont": FONT,
    "subtitleFontSize": 12,
    "subtitleColor": QUIET,
    "subtitlePadding": 6,
}

_LEGEND: Final = {
    **_LABELS,
    "orient": "top",
    "direction": "horizontal",
    "title": None,
    "columns": 4,
    "columnPadding": 18,
    "rowPadding": 4,
    "labelLimit": 190,
    "symbolStrokeWidth": 2,
    "offset": 10,
}

_HEADER: Final = {
    **_LABELS,
    "labelFontWeight": 600,
    "labelAnchor": "start",
    "labelPadding": 8,
    "labelOrient": "top",
    "labelLimit": 420,
    "title": None,
}


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of all charts."""
    return {
        "background": "white",
        "font": FONT,
        "view": {"stroke": None},
        "text": {"font": FONT, "fontSize": 12, "color": INK},
        "title": dict(_TITLE),
        "axis": dict(_AXIS),
        "legend": dict(_LEGEND),
        "header": dict(_HEADER),
        "facet": {"spacing": 34},
    }


_LINE = 160
"""Characters of a subtitle's line: it names data planes, which may be called anything."""


def wrapped(subtitle: str | Sequence[str]) -> list[str]:
    """Return a subtitle as lines that can be read, at most three for each that is given."""
    lines = [subtitle] if isinstance(subtitle, str) else subtitle
    return [part for line in lines for part in textwrap.wrap(line, _LINE, max_lines=3, placeholder=" …")]


def finish(
    picture: Any, rows: Iterable[Mapping[str, Any]], title: str, subtitle: str | Sequence[str], description: str
) -> Picture:
    """Give ``picture`` its rows, its title, its words for those who cannot see it, and the common look."""
    finished: Picture = picture.properties(
        title=alt.TitleParams(text=title, subtitle=wrapped(subtitle)),
        description=description,
    ).configure(**config())
    finished.data = inline(rows)
    return finished
