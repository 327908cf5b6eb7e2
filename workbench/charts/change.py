"""What changes from one data plane to another: the same mesh without and with a design, metric by metric."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import MARK, row_text
from workbench.charts.rows import NOT_MEASURED, basis_text, interval_text, rate_text, records, value_text
from workbench.charts.theme import INK, MESH_COLOURS, QUIET, WIDTH, finish
from workbench.model.metrics import metric

METRICS: Final = (
    "cpu_per_request_s",
    "data_plane_cpu_per_request_s",
    "latency_p50_s",
    "latency_p90_s",
    "latency_p99_s",
    "memory_per_replica_bytes",
    "error_ratio",
)
"""What an application would feel and somebody would pay, in the order shown."""

_ROW: Final = 42
_COLOURS: Final = {"more": MESH_COLOURS[1], "less": MESH_COLOURS[2], "cannot tell apart": QUIET}
_UNRANKED: Final = "not ranked"


@badged
def change(pair: pd.DataFrame, before: str, after: str) -> Picture:
    """Show by how much each metric changes from ``before`` to ``after``, with its interval, and both medians.

    Parameters
    ----------
    pair
        What `workbench.analysis.pairs.between` returns: workload, rate_per_s, metric, before, after, ratio with its
        interval, difference with its interval, coverage, blocks, verdict, why. Of several cells the one at the highest
        rate is shown. A metric that is not ranked, or has no ratio, has its values in words and no mark.
    before, after
        Their labels.
    """
    rows = _rows(pair)
    base = alt.Chart().encode(
        y=alt.Y("metric:N", sort=[row["metric"] for row in rows], axis=None),
        tooltip=[
            alt.Tooltip("metric:N", title="metric"),
            alt.Tooltip("values:N", title="median, before and after"),
            alt.Tooltip("moved:N", title="difference within blocks"),
            alt.Tooltip("verdict:N", title="verdict"),
            alt.Tooltip("why:N", title="because"),
            alt.Tooltip("basis:N", title="basis"),
        ],
    )
    present = [name for name in _COLOURS if any(row["verdict"] == name for row in rows)]
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=present, range=[_COLOURS[name] for name in present]),
        legend=alt.Legend(symbolType="circle"),
    )
    axis = alt.Axis(tickCount=5, format="+%", grid=True, orient="bottom")
    marked = base.transform_filter("isValid(datum.value)")
    zero = alt.Chart().mark_rule(color=INK, strokeWidth=1.2).encode(x=alt.datum(0))
    spread = marked.mark_rule(yOffset=MARK, strokeWidth=5, opacity=0.45, strokeCap="round").encode(
        x=alt.X("low:Q", title="Change", axis=axis, scale=alt.Scale(nice=True, padding=8)), x2="high:Q", color=colour
    )
    point = marked.mark_point(yOffset=MARK, size=85, filled=True, opacity=1, stroke="white", strokeWidth=1.2).encode(
        x=alt.X("value:Q", axis=axis), color=colour
    )
    layers = alt.layer(zero, spread, point, *row_text(base), data=alt.InlineData(values=[]))
    picture = layers.properties(width=2 * WIDTH, height=alt.Step(_ROW))
    subtitle = (
        f"From {before} to {after}.",
        "Differences within blocks; bars are their intervals; grey is no measurable change.",
    )
    return finish(picture, rows, "What would it cost?", subtitle, describe_change(pair, before, after))


def describe_change(pair: pd.DataFrame, before: str, after: str) -> str:
    """Say what `change` shows; parameters as there."""
    rows = _rows(pair)
    if not rows:
        return f"From {before} to {after}: {NOT_MEASURED}."
    told = "; ".join(f"{row['metric']} {row['said']} ({row['verdict']})" for row in rows)
    return f"From {before} to {after} at {rows[0]['rate']}: {told}."


def _rows(pair: pd.DataFrame) -> list[dict[str, Any]]:
    cells = pair[pair["rate_per_s"] == pair["rate_per_s"].max()]
    cells = cells[cells["workload"] == cells["workload"].min()].set_index("metric", drop=False)
    return [_row(row) for name in METRICS if name in cells.index for row in records(cells.loc[[name]])]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    name = row["metric"]
    ranked = row["verdict"] != _UNRANKED
    values = f"{value_text(name, row['before'])} → {value_text(name, row['after'])}"
    moved = f"{value_text(name, row['difference'], signed=True)} {interval_text(name, row['low'], row['high'])}"
    parts = {"value": row["ratio"], "low": row["ratio_low"], "high": row["ratio_high"]}
    return {
        "metric": metric(name).label,
        "name": metric(name).label,
        "values": values,
        "moved": moved.strip(),
        "said": f"{values}, {moved.strip()}" if ranked else f"{values}, {_UNRANKED}",
        "verdict": row["verdict"],
        "why": row["why"],
        "basis": basis_text(row),
        "rate": rate_text(row["rate_per_s"]),
        **{key: value - 1 if ranked else None for key, value in parts.items()},
    }
