"""Every single run by block: the dots behind the medians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import Choice, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import heading
from workbench.charts.lines import lines, measured, one_panel
from workbench.charts.rows import NOT_MEASURED, metrics_of, rate_text, rates_of, records, value_text, workloads_of
from workbench.charts.theme import finish
from workbench.model.metrics import Metric, metric

METRICS = (
    "normalised_cpu",
    "cpu_per_request_s",
    "latency_p50_s",
    "latency_p90_s",
    "latency_p99_s",
    "memory_per_replica_bytes",
)
RUNS = 800
"""Runs that the chart holds; of more, those at the highest rates."""

_KEYS = ("run_id", "campaign_id", "block", "mesh", "workload", "rate_per_s")


def _runs(costs: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Return a row for each run and a column for each metric in shown units, at most `RUNS` of them."""
    cells = measured(costs, order, METRICS, "value")
    wide = cells.pivot_table(index=list(_KEYS), columns="metric", values="value", sort=False).reset_index()
    rates = rates_of(wide)
    while len(wide) > RUNS and len(rates) > 1:
        wide = wide[wide["rate_per_s"] != rates.pop(0)]
    return wide


def _places(costs: pd.DataFrame) -> dict[tuple[str, int], int]:
    """Return (campaign, block) -> number, counted from 1 through all campaigns in order."""
    seen = sorted({(str(row[0]), int(row[1])) for row in costs[["campaign_id", "block"]].itertuples(index=False)})
    return {block: place for place, block in enumerate(seen, start=1)}


def _row(run: dict[str, Any], shown: Sequence[Metric], places: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    return {
        "mesh": run["mesh"],
        "workload": run["workload"],
        "rate": rate_text(run["rate_per_s"]),
        "block": places[(str(run["campaign_id"]), int(run["block"]))],
        "run": run["run_id"],
        **{f"m{place}": run[one.name] * one.scale for place, one in enumerate(shown)},
    }


def _unfolded(picture: Any, shown: Sequence[Metric]) -> Any:
    """Turn a run's columns into one row for each metric, in the browser: that keeps the chart's data small."""
    titles = {f"m{place}": one.axis_title for place, one in enumerate(shown)}
    headings = {name: heading(title) for name, title in titles.items()}
    return (
        picture.transform_fold(list(titles), as_=["name", "value"])
        .transform_filter("isValid(datum.value)")
        .transform_calculate(metric=f"{titles}[datum.name]", panel=f"{headings}[datum.name] + '\\nat ' + datum.rate")
    )


def _layers(order: Sequence[str], last: int) -> Any:
    x = alt.X(
        "block:Q",
        title="Block (in order of time)",
        scale=alt.Scale(domain=[0.5, last + 0.5], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=True, nice=False, padding=8))
    tips = [
        alt.Tooltip("mesh:N", title="data plane"),
        alt.Tooltip("value:Q", title="value", format=",.4~g"),
        alt.Tooltip("block:Q", title="block"),
        alt.Tooltip("run:N", title="run"),
        alt.Tooltip("rate:N", title="at"),
    ]
    return lines(order, x, y, tips, False)


@badged
def blocks(costs: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show every single run's value by block, so that nothing hides behind a median; drop-downs for metric and rate.

    Parameters
    ----------
    costs
        Columns run_id, campaign_id, block, mesh, workload, rate_per_s, metric, value; used: `METRICS`. Blocks of
        several campaigns are numbered on.
    order
        Mesh labels, baseline first.
    """
    runs, places = _runs(costs, order), _places(costs)
    shown = [one for one in metrics_of(costs, METRICS) if one.name in runs]
    rates = [rate_text(rate) for rate in reversed(rates_of(runs))]
    panels = [f"{heading(one.axis_title)}\nat {rate}" for one in shown for rate in rates]
    picture = _unfolded(one_panel(_layers(order, max(places.values(), default=1)), panels), shown)
    choices = [
        Choice(field="metric", label="Metric", options=tuple(one.axis_title for one in shown)),
        Choice(field="rate", label="Rate", options=tuple(rates)),
        Choice(field="workload", label="Workload", options=tuple(workloads_of(runs))),
    ]
    gone = rates_of(costs)[: -len(rates)] if rates else []
    return finish(
        with_choices(picture, choices),
        [_row(run, shown, places) for run in records(runs)],
        "Every run, block by block",
        [
            "One dot is one run. Where lines move together, the machine's conditions changed;",
            "differences within a block cancel that.",
            *([f"Too many runs to show: without {', '.join(map(rate_text, gone))}."] if gone else []),
        ],
        describe_blocks(costs, order),
    )


def describe_blocks(costs: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `blocks` shows: how far the runs of each data plane lie apart; parameters as there."""
    cells = measured(costs, order, METRICS, "value")
    if cells.empty:
        return f"Runs by block: {NOT_MEASURED}."
    name = metrics_of(cells, METRICS)[0].name
    top = cells[(cells["metric"] == name) & (cells["rate_per_s"] == cells["rate_per_s"].max())]
    told = []
    for mesh in order:
        values = top.loc[top["mesh"] == mesh, "value"]
        spread = (
            f"from {value_text(name, values.min())} to {value_text(name, values.max())}"
            if len(values)
            else NOT_MEASURED
        )
        told.append(f"{mesh} {spread} in {len(values)} runs")
    return f"{metric(name).label} of every run at {rate_text(top['rate_per_s'].max())}: {'; '.join(told)}."
