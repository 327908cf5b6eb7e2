"""Whether two campaigns say the same.

The hardest question to a measurement is its repetition. Two comparisons are set side by side: does the order by
normalised CPU hold, do the intervals overlap, and how often would they miss each other by chance alone.
"""

from __future__ import annotations

import pandas as pd

from workbench.analysis.comparison import Comparison
from workbench.analysis.contract import CELL, LIKE
from workbench.analysis.intervals import chance_apart
from workbench.analysis.selection import differences
from workbench.analysis.verdicts import GREATER, LESS
from workbench.errors import BadInputError, NothingToShowError

AGREEMENT_COLUMNS = [
    *CELL, "mesh", "first", "first_low", "first_high", "first_blocks", "second", "second_low", "second_high",
    "second_blocks", "overlap", "chance_apart", "first_place", "second_place", "order_holds",
]  # fmt: skip


def _refuse_unlike(first: Comparison, second: Comparison) -> None:
    unlike = {
        name: [str(one.circumstances[name]) for one in (first, second)]
        for name in LIKE
        if first.circumstances[name] != second.circumstances[name]
    }
    if unlike:
        raise BadInputError(
            f"The two comparisons are of unlike circumstances: {differences(unlike)}. "
            "Repeat the measurement under the same circumstances."
        )


def _medians(comparison: Comparison, metric: str, prefix: str) -> pd.DataFrame:
    rows = comparison.summary
    baselines = comparison.runs.loc[comparison.runs["is_baseline"], "mesh"].unique()
    rows = rows[rows["metric"].eq(metric) & ~rows["mesh"].isin(baselines) & rows["median"].notna()]
    table = rows.set_index([*CELL, "mesh"])[["median", "low", "high", "blocks"]]
    return table.set_axis([prefix, f"{prefix}_low", f"{prefix}_high", f"{prefix}_blocks"], axis=1)


def _told(comparison: Comparison, metric: str) -> set[tuple[str, float, str, str]]:
    """Return (workload, rate, cheaper, dearer) of the pairs that a comparison tells apart."""
    rows = comparison.verdicts
    rows = rows[rows["metric"].eq(metric) & rows["verdict"].isin((GREATER, LESS))]
    told = set()
    columns = [*CELL, "mesh_a", "mesh_b", "verdict"]
    for workload, rate, mesh_a, mesh_b, verdict in rows[columns].itertuples(index=False, name=None):
        cheaper, dearer = (mesh_b, mesh_a) if verdict == GREATER else (mesh_a, mesh_b)
        told.add((workload, rate, cheaper, dearer))
    return told


def _contradicted(
    table: pd.DataFrame, told: set[tuple[str, float, str, str]], other: str
) -> set[tuple[str, float, str]]:
    """Return the meshes of pairs that one comparison tells apart and the other's medians reverse."""
    values = table[other].to_dict()
    return {
        (workload, rate, mesh)
        for workload, rate, cheaper, dearer in told
        if values.get((workload, rate, cheaper), 0.0) > values.get((workload, rate, dearer), float("inf"))
        for mesh in (cheaper, dearer)
    }


def agreement(first: Comparison, second: Comparison, *, metric: str = "normalised_cpu") -> pd.DataFrame:
    """Set two comparisons of like circumstances side by side.

    Returns
    -------
    pandas.DataFrame
        One row per workload, rate_per_s and mesh (without the baseline) that both have a value of:
        first, first_low, first_high, first_blocks and the same of second (the medians of ``metric`` with intervals);
        overlap (whether the intervals do; False without intervals); chance_apart (how often the intervals of two
        repetitions miss each other although nothing changed: 10 % for three blocks each); first_place, second_place
        (by median, from 1, ties share the lower); order_holds (False when a pair with this mesh, told apart by one
        comparison, is reversed by the medians of the other; pairs that neither tells apart may swap places).

    Raises
    ------
    BadInputError
        When the circumstances differ; names them.
    NothingToShowError
        When they have no data plane, workload and rate in common.
    """
    _refuse_unlike(first, second)
    table = _medians(first, metric, "first").join(_medians(second, metric, "second"), how="inner")
    if table.empty:
        raise NothingToShowError("The two comparisons have no data plane with the same workload and rate in common.")
    table["overlap"] = (table["first_low"] <= table["second_high"]) & (table["second_low"] <= table["first_high"])
    table["chance_apart"] = [
        chance_apart(int(one), int(other))
        for one, other in zip(table["first_blocks"], table["second_blocks"], strict=True)
    ]
    cells = table.groupby(list(CELL), sort=False)
    for name in ("first", "second"):
        table[f"{name}_place"] = cells[name].rank(method="min").astype("int64")
    wrong = _contradicted(table, _told(first, metric), "second") | _contradicted(table, _told(second, metric), "first")
    table["order_holds"] = [key not in wrong for key in table.index]
    return table.reset_index().sort_values([*CELL, "first_place", "mesh"])[AGREEMENT_COLUMNS].reset_index(drop=True)
