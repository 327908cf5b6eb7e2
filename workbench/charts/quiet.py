"""How quiet the machine was during each run of a campaign: the chart that says how far to trust the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import faded, legend_selection
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import panelled, width_for
from workbench.charts.rows import NOT_MEASURED, records
from workbench.charts.theme import QUIET, finish, mesh_scale, shape_scale
from workbench.model.records import NOISY_FOREIGN_RATIO, NOISY_STEAL_RATIO

DOTS = 250
"""Runs that one panel shows; of more runs, the worst of each stretch."""

_GAUGES = {
    "foreign_cores": ("Other processes (cores)", 1.0),
    "steal_ratio": ("Taken by the hypervisor (% of CPU)", 100.0),
    "psi_ratio": ("Waiting for a CPU (PSI, % of time)", 100.0),
    "send_lag_p99_s": ("Generator late, p99 (µs)", 1e6),
}


def _with_lag(runs: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    """Return ``runs`` in order of time with the column send_lag_p99_s."""
    lag = latency.loc[latency["kind"] == "send_lag", ["run_id", "p99_s"]].rename(columns={"p99_s": "send_lag_p99_s"})
    joined = runs.merge(lag.drop_duplicates("run_id"), on="run_id", how="left")
    joined = joined.assign(**{name: pd.to_numeric(joined[name], errors="coerce") for name in _GAUGES})
    joined = joined.sort_values("started_at", kind="stable").reset_index(drop=True)
    return joined.assign(place=range(1, len(joined) + 1))


def _worst(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return at most `DOTS` of ``runs``: of each stretch of consecutive runs the one with the worst gauge ``name``."""
    known = runs[runs[name].notna()]
    stretch = -(-len(runs) // DOTS)
    worst = known.sort_values(name, kind="stable").groupby((known["place"] - 1) // stretch).tail(1)
    return worst.sort_values("place")


def _limit(name: str, cpus: float) -> float | None:
    limits = {"foreign_cores": NOISY_FOREIGN_RATIO * cpus, "steal_ratio": NOISY_STEAL_RATIO}
    return limits.get(name)


def _rows(runs: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    title, scale = _GAUGES[name]
    limit = _limit(name, float(runs["cpus"].max()))
    dots = [
        {
            "kind": "run",
            "panel": title,
            "mesh": row["mesh"],
            "place": row["place"],
            "value": row[name] * scale,
            "run": row["run_id"],
            "started": row["started_at"],
        }
        for row in records(_worst(runs, name))
    ]
    return dots if limit is None else [{"kind": "limit", "panel": title, "value": limit * scale}, *dots]


def _layers(order: Sequence[str], runs: int) -> Any:
    picked = legend_selection("mesh")
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=True, nice=False, padding=6), axis=alt.Axis(tickCount=4))
    x = alt.X(
        "place:Q",
        title="Run (in order of time)",
        axis=alt.Axis(grid=False, tickMinStep=1, format="d", tickCount=6),
        scale=alt.Scale(domain=[0, runs + 1], nice=False),
    )
    dots = alt.Chart().transform_filter("datum.kind === 'run'").mark_point(filled=True, size=42)
    dots = dots.encode(
        x=x,
        y=y,
        color=alt.Color("mesh:N", scale=mesh_scale(order), sort=list(order)),
        shape=alt.Shape("mesh:N", scale=shape_scale(order), sort=list(order)),
        opacity=faded(picked, 0.9),
        tooltip=[
            alt.Tooltip("mesh:N", title="data plane"),
            alt.Tooltip("value:Q", title="value", format=".4~g"),
            alt.Tooltip("run:N", title="run"),
            alt.Tooltip("started:N", title="started (UTC)"),
        ],
    )
    limit = alt.Chart().transform_filter("datum.kind === 'limit'").mark_rule(strokeDash=[5, 4], color=QUIET)
    return alt.layer(limit.encode(y=y), dots.add_params(picked))


def _subtitle(runs: pd.DataFrame, unread: Sequence[str]) -> list[str]:
    many = f" Of {len(runs):,} runs, the worst of each stretch is shown." if len(runs) > DOTS else ""
    gaps = [f"{NOT_MEASURED.capitalize()} on this machine: {'; '.join(unread)}."] if unread else []
    return [f"One dot is one run; above a dashed line a run counts as disturbed.{many}", *gaps]


@badged
def noise(runs: pd.DataFrame, latency: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show how disturbed the machine was during each run, with the limits above which a run counts as disturbed.

    Parameters
    ----------
    runs
        Columns run_id, mesh, started_at, cpus, foreign_cores, steal_ratio, psi_ratio (None: cannot be read here).
    latency
        Columns run_id, kind, p99_s; used: kind ``send_lag``.
    order
        Mesh labels, baseline first.
    """
    frame = _with_lag(runs, latency)
    read = [name for name in _GAUGES if frame[name].notna().any()]
    unread = [title for name, (title, _) in _GAUGES.items() if name not in read]
    rows = [row for name in read for row in _rows(frame, name)]
    panels = [_GAUGES[name][0] for name in read]
    picture = panelled(_layers(order, len(frame)), panels, columns=2, width=width_for(panels), height=130)
    picture = picture.resolve_scale(y="independent").resolve_axis(x="independent")
    description = describe_noise(runs, latency, order)
    return finish(picture, rows, "How quiet the machine was", _subtitle(frame, unread), description)


def describe_noise(runs: pd.DataFrame, latency: pd.DataFrame, order: Sequence[str]) -> str:
    """Say what `noise` shows: median and worst of each gauge; parameters as there."""
    frame, told = _with_lag(runs, latency), []
    for name, (title, scale) in _GAUGES.items():
        values = frame[name].dropna() * scale
        said = f"median {values.median():.3g}, worst {values.max():.3g}" if len(values) else NOT_MEASURED
        told.append(f"{title} {said}")
    return f"Noise over {len(frame)} runs of {len(set(frame['mesh']) & set(order))} data planes: {'; '.join(told)}."
