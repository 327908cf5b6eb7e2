"""Point and interval, one row for each data plane: the form of `tax`, `overhead` and `memory`.

Each row has a line of text (the data plane, the value with its interval) above its mark, so that no label is ever cut
off by an axis and a panel stays readable on a telephone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.charts.controls import Choice, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import MARK, columns_for, heading, mesh_rows, panelled, row_text, shortened, width_for
from workbench.charts.rows import (
    NOT_MEASURED,
    basis_text,
    complete,
    estimate_text,
    groups,
    metrics_of,
    rate_text,
    rates_of,
    records,
    workloads_of,
)
from workbench.charts.theme import GRID, QUIET, finish, mesh_scale
from workbench.model.metrics import metric

_ROW = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What distinguishes one such chart from another.

    Attributes
    ----------
    title, subtitle
        Of the chart.
    metrics
        Names of metrics to choose from, the default first.
    signed
        Whether values are differences to the baseline: a plus sign, a rule at zero, and no row for the baseline.
    """

    title: str
    subtitle: tuple[str, ...]
    metrics: tuple[str, ...]
    signed: bool = False


def _cells(frame: pd.DataFrame, order: Sequence[str], kind: Ranges) -> pd.DataFrame:
    """Return the rows to show, by metric in the order of ``kind``, then workload, rate and mesh."""
    shown = [one.name for one in metrics_of(frame, kind.metrics)] or list(kind.metrics[:1])
    meshes = order[1:] if kind.signed else order
    cells = complete(frame[frame["metric"].isin(shown)], meshes, ("workload", "rate_per_s", "metric"))
    cells = cells.assign(place=cells["metric"].map(shown.index))
    return cells.sort_values(["place", "workload", "rate_per_s"], kind="stable")


def _panel(name: str, rate: float, several: bool) -> str:
    return heading(metric(name).axis_title, f"at {rate_text(rate)}") if several else rate_text(rate)


def _said(row: Mapping[str, Any], kind: Ranges, absent: Mapping[str, str]) -> str:
    text = estimate_text(row["metric"], row, signed=kind.signed)
    return absent.get(row["mesh"], text) if text == NOT_MEASURED else text


def _row(row: dict[str, Any], several: bool, said: str) -> dict[str, Any]:
    shown = metric(row["metric"])
    return {
        "mesh": row["mesh"],
        "name": shortened(row["mesh"]),
        "workload": row["workload"],
        "metric": shown.axis_title,
        "rate": rate_text(row["rate_per_s"]),
        "panel": _panel(row["metric"], row["rate_per_s"], several),
        "value": row["median"] * shown.scale,
        "low": row["low"] * shown.scale,
        "high": row["high"] * shown.scale,
        "said": said,
        "basis": basis_text(row),
    }


def _layers(order: Sequence[str], kind: Ranges, title: str | None) -> Any:
    base = alt.Chart().encode(
        y=mesh_rows(order),
        tooltip=[
            alt.Tooltip("mesh:N", title="data plane"),
            alt.Tooltip("metric:N", title="metric"),
            alt.Tooltip("said:N", title="median [interval]"),
            alt.Tooltip("basis:N", title="basis"),
            alt.Tooltip("rate:N", title="at"),
        ],
    )
    colour = alt.Color("mesh:N", scale=mesh_scale(order), legend=None)
    axis = alt.Axis(tickCount=4, grid=True)
    zero = alt.Chart().mark_rule(color=QUIET if kind.signed else GRID, strokeWidth=1.2).encode(x=alt.datum(0))
    spread = base.mark_rule(yOffset=MARK, strokeWidth=5, opacity=0.45, strokeCap="round").encode(
        x=alt.X("low:Q", title=title, axis=axis), x2="high:Q", color=colour
    )
    point = base.mark_point(yOffset=MARK, size=85, filled=True, opacity=1, stroke="white", strokeWidth=1.2).encode(
        x=alt.X("value:Q", title=title, axis=axis, scale=alt.Scale(zero=True, nice=False, padding=7)), color=colour
    )
    return alt.layer(zero, spread, point, *row_text(base))


def draw(frame: pd.DataFrame, order: Sequence[str], kind: Ranges, absent: Mapping[str, str] | None = None) -> Picture:
    """Draw the chart ``kind``, one panel for each rate.

    Parameters
    ----------
    frame
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks.
    order
        Mesh labels from top to bottom, baseline first.
    absent
        Mesh -> why it has no value, shown instead of "not measured".
    """
    cells = _cells(frame, order, kind)
    shown = list(dict.fromkeys(cells["metric"])) or list(kind.metrics[:1])
    several = len(shown) > 1
    rows = [_row(row, several, _said(row, kind, absent or {})) for row in records(cells)]
    rates = list(reversed(rates_of(cells)))
    panels = [_panel(name, rate, several) for name in shown for rate in rates]
    layers = _layers(order, kind, None if several else metric(shown[0]).axis_title)
    picture = panelled(
        layers, panels, columns=columns_for(rates), width=width_for(rates), height=alt.Step(_ROW)
    ).resolve_axis(x="independent")
    choices = [
        Choice(field="metric", label="Metric", options=tuple(metric(name).axis_title for name in shown)),
        Choice(field="workload", label="Workload", options=tuple(workloads_of(cells))),
    ]
    words = describe(frame, order, kind, absent)
    picture = with_choices(picture.resolve_axis(x="independent"), choices)
    return finish(picture, rows, kind.title, kind.subtitle, words)


def describe(frame: pd.DataFrame, order: Sequence[str], kind: Ranges, absent: Mapping[str, str] | None = None) -> str:
    """Say what `draw` shows, each value with its interval; parameters as there."""
    cells = _cells(frame, order, kind)
    several = len(workloads_of(cells)) > 1
    sentences = []
    for (name, workload, rate), cell in groups(cells, ("metric", "workload", "rate_per_s")):
        told = [f"{row['mesh']} {_said(row, kind, absent or {})}" for row in cell]
        where = f" ({workload})" if several else ""
        sentences.append(f"{metric(name).label} at {rate_text(rate)}{where}: {', '.join(told)}.")
    return " ".join(sentences) or f"{kind.title}: {NOT_MEASURED}."
