"""What to do next: mend what is wrong, measure more where that would settle something, or read the ranking.

Part of the last stage of the analysis.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from workbench.analysis.cells import Cell
from workbench.analysis.checks import NOISY_SHARE
from workbench.analysis.contract import BLOCK
from workbench.analysis.intervals import ENOUGH_BLOCKS
from workbench.analysis.words import counted, join, percent

AT_MOST_TIMES = 4
"""More blocks are suggested up to this many times those that were measured; beyond it, call the data planes equal."""

_RANKED_BY = {"normalised_cpu": "normalised CPU, which scatters least", "node_cores": "CPU of the nodes"}

_NORMAL_ENDS = (1.960 + 1.282) ** 2
"""(z(97.5 %) + z(90 %)) squared. A paired t test at 5 % finds a difference d between blocks, whose differences have
standard deviation s, with 90 % power when there are n = (z + z)^2 (s/d)^2 blocks (Cohen, Statistical Power Analysis,
1988, chapter 2)."""


def next_step(cell: Cell) -> str:
    """Return one sentence: the most useful thing to do with this comparison."""
    comparison = cell.comparison
    wrong = next((check for check in comparison.checks if check.severity == "error"), None)
    if wrong is not None:
        return f"Next: look at the check {wrong.name} first. {wrong.next_step}"
    noisy = int(comparison.runs["noisy"].ne("").sum())
    if noisy > NOISY_SHARE * len(comparison.runs):
        return "Next: repeat the measurement on a quieter machine, or set rerun_noisy = true."
    blocks = _blocks(cell)
    if len(cell.order) > 1 and blocks < ENOUGH_BLOCKS:
        more = counted(ENOUGH_BLOCKS - blocks, "more block")
        return (
            f"{_ranking(cell)} Next: measure {more}; {ENOUGH_BLOCKS} are the fewest that give a 95 % interval.".strip()
        )
    return f"{_ranking(cell)} {_separate(cell)}".strip() or "Next: add a mesh to compare with."


def _blocks(cell: Cell) -> int:
    """Return the blocks in which data planes can be compared, by CPU or else by latency."""
    found = (cell.of(cell.comparison.verdicts, name)["blocks"] for name in (cell.comparison.ranked_by, "latency_p50_s"))
    return max((int(blocks.max()) for blocks in found if len(blocks)), default=0)


def _ranking(cell: Cell) -> str:
    """Rank the data planes; neighbours without a measurable difference share a place."""
    ranked = (
        set(cell.of(cell.comparison.summary, cell.comparison.ranked_by).dropna(subset=["median"])["mesh"])
        - cell.baselines
    )
    order = [mesh for mesh in cell.order if mesh in ranked - cell.incomparable]
    if len(order) < 2:
        return ""
    alike = {frozenset(pair) for pair in cell.equal(cell.comparison.ranked_by)}
    places = [[order[0]]]
    for before, mesh in pairwise(order):
        if frozenset((before, mesh)) in alike:
            places[-1].append(mesh)
        else:
            places.append([mesh])
    if len(places) == 1:
        return f"By {_RANKED_BY[cell.comparison.ranked_by]}, {join(order)} show no measurable difference."
    said = [f"{join(place)} (no measurable difference)" if place[1:] else place[0] for place in places]
    return f"By {_RANKED_BY[cell.comparison.ranked_by]}, the cheapest first: {'; '.join(said)}."


def _separate(cell: Cell) -> str:
    """Say how many more blocks would separate the first neighbours that share a place, or that none would."""
    for a, b in cell.equal(cell.comparison.ranked_by):
        if {a, b} & (cell.baselines | cell.incomparable):
            continue
        differences = _differences(cell, a, b)
        blocks = len(differences)
        if blocks < ENOUGH_BLOCKS:
            continue
        needed = _blocks_needed(differences)
        if needed <= AT_MOST_TIMES * blocks:
            more = counted(max(needed - blocks, 1), "more block")
            return f"Next: measure about {more} to separate {a} from {b}."
        largest = percent(_largest(cell, a, b), 1)
        return f"Any difference between {a} and {b} is below {largest}: more blocks would not pay."
    return ""


def _differences(cell: Cell, a: str, b: str) -> pd.Series:
    """Return log(a / b) of each block that holds both; a - b where a value is not positive."""
    rows = cell.of(cell.comparison.costs, cell.comparison.ranked_by)
    table = rows[rows["mesh"].isin([a, b])].pivot_table(index=list(BLOCK), columns="mesh", values="value").dropna()
    if (table > 0).to_numpy().all():
        table = table.transform(np.log)
    difference: pd.Series = table[a] - table[b]
    return difference


def _blocks_needed(differences: pd.Series) -> int:
    middle, spread = abs(float(differences.mean())), float(differences.std(ddof=1))
    return int(np.ceil(_NORMAL_ENDS * (spread / middle) ** 2)) if middle > 0 else 10**9


def _largest(cell: Cell, a: str, b: str) -> float:
    """Return the largest relative difference that the interval of a pair leaves possible."""
    rows = cell.of(cell.comparison.verdicts, cell.comparison.ranked_by)
    row = rows[rows["mesh_a"].eq(a) & rows["mesh_b"].eq(b)].iloc[0]
    if row["basis"] == "ratio":
        return float(max(abs(row["low"] - 1), abs(row["high"] - 1)))
    return float(max(abs(row["difference_low"]), abs(row["difference_high"])))
