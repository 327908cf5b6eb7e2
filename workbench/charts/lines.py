"""Lines and dots over an ordered axis: cost against rate, latency by percentile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import Choice, faded, legend_selection, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import heading, panelled
from workbench.charts.rows import (
    NOT_MEASURED,
    basis_text,
    estimate_text,
    groups,
    listed,
    metrics_of,
    rate_text,
    rates_of,
    records,
    value_text,
    workloads_of,
)
from workbench.charts.theme import finish, mesh_scale, shape_scale
from workbench.model.metrics import metric

COST_METRICS = (
    "normalised_cpu",
    "cpu_per_request_s",
    "data_plane_cpu_per_request_s",
    "application_cpu_per_request_s",
    "cores_per_1000_rps",
)
LATENCIES = {"latency_p50_s": "p50", "latency_p90_s": "p90", "latency_p99_s": "p99", "latency_p999_s": "p99.9"}
_HEIGHT, _WIDTH = 300, 640


def measured(frame: pd.DataFrame, order: Sequence[str], metrics: Sequence[str], value: str) -> pd.DataFrame:
    """Return the rows of ``frame`` of these meshes and metrics that have a ``value``."""
    here = frame["metric"].isin(list(metrics)) & frame["mesh"].isin(list(order)) & frame[value].notna()
    return frame[here]


def gaps(measured: pd.DataFrame, order: Sequence[str]) -> list[str]:
    """Return the line that names the meshes without any value; nothing when there is none."""
    gone = [mesh for mesh in order if mesh not in set(measured["mesh"])]
    return [f"{NOT_MEASURED.capitalize()}: {listed(gone)}."] if gone else []


def _signs(order: Sequence[str]) -> dict[str, Any]:
    """Return colour and shape by mesh, which share one legend."""
    return {
        "color": alt.Color("mesh:N", scale=mesh_scale(order), sort=list(order)),
        "shape": alt.Shape("mesh:N", scale=shape_scale(order), sort=list(order)),
    }


def lines(order: Sequence[str], x: Any, y: Any, tooltip: Sequence[Any], low_high: bool) -> Any:
    """Return the layers lines, intervals (where ``low_high``) and points, with a legend that selects."""
    picked = legend_selection("mesh")
    signs, colour = _signs(order), alt.Color("mesh:N", scale=mesh_scale(order), sort=list(order))
    base = alt.Chart().encode(x=x, tooltip=list(tooltip))
    line = base.mark_line(strokeWidth=1.8).encode(y=y, color=colour, opacity=faded(picked, 0.8))
    spread = base.mark_rule(strokeWidth=1.6).encode(
        y=alt.Y("low:Q", title=None), y2="high:Q", color=colour, opacity=faded(picked, 0.6)
    )
    points = base.mark_point(filled=True, size=75, stroke="white", strokeWidth=0.8).encode(
        y=y, **signs, opacity=faded(picked)
    )
    # Vega-Lite makes a legend clickable only if the first layer of those that share it holds the selection.
    return alt.layer(line.add_params(picked), *([spread] if low_high else []), points)


def one_panel(layers: Any, headings: Sequence[str]) -> Any:
    """Return ``layers`` as one wide panel, headed by whichever of ``headings`` is chosen."""
    return panelled(layers, headings, columns=1, width=_WIDTH, height=_HEIGHT)


def _tips(*more: Any) -> list[Any]:
    return [
        alt.Tooltip("mesh:N", title="data plane"),
        alt.Tooltip("said:N", title="median [interval]"),
        *more,
        alt.Tooltip("basis:N", title="basis"),
        alt.Tooltip("rate:N", title="at"),
    ]


def _latency_panel(rate: float) -> str:
    return heading("Latency (µs)", f"at {rate_text(rate)}")


def _point(row: dict[str, Any], panel: str) -> dict[str, Any]:
    shown = metric(row["metric"])
    return {
        "mesh": row["mesh"],
        "workload": row["workload"],
        "rate": rate_text(row["rate_per_s"]),
        "metric": shown.axis_title,
        "panel": panel,
        "value": row["median"] * shown.scale,
        "low": row["low"] * shown.scale,
        "high": row["high"] * shown.scale,
        "said": estimate_text(row["metric"], row),
        "basis": basis_text(row),
    }


@badged
def cost_against_rate(summary: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show how a cost moves with the rate; a drop-down chooses the metric.

    Parameters
    ----------
    summary
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks; used: `COST_METRICS`.
    order
        Mesh labels, baseline first.
    """
    cells = measured(summary, order, COST_METRICS, "median")
    cells = cells[cells["rate_per_s"] < math.inf]
    shown, rates = metrics_of(cells, COST_METRICS), rates_of(cells)
    titles = [one.axis_title for one in shown]
    rows = [
        {**_point(row, heading(metric(row["metric"]).axis_title)), "offered": row["rate_per_s"]}
        for row in records(cells)
    ]
    wide = len(rates) > 1 and rates[-1] / rates[0] > 4
    x = alt.X(
        "offered:Q",
        title="Rate (requests/s)",
        scale=alt.Scale(type="log", padding=24, nice=False) if wide else alt.Scale(zero=False, padding=24, nice=False),
        axis=alt.Axis(values=rates, format=",.10~g", grid=False),
    )
    layers = lines(
        order, x, alt.Y("value:Q", title=None, scale=alt.Scale(zero=True, nice=False, padding=8)), _tips(), True
    )
    choices = [
        Choice(field="metric", label="Metric", options=tuple(titles)),
        Choice(field="workload", label="Workload", options=tuple(workloads_of(cells))),
    ]
    return finish(
        with_choices(one_panel(layers, [heading(title) for title in titles]), choices),
        rows,
        "Cost against rate",
        ["CPU per request falls as the rate rises: a cost is valid only at its rate.", *gaps(cells, order)],
        describe_cost_against_rate(summary, order),
    )


def describe_cost_against_rate(summary: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `cost_against_rate` shows, for its first metric; parameters as there."""
    cells = measured(summary, order, COST_METRICS, "median")
    shown = metrics_of(cells, COST_METRICS)
    if not shown:
        return f"Cost against rate: {NOT_MEASURED}."
    first = cells[cells["metric"] == shown[0].name].sort_values("rate_per_s")
    told = [
        f"{mesh} "
        + ", ".join(f"{value_text(shown[0].name, row['median'])} at {rate_text(row['rate_per_s'])}" for row in rows)
        for (mesh,), rows in sorted(groups(first, ("mesh",)), key=lambda one: list(order).index(one[0][0]))
    ]
    return " ".join([f"{shown[0].label} against rate: {'; '.join(told)}.", *gaps(cells, order)])


@badged
def latency_by_percentile(summary: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show latency from p50 to p99.9 on a logarithmic axis; a drop-down chooses the rate, the highest first.

    Parameters
    ----------
    summary
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks; used: `LATENCIES`.
    order
        Mesh labels, baseline first.
    """
    cells = measured(summary, order, tuple(LATENCIES), "median")
    cells = cells[cells["median"] > 0]
    panels = [_latency_panel(rate) for rate in reversed(rates_of(cells))]
    rows = [
        {**_point(row, _latency_panel(row["rate_per_s"])), "quantile": LATENCIES[row["metric"]]}
        for row in records(cells)
    ]
    x = alt.X("quantile:O", title="Percentile of requests", sort=list(LATENCIES.values()), axis=alt.Axis(labelAngle=0))
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(type="log", nice=False, padding=8),
        axis=alt.Axis(values=[step * 10**power for power in range(8) for step in (1, 2, 5)], format=",.10~g"),
    )
    layers = lines(order, x, y, _tips(alt.Tooltip("quantile:N", title="percentile")), True)
    rates = tuple(rate_text(rate) for rate in reversed(rates_of(cells)))
    choices = [
        Choice(field="rate", label="Rate", options=rates),
        Choice(field="workload", label="Workload", options=tuple(workloads_of(cells))),
    ]
    return finish(
        with_choices(one_panel(layers, panels), choices),
        rows,
        "Latency by percentile",
        [
            "Medians over blocks with intervals, on a logarithmic axis.",
            "The higher the percentile, the more of it belongs to the machine's other processes.",
            *gaps(cells, order),
        ],
        describe_latency_by_percentile(summary, order),
    )


def describe_latency_by_percentile(summary: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `latency_by_percentile` shows; parameters as there."""
    cells = measured(summary, order, tuple(LATENCIES), "median").sort_values(["workload", "rate_per_s"], kind="stable")
    several, sentences = len(workloads_of(cells)) > 1, []
    for (workload, rate), rows in groups(cells, ("workload", "rate_per_s")):
        by_mesh = {(row["mesh"], row["metric"]): row["median"] for row in rows}
        told = [
            f"{mesh} "
            + ", ".join(f"{short} {value_text(name, by_mesh.get((mesh, name)))}" for name, short in LATENCIES.items())
            for mesh in order
        ]
        sentences.append(f"Latency at {rate_text(rate)}{f' ({workload})' if several else ''}: {'; '.join(told)}.")
    return " ".join(sentences) or f"Latency: {NOT_MEASURED}."
