"""A live session as it goes on: who answers, how, and how fast, with a rule wherever a design came into force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.engine import Picture, alt
from workbench.charts.rows import listed, records
from workbench.charts.theme import BASELINE_COLOUR, INK, MESH_COLOURS, QUIET, WIDTH, finish

VERSION, STATUS, LATENCY, EVENT = "version", "status", "latency", "event"
HEADINGS: Final = {VERSION: "Who answers", STATUS: "Status of the answers", LATENCY: "Latency, ms"}

_BY_CLASS: Final = {"2": MESH_COLOURS[2:3], "4": MESH_COLOURS[4:6], "5": MESH_COLOURS[1:4:2], "n": (INK,)}
"""First character of a status -> colours: rights in green, refusals amber, failures red, no answer black."""

_PERCENTILES: Final = {"p50": MESH_COLOURS[6], "p95": MESH_COLOURS[3]}
_HEIGHT: Final = 120


@badged
def live_traffic(frame: pd.DataFrame, events: pd.DataFrame) -> Picture:
    """Show the shares of versions and statuses and the latency, second by second, and the designs that were applied.

    Parameters
    ----------
    frame
        Columns second, by (``"version"``, ``"status"`` or ``"all"``), group, count, p50_s, p95_s; a row for each group
        that answered in that second. Empty: nothing has come yet.
    events
        Columns second, design; those outside the frame's seconds are left out.
    """
    if frame.empty:
        return _waiting(frame, events)
    rows = [*_shares(frame, VERSION), *_shares(frame, STATUS), *_latencies(frame), *_events(frame, events)]
    first, last = _span(frame)
    seconds = alt.X(
        "second:Q",
        title=None,
        scale=alt.Scale(domain=[first, last], nice=False),
        axis=alt.Axis(grid=False, tickCount=8, tickMinStep=1),
    )
    panels = [
        alt.layer(*(layer for layer in _panel(panel, rows, seconds))).properties(
            width=2 * WIDTH,
            height=_HEIGHT,
            title=alt.TitleParams(heading, fontSize=12, offset=8),
        )
        for panel, heading in HEADINGS.items()
    ]
    stacked = alt.vconcat(*panels, spacing=14, data=alt.InlineData(values=[])).resolve_scale(color="independent")
    subtitle = "Share of each second's answers; a line marks when a design took effect. Seconds since the start."
    return finish(stacked, rows, "Live traffic", subtitle, describe_live_traffic(frame, events))


def describe_live_traffic(frame: pd.DataFrame, events: pd.DataFrame) -> str:
    """Say what `live_traffic` shows; parameters as there."""
    whole = frame[frame["by"] == "all"]
    if whole.empty:
        return "Live traffic: no answers yet; the first second is shown when it is complete."
    told = []
    for by in (VERSION, STATUS):
        counts = frame[frame["by"] == by].groupby("group")["count"].sum().sort_values(ascending=False)
        told.append(listed([f"{name} {count / counts.sum():.0%}" for name, count in counts.items()]))
    first, last = _span(frame)
    latest = whole.sort_values("second").iloc[-1]
    said = (
        f"Live traffic, seconds {first:.0f} to {last:.0f}: {int(whole['count'].sum()):,} answers, by {told[0]}, "
        f"with status {told[1]}. In the last second half of them came within {latest['p50_s'] * 1e3:.1f} ms and "
        f"95 % within {latest['p95_s'] * 1e3:.1f} ms."
    )
    applied = [f"{one['group']} at second {one['second']:.0f}" for one in _events(frame, events)]
    return f"{said} Designs in force: {listed(applied)}." if applied else said


def _waiting(frame: pd.DataFrame, events: pd.DataFrame) -> Picture:
    text = alt.Chart().mark_text(color=QUIET).encode(text="said:N")
    picture = text.properties(width=2 * WIDTH, height=3 * _HEIGHT)
    rows = [{"said": "waiting for the first answers"}]
    return finish(picture, rows, "Live traffic", "", describe_live_traffic(frame, events))


def _span(frame: pd.DataFrame) -> tuple[float, float]:
    if frame.empty:
        return 0.0, 1.0
    return float(frame["second"].min()), float(frame["second"].max()) + 1.0


def _shares(frame: pd.DataFrame, by: str) -> list[dict[str, Any]]:
    """Return every group's share in every second, 0 where it did not answer, and each last second once more at its end.

    A step drawn from second to second would otherwise leave the last one without width.
    """
    counts = frame[frame["by"] == by].pivot_table(
        index="second", columns="group", values="count", aggfunc="sum", fill_value=0
    )
    if counts.empty:
        return []
    ended = pd.concat([counts, counts.tail(1).set_axis([counts.index[-1] + 1])])
    shares = ended.div(ended.sum(axis=1), axis=0)
    return [
        {"panel": by, "second": second, "group": str(group), "rank": rank, "share": share, "count": count}
        for rank, group in enumerate(sorted(shares, key=lambda one: (one == "proxy", one)))
        for second, share, count in zip(shares.index, shares[group], ended[group], strict=True)
    ]


def _latencies(frame: pd.DataFrame) -> list[dict[str, Any]]:
    whole = frame[frame["by"] == "all"].sort_values("second")
    return [
        {"panel": LATENCY, "second": row["second"] + 0.5, "group": name, "value": row[f"{name}_s"] * 1e3}
        for name in _PERCENTILES
        for row in records(whole)
    ]


def _events(frame: pd.DataFrame, events: pd.DataFrame) -> list[dict[str, Any]]:
    first, last = _span(frame)
    inside = events[(events["second"] >= first) & (events["second"] <= last)]
    return [{"panel": EVENT, "second": row["second"], "group": row["design"]} for row in records(inside)]


def _colours(panel: str, rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return group -> colour: versions in their order, grey where a proxy answered; statuses by their class."""
    names = sorted({row["group"] for row in rows if row["panel"] == panel})
    if panel == LATENCY:
        return dict(_PERCENTILES)
    if panel == VERSION:
        versions = [name for name in names if name != "proxy"]
        coloured = {name: MESH_COLOURS[place % len(MESH_COLOURS)] for place, name in enumerate(versions)}
        return coloured | ({"proxy": BASELINE_COLOUR} if "proxy" in names else {})
    seen: dict[str, int] = {}
    made = {}
    for name in names:
        colours = _BY_CLASS.get(name[0], (QUIET,))
        made[name] = colours[seen.get(name[0], 0) % len(colours)]
        seen[name[0]] = seen.get(name[0], 0) + 1
    return made


def _panel(panel: str, rows: Sequence[dict[str, Any]], seconds: Any) -> list[Any]:
    colours = _colours(panel, rows)
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(
            orient="right",
            direction="vertical",
            columns=1,
            symbolType="stroke" if panel == LATENCY else "square",
            offset=16,
        ),
    )
    base = alt.Chart().transform_filter(alt.datum.panel == panel)
    drawn = _lines(base, seconds, colour) if panel == LATENCY else _areas(base, seconds, colour)
    return [drawn, *_rules(seconds, named=panel == VERSION)]


def _areas(base: Any, seconds: Any, colour: Any) -> Any:
    return base.mark_area(interpolate="step-after", stroke="white", strokeWidth=0.5).encode(
        x=seconds,
        y=alt.Y("share:Q", stack="zero", title=None, scale=alt.Scale(domain=[0, 1]), axis=_axis(format="%")),
        color=colour,
        order=alt.Order("rank:Q"),
        tooltip=[
            alt.Tooltip("second:Q", title="second"),
            alt.Tooltip("group:N", title="answered"),
            alt.Tooltip("count:Q", title="answers"),
            alt.Tooltip("share:Q", title="share", format=".1%"),
        ],
    )


def _lines(base: Any, seconds: Any, colour: Any) -> Any:
    return base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=14)).encode(
        x=seconds,
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=True, nice=True), axis=_axis()),
        color=colour,
        strokeDash=alt.StrokeDash(
            "group:N", scale=alt.Scale(domain=["p50", "p95"], range=[[1, 0], [5, 3]]), legend=None
        ),
        tooltip=[
            alt.Tooltip("second:Q", title="second"),
            alt.Tooltip("group:N", title="percentile"),
            alt.Tooltip("value:Q", title="ms", format=".2f"),
        ],
    )


def _axis(**more: Any) -> Any:
    return alt.Axis(tickCount=4, minExtent=42, **more)


def _rules(seconds: Any, *, named: bool) -> list[Any]:
    """Return the lines where designs came into force, with their names at the top where they are ``named``."""
    base = alt.Chart().transform_filter(alt.datum.panel == EVENT).encode(x=seconds)
    rule = base.mark_rule(color=INK, strokeWidth=1.5, strokeDash=[4, 3]).encode(
        tooltip=alt.Tooltip("group:N", title="design")
    )
    if not named:
        return [rule]
    texts = [
        base.mark_text(align="left", dx=5, dy=11, fontWeight=600, **look).encode(y=alt.value(0), text="group:N")
        for look in ({"color": "white", "stroke": "white", "strokeWidth": 4, "strokeJoin": "round"}, {"color": INK})
    ]
    return [rule, *texts]
