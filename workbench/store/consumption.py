"""What each part consumed within its run's window, computed from samples: SQL made from the registry of columns.

A counter is cumulative: the sample nearest to each edge of the window counts, its own time with it. A counter read once
only, or that went backwards because the part was restarted, gives NULL; what is left of a node is a difference, and may
be negative. A part of which nothing was read has a row of NULLs, so that no sum leaves it out silently. Runs without a
window consumed nothing that could be told, and have no row.
"""

from __future__ import annotations

from workbench.model.columns import TABLES, Column

SAMPLE_EDGE_S = 0.05
"""Samples this close outside a run's window still belong to its edges: clocks are read a moment before or after the
instant that the load generator announced. A quarter of the watcher's interval, so that no ordinary tick of the warm-up
is taken for an edge; of several candidates the one nearest to the edge counts."""

_MADE = [column for column in TABLES["consumption"] if column.made]
_LEVELS = [column for column in _MADE if column.made == "level"]
_GROWTHS = [column for column in _MADE if column not in _LEVELS]


def _edges(counter: str) -> str:
    """Return SQL for a counter's values at both edges of the window, and when they were read."""
    return ", ".join(
        f"arg_min({counter}, {near}) AS {counter}_{value}, "
        f"arg_min(time_s, {near}) FILTER ({counter} IS NOT NULL) AS {counter}_{moment}"
        for near, value, moment in (("from_start", "first", "from"), ("to_end", "last", "to"))
    )


def _growth(column: Column) -> str:
    """Return SQL for a column that is a counter's growth, or that by the time between the samples."""
    of = column.of
    by = f" / ({of}_to - {of}_from)" if column.made == "rate" else ""
    return (
        f"CASE WHEN {of}_to > {of}_from AND ({of}_last >= {of}_first OR role = 'unattributed') "
        f"THEN ({of}_last - {of}_first){by} END AS {column.name}"
    )


CONSUMPTION = f"""
INSERT INTO consumption BY NAME
WITH near AS (
    SELECT samples.*, abs(time_s - window_start_s) AS from_start, abs(time_s - window_end_s) AS to_end
    FROM samples JOIN runs USING (run_id)
    WHERE run_id IN (SELECT unnest($1::VARCHAR[])) AND time_s BETWEEN window_start_s - $2 AND window_end_s + $2
), edges AS (
    SELECT run_id, component, role, count(*) AS samples,
        {", ".join(map(_edges, dict.fromkeys(column.of for column in _GROWTHS)))},
        {", ".join(f"quantile_cont({column.of}, 0.95) AS {column.name}" for column in _LEVELS)}
    FROM near GROUP BY run_id, component, role
), parts AS (
    SELECT run_id, component, role, any_value(node) AS node FROM components JOIN runs USING (run_id)
    WHERE run_id IN (SELECT unnest($1::VARCHAR[])) AND window_s IS NOT NULL GROUP BY run_id, component, role
)
SELECT run_id, component, role, coalesce(node, '') AS node, coalesce(samples, 0) AS samples,
    {", ".join(column.name for column in _LEVELS)},
    {", ".join(map(_growth, _GROWTHS))}
FROM edges FULL JOIN parts USING (run_id, component, role)
"""  # noqa: S608 - our own names
"""Fills the table for the runs $1; $2: `SAMPLE_EDGE_S`."""
