"""Medians over blocks with their intervals: of costs, of overheads, of bills.

Fourth stage of the analysis. Blocks of pooled campaigns stand side by side, each (campaign, block) once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.contract import BLOCK, CELL
from workbench.analysis.costing import COST_METRICS, at_baseline, baseline_rows
from workbench.analysis.intervals import Intervals, intervals, method

SUMMARY_COLUMNS = ["mesh", *CELL, "metric", "median", "low", "high", "coverage", "blocks", "method"]
OVERHEAD_COLUMNS = [*SUMMARY_COLUMNS, "ratio_median", "ratio_low", "ratio_high"]
BILL_SUMMARY_COLUMNS = [
    "mesh", *CELL, "role", "cpu_per_request_s", "low", "high", "coverage", "blocks", "method",
    "total", "total_low", "total_high",
]  # fmt: skip

RATIO_METRICS = frozenset(COST_METRICS) - {
    "normalised_cpu",
    "added_cpu_per_request_s",
    "error_ratio",
}
"""Metrics of which "1.3 times the baseline" means something: positive ones. The others are 0 for the baseline, may be
negative, or are mostly 0; of them differences are taken."""


def block_table(long: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Return a row for each of ``keys`` and a column for each (campaign, block); NaN: no value there."""
    return long.set_index([*keys, *BLOCK])[value].unstack(list(BLOCK)).sort_index()


def _frame(index: pd.Index[Any], found: Intervals) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "median": found.median,
            "low": found.low,
            "high": found.high,
            "coverage": found.coverage,
            "blocks": found.blocks,
            "method": [method(int(count)) for count in found.blocks],
        },
        index=index,
    )


def summarise(long: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Return median, low, high, coverage, blocks and method of ``value`` over blocks, one row for each of ``keys``."""
    table = block_table(long, keys, value)
    return _frame(table.index, intervals(table.to_numpy(dtype="float64"))).reset_index()


def summary(long: pd.DataFrame) -> pd.DataFrame:
    """Return the long costs' medians with intervals, the columns `SUMMARY_COLUMNS`."""
    return summarise(long, ["mesh", *CELL, "metric"], "value")[SUMMARY_COLUMNS]


def overhead(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Return what each data plane adds to the baseline of the same block, the columns `OVERHEAD_COLUMNS`.

    median, low and high are of the differences, in the metric's own stored unit; ratio_median, ratio_low and
    ratio_high of the quotients where both are positive (NaN otherwise). The baseline itself is not in it.
    """
    rows = baseline_rows(runs)
    base = wide.apply(lambda column: at_baseline(rows, column))
    others = runs.loc[~runs["is_baseline"], ["mesh", *CELL, *BLOCK]]
    keys = ["mesh", *CELL, "metric"]
    found = summarise(_melted(others, wide - base), keys, "value").set_index(keys)
    positive = (wide > 0) & (base > 0)
    with_ratio = [name for name in wide.columns if name in RATIO_METRICS]
    logs = (wide.where(positive) / base.where(positive))[with_ratio].transform(np.log)
    ratio = summarise(_melted(others, logs), keys, "value").set_index(keys)[["median", "low", "high"]]
    return found.join(ratio.transform(np.exp).add_prefix("ratio_")).reset_index()[OVERHEAD_COLUMNS]


def _melted(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    return runs.join(wide).melt(id_vars=list(runs.columns), var_name="metric", value_name="value")


def bill_summary(bill: pd.DataFrame) -> pd.DataFrame:
    """Return the bill's medians with intervals by role, the columns `BILL_SUMMARY_COLUMNS`.

    ``total`` with ``total_low`` and ``total_high`` is the median of the runs' totals and stands in every row of a
    cell: medians of parts need not add up to it exactly, so a stacked bar should be marked with it.
    """
    keys = ["mesh", *CELL]
    roles = summarise(bill, [*keys, "role"], "cpu_per_request_s").rename(columns={"median": "cpu_per_request_s"})
    per_run = bill.groupby([*keys, *BLOCK], sort=False)["cpu_per_request_s"].sum(min_count=1)
    total = summarise(per_run.reset_index(), keys, "cpu_per_request_s")[[*keys, "median", "low", "high"]]
    total = total.rename(columns={"median": "total", "low": "total_low", "high": "total_high"})
    return roles.merge(total, on=keys, how="left")[BILL_SUMMARY_COLUMNS]
