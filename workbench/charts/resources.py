"""What a mesh takes of a cluster: used beside requested, of CPU and of memory; and each node's bill, which closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import Choice, faded, legend_selection, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import columns_for, mesh_rows, panelled, row_text, shortened, width_for
from workbench.charts.rows import (
    NOT_MEASURED,
    complete,
    estimate_text,
    groups,
    interval_text,
    listed,
    rate_text,
    rates_of,
    records,
    value_text,
    workloads_of,
)
from workbench.charts.theme import INK, finish, role_scale, roles_in_order
from workbench.model.metrics import metric

ALL = "all"
LEFT = "unattributed"
FLAGGED_RATIO = 0.10
"""Share of a node from which on the rest is marked; the checks flag the same."""

_ROW, _USED, _RESERVED = 58, 9, 22
"""Pixels: a row's height, and how far below its middle the two bars lie."""

_PANELS = {
    "CPU": ("used_cores", "cpu_cores", "cpu_low", "cpu_high", "cpu_request_cores", "without_cpu_request"),
    "memory": (
        *("used_memory_bytes", "memory_bytes", "memory_low", "memory_high"),
        *("memory_request_bytes", "without_memory_request"),
    ),
}
"""Panel -> metric, and columns of a resource summary: median, interval, requested, containers that request none."""

_CELL = ("workload", "rate_per_s")


def _where(row: dict[str, Any]) -> dict[str, Any]:
    return {"mesh": row["mesh"], "workload": row["workload"], "rate": rate_text(row["rate_per_s"])}


def _bar_rows(row: dict[str, Any], panel: str, rank: int) -> list[dict[str, Any]]:
    name, used, _, _, requested, _ = _PANELS[panel]
    shown = metric(name)
    return [
        {
            **_where(row),
            "kind": kind,
            "panel": shown.axis_title,
            "role": row["role"],
            "rank": rank,
            "value": row[column] * shown.scale,
            "said": value_text(name, row[column]),
            "what": kind,
        }
        for kind, column in (("used", used), ("requested", requested))
        if row[column] == row[column]
    ]


def _requested(row: dict[str, Any], panel: str) -> str:
    """Say what is requested: ``"750 MiB"``, ``"750 MiB + 1 unset"``, ``"none"``; nothing where it was not read."""
    name, _, _, _, requested, without = _PANELS[panel]
    if row[without] != row[without]:
        return "requests not read"
    if row[requested] != row[requested]:
        return "none"
    more = f" + {row[without]:.0f} unset" if row[without] else ""
    return value_text(name, row[requested]) + more


def _said(row: dict[str, Any], panel: str) -> str:
    name, used = _PANELS[panel][:2]
    if row["containers"] != row["containers"]:
        return NOT_MEASURED
    asked = _requested(row, panel)
    value = value_text(name, row[used])
    unit = f" {metric(name).shown_unit}"
    return f"{value.removesuffix(unit) if unit in asked else value} / {asked}"


def _total_row(row: dict[str, Any], panel: str) -> dict[str, Any]:
    name, used, low, high, _, _ = _PANELS[panel]
    shown = metric(name)
    return {
        **_where(row),
        "kind": "total",
        "panel": shown.axis_title,
        "name": shortened(row["mesh"]),
        "value": row[used] * shown.scale,
        "low": row[low] * shown.scale,
        "high": row[high] * shown.scale,
        "said": _said(row, panel),
        "interval": interval_text(name, row[low], row[high]) or "no interval",
    }


def _totals(summary: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    totals = complete(summary[summary["role"] == ALL], order, _CELL)
    return totals.sort_values(list(_CELL), kind="stable")


def _shares(summary: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    return summary[summary["mesh"].isin(list(order)) & ~summary["role"].isin([ALL, "load-generator"])]


def _bars(kind: str, offset: int, height: int, opacity: float, roles: Sequence[str], picked: Any, y: Any) -> Any:
    base = alt.Chart().transform_filter(f"datum.kind === '{kind}'")
    return base.mark_bar(height=height, yOffset=offset, stroke="white", strokeWidth=0.7).encode(
        y=y,
        x=alt.X("value:Q", stack="zero", title=None, axis=alt.Axis(tickCount=4), scale=alt.Scale(nice=False)),
        color=alt.Color("role:N", scale=role_scale(roles), legend=alt.Legend(symbolType="square")),
        order=alt.Order("rank:Q"),
        opacity=faded(picked, opacity),
        tooltip=[
            alt.Tooltip("mesh:N", title="mesh"),
            alt.Tooltip("role:N", title="role"),
            alt.Tooltip("said:N", title="how much"),
            alt.Tooltip("what:N", title="used or requested"),
            alt.Tooltip("rate:N", title="at"),
        ],
    )


def _mark(y: Any, offset: int, tooltip: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return the base of a row's text, and the layers of its total with the interval."""
    total = alt.Chart().transform_filter("datum.kind === 'total'").encode(y=y, tooltip=list(tooltip))
    spread = total.mark_rule(yOffset=offset, strokeWidth=1.6, color=INK).encode(x="low:Q", x2="high:Q")
    tick = total.mark_tick(yOffset=offset, thickness=2.4, size=15, color=INK, opacity=1).encode(x="value:Q")
    return total, [spread, tick]


def _choices(frame: pd.DataFrame) -> list[Choice]:
    return [
        Choice(field="rate", label="Rate", options=tuple(rate_text(rate) for rate in reversed(rates_of(frame)))),
        Choice(field="workload", label="Workload", options=tuple(workloads_of(frame))),
    ]


def _finished(layers: Sequence[Any], panels: Sequence[str], frame: pd.DataFrame, row: int = _ROW) -> Any:
    picture = panelled(
        alt.layer(*layers), panels, columns=columns_for(panels), width=width_for(panels), height=alt.Step(row)
    ).resolve_axis(x="independent")
    return with_choices(picture.resolve_scale(x="independent"), _choices(frame))


@badged
def resources(resource_summary: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Stack what each role used, and below it what it had requested, for CPU and for memory.

    Parameters
    ----------
    resource_summary
        Columns mesh, workload, rate_per_s, role (``"all"``: everything but the load generator), containers, cpu_cores,
        cpu_low, cpu_high, memory_bytes, memory_low, memory_high, cpu_request_cores, memory_request_bytes,
        without_cpu_request, without_memory_request.
    order
        Mesh labels from top to bottom, baseline first.
    """
    shares, totals = _shares(resource_summary, order), _totals(resource_summary, order)
    roles = roles_in_order(shares["role"])
    rows = [
        bar for row in records(shares) for panel in _PANELS for bar in _bar_rows(row, panel, roles.index(row["role"]))
    ]
    rows += [_total_row(row, panel) for row in records(totals) for panel in _PANELS]
    y, picked = mesh_rows(order), legend_selection("role")
    tooltip = [
        alt.Tooltip("mesh:N", title="mesh"),
        alt.Tooltip("said:N", title="used / requested"),
        alt.Tooltip("interval:N", title="interval of the use"),
        alt.Tooltip("rate:N", title="at"),
    ]
    total, marks = _mark(y, _USED, tooltip)
    layers = [
        _bars("used", _USED, 14, 1.0, roles, picked, y).add_params(picked),
        _bars("requested", _RESERVED, 8, 0.5, roles, picked, y),
        *marks,
        *row_text(total),
    ]
    panels = [metric(names[0]).axis_title for names in _PANELS.values()]
    return finish(
        _finished(layers, panels, totals),
        rows,
        "Application resource consumption on each mesh: used, and requested",
        [
            "Application, data plane and control plane by role, without the load generator. Broad bar: used; pale bar: "
            "requested.",
            "Figures: used / requested. Containers that request nothing are counted as unset, never as 0. Black mark: "
            "median of the totals with its interval.",
        ],
        describe_resources(resource_summary, order),
    )


def describe_resources(resource_summary: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `resources` shows; parameters as there."""
    shares = dict(groups(_shares(resource_summary, order), ("mesh", *_CELL)))
    sentences = ["CPU and memory used and requested by application, data plane and control plane."]
    for (workload, rate), cell in groups(_totals(resource_summary, order), _CELL):
        told = [_in_words(row, shares.get((row["mesh"], workload, rate), [])) for row in cell]
        sentences.append(f"{workload} at {rate_text(rate)}: {'; '.join(told)}.")
    return " ".join(sentences)


def _in_words(row: dict[str, Any], shares: Sequence[dict[str, Any]]) -> str:
    if row["containers"] != row["containers"]:
        return f"{row['mesh']} {NOT_MEASURED}"
    by_role = [f"{one['role']} {value_text('used_cores', one['cpu_cores'])}" for one in shares]
    return (
        f"{row['mesh']} used {value_text('used_cores', row['cpu_cores'])} ({listed(by_role)}) and "
        f"{value_text('used_memory_bytes', row['memory_bytes'])}, requested CPU {_requested(row, 'CPU')} and memory "
        f"{_requested(row, 'memory')}"
    )


def _bill_bar(row: dict[str, Any], rank: int) -> dict[str, Any]:
    share = f"{row['ratio']:.1%} of the node" if row["ratio"] == row["ratio"] else "of an idle node"
    said = f"{value_text('used_cores', row['cpu_cores'])}, {share}"
    bar = {"kind": "used", "panel": row["node"], "role": row["role"], "rank": rank, "value": row["cpu_cores"]}
    return {**_where(row), **bar, "said": said, "what": "used"}


def _node_text(row: dict[str, Any]) -> str:
    """Return what the node counted, marked where much of it is unattributed; short, for it is next to a name."""
    return estimate_text("used_cores", row) + (" (!)" if abs(row["ratio"]) > FLAGGED_RATIO else "")


def _rest(row: dict[str, Any]) -> str:
    return f"{_node_text(row)}, {row['ratio']:.1%} unattributed"


def _bill_total(row: dict[str, Any]) -> dict[str, Any]:
    mark = {"kind": "total", "panel": row["node"], "name": shortened(row["mesh"]), "value": row["median"]}
    ends = {"low": row["low"], "high": row["high"]}
    return {
        **_where(row),
        **mark,
        **ends,
        "said": _node_text(row),
        "rest": f"{row['ratio']:.1%}",
        "runs": f"{row['runs']:.0f} runs",
    }


@badged
def node_bill(node_bill_summary: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Stack who used each node's CPU, one panel for each node; the mark is what the node itself counted.

    Parameters
    ----------
    node_bill_summary
        Columns mesh, workload, rate_per_s, node, role, cpu_cores, ratio: means over the runs whose bill closes; runs;
        median, low, high: what the node itself counted, as the median over these runs with its interval.
    order
        Mesh labels from top to bottom, baseline first.
    """
    bills = node_bill_summary[node_bill_summary["mesh"].isin(list(order))]
    roles = roles_in_order(bills["role"])
    rows = [_bill_bar(row, roles.index(row["role"])) for row in records(bills)]
    rows += [_bill_total(row) for row in records(bills[bills["role"] == LEFT])]
    y, picked = mesh_rows(order), legend_selection("role")
    tooltip = [
        alt.Tooltip("mesh:N", title="mesh"),
        alt.Tooltip("said:N", title="the node's own counter"),
        alt.Tooltip("rest:N", title="unattributed"),
        alt.Tooltip("runs:N", title="over"),
        alt.Tooltip("rate:N", title="at"),
    ]
    total, marks = _mark(y, 9, tooltip)
    layers = [_bars("used", 9, 15, 1.0, roles, picked, y).add_params(picked), *marks, *row_text(total)]
    return finish(
        _finished(layers, sorted(bills["node"].unique()), bills, 44),
        rows,
        "CPU of each node, by role",
        [
            "Cores used on the node by role, means over runs. "
            "Black mark: what the node itself counted, median with its interval.",
            f"Unattributed is the rest: the kernel's own work, and processes outside of pods. (!): above "
            f"{FLAGGED_RATIO:.0%} of the node.",
        ],
        describe_node_bill(node_bill_summary, order),
    )


def describe_node_bill(node_bill_summary: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `node_bill` shows; parameters as there."""
    bills = node_bill_summary[node_bill_summary["mesh"].isin(list(order))]
    sentences = ["CPU of each node by role; the parts add up to what the node itself counted."]
    for (node, workload, rate), cell in groups(bills, ("node", *_CELL)):
        told = []
        for mesh in order:
            parts = [row for row in cell if row["mesh"] == mesh]
            by_role = [f"{row['role']} {value_text('used_cores', row['cpu_cores'])}" for row in parts]
            told += [f"{mesh} {_rest(row)}: {listed(by_role)}" for row in parts if row["role"] == LEFT]
        sentences.append(f"{node}, {workload} at {rate_text(rate)}: {'; '.join(told)}.")
    return " ".join(sentences)
