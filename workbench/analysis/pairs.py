"""Two data planes side by side: what changes from the one to the other, within blocks. Pure.

`Comparison.verdicts` holds every pair already, judged by the differences within blocks; this turns the one that is
wanted the way it is asked, with both medians beside it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.analysis.comparison import Comparison
from workbench.analysis.contract import CELL
from workbench.analysis.verdicts import GREATER, LESS
from workbench.errors import UnknownNameError

PAIR_COLUMNS = [
    *CELL, "metric", "before", "after", "difference", "low", "high",
    "ratio", "ratio_low", "ratio_high", "coverage", "blocks", "verdict", "why",
]  # fmt: skip

MORE, LESS_OF_IT = "more", "less"


def between(comparison: Comparison, before: str, after: str) -> pd.DataFrame:
    """Return what changes from the data plane ``before`` to ``after``, both labels of meshes.

    Returns
    -------
    pandas.DataFrame
        A row for each workload, rate_per_s and metric that either has, the columns `PAIR_COLUMNS`. before, after:
        the medians. difference, low, high: after - before in the metric's unit, the median over blocks with its
        interval. ratio, ratio_low, ratio_high: after / before, NaN where the metric has none. verdict: "more",
        "less" (of after against before), "cannot tell apart" or "not ranked", and why. None of it is taken from the
        medians: every difference is one within a block.

    Raises
    ------
    UnknownNameError
        When one of them has no counted run.
    """
    for label in (before, after):
        if label not in comparison.order:
            raise UnknownNameError("data plane", label, comparison.order, "comparison")
    judged = comparison.verdicts
    straight = judged[(judged["mesh_a"] == after) & (judged["mesh_b"] == before)]
    turned = judged[(judged["mesh_a"] == before) & (judged["mesh_b"] == after)]
    found = pd.concat([_straight(straight), _turned(turned)], ignore_index=True)
    keys = [*CELL, "metric"]
    for column, label in (("before", before), ("after", after)):
        medians = comparison.summary.loc[comparison.summary["mesh"] == label, [*keys, "median"]]
        found = found.merge(medians.rename(columns={"median": column}), how="left", on=keys)
    return found[PAIR_COLUMNS]


def _named(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    kept = frame[[*CELL, "metric", "coverage", "blocks", "why"]]
    return kept.assign(**columns)


def _straight(frame: pd.DataFrame) -> pd.DataFrame:
    return _named(
        frame,
        difference=frame["difference"],
        low=frame["difference_low"],
        high=frame["difference_high"],
        ratio=frame["ratio"],
        ratio_low=frame["low"],
        ratio_high=frame["high"],
        verdict=frame["verdict"].replace({GREATER: MORE, LESS: LESS_OF_IT}),
    )


def _turned(frame: pd.DataFrame) -> pd.DataFrame:
    return _named(
        frame,
        difference=0.0 - frame["difference"],
        low=0.0 - frame["difference_high"],
        high=0.0 - frame["difference_low"],
        ratio=1 / frame["ratio"],
        ratio_low=1 / frame["high"],
        ratio_high=1 / frame["low"],
        verdict=frame["verdict"].replace({GREATER: LESS_OF_IT, LESS: MORE}),
    )
