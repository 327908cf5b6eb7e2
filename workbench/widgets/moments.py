"""What runs consumed from moment to moment, out of the index: in equal steps of time, whoever was read when.

Processes of the lab are read all at once, containers of a cluster each at a time of its own. So every part's counter
is read off, between the two readings around it, at the same moments for all; the difference over a step is what the
part used in it. A sum over parts exists only in steps in which all of them are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.contract import SHOWN_ROLES
from workbench.store import Store

MOMENTS = 150
"""Most steps that one run is shown in: a run of an hour answers as fast as one of two seconds."""

STEPS = 300
"""Most steps of a run whose percentiles are taken."""

FEW_STEPS = 5
"""Below so many steps within the window percentiles say nothing, and none are given."""

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "most": 1.0}
"""What stands on the axis -> which share of the steps used less."""

_INTERVALS = """SELECT run_id, max(step) AS step_s, max(last_s) - min(first_s) AS length_s FROM (
    SELECT run_id, component, min(time_s) AS first_s, max(time_s) AS last_s,
           (max(time_s) - min(time_s)) / nullif(count(*) - 1, 0) AS step
    FROM samples WHERE {column} IS NOT NULL AND run_id IN (SELECT unnest($run_ids::VARCHAR[]))
          AND role IN (SELECT unnest($roles::VARCHAR[]))
    GROUP BY ALL
) GROUP BY ALL"""

_LONGEST = """SELECT max(window_end_s - window_start_s) AS s FROM runs
WHERE run_id IN (SELECT unnest($run_ids::VARCHAR[]))"""

_STEPPED = """WITH asked AS (
    SELECT run_id, component, role, time_s, {column} AS value FROM samples
    WHERE {column} IS NOT NULL AND run_id IN (SELECT unnest($run_ids::VARCHAR[]))
          AND role IN (SELECT unnest($roles::VARCHAR[]))
), sums AS (
    SELECT run_id, role, time_s, sum(value) AS value, bit_xor(hash(component)) AS who FROM asked GROUP BY ALL
), mixed AS (
    SELECT run_id, role FROM sums GROUP BY ALL HAVING count(DISTINCT who) > 1
), lines AS (
    SELECT run_id, role, '' AS line, time_s, value FROM sums ANTI JOIN mixed USING (run_id, role)
    UNION ALL
    SELECT run_id, role, component, time_s, value FROM asked SEMI JOIN mixed USING (run_id, role)
), read AS (
    SELECT *, lead(time_s) OVER w AS next_s, lead(value) OVER w AS next
    FROM lines WINDOW w AS (PARTITION BY run_id, role, line ORDER BY time_s)
), span AS (
    SELECT run_id, coalesce(any_value(r.window_start_s), min(time_s)) AS start, {first} AS first_s, {last} AS last_s
    FROM read JOIN runs r USING (run_id) GROUP BY run_id
), grid AS (
    SELECT run_id, start, k, first_s + k * $step_s AS moment
    FROM span, LATERAL (SELECT unnest(range(0, 1 + CAST(floor((last_s - first_s) / $step_s + 1e-6) AS BIGINT))) AS k)
), met AS (
    SELECT g.run_id, p.role, p.line, g.k, g.moment, g.start, {level} AS level
    FROM grid g JOIN (SELECT DISTINCT run_id, role, line FROM lines) p USING (run_id)
    ASOF LEFT JOIN read r
    ON g.run_id = r.run_id AND p.role = r.role AND p.line = r.line AND g.moment >= r.time_s - 1e-6
), used AS (
    SELECT *, {used} AS used FROM met
)
SELECT run_id, role, k, min(moment - start) - {back} AS time_s,
       CASE WHEN count(used) = count(*) THEN sum(used) END AS value
FROM used WHERE k >= {begin} GROUP BY ALL ORDER BY run_id, role, k"""
"""Parts of a role that were always read together are summed first, so that a hundred are as fast as one; where they
were not, each is a line of its own."""

_BETWEEN = """CASE WHEN r.next_s > r.time_s
                THEN r.value + (r.next - r.value) * (g.moment - r.time_s) / (r.next_s - r.time_s)
                WHEN g.moment - r.time_s < 1e-3 THEN r.value END"""
_RISE = "(level - lag(level) OVER (PARTITION BY run_id, role, line ORDER BY k)) / $step_s"


def _sql(column: str, *, in_window: bool) -> str:
    counter = column == "cpu_time_s"
    return _STEPPED.format(
        column=column,
        first="any_value(r.window_start_s)" if in_window else "min(time_s)",
        last="any_value(r.window_end_s)" if in_window else "max(time_s)",
        level=_BETWEEN if counter else "r.value",
        used=_RISE if counter else "level",
        back="$step_s" if counter else "0 * $step_s",
        begin=1 if counter else 0,
    )


def _intervals(store: Store, run_ids: Sequence[str], column: str) -> pd.DataFrame:
    """Return run_id, step_s (between two readings of the part that was read least often) and length_s, of all roles."""
    params = {"run_ids": list(run_ids), "roles": list(SHOWN_ROLES)}
    return store.query(_INTERVALS.format(column=column), params).dropna()


def of_run(store: Store, run_id: str, column: str) -> pd.DataFrame:
    """Return one run, warm-up included, by role.

    Returns
    -------
    pandas.DataFrame
        Columns role, time_s (a step's start, from the window's start), value (cores for ``cpu_time_s``, else the
        level in the column's own unit; NaN: not known of every part). Empty where nothing was read.
    """
    found = _intervals(store, [run_id], column)
    if found.empty:
        return pd.DataFrame(columns=["role", "time_s", "value"])
    step = max(found["step_s"].iloc[0], found["length_s"].iloc[0] / MOMENTS)
    params = {"run_ids": [run_id], "roles": list(SHOWN_ROLES), "step_s": float(step)}
    return store.query(_sql(column, in_window=False), params)[["role", "time_s", "value"]]


def within_windows(store: Store, run_ids: Sequence[str], column: str) -> tuple[pd.DataFrame, float]:
    """Return (the steps of all runs within their windows, the length of each in seconds).

    One length for all of them: how high a peak is depends on how long it is averaged over. It is that of the part that
    was read least often, in any of the runs.

    Returns
    -------
    tuple
        Columns run_id, role, k (number of the step), time_s, value as in `of_run`; and the step, NaN where nothing was
        read.
    """
    found, ids = _intervals(store, run_ids, column), list(run_ids)
    longest = store.query(_LONGEST, {"run_ids": ids})["s"].iloc[0]
    if found.empty or not longest > 0:
        return pd.DataFrame(columns=["run_id", "role", "k", "time_s", "value"]), float("nan")
    step = max(float(found["step_s"].max()), float(longest) / STEPS)
    params = {"run_ids": ids, "roles": list(SHOWN_ROLES), "step_s": step}
    return store.query(_sql(column, in_window=True), params), step


def percentiles(steps: pd.DataFrame, roles: Sequence[str]) -> pd.DataFrame:
    """Return how much the parts of ``roles`` used together, by percentile of a run's steps.

    Returns
    -------
    pandas.DataFrame
        Columns run_id, percentile (of `PERCENTILES`), value; runs with fewer than `FEW_STEPS` known steps have no row.
    """
    mine = steps[steps["role"].isin(roles)]
    sums = mine.astype({"value": float}).groupby(["run_id", "k"], sort=False)["value"].agg(["sum", "count", "size"])
    known = sums.loc[sums["count"] == sums["size"], "sum"].groupby(level="run_id", sort=False)
    counts = known.size()
    found = (
        known.quantile(np.array(list(PERCENTILES.values())))
        .rename("value")
        .rename_axis(["run_id", "share"])
        .reset_index()
    )
    found = found[found["run_id"].map(counts).ge(FEW_STEPS)]
    names = {share: name for name, share in PERCENTILES.items()}
    return pd.DataFrame({"run_id": found["run_id"], "percentile": found["share"].map(names), "value": found["value"]})
