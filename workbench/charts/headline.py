"""The headline: what 1000 requests/s cost in cores, and who uses them, across data planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import Choice, faded, legend_selection, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import MARK, columns_for, mesh_rows, panelled, row_text, shortened, width_for
from workbench.charts.rows import (
    CELL,
    basis_text,
    complete,
    estimate_text,
    groups,
    listed,
    rate_text,
    rates_of,
    records,
    value_text,
    workloads_of,
)
from workbench.charts.theme import INK, finish, role_scale, roles_in_order
from workbench.model.metrics import metric

TOTAL, SHOWN = "cpu_per_request_s", "all_cores_per_1000_rps"
"""The metric that is drawn, and the one whose unit it is drawn in: the same figure for 1000 requests/s."""

_ROW = 44
"""Height of one data plane's row in pixels: a line of text above its bar."""

_SCALE = metric(SHOWN).scale


def _totals(summary: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    totals = complete(summary[summary["metric"] == TOTAL], order, ("workload", "rate_per_s"))
    return totals.sort_values(["workload", "rate_per_s"], kind="stable")


def _shares(bill_summary: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Return the measured shares under the column names of a summary, in stacking order."""
    shares = bill_summary.rename(columns={"cpu_per_request_s": "median"})
    shares = shares[shares["mesh"].isin(list(order)) & shares["median"].notna()]
    present = roles_in_order(shares["role"])
    return shares.assign(rank=shares["role"].map(present.index)).sort_values("rank", kind="stable")


def _limits(saturated: pd.DataFrame | None) -> dict[tuple[Any, ...], str]:
    """Return (mesh, workload, rate) -> why it did not carry the load."""
    rows = [] if saturated is None else records(saturated)
    return {_cell_of(row): str(row["why"]) for row in rows}


def _cell_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in CELL)


def _share_row(row: dict[str, Any], limits: Mapping[tuple[Any, ...], str]) -> dict[str, Any]:
    limit = limits.get(_cell_of(row))
    return {
        "kind": "role",
        **({"limit": limit} if limit else {}),
        "mesh": row["mesh"],
        "workload": row["workload"],
        "panel": rate_text(row["rate_per_s"]),
        "role": row["role"],
        "rank": row["rank"],
        "value": row["median"] * _SCALE,
        "said": estimate_text(SHOWN, row),
    }


def _total_row(row: dict[str, Any], limits: Mapping[tuple[Any, ...], str]) -> dict[str, Any]:
    limit = limits.get(_cell_of(row))
    return {
        "kind": "total",
        "mesh": row["mesh"],
        "name": shortened(row["mesh"]) + (" (saturated)" if limit else ""),
        "workload": row["workload"],
        "panel": rate_text(row["rate_per_s"]),
        "value": row["median"] * _SCALE,
        "low": row["low"] * _SCALE,
        "high": row["high"] * _SCALE,
        "said": estimate_text(SHOWN, row),
        "basis": basis_text(row) + (f"; saturated: {limit}" if limit else ""),
    }


def _bars(y: Any, roles: Sequence[str]) -> Any:
    picked = legend_selection("role")
    entries = alt.Legend(symbolType="square") if roles else None  # one without entries has no end, and pages hang
    return (
        alt.Chart()
        .transform_filter("datum.kind === 'role'")
        .mark_bar(height=15, yOffset=MARK, stroke="white", strokeWidth=0.7)
        .encode(
            y=y,
            x=alt.X(
                "value:Q",
                stack="zero",
                title=metric(SHOWN).axis_title,
                axis=alt.Axis(tickCount=4),
                scale=alt.Scale(nice=False),
            ),
            color=alt.Color("role:N", scale=role_scale(roles), legend=entries),
            order=alt.Order("rank:Q"),
            opacity=faded(picked),
            fillOpacity=alt.condition("datum.limit", alt.value(0.35), alt.value(1)),
            stroke=alt.condition("datum.limit", alt.value(INK), alt.value("white")),
            strokeDash=alt.condition("datum.limit", alt.value([3, 2]), alt.value([1, 0])),
            tooltip=[
                alt.Tooltip("mesh:N", title="data plane"),
                alt.Tooltip("role:N", title="used by"),
                alt.Tooltip("said:N", title="cores for 1000 requests/s"),
                alt.Tooltip("panel:N", title="at"),
            ],
        )
        .add_params(picked)
    )


def _layers(order: Sequence[str], roles: Sequence[str]) -> Any:
    y = mesh_rows(order)
    total = alt.Chart().transform_filter("datum.kind === 'total'")
    total = total.encode(
        y=y,
        tooltip=[
            alt.Tooltip("mesh:N", title="data plane"),
            alt.Tooltip("said:N", title="all parts together"),
            alt.Tooltip("basis:N", title="basis"),
            alt.Tooltip("panel:N", title="at"),
        ],
    )
    spread = total.mark_rule(yOffset=MARK, strokeWidth=1.6, color=INK).encode(x="low:Q", x2="high:Q")
    middle = total.mark_tick(yOffset=MARK, thickness=2.4, size=15, color=INK, opacity=1).encode(x="value:Q")
    return alt.layer(_bars(y, roles), spread, middle, *row_text(total))


@badged
def consumption(
    bill_summary: pd.DataFrame,
    summary: pd.DataFrame,
    order: Sequence[str],
    saturated: pd.DataFrame | None = None,
) -> Picture:
    """Stack the cores that 1000 requests/s cost by role for each data plane, one panel for each rate.

    Bars are medians by role; the mark is the median of the totals over blocks with its interval, so it need not stand
    exactly at the bar's end. The load generator belongs to the measurement rather than to the bill: it is the palest
    and stands last. A kernel data plane's share is a difference, and where noise makes it negative it is drawn so.

    Parameters
    ----------
    bill_summary
        Columns mesh, workload, rate_per_s, role, cpu_per_request_s (the median), low, high; seconds per request.
    summary
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks; used: ``cpu_per_request_s``.
    order
        Mesh labels from top to bottom, baseline first.
    saturated
        Columns mesh, workload, rate_per_s, why: data planes that did not carry the load. Their bars are pale with a
        dashed outline, and their names say it.
    """
    shares, totals = _shares(bill_summary, order), _totals(summary, order)
    limits = _limits(saturated)
    rows = [_share_row(row, limits) for row in records(shares)] + [_total_row(row, limits) for row in records(totals)]
    panels = [rate_text(rate) for rate in reversed(rates_of(totals))]
    layers = _layers(order, roles_in_order(shares["role"]))
    picture = panelled(layers, panels, columns=columns_for(panels), width=width_for(panels), height=alt.Step(_ROW))
    choice = Choice(field="workload", label="Workload", options=tuple(workloads_of(totals)))
    return finish(
        with_choices(picture.resolve_axis(x="independent"), [choice]),
        rows,
        "What 1000 requests/s cost, and who uses it",
        [
            "Cores by the role of the process that used them, medians over blocks.",
            "Black mark: median of the totals, with its interval.",
        ],
        describe_consumption(bill_summary, summary, order, saturated),
    )


def describe_consumption(
    bill_summary: pd.DataFrame,
    summary: pd.DataFrame,
    order: Sequence[str],
    saturated: pd.DataFrame | None = None,
) -> str:
    """Say what `consumption` shows; parameters as there."""
    limits = _limits(saturated)
    shares = dict(groups(_shares(bill_summary, order), CELL))
    totals = _totals(summary, order)
    several = len(workloads_of(totals)) > 1
    sentences = ["Cores for 1000 requests/s, and who uses them."]
    for (workload, rate), cell in groups(totals, ("workload", "rate_per_s")):
        told = [
            f"{row['mesh']} {estimate_text(SHOWN, row)}{_shares_text(shares.get((row['mesh'], workload, rate), []))}"
            + (f", saturated: {limit}" if (limit := limits.get(_cell_of(row))) else "")
            for row in cell
        ]
        sentences.append(f"At {rate_text(rate)}{f' ({workload})' if several else ''}: {'; '.join(told)}.")
    return " ".join(sentences)


def _shares_text(shares: Sequence[dict[str, Any]]) -> str:
    told = [f"{row['role']} {value_text(SHOWN, row['median'])}" for row in shares]
    return f" ({listed(told)})" if told else ""
