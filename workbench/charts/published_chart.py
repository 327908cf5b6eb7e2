"""Own numbers beside published ones: filled marks for what was measured, hollow marks for what others published.

They share an axis and nothing else: each published row bears its source, none is averaged, and the rows of a panel
stand as they are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import MARK, heading, panelled, row_text
from workbench.charts.rows import records
from workbench.charts.theme import QUIET, WIDTH, finish, mesh_colours

_ROW = 40
_NAME = 34
_WHITE = "#ffffff"
OTHERS = "published"
"""The value of ``who`` that is drawn hollow."""


def _rows(frame: pd.DataFrame, order: Sequence[str]) -> list[dict[str, Any]]:
    colours = mesh_colours(order)
    found = []
    places: dict[str, int] = {}
    for row in records(frame):
        places[row["panel"]] = places.get(row["panel"], -1) + 1
        name, hollow = str(row["row"]), row["who"] == OTHERS
        colour = QUIET if hollow else colours.get(str(row["mesh"]), QUIET)
        found.append(
            {
                "panel": heading(row["panel"]),
                "place": places[row["panel"]],
                "name": name if len(name) <= _NAME else f"{name[: _NAME - 1]}…",
                "whole": name,
                "who": row["who"],
                "colour": colour,
                "sign": "diamond" if hollow else "circle",
                "fill": _WHITE if hollow else colour,
                "edge": colour if hollow else _WHITE,
                "value": row["value"],
                "low": row["low"] if row["low"] == row["low"] else row["value"],
                "high": row["high"] if row["high"] == row["high"] else row["value"],
                "said": row["said"],
                "rate": row["rate_per_s"],
                "source": row["source"],
                "date": row["date"],
                "confidence": row["confidence"],
                "definition": row["definition"],
            }
        )
    return found


def _layers() -> Any:
    base = alt.Chart().encode(
        y=alt.Y("place:O", sort="ascending", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0)),
        tooltip=[
            alt.Tooltip("whole:N", title="what"),
            alt.Tooltip("said:N", title="value"),
            alt.Tooltip("rate:Q", title="at requests/s"),
            alt.Tooltip("definition:N", title="definition"),
            alt.Tooltip("source:N", title="source"),
            alt.Tooltip("date:N", title="date"),
            alt.Tooltip("confidence:N", title="confidence"),
        ],
    )
    colour = alt.Color("colour:N", scale=None)
    x = alt.X("value:Q", title=None, scale=alt.Scale(zero=True, nice=False, padding=7), axis=alt.Axis(tickCount=4))
    spread = base.mark_rule(yOffset=MARK, strokeWidth=5, opacity=0.45, strokeCap="round", invalid=None)
    spread = spread.encode(x=alt.X("low:Q", title=None), x2="high:Q", color=colour)
    point = base.mark_point(yOffset=MARK, size=90, opacity=1, strokeWidth=1.6, invalid=None).encode(
        x=x,
        shape=alt.Shape("sign:N", scale=None),
        fill=alt.Fill("fill:N", scale=None),
        stroke=alt.Stroke("edge:N", scale=None),
    )
    return alt.layer(spread, point, *row_text(base))


@badged
def beside_published(rows: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show own and published values of one kind in a panel each.

    Parameters
    ----------
    rows
        Columns panel, who, row, mesh, value, low, high, said, rate_per_s, source_id, source, date, confidence,
        definition (`workbench.interchange.beside.Beside`); own rows first in each panel.
    order
        Own mesh labels, baseline first, for their colours.
    """
    panels = [heading(panel) for panel in dict.fromkeys(rows["panel"])]
    picture = panelled(_layers(), panels, columns=2, width=WIDTH, height=alt.Step(_ROW))
    picture = picture.resolve_scale(x="independent").resolve_axis(x="independent")
    return finish(
        picture,
        _rows(rows, order),
        "Beside published figures",
        [
            "Filled: measured or imported here, with its interval. Hollow: published by others, as they state it.",
            "They share an axis, not a machine: read the reasons below before you compare two marks.",
        ],
        describe_beside_published(rows),
    )


def describe_beside_published(rows: pd.DataFrame) -> str:
    """Say what `beside_published` shows, each published value with its source; parameter as there."""
    sentences = []
    for panel in dict.fromkeys(rows["panel"]):
        cell = records(rows[rows["panel"] == panel])
        own = [f"{row['row']} {row['said']}" for row in cell if row["who"] != OTHERS]
        theirs = [_cited(row) for row in cell if row["who"] == OTHERS]
        sentences.append(f"{panel}: here {', '.join(own)}; published {', '.join(theirs)}.")
    return " ".join(sentences) or "There are no published figures of the kinds measured here."


def _cited(row: Mapping[str, Any]) -> str:
    return f"{row['row']} {row['said']} ({row['source_id']})"
