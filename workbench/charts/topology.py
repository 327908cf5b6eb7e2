"""Pictures of architecture, drawn from data: who talks to whom in a mesh, ways of adoption, a connection step by step.

Boxes are components, coloured by plane; arrows are application traffic, control flow and telemetry, told apart by
colour and dash. Hovering explains each; the legend picks a kind of arrow; drop-downs and sliders work without a
server. What was measured in the user's store stands under the picture, under the archetype's own name.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from workbench.charts.controls import Choice, with_choices
from workbench.charts.diagram import (
    STROKES,
    across,
    box_layers,
    corners,
    down,
    flow_layers,
    frame_layers,
    heads,
    part,
    text_layers,
    topology_rows,
)
from workbench.charts.engine import Picture, alt
from workbench.charts.geometry import HEIGHT, ROW, WIDTH, arrows, rect_of
from workbench.charts.theme import QUIET, finish
from workbench.errors import BadInputError
from workbench.landscape import KINDS, Entry, Pattern, Topology, figures
from workbench.landscape import Sequence as Steps

_LINE: Final = 17
"""Pixels of a line of text below the picture."""
_APART: Final = 28
"""Pixels between the arrows of steps that join the same two boxes: a numbered disc fits."""


def architecture(entries: Iterable[Entry], measured: pd.DataFrame | None = None) -> Picture:
    """Draw the architecture of each mesh, one at a time, chosen by a drop-down.

    Parameters
    ----------
    entries
        Meshes of the landscape, the one shown first foremost.
    measured
        Columns archetype, product, data_plane, mesh, role, rate_per_s, cores_per_1000; None or empty: nothing has been
        measured here.
    """
    shown = list(entries)
    rows = [
        {**row, "mesh": entry.title}
        for entry in shown
        for row in (
            *_heading(entry.title, entry.says),
            *topology_rows(entry.topology),
            *_said_rows(_measured_lines(entry, measured)),
        )
    ]
    lines = max(len(_measured_lines(entry, measured)) for entry in shown)
    picture = with_choices(_picture(rows, lines), [_drop_down("mesh", "Mesh", [entry.title for entry in shown])])
    return finish(
        picture,
        rows,
        "Who talks to whom",
        "Hover over boxes and arrows to see what they do; the legend selects a kind of arrow.",
        " ".join(describe_architecture(entry, measured) for entry in shown),
    )


def describe_architecture(entry: Entry, measured: pd.DataFrame | None = None) -> str:
    """Say what `architecture` shows of ``entry``."""
    told = [f"{entry.title}: {entry.says}", _described(entry.topology), *_measured_lines(entry, measured)]
    return " ".join(told)


def adoption(patterns: Iterable[Pattern]) -> Picture:
    """Draw each way of adopting a mesh with what speaks for and against it, one at a time, chosen by a drop-down."""
    shown = list(patterns)
    rows = [
        {**row, "pattern": one.title}
        for one in shown
        for row in (*_heading(one.title, one.says), *topology_rows(one.topology), *_pros_and_cons(one))
    ]
    lines = max(max(len(_bullets(one.advantages)), len(_bullets(one.disadvantages))) for one in shown) + 2
    picture = with_choices(_picture(rows, lines), [_drop_down("pattern", "Pattern", [one.title for one in shown])])
    return finish(
        picture,
        rows,
        "Ways to adopt a mesh",
        "Hover over boxes and arrows to see what they do.",
        " ".join(describe_adoption(one) for one in shown),
    )


def describe_adoption(pattern: Pattern) -> str:
    """Say what `adoption` shows of ``pattern``."""
    return (
        f"{pattern.title}: {pattern.says} Advantages: {' '.join(pattern.advantages)} "
        f"Disadvantages: {' '.join(pattern.disadvantages)} {_described(pattern.topology)}"
    )


def sequence(steps: Steps, step: int = 0) -> Picture:
    """Draw a sequence up to one step, with a slider that plays it.

    Parameters
    ----------
    steps
        A sequence of the landscape.
    step
        Step shown first, from 1; 0: the last, with all before it.

    Raises
    ------
    BadInputError
        When there is no such step.
    """
    last = len(steps.steps)
    if not 0 <= step <= last:
        raise BadInputError(f"{steps.title} has the steps 1 to {last}; there is no step {step}.")
    rows = [*topology_rows(steps.topology), *_step_rows(steps)]
    slider = alt.param(name="step", value=step or last, bind=alt.binding_range(min=1, max=last, step=1, name="Step "))
    layers = [*frame_layers(rows), *_step_arrows(), *box_layers(rows), *_step_marks(), *_step_texts()]
    picture = alt.layer(*layers).add_params(slider).properties(width=WIDTH, height=HEIGHT + 5 * _LINE - ROW)
    return finish(picture, rows, steps.title, steps.says, describe_sequence(steps))


def describe_sequence(steps: Steps) -> str:
    """Say the steps of `sequence` in words."""
    names = {box.id: box.label.replace("\n", " ") for box in steps.topology.boxes}
    told = [
        f"{n}. {names[one.start]}{'' if one.start == one.end else f' to {names[one.end]}'}: {one.title}. {one.says}"
        for n, one in enumerate(steps.steps, 1)
    ]
    return f"{steps.title}. {' '.join(told)}"


def steps_table(steps: Steps) -> pd.DataFrame:
    """Return the steps as a table: step, from, to, what, meaning."""
    names = {box.id: box.label.replace("\n", " ") for box in steps.topology.boxes}
    rows = [
        {"step": n, "from": names[one.start], "to": names[one.end], "what": one.title, "meaning": one.says}
        for n, one in enumerate(steps.steps, 1)
    ]
    return pd.DataFrame(rows).set_index("step")


def _measured_lines(entry: Entry, measured: pd.DataFrame | None) -> list[str]:
    own, like = ([] if measured is None else figures(measured, entry, product=product)[:3] for product in (True, False))
    told = ["Measured here on this product:", *own] if own else []
    if like:
        return [*told, "Measured here on the archetype of this shape, not on this product:", *like]
    if told:
        return told
    if not entry.shapes:
        return ["Measured here: nothing; the lab has no archetype of this shape."]
    return [f"Measured here: nothing yet in this shape; `workbench demo` measures {' and '.join(entry.shapes)}."]


def _heading(title: str, says: str) -> list[dict[str, Any]]:
    """Return what is shown, in words within the picture: a drop-down does not come along into a printed one."""
    return [{"part": "said", "label": f"{title}: {says}", "x": 4, "y": 2, "strong": True}]


def _said_rows(lines: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"part": "said", "label": line, "x": 4, "y": HEIGHT + 12 + n * _LINE, "strong": False}
        for n, line in enumerate(lines)
    ]


def _bullets(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(f"• {text}", 62, subsequent_indent="   ")]


def _pros_and_cons(pattern: Pattern) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for x, heading, texts in ((4, "For it", pattern.advantages), (WIDTH / 2 + 10, "Against it", pattern.disadvantages)):
        for n, line in enumerate([heading, *_bullets(texts)]):
            rows.append({"part": "said", "label": line, "x": x, "y": HEIGHT + 14 + n * _LINE, "strong": n == 0})
    return rows


def _step_rows(steps: Steps) -> list[dict[str, Any]]:
    rects = {box.id: rect_of(box) for box in steps.topology.boxes}
    names = {box.id: box.label.replace("\n", " ") for box in steps.topology.boxes}
    found = arrows(steps.topology, [(one.start, one.end) for one in steps.steps], _APART)
    rows: list[dict[str, Any]] = []
    for n, (one, arrow) in enumerate(zip(steps.steps, found, strict=True), 1):
        said = {"n": n, "way": f"{names[one.start]} → {names[one.end]}", "title": one.title, "says": one.says}
        rows.extend({"part": "end", "n": n, **corners(rects[end])} for end in dict.fromkeys((one.start, one.end)))
        if arrow is None:
            rows.append({"part": "badge", **said, "x": rects[one.start].x2, "y": rects[one.start].y})
        else:
            rows.append({"part": "step", **said, "x": arrow.x, "y": arrow.y, "x2": arrow.x2, "y2": arrow.y2})
            rows.append({"part": "steptip", **said, **heads(arrow, False)[0]})
            rows.append({"part": "badge", **said, "x": arrow.middle_x, "y": arrow.middle_y})
        top = HEIGHT - ROW + 14
        rows.append({"part": "caption", "n": n, "label": f"{n}. {one.title}", "x": 4, "y": top, "strong": True})
        for k, line in enumerate(textwrap.wrap(one.says, 118), 1):
            rows.append({"part": "caption", "n": n, "label": line, "x": 4, "y": top + 4 + k * _LINE, "strong": False})
    return rows


def _described(topology: Topology) -> str:
    names = {box.id: box.label.replace("\n", " ") for box in topology.boxes}
    told = []
    for kind in KINDS:
        ways = [f"{names[one.start]} to {names[one.end]}" for one in topology.flows if one.kind == kind]
        if ways:
            told.append(f"{kind.capitalize()}: {', '.join(ways)}.")
    return " ".join(told)


def _drop_down(field: str, label: str, options: Sequence[str]) -> Choice:
    return Choice(field=field, label=label, options=tuple(options))


def _picture(rows: Sequence[dict[str, Any]], lines: int) -> Any:
    layers = [*frame_layers(rows), *flow_layers(rows), *box_layers(rows), *text_layers("said")]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT + lines * _LINE + 8)


def _step_arrows() -> list[Any]:
    shown = alt.expr("datum.n === step ? 1 : 0.4")
    colour = alt.expr(f"datum.n === step ? '{STROKES[KINDS[1]]}' : '{QUIET}'")
    line = part("step").transform_filter("datum.n <= step").mark_rule(strokeWidth=2.6, stroke=colour, opacity=shown)
    tip = part("steptip").transform_filter("datum.n <= step")
    tip = tip.mark_point(shape="triangle", filled=True, size=130, color=colour, opacity=shown)
    return [
        line.encode(x=across(), y=down(), x2="x2:Q", y2="y2:Q"),
        tip.encode(x=across(), y=down(), angle=alt.Angle("angle:Q", scale=None)),
    ]


def _step_marks() -> list[Any]:
    colour = alt.expr(f"datum.n === step ? '{STROKES[KINDS[1]]}' : '{QUIET}'")
    ends = part("end").transform_filter("datum.n === step")
    ends = ends.mark_rect(fillOpacity=0, stroke=STROKES[KINDS[1]], strokeWidth=3, cornerRadius=5, tooltip=None)
    badge = part("badge").transform_filter("datum.n <= step")
    told = [
        alt.Tooltip("n:Q", title="step"),
        alt.Tooltip("way:N", title="from, to"),
        alt.Tooltip("title:N", title="what"),
        alt.Tooltip("says:N", title="meaning"),
    ]
    disc = badge.mark_point(
        shape="circle", filled=True, size=440, color=colour, stroke="white", strokeWidth=1.5, opacity=1
    )
    number = badge.mark_text(color="white", fontSize=12, fontWeight=600, tooltip=None)
    return [
        ends.encode(x=across(), y=down(), x2="x2:Q", y2="y2:Q"),
        disc.encode(x=across(), y=down(), tooltip=told),
        number.encode(x=across(), y=down(), text="n:Q"),
    ]


def _step_texts() -> list[Any]:
    return text_layers("caption", "datum.n === step")
