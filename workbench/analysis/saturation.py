"""Which data planes did not carry the load: they missed the rate, or requests failed that nobody asked to fail.

Such a run shows a limit. Its latency is that of a queue, not a cost of a mesh, so no difference of it is quoted.
"""

from __future__ import annotations

import pandas as pd

from workbench.analysis.contract import CELL, NO_RATE, QUANTILES
from workbench.analysis.failing import unexpected_share
from workbench.analysis.words import a_second, percent

RATE_TOLERANCE = 0.01
"""Share by which the reached rate may miss the target; the built-in generator keeps 0.2 % on a quiet machine."""

FAILED_TOLERANCE = 0.01
"""Share of requests that may fail, beyond those that an intent makes fail, before a data plane counts as saturated."""

_LIMITED_SHARE = 0.5

SATURATED_COLUMNS = ["mesh", *CELL, "carried_per_s", "failed_share", "generator", "why"]


def saturated(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the data planes that did not carry the load, a row for each mesh and cell, `SATURATED_COLUMNS`.

    Parameters
    ----------
    runs
        The counted runs.

    Returns
    -------
    pandas.DataFrame
        carried_per_s: the median rate reached. failed_share: the median share of requests that failed
        beyond what intents ask for.
        generator: whether the load generator was itself the limit in half of the runs or more, so that it is not known
        what the data plane carries. why: for people, such as ``"it carried 932 of 997 requests/s"``.
    """
    marked = runs.assign(_failed=unexpected_share(runs), _limited=runs["limited"].ne(""))
    table = marked.groupby(["mesh", *CELL], sort=False, as_index=False).agg(
        carried_per_s=("achieved_rate_per_s", "median"),
        failed_share=("_failed", "median"),
        generator=("_limited", "mean"),
    )
    table["carried_per_s"] = table["carried_per_s"].mask(table["rate_per_s"].eq(NO_RATE))
    table["generator"] = table["generator"].ge(_LIMITED_SHARE)
    table["why"] = [_why(*row) for row in table[["rate_per_s", "carried_per_s", "failed_share"]].to_numpy()]
    return table.loc[table["why"].ne(""), SATURATED_COLUMNS].reset_index(drop=True)


def _why(rate: float, carried: float, failed: float) -> str:
    """Say how a data plane fell short of the load; empty: it did not."""
    reasons = []
    if carried < rate * (1 - RATE_TOLERANCE):
        reasons.append(f"it carried {a_second(carried)} of {a_second(rate)} requests/s")
    if failed > FAILED_TOLERANCE:
        reasons.append(f"{percent(failed, 1)} of its requests failed")
    return " and ".join(reasons)


def without_limits(overhead: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    """Return ``overhead`` with the latency differences of saturated data planes, and to a saturated baseline, unknown.

    Parameters
    ----------
    overhead
        See `workbench.analysis.summaries.overhead`; the baseline itself is not in it.
    limits
        See `saturated`.
    """
    keys = ["mesh", *CELL]
    meshes = set(overhead["mesh"])
    cells = set(map(tuple, limits.loc[~limits["mesh"].isin(meshes), list(CELL)].to_numpy()))
    single = set(map(tuple, limits[keys].to_numpy()))
    hit = [(mesh, *cell) in single or tuple(cell) in cells for mesh, *cell in overhead[keys].to_numpy()]
    rows = overhead["metric"].isin(list(QUANTILES)) & pd.Series(hit, index=overhead.index, dtype=bool)
    values = overhead.columns.difference([*keys, "metric", "method", "blocks"])
    masked = overhead.copy()
    masked.loc[rows, values] = float("nan")
    masked.loc[rows, "blocks"] = 0
    return masked
