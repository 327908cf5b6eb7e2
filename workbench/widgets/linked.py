"""Six charts in one picture, linked: over time, by role, against rate, by percentile, latency, one run. Pure.

A brush over time keeps the runs under it in all but the last; the legend of roles counts only the roles that were
clicked; the legend of data planes brings one forward. All of it happens in the browser, so an exported page does the
same. Written as Vega-Lite and not through altair, which takes a third of a second for a picture of this size:
too long for a change of a drop-down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.charts.display import fit
from workbench.charts.engine import alt
from workbench.charts.rows import NOT_MEASURED, plain, rate_text, records
from workbench.charts.theme import QUIET, ROLE_COLOURS, config, mesh_colours, mesh_shapes, roles_in_order, wrapped
from workbench.widgets.exploring import View
from workbench.widgets.moments import PERCENTILES
from workbench.widgets.quantities import QUANTILES, QUANTITIES, over_time

Spec = dict[str, Any]

WIDTH, NARROW, HEIGHT = 370, 290, 200
_BESIDE = 290
"""Pixels that labels and gaps take beside two panels."""

_BRUSH, _ROLE, _MESH = "brushed_runs", "picked_role", "picked_mesh"
_LOG_TICKS = [step * 10**power for power in range(8) for step in (1, 2, 5)]


# ---------------------------------------------------------------------- rows
def rows_of(view: View) -> list[Spec]:
    """Return the rows drawn: a cost for each run and role, a latency for each run and quantile, moments of one run."""
    place = {run: number for number, run in enumerate(dict.fromkeys(view.rows["run_id"]), start=1)}
    return [{key: plain(value) for key, value in row.items()} for row in _rows(view, place)]


def _rows(view: View, place: Mapping[str, int]) -> list[Spec]:
    scale = QUANTITIES[view.choice.quantity].scale
    ranks = {role: rank for rank, role in enumerate(roles_in_order(view.choice.roles))}
    several = len(view.choice.rates) > 1
    costs = [
        {
            "kind": "cost",
            "run": row["run_id"],
            "n": place[row["run_id"]],
            "block": row["block"],
            "mesh": row["mesh"],
            "cell": _cell(row["mesh"], row["rate_per_s"], several),
            "rate": row["rate_per_s"],
            "role": row["role"],
            "rank": ranks[row["role"]],
            "value": row[view.choice.quantity] * scale,
        }
        for row in records(view.rows)
        if row[view.choice.quantity] == row[view.choice.quantity]
    ]
    latency = [
        {
            "kind": "latency",
            "n": place[row["run_id"]],
            "mesh": row["mesh"],
            "quantile": row["quantile"],
            "value": row["value_s"] * 1e6,
        }
        for row in records(view.latency)
        if row["value_s"] > 0 and row["run_id"] in place and row["rate_per_s"] == view.choice.rates[-1]
    ]
    over = over_time(view.choice.quantity)
    peaks = [
        {
            "kind": "peak",
            "n": place[row["run_id"]],
            "mesh": row["mesh"],
            "percentile": row["percentile"],
            "value": row["value"] * over.scale,
        }
        for row in records(view.peaks)
        if row["run_id"] in place and row["rate_per_s"] == view.choice.rates[-1]
    ]
    moments = [
        {"kind": "moment", "time": row["time_s"], "role": row["role"], "rank": ranks[row["role"]],
         "value": row["value"] * over.scale}
        for row in records(view.moments) if row["value"] == row["value"] and row["role"] in ranks
    ]  # fmt: skip
    return costs + latency + peaks + moments


def _cell(mesh: str, rate: float, several: bool) -> str:
    return f"{mesh} at {rate:,.10g}/s" if several else mesh


# ---------------------------------------------------------------------- the picture
def linked(view: View) -> Spec:
    """Return ``view`` as Vega-Lite with its rows; without any row, empty charts."""
    title = _title(view)
    costs = [_time(view, title), _rates(view, title), _stack(view, title)]
    over, against, stack = costs
    peaks, tail, close, rows = _peaks(view), _tail(view), _close(view), rows_of(view)
    _say_what_is_missing({"cost": costs, "peak": [peaks], "latency": [tail], "moment": [close]}, rows)
    spec = {
        "$schema": alt.SCHEMA_URL,
        "config": config(),
        "title": {
            "text": f"{QUANTITIES[view.choice.quantity].title}: {_planes(view)}",
            "subtitle": [
                "Drag over the first chart to keep the runs under the brush; click a legend to select, "
                "shift-click to add.",
                *wrapped(view.badge),
            ],
        },
        "description": describe(view),
        "usermeta": {"naturalWidth": WIDTH + NARROW + _BESIDE},
        "data": {"values": rows},
        "spacing": 26,
        "vconcat": [
            {"hconcat": list(pair), "spacing": 40, "resolve": _own_scales()}
            for pair in ((over, stack), (against, peaks), (close, tail))
        ],
        "resolve": _own_scales(),
    }
    whole: Spec = fit(spec)
    return whole


def _say_what_is_missing(panels: Mapping[str, Sequence[Spec]], rows: Sequence[Spec]) -> None:
    """Write it over panels that have no rows: an empty frame tells nobody why it is empty."""
    there = {row["kind"] for row in rows}
    for panel in (panel for kind, those in panels.items() if kind not in there for panel in those):
        panel["title"]["text"] += f": {NOT_MEASURED}"


def picture(view: View) -> Any:
    """Return the same as an altair chart, which notebooks show and altair's users can change."""
    return alt.VConcatChart.from_dict(linked(view))


def _title(view: View) -> str:
    quantity = QUANTITIES[view.choice.quantity]
    return quantity.title if quantity.unit == "1" else f"{quantity.title} ({quantity.unit})"


def _planes(view: View) -> str:
    return f"{len(view.order)} data plane{'s' if len(view.order) != 1 else ''}"


def _own_scales() -> Spec:
    return {"scale": {"color": "independent", "shape": "independent"}}


def _panel(title: str, width: int, height: Any, below: str = "", **rest: Any) -> Spec:
    head = {
        "text": title,
        "fontSize": 13,
        "offset": 8,
        **({"subtitle": below, "subtitleFontSize": 11} if below else {}),
    }
    return {"title": head, "width": width, "height": height, **rest}


def _of(kind: str, *params: str) -> list[Spec]:
    return [{"filter": f"datum.kind === '{kind}'"}, *({"filter": {"param": one}} for one in params)]


def _aggregate(op: str, *groupby: str) -> Spec:
    return {"aggregate": [{"op": op, "field": "value", "as": "value"}], "groupby": list(groupby)}


def _picks(name: str, field: str) -> Spec:
    return {"name": name, "select": {"type": "point", "fields": [field]}, "bind": "legend"}


def _faded(param: str, shown: float = 1.0) -> Spec:
    return {"condition": {"param": param, "value": shown}, "value": 0.12}


def _y(title: str, **scale: Any) -> Spec:
    nice = {"nice": False, "padding": 8, **scale}
    return {"field": "value", "type": "quantitative", "title": title, "scale": nice, "axis": {"tickCount": 5}}


def _tip(field: str, kind: str, title: str, text: str = "") -> Spec:
    return {"field": field, "type": kind, "title": title, **({"format": text} if text else {})}


def _mesh_tips(title: str, *more: Spec) -> list[Spec]:
    return [_tip("mesh", "nominal", "data plane"), _tip("value", "quantitative", title, ",.4~g"), *more]


def _signs(view: View, legend: Spec | None) -> Spec:
    order = list(view.order)
    colours, shapes = mesh_colours(view.everyone), mesh_shapes(view.everyone)
    both = {"field": "mesh", "type": "nominal", "sort": order, "legend": legend}
    return {
        "color": {**both, "scale": {"domain": order, "range": [colours[mesh] for mesh in order]}},
        "shape": {**both, "scale": {"domain": order, "range": [shapes[mesh] for mesh in order]}},
    }


def _role_colour(roles: Sequence[str], legend: Spec | None) -> Spec:
    present = roles_in_order(roles)
    scale = {"domain": present, "range": [ROLE_COLOURS.get(role, QUIET) for role in present]}
    return {"field": "role", "type": "nominal", "scale": scale, "sort": present, "legend": legend}


def _time(view: View, title: str) -> Spec:
    x = {
        "field": "n",
        "type": "quantitative",
        "title": "Run, in order of time",
        "scale": {"nice": False, "padding": 10, "zero": False},
        "axis": {"grid": False, "tickMinStep": 1, "format": "d"},
    }
    tips = (
        _tip("rate", "quantitative", "requests/s"),
        _tip("block", "quantitative", "block"),
        _tip("run", "nominal", "run"),
    )
    brush = {"name": _BRUSH, "select": {"type": "interval", "encodings": ["x"]}}
    return _panel(
        "Over time: every run",
        WIDTH,
        HEIGHT,
        params=[brush, _picks(_MESH, "mesh")],
        transform=[*_of("cost", _ROLE), _aggregate("sum", "run", "n", "block", "mesh", "rate")],
        mark={"type": "point", "filled": True, "size": 46, "stroke": "white", "strokeWidth": 0.6},
        encoding={
            "x": x,
            "y": _y(title, zero=True),
            **_signs(view, {"columns": 3, "labelLimit": 150}),
            "opacity": _faded(_MESH),
            "tooltip": _mesh_tips(title, *tips),
        },
    )


def _stack(view: View, title: str) -> Spec:
    several = len(view.choice.rates) > 1
    cells = [_cell(mesh, rate, several) for mesh in view.order for rate in view.choice.rates]
    x = {
        "field": "value",
        "type": "quantitative",
        "stack": "zero",
        "title": title,
        "scale": {"nice": False},
        "axis": {"tickCount": 4},
    }
    return _panel(
        "Stacked by role: medians over runs",
        NARROW,
        HEIGHT if len(cells) < 12 else {"step": 17},
        params=[_picks(_ROLE, "role")],
        transform=[*_of("cost", _BRUSH), _aggregate("median", "cell", "role", "rank")],
        mark={"type": "bar", "stroke": "white", "strokeWidth": 0.7},
        encoding={
            "y": {"field": "cell", "type": "nominal", "sort": cells, "title": None, "axis": {"labelLimit": 165}},
            "x": x,
            "color": _role_colour(view.choice.roles, {"symbolType": "square", "columns": 3}),
            "order": {"field": "rank", "type": "quantitative"},
            "opacity": _faded(_ROLE),
            "tooltip": [_tip("cell", "nominal", "data plane"), _tip("role", "nominal", "burnt by"),
                        _tip("value", "quantitative", title, ",.4~g")],
        },
    )  # fmt: skip


def _lines(view: View, x: Spec, y: Spec, tip: str) -> list[Spec]:
    signs = _signs(view, None)
    line = {"x": x, "y": y, "color": signs["color"], "opacity": _faded(_MESH, 0.8)}
    points = {"x": x, "y": y, **signs, "opacity": _faded(_MESH), "tooltip": _mesh_tips(tip)}
    return [
        {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": line},
        {
            "mark": {"type": "point", "filled": True, "size": 70, "stroke": "white", "strokeWidth": 0.8},
            "encoding": points,
        },
    ]


def _rates(view: View, title: str) -> Spec:
    rates = list(view.choice.rates)
    wide = len(rates) > 1 and rates[-1] / rates[0] > 4
    x = {
        "field": "rate",
        "type": "quantitative",
        "title": "Rate (requests/s)",
        "scale": {"type": "log" if wide else "linear", "zero": False, "padding": 24, "nice": False},
        "axis": {"values": rates, "format": ",.10~g", "grid": False},
    }
    summed = _aggregate("sum", "run", "mesh", "rate")
    return _panel(
        "Against rate: medians over runs",
        WIDTH,
        HEIGHT,
        transform=[*_of("cost", _BRUSH, _ROLE), summed, _aggregate("median", "mesh", "rate")],
        layer=_lines(view, x, _y(title, zero=True), title),
    )


def _at(view: View) -> str:
    return f" at {rate_text(view.choice.rates[-1])}" if view.choice.rates else ""


def _peaks(view: View) -> Spec:
    over = over_time(view.choice.quantity)
    title, length = f"{over.title} ({over.unit})", f" of {view.step_s:.3g} s" if view.step_s == view.step_s else ""
    x = {
        "field": "percentile",
        "type": "ordinal",
        "sort": list(PERCENTILES),
        "title": f"Percentile of a run's steps{length}, the ticked roles together",
        "axis": {"labelAngle": 0},
    }
    return _panel(
        f"{over.title} by percentile{_at(view)}",
        NARROW + 60,
        HEIGHT,
        transform=[*_of("peak", _BRUSH), _aggregate("median", "mesh", "percentile")],
        layer=_lines(view, x, _y(title, zero=True), title),
    )


def _tail(view: View) -> Spec:
    x = {
        "field": "quantile",
        "type": "ordinal",
        "sort": list(QUANTILES.values()),
        "title": "Percentile of requests",
        "axis": {"labelAngle": 0},
    }
    y = {**_y("Latency (µs)", type="log"), "axis": {"values": _LOG_TICKS, "format": ",.10~g"}}
    return _panel(
        f"Latency by percentile{_at(view)}",
        NARROW + 60,
        HEIGHT,
        transform=[*_of("latency", _BRUSH), _aggregate("median", "mesh", "quantile")],
        layer=_lines(view, x, y, "Latency (µs)"),
    )


def _close(view: View) -> Spec:
    over = over_time(view.choice.quantity)
    title = f"{over.title} ({over.unit})"
    x = {
        "field": "time",
        "type": "quantitative",
        "title": "Seconds since the window's start",
        "scale": {"nice": False},
        "axis": {"grid": False, "tickCount": 6},
    }
    return _panel(
        "One run in detail",
        WIDTH,
        HEIGHT,
        view.close_up or "none",
        transform=_of("moment"),
        mark={"type": "area", "interpolate": "step", "stroke": "white", "strokeWidth": 0.5},
        encoding={
            "x": x,
            "y": {**_y(title), "stack": "zero", "axis": {"tickCount": 3}},
            "color": _role_colour(view.choice.roles, None),
            "order": {"field": "rank", "type": "quantitative"},
            "opacity": _faded(_ROLE),
            "tooltip": [_tip("role", "nominal", "role"), _tip("time", "quantitative", "second", ".1f"),
                        _tip("value", "quantitative", title, ".3~f")],
        },
    )  # fmt: skip


# ---------------------------------------------------------------------- in words
def describe(view: View) -> str:
    """Say what `linked` shows: the median total of each data plane at each rate."""
    quantity, name = QUANTITIES[view.choice.quantity], view.choice.quantity
    told = [
        f"{row['mesh']} {row[name] * quantity.scale:,.4g} {quantity.unit} at {rate_text(row['rate_per_s'])}"
        if row[name] == row[name]
        else f"{row['mesh']} not measured at {rate_text(row['rate_per_s'])}"
        for row in records(view.totals)
    ]
    roles = ", ".join(view.choice.roles) or "no role"
    badge = f"{view.badge}. " if view.badge else ""
    return f"{badge}{quantity.title}, median over runs, summed over {roles}: {'; '.join(told) or 'not measured'}."
