"""The layers that draw the rows of `workbench.charts.intended`: frames, boxes, ways of the traffic, signs."""

from __future__ import annotations

from typing import Any, Final

from workbench.charts.diagram import DASHES, STROKES, across, down, part, zone_layers
from workbench.charts.engine import alt
from workbench.charts.theme import INK, QUIET

TRAFFIC: Final = STROKES["application traffic"]
WARNING: Final = "#B54C0B"


def layers() -> list[Any]:
    """Return all of them, the lowest first; each finds its rows by their ``part``."""
    return [*zone_layers(), *_way_layers(), *_box_layers(), *_sign_layers()]


def _box_layers() -> list[Any]:
    told = [alt.Tooltip("name:N", title="what"), alt.Tooltip("says:N", title="does")]
    box = part("box").mark_rect(cornerRadius=5, strokeWidth=1.6)
    label = part("box").mark_text(lineBreak="\n", fontSize=13, lineHeight=16, color=INK, tooltip=None)
    return [
        box.encode(
            x=across(),
            y=down(),
            x2="x2:Q",
            y2="y2:Q",
            fill=alt.Fill("fill:N", scale=None),
            stroke=alt.Stroke("edge:N", scale=None),
            tooltip=told,
        ),
        label.encode(x=across("label_x"), y=down("label_y"), text="label:N"),
    ]


def _way_layers() -> list[Any]:
    told = [alt.Tooltip("says:N", title="traffic"), alt.Tooltip("weight:Q", title="share, %")]
    width = alt.StrokeWidth("weight:Q", scale=alt.Scale(domain=[0, 100], range=[1.2, 7]), legend=None)
    ends: dict[str, Any] = {"x": across(), "y": down(), "x2": "x2:Q", "y2": "y2:Q"}
    point: dict[str, Any] = {"x": across(), "y": down(), "angle": alt.Angle("angle:Q", scale=None)}
    says = alt.Tooltip("says:N", title="traffic")
    failing = part("failing").mark_rule(color=WARNING, strokeWidth=2.2, strokeDash=list(DASHES["control flow"]))
    refused = part("refused").mark_rule(color=WARNING, strokeWidth=1.8, strokeDash=[2, 4])
    text: dict[str, Any] = {"x": across(), "y": down(), "text": "label:N", "tooltip": says}
    return [
        part("way").mark_rule(color=TRAFFIC, opacity=0.85).encode(**ends, strokeWidth=width, tooltip=told),
        part("tip").mark_point(shape="triangle", filled=True, size=150, color=TRAFFIC, opacity=1).encode(**point),
        part("share").mark_text(fontSize=13, fontWeight=600, color=TRAFFIC).encode(**text),
        failing.encode(**ends, tooltip=says),
        part("failtip").mark_point(shape="triangle", filled=True, size=110, color=WARNING, opacity=1).encode(**point),
        part("faillabel").mark_text(fontSize=12, fontWeight=600, color=WARNING).encode(**text),
        refused.encode(**ends, tooltip=says),
        part("cross").mark_text(fontSize=20, fontWeight=700, color=WARNING).encode(**text),
    ]


def _sign_layers() -> list[Any]:
    told = [
        alt.Tooltip("feature:N", title="feature"),
        alt.Tooltip("says:N", title="asked"),
        alt.Tooltip("support:N", title="supported?"),
        alt.Tooltip("how:N", title="how"),
        alt.Tooltip("nearest:N", title="nearest"),
    ]
    sign = part("sign").mark_rect(cornerRadius=9, strokeWidth=1.3)
    label = part("sign").mark_text(align="left", fontSize=12, tooltip=None)
    struck = part("sign").transform_filter("datum.support === 'unsupported'").mark_rule(color=QUIET, strokeWidth=1.2)
    disc = part("lock").mark_point(shape="circle", filled=True, size=560, color="white", opacity=1, strokeWidth=1.6)
    lock = part("lock").mark_point(filled=True, size=300, opacity=1, tooltip=None)
    colour = alt.Color("colour:N", scale=None)
    return [
        disc.encode(x=across(), y=down(), stroke=alt.Stroke("colour:N", scale=None), tooltip=told),
        lock.encode(x=across(), y=down(), shape=alt.Shape("shape:N", scale=None), color=colour),
        sign.encode(
            x=across(),
            y=down(),
            x2="x2:Q",
            y2="y2:Q",
            fill=alt.Fill("fill:N", scale=None),
            stroke=alt.Stroke("edge:N", scale=None),
            tooltip=told,
        ),
        label.encode(x=across("label_x"), y=down("label_y"), text="label:N", color=alt.Color("ink:N", scale=None)),
        struck.encode(x=across(), y=down("label_y"), x2="x2:Q"),
    ]
