"""The parts of a diagram: boxes, frames and arrows as rows, and the layers that draw them.

`workbench.charts.topology` puts them together. Rows carry a field ``part``, by which each layer finds its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from workbench.charts.controls import faded, legend_selection
from workbench.charts.engine import alt
from workbench.charts.geometry import COLUMN, HEIGHT, ROW, WIDTH, Arrow, Rect, arrows, rect_of
from workbench.charts.theme import INK, QUIET
from workbench.landscape import KINDS, PLANES, Topology
from workbench.landscape.facts import Zone

FILLS: Final = dict(zip(PLANES, ("#EBDCF0", "#D9E8F7", "#FBE3CF", "#DDEFE0", "#E6E8EA"), strict=True))
EDGES: Final = dict(zip(PLANES, ("#7B4B8F", "#2A6CA8", "#B0601A", "#3F7F51", "#5C6066"), strict=True))
STROKES: Final = dict(zip(KINDS, ("#0C77CD", "#B54C0B", "#008F53"), strict=True))
DASHES: Final = dict(zip(KINDS, ((1, 0), (7, 4), (2, 3)), strict=True))

_UPPER: Final = 1.5
"""Frames that begin above this row of the grid belong to the upper row."""
_APART: Final = 16


def topology_rows(topology: Topology) -> list[dict[str, Any]]:
    """Return the rows of frames, boxes and arrows."""
    rows: list[dict[str, Any]] = [
        {
            "part": "zone",
            "label": zone.label,
            "x": zone.x * COLUMN,
            "y": zone.y * ROW,
            "x2": (zone.x + zone.w) * COLUMN,
            "y2": (zone.y + zone.h) * ROW,
            "label_x": zone.x * COLUMN + 8,
            "label_y": _zone_label(zone),
        }
        for zone in topology.zones
    ]
    for box in topology.boxes:
        rect = rect_of(box)
        rows.append(
            {
                "part": "box",
                "label": box.label,
                "name": box.label.replace("\n", " "),
                "plane": box.plane,
                "says": box.says,
                **corners(rect),
                "label_x": rect.middle[0],
                "label_y": rect.middle[1] - (8 if "\n" in box.label else 0),
            }
        )
    found = arrows(topology, [(flow.start, flow.end) for flow in topology.flows], _APART)
    names = {box.id: box.label.replace("\n", " ") for box in topology.boxes}
    for flow, arrow in zip(topology.flows, found, strict=True):
        if arrow is None:
            continue
        way = f"{names[flow.start]} {'↔' if flow.both else '→'} {names[flow.end]}"
        line = {"kind": flow.kind, "way": way, "says": flow.says}
        rows.append({"part": "flow", **line, "x": arrow.x, "y": arrow.y, "x2": arrow.x2, "y2": arrow.y2})
        rows.extend({"part": "head", **line, **head} for head in heads(arrow, flow.both))
    return rows


def _zone_label(zone: Zone) -> float:
    """Return the height of a frame's name: at its top in the upper row, else at its bottom, where no arrows come in."""
    return zone.y * ROW + 13 if zone.y < _UPPER else (zone.y + zone.h) * ROW - 11


def corners(rect: Rect) -> dict[str, float]:
    """Return a rectangle's corners as fields."""
    return {"x": rect.x, "y": rect.y, "x2": rect.x2, "y2": rect.y2}


def heads(arrow: Arrow, both: bool) -> list[dict[str, float]]:
    """Return where an arrow's heads stand."""
    heads = [{"x": arrow.head_x, "y": arrow.head_y, "angle": arrow.angle}]
    return [*heads, {"x": arrow.tail_x, "y": arrow.tail_y, "angle": arrow.tail_angle}] if both else heads


def part(*parts: str) -> Any:
    """Return a chart of the rows whose ``part`` is one of ``parts``."""
    wanted = " || ".join(f"datum.part === '{part}'" for part in parts)
    return alt.Chart().transform_filter(wanted)


def across(field: str = "x") -> Any:
    """Return the horizontal channel; a pixel of the grid is a pixel."""
    scale = alt.Scale(domain=[0, WIDTH], range=[0, WIDTH], nice=False)
    return alt.X(f"{field}:Q", scale=scale, axis=None)


def down(field: str = "y") -> Any:
    """Return the vertical channel; a grid's pixel is a pixel, whatever stands below the grid."""
    scale = alt.Scale(domain=[0, HEIGHT], range=[0, HEIGHT], nice=False, clamp=False)
    return alt.Y(f"{field}:Q", scale=scale, axis=None)


def frame_layers(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the layers that draw zones; none when ``rows`` hold no zone."""
    return zone_layers() if any(row["part"] == "zone" for row in rows) else []


def zone_layers() -> list[Any]:
    """Return the layers that draw zones."""
    frame = part("zone").mark_rect(
        fill="#F7F8F9", stroke="#AEB6BE", strokeWidth=1.2, strokeDash=[4, 3], cornerRadius=8, tooltip=None
    )
    name = part("zone").mark_text(align="left", fontSize=12, color=QUIET, tooltip=None)
    return [
        frame.encode(x=across(), y=down(), x2="x2:Q", y2="y2:Q"),
        name.encode(x=across("label_x"), y=down("label_y"), text="label:N"),
    ]


def box_layers(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the layers that draw components, with a legend of the planes in ``rows``."""
    planes = [plane for plane in PLANES if any(row.get("plane") == plane for row in rows)]
    legend = alt.Legend(symbolType="square", symbolSize=220, padding=4)
    box = part("box").mark_rect(cornerRadius=5, strokeWidth=1.6)
    label = part("box").mark_text(lineBreak="\n", fontSize=13, lineHeight=16, color=INK, tooltip=None)
    return [
        box.encode(
            x=across(),
            y=down(),
            x2="x2:Q",
            y2="y2:Q",
            fill=alt.Fill(
                "plane:N",
                scale=alt.Scale(domain=planes, range=[FILLS[one] for one in planes]),
                legend=legend,
            ),
            stroke=alt.Stroke(
                "plane:N", scale=alt.Scale(domain=planes, range=[EDGES[one] for one in planes]), legend=legend
            ),
            tooltip=[
                alt.Tooltip("name:N", title="component"),
                alt.Tooltip("plane:N", title="plane"),
                alt.Tooltip("says:N", title="what it does"),
            ],
        ),
        label.encode(x=across("label_x"), y=down("label_y"), text="label:N"),
    ]


def flow_layers(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the layers that draw arrows, with a legend that picks a kind."""
    kinds = [kind for kind in KINDS if any(row.get("kind") == kind for row in rows)]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[STROKES[one] for one in kinds]),
        legend=alt.Legend(symbolType="stroke", symbolSize=220, symbolStrokeWidth=3, padding=4),
    )
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=[list(DASHES[one]) for one in kinds]))
    told = [
        alt.Tooltip("way:N", title="from, to"),
        alt.Tooltip("kind:N", title="kind"),
        alt.Tooltip("says:N", title="what goes there"),
    ]
    picked = legend_selection("kind")
    line = part("flow").mark_rule(strokeWidth=2.2)
    wide = part("flow").mark_rule(strokeWidth=14, opacity=0)
    tip = part("head").mark_point(shape="triangle", filled=True, size=110)
    return [
        line.encode(
            x=across(), y=down(), x2="x2:Q", y2="y2:Q", color=colour, strokeDash=dash, opacity=faded(picked)
        ).add_params(picked),
        tip.encode(x=across(), y=down(), angle=alt.Angle("angle:Q", scale=None), color=colour, opacity=faded(picked)),
        wide.encode(x=across(), y=down(), x2="x2:Q", y2="y2:Q", tooltip=told),
    ]


def text_layers(name: str, condition: str = "true") -> list[Any]:
    """Return the layers that write rows of this ``part`` under a condition, strong ones bold."""
    base = part(name).transform_filter(condition)
    weights = ((True, 600, 13), (False, 400, 12))
    return [
        base.transform_filter(f"datum.strong === {str(strong).lower()}")
        .mark_text(align="left", fontSize=size, fontWeight=weight, color=INK, tooltip=None)
        .encode(x=across(), y=down(), text="label:N")
        for strong, weight, size in weights
    ]
