"""Medians over blocks with their intervals: of costs, of overheads, of bills.

Fourth stage of the analysis. Blocks of pooled campaigns stand side by side, each (campaign, block) once.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from workbench.analysis.contract import BLOCK, CELL
from workbench.analysis.costing import COST_METRICS, at_baseline, baseline_rows
from workbench.analysis.intervals import Floats, Intervals, intervals, method

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


def block_table(runs: pd.DataFrame, wide: pd.DataFrame, name: str = "metric") -> tuple[pd.DataFrame, Floats]:
    """Set the blocks of every cell and column side by side.

    Returns
    -------
    pandas.DataFrame, numpy.ndarray
        A row for each mesh, workload, rate_per_s and column of ``wide`` (its name in the column ``name``), sorted;
        and the values of these rows, a column for each (campaign, block), NaN where a block holds none.
    """
    keys = ["mesh", *CELL]
    cells, blocks = runs.groupby(keys).ngroup(), runs.groupby(list(BLOCK)).ngroup()
    shape = (int(cells.max()) + 1, int(blocks.max()) + 1, wide.shape[1])
    cube = np.full(shape, np.nan)
    cube[cells.to_numpy(), blocks.to_numpy()] = wide.to_numpy(dtype="float64")
    rows = runs[keys].set_axis(cells.to_numpy()).loc[lambda frame: ~frame.index.duplicated()].sort_index()
    names = rows.take(np.repeat(np.arange(shape[0]), shape[2])).reset_index(drop=True)
    names[name] = np.tile(np.asarray(wide.columns, dtype=object), shape[0])
    return names, cube.transpose(0, 2, 1).reshape(-1, shape[1])


def _summarise(names: pd.DataFrame, found: Intervals) -> pd.DataFrame:
    return names.assign(
        median=found.median,
        low=found.low,
        high=found.high,
        coverage=found.coverage,
        blocks=found.blocks,
        method=[method(int(count)) for count in found.blocks],
    )


def summary(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Return the costs' medians with intervals, the columns `SUMMARY_COLUMNS`."""
    names, values = block_table(runs, wide)
    return _summarise(names, intervals(values))[SUMMARY_COLUMNS]


def overhead(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Return what each data plane adds to the baseline of the same block, the columns `OVERHEAD_COLUMNS`.

    median, low and high are of the differences, in the metric's own stored unit; ratio_median, ratio_low and
    ratio_high of the quotients where both are positive (NaN otherwise). The baseline itself is not in it.
    """
    if runs["is_baseline"].all():
        none = summary(runs, wide).iloc[:0]
        return none.assign(**dict.fromkeys(OVERHEAD_COLUMNS[-3:], none["median"]))[OVERHEAD_COLUMNS]
    return against_baseline(runs, wide, "metric", RATIO_METRICS)[OVERHEAD_COLUMNS]


def against_baseline(runs: pd.DataFrame, wide: pd.DataFrame, name: str, with_ratio: Collection[str]) -> pd.DataFrame:
    """Return what the columns of ``wide`` differ by from the baseline of the same block, summed up over blocks.

    Parameters
    ----------
    runs, wide
        The counted runs, not all of them the baseline's, and a value of each in every column (same index).
    name
        What the columns are; the result has their names in a column of this name.
    with_ratio
        The columns of which a ratio means something.

    Returns
    -------
    pandas.DataFrame
        A row for each mesh but the baseline, workload, rate_per_s and column of ``wide``: the columns of a summary for
        the differences; base, the median of the baseline in the blocks of this mesh; ratio_median, ratio_low and
        ratio_high (NaN where one side is not positive).
    """
    others, rows = runs[~runs["is_baseline"]], baseline_rows(runs)
    base = wide.apply(lambda column: at_baseline(rows, column))
    positive = (wide > 0) & (base > 0) & [column in with_ratio for column in wide.columns]
    logs = (wide.where(positive) / base.where(positive)).transform(np.log)

    def over_blocks(values: pd.DataFrame) -> tuple[pd.DataFrame, Intervals]:
        names, found = block_table(others, values.loc[others.index], name)
        return names, intervals(found)

    (names, differences), (_, ratio) = over_blocks(wide - base), over_blocks(logs)
    return _summarise(names, differences).assign(
        base=over_blocks(base.where(wide.notna()))[1].median,
        ratio_median=np.exp(ratio.median),
        ratio_low=np.exp(ratio.low),
        ratio_high=np.exp(ratio.high),
    )


def bill_summary(runs: pd.DataFrame, wide: pd.DataFrame, bill: pd.DataFrame) -> pd.DataFrame:
    """Return the bill's medians with intervals by role, the columns `BILL_SUMMARY_COLUMNS`.

    ``total`` with ``total_low`` and ``total_high`` is the median of the runs' totals and stands in every row of a
    cell: medians of parts need not add up to it exactly, so a stacked bar should be marked with it.

    Parameters
    ----------
    runs, wide, bill
        The counted runs, their bill with a column for each role, and the same in long form, which says what roles
        take part in a cell.
    """
    keys = ["mesh", *CELL]
    names, values = block_table(runs, wide, "role")
    roles = _summarise(names, intervals(values)).rename(columns={"median": "cpu_per_request_s"})
    roles = roles.merge(bill[[*keys, "role"]].drop_duplicates(), on=[*keys, "role"])
    cells, totals = block_table(runs, wide.sum(axis=1, min_count=1).to_frame("total"), "of")
    total = intervals(totals)
    marks = cells[keys].assign(total=total.median, total_low=total.low, total_high=total.high)
    return roles.merge(marks, on=keys, how="left")[BILL_SUMMARY_COLUMNS]
