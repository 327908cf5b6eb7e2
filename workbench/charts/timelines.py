"""One run over time: what each part of it consumed, second by second."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.charts.badges import badged
from workbench.charts.controls import Choice, faded, legend_selection, with_choices
from workbench.charts.engine import Picture, alt
from workbench.charts.labels import panelled
from workbench.charts.rows import NOT_MEASURED, groups, listed, records
from workbench.charts.theme import (
    WIDTH,
    finish,
    role_scale,
    roles_in_order,
)
from workbench.model.lab_steps import SURROUNDING_ROLES

MOMENTS = 240
"""Points in time that one line of a timeline keeps: more than that many cannot be told apart on a screen."""

PARTS = 4
"""Parts of one role that are told apart; more than that are drawn as one."""

_QUANTITIES = {"cpu_cores": ("CPU (cores)", 1.0), "mem_pss_bytes": ("Memory, PSS (MiB)", 2.0**-20)}


def _binned(series: pd.DataFrame) -> pd.DataFrame:
    """Return means by run, component and equal steps of time, at most `MOMENTS` of them."""
    frame = series if "run" in series else series.assign(run="")
    frame = frame[~frame["role"].isin(SURROUNDING_ROLES)]
    length = float(frame["time_s"].max()) if len(frame) else 0.0
    step = max(_between_readings(frame), length / MOMENTS, 1e-3)
    frame = frame.assign(time_s=(frame["time_s"] / step).round() * step)
    keys = ["run", "component", "role", "time_s"]
    return _joined(frame.groupby(keys, sort=False)[list(_QUANTITIES)].mean().reset_index())


def _between_readings(frame: pd.DataFrame) -> float:
    """Return the time between two readings of a part's CPU; more, where each part was read at times of its own.

    Then a step of that length would often miss a part, whose share would be missing from the stack.
    """
    read = frame[frame["cpu_cores"].notna()]
    times = read.groupby(["run", "component"])["time_s"]
    between = times.diff().median()
    if between != between:
        return 1.0
    together = read.groupby("run")["time_s"].nunique().max() <= 1.5 * times.nunique().max()
    return float(between) * (1.0 if together else 1.5)


def _joined(binned: pd.DataFrame) -> pd.DataFrame:
    """Return ``binned`` with the parts of a role summed up where there are more than `PARTS` of them."""
    count = binned.groupby(["run", "role"])["component"].transform("nunique")
    names = binned["component"].where(count <= PARTS, count.astype(str) + " parts")
    keys = ["run", "component", "role", "time_s"]
    summed = binned.assign(component=names).groupby(keys, sort=False)[list(_QUANTITIES)]
    return summed.sum(min_count=1).reset_index()


def _moment_rows(series: pd.DataFrame) -> list[dict[str, Any]]:
    binned = _binned(series)
    roles = roles_in_order(binned["role"])
    return [
        {
            "run": row["run"],
            "component": row["component"],
            "role": row["role"],
            "rank": roles.index(row["role"]),
            "time": row["time_s"],
            "panel": title,
            "value": row[name] * scale,
        }
        for name, (title, scale) in _QUANTITIES.items()
        for row in records(binned)
        if row[name] == row[name]
    ]


@badged
def timeline(series: pd.DataFrame) -> Picture:
    """Stack what each part consumes over time; drop-downs choose CPU or memory, and the run when there are several.

    Parameters
    ----------
    series
        Columns time_s (from the window's start), component, role, cpu_cores (NaN in a part's first sample),
        mem_pss_bytes; optionally run, a label that tells several runs apart. Parts with the role node or unattributed
        are left out.
    """
    rows = _moment_rows(series)
    picked = legend_selection("role")
    titles = [title for title, _ in _QUANTITIES.values() if any(row["panel"] == title for row in rows)]
    area = (
        alt.Chart()
        .mark_area(interpolate="step", stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X(
                "time:Q",
                title="Seconds since the window's start",
                scale=alt.Scale(nice=False),
                axis=alt.Axis(grid=False, tickCount=8),
            ),
            y=alt.Y("value:Q", stack="zero", title=None, axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "role:N", scale=role_scale(row["role"] for row in rows), legend=alt.Legend(symbolType="square")
            ),
            detail="component:N",
            order=alt.Order("rank:Q"),
            opacity=faded(picked),
            tooltip=[
                alt.Tooltip("component:N", title="part"),
                alt.Tooltip("role:N", title="role"),
                alt.Tooltip("time:Q", title="second", format=".1f"),
                alt.Tooltip("value:Q", title="value", format=".3~f"),
            ],
        )
        .add_params(picked)
    )
    picture = panelled(area, titles, columns=1, width=2 * WIDTH, height=240)
    runs = tuple(dict.fromkeys(row["run"] for row in rows))
    choices = [
        Choice(field="run", label="Run", options=runs),
        Choice(field="panel", label="Show", options=tuple(titles)),
    ]
    return finish(
        with_choices(picture, choices),
        rows,
        "One run over time",
        "A good run has steady lines; with steps or trends, its mean is a poor summary.",
        describe_timeline(series),
    )


def describe_timeline(series: pd.DataFrame) -> str:
    """Say what `timeline` shows: the mean CPU of each part; parameters as there."""
    told = []
    for (run,), rows in groups(_binned(series), ("run",)):
        means = pd.DataFrame(rows).groupby("component", sort=False)["cpu_cores"].mean()
        parts = [
            f"{name} {value:.3f} cores" if value == value else f"{name} {NOT_MEASURED}" for name, value in means.items()
        ]
        told.append(f"{f'{run}: ' if run else ''}{listed(parts)}")
    return f"Mean CPU over the run. {'; '.join(told)}." if told else f"One run over time: {NOT_MEASURED}."
