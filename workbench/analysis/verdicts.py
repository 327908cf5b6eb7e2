"""Which of two data planes costs more, if that can be told.

Fifth stage of the analysis. Two data planes are compared within blocks, because a block's runs share the machine's
conditions: the logarithm of their ratio is taken in every block (for metrics that may be 0 or negative, their
difference), and the median over blocks with its interval says what is common to the blocks. A factor that slows one
whole block cancels.

When it can be told
    From six blocks on: when the interval (95 % or more) leaves equality out. With fewer, the range alone would be too
    weak a judge: of pairs that are really equal, it calls one in four different at three blocks. Two more conditions
    then hold: Student's paired t interval at 95 % leaves equality out as well (the difference is large against how much
    the blocks disagree), or every block finds the two at least half as much again apart; and the median differs by at
    least `judging.RESOLUTION`, below which repeated short campaigns contradicted one another on the machine that the
    lab was tried on. Together they err in about one of twenty equal pairs (``judging.FAR``).
When it is not even asked
    p99 and p99.9 belong to the machine's other processes as soon as those get in the way. They are ranked only with at
    least `TAIL_REQUESTS` requests beyond the quantile in every run, in quiet runs, with a generator that kept up, and
    when the two data planes' own ranges do not overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.contract import CELL, QUANTILES
from workbench.analysis.costing import Rows, has_kernel_data_plane
from workbench.analysis.intervals import ENOUGH_BLOCKS, Floats, intervals
from workbench.analysis.judging import RESOLUTION, Flags, Judged, judge
from workbench.analysis.summaries import RATIO_METRICS, block_table
from workbench.analysis.words import counted, percent, share

VERDICT_COLUMNS = [
    *CELL, "metric", "mesh_a", "mesh_b", "ratio", "low", "high", "difference", "difference_low", "difference_high",
    "coverage", "blocks", "basis", "verdict", "why",
]  # fmt: skip

TAIL_METRICS = ("latency_p99_s", "latency_p999_s")

DISTURBED_SHARE = 0.5
"""Share of a pair's runs that other work disturbed above which it gets no verdict: it would be one on the machine."""

TAIL_REQUESTS = 10
"""Requests beyond a quantile below which it is the story of single requests: the relative error of their count is
1/sqrt(10), about a third."""

GREATER, LESS, EQUAL, UNRANKED = "a>b", "a<b", "cannot tell apart", "not ranked"


def _pairs(names: pd.DataFrame, order: dict[str, int]) -> tuple[Rows, Rows]:
    """Return the positions in ``names`` of both partners of every pair of meshes in the same cell and metric."""
    cells = names.groupby([*CELL, "metric"], sort=False).indices.items()
    meshes = [str(mesh) for mesh in names["mesh"]]
    found = [
        pair
        for _, positions in cells
        for pair in combinations(sorted(positions, key=lambda row: order.get(meshes[row], len(order))), 2)
    ]
    both = np.array(found, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _verdict(judged: Judged, row: int) -> tuple[str, str]:
    """Return verdict and reason of one comparison."""
    blocks = int(judged.difference.blocks[row])
    if blocks == 0:
        return UNRANKED, "no block has a value of both"
    if blocks == 1:
        return EQUAL, "one common block gives no interval"
    if not judged.consistent[row]:
        return EQUAL, f"the interval over {blocks} blocks includes equality"
    if not judged.resolved[row]:
        return EQUAL, f"the difference is below the {percent(RESOLUTION)} that {blocks} blocks can resolve"
    if not judged.outstanding[row]:
        return EQUAL, f"{blocks} blocks agree on the direction, but not on the amount (paired t, 95 %)"
    higher = judged.ratio.median[row] > 1 if judged.by_ratio[row] else judged.difference.median[row] > 0
    why = (
        f"all {blocks} blocks agree"
        if blocks < ENOUGH_BLOCKS
        else f"the interval over {blocks} blocks excludes equality"
    )
    return (GREATER if higher else LESS), why


def tail_problems(runs: pd.DataFrame, counts: pd.Series) -> dict[tuple[str, float, str, str], str]:
    """Return why the tail of a cell's runs cannot be ranked: (workload, rate, metric, mesh) -> reason.

    Parameters
    ----------
    counts
        Requests behind the latency figures of each of ``runs`` (same index); NaN: unknown.
    """
    grouped = runs.assign(_count=counts, _noisy=runs["noisy"].ne(""), _limited=runs["limited"].ne("")).groupby(
        [*CELL, "mesh"], sort=False
    )
    facts = grouped.agg(count=("_count", "min"), noisy=("_noisy", "sum"), limited=("_limited", "sum"))
    problems: dict[tuple[str, float, str, str], str] = {}
    for (workload, rate, mesh), *fact in facts.itertuples(name=None):
        for name in TAIL_METRICS:
            reason = _tail_problem(name, *fact)
            if reason:
                problems[(workload, rate, name, mesh)] = f"{mesh}: {reason}"
    return problems


def _tail_problem(name: str, count: float, noisy: int, limited: int) -> str:
    beyond = count * (1 - QUANTILES[name])
    if not round(beyond, 6) >= TAIL_REQUESTS:
        told = "unknown how many" if np.isnan(beyond) else f"only {beyond:.3g}"
        return f"{told} requests are beyond it in a run (at least {TAIL_REQUESTS} are needed)"
    if noisy:
        return f"the machine was disturbed in {counted(noisy, 'run')}"
    if limited:
        return f"the load generator was the limit in {counted(limited, 'run')}"
    return ""


def _disturbed(runs: pd.DataFrame) -> dict[tuple[str, float, str], tuple[int, int]]:
    """Return (workload, rate, mesh) -> how many of its runs other work disturbed, and how many there are."""
    noisy = runs["noisy"].ne("").groupby([runs["workload"], runs["rate_per_s"], runs["mesh"]]).agg(["sum", "size"])
    return {tuple(cell): (int(many), int(all_)) for cell, many, all_ in noisy.itertuples(name=None)}


def _overlapping(values: Floats, a: Rows, b: Rows) -> Flags:
    """Flag the pairs whose own intervals overlap; blocks are not paired here."""
    own = intervals(values)
    return (own.low[a] <= own.high[b]) & (own.low[b] <= own.high[a])


def _may_be_ratio(metrics: Any, mesh_a: Any, mesh_b: Any, kernel: set[str]) -> Flags:
    """Flag the pairs that have a ratio: those of positive metrics, and the normalised CPU of two sets of proxies."""
    proxies = ~np.isin(mesh_a, list(kernel)) & ~np.isin(mesh_b, list(kernel))
    flags: Flags = np.isin(metrics, list(RATIO_METRICS)) | (np.asarray(metrics == "normalised_cpu") & proxies)
    return flags


def _no_value(mesh: str, kernel: set[str]) -> str:
    why = "its data plane has no process to watch" if mesh in kernel else "it was not measured"
    return f"{mesh} has no value: {why}"


@dataclass(frozen=True, slots=True)
class _Obstacles:
    """What keeps a pair from being ranked: disturbed runs and, for latencies, saturation or too few requests."""

    problems: dict[tuple[str, float, str, str], str]
    overlapping: Flags
    limits: dict[tuple[str, float, str], str]
    disturbed: dict[tuple[str, float, str], tuple[int, int]]

    def problem(self, pair: Any, row: int) -> tuple[str, str] | None:
        """Return the verdict "not ranked" with its reason, or None when the pair may be ranked."""
        both = [self.disturbed[(pair.workload, pair.rate_per_s, mesh)] for mesh in (pair.mesh_a, pair.mesh_b)]
        noisy, runs = map(sum, zip(*both, strict=True))
        if noisy > DISTURBED_SHARE * runs:
            return UNRANKED, f"other work disturbed {share(noisy, runs)}"
        for mesh in (pair.mesh_a, pair.mesh_b):
            limit = self.limits.get((pair.workload, pair.rate_per_s, mesh))
            if limit and pair.metric in QUANTILES:
                return UNRANKED, f"{mesh} did not carry the load: {limit}"
        if pair.metric not in TAIL_METRICS:
            return None
        for mesh in (pair.mesh_a, pair.mesh_b):
            reason = self.problems.get((pair.workload, pair.rate_per_s, pair.metric, mesh))
            if reason:
                return UNRANKED, reason
        return (UNRANKED, "their intervals overlap") if self.overlapping[row] else None


def _assembled(pairs: pd.DataFrame, judged: Judged, found: list[tuple[str, str]]) -> pd.DataFrame:
    basis = np.where(judged.by_ratio, "ratio", "difference")
    columns: dict[str, Any] = {
        "ratio": judged.ratio.median,
        "low": judged.ratio.low,
        "high": judged.ratio.high,
        "difference": judged.difference.median,
        "difference_low": judged.difference.low,
        "difference_high": judged.difference.high,
        "coverage": judged.difference.coverage,
        "blocks": judged.difference.blocks,
        "basis": basis,
        "verdict": [verdict for verdict, _ in found],
        "why": [why for _, why in found],
    }
    return pairs.assign(**columns)[VERDICT_COLUMNS]


def verdicts(
    runs: pd.DataFrame, wide: pd.DataFrame, counts: pd.Series, order: list[str], limits: pd.DataFrame
) -> pd.DataFrame:
    """Compare every two data planes in every cell and metric, the columns `VERDICT_COLUMNS`.

    Parameters
    ----------
    runs
        The counted runs.
    wide
        Their costs, a column for each metric (same index).
    counts
        Requests behind each run's latency figures.
    order
        Mesh labels; of a pair the earlier one is mesh_a.
    limits
        The saturated data planes; see `workbench.analysis.saturation`. Their latency is not ranked.

    Returns
    -------
    pandas.DataFrame
        ratio, low, high: mesh_a / mesh_b with interval, NaN where the metric has no ratio. difference...: a - b in
        the metric's unit. basis: "ratio" or "difference", which of the two decided. verdict: "a>b" (a's value is the
        greater), "a<b", "cannot tell apart" or "not ranked". why: the reason, for people. A pair of which neither has
        a value is not in it.
    """
    names, values = block_table(runs, wide)
    a, b = _pairs(names, {mesh: place for place, mesh in enumerate(order)})
    absent: Flags = np.all(np.isnan(values), axis=1)
    a, b = a[~(absent[a] & absent[b])], b[~(absent[a] & absent[b])]
    pairs = names.iloc[a].rename(columns={"mesh": "mesh_a"}).reset_index(drop=True)
    pairs["mesh_b"] = names["mesh"].to_numpy()[b]
    kernel = set(runs.loc[has_kernel_data_plane(runs), "mesh"])
    ratios = _may_be_ratio(pairs["metric"], pairs["mesh_a"], pairs["mesh_b"], kernel)
    judged = judge(values[a], values[b], ratios, np.where(pairs["metric"].eq("normalised_cpu"), RESOLUTION, 0.0))
    empty = np.where(absent[a], pairs["mesh_a"], np.where(absent[b], pairs["mesh_b"], ""))
    why = {(row["workload"], row["rate_per_s"], row["mesh"]): row["why"] for row in limits.to_dict("records")}
    obstacles = _Obstacles(tail_problems(runs, counts), _overlapping(values, a, b), why, _disturbed(runs))
    found = [
        (UNRANKED, _no_value(str(empty[row]), kernel))
        if empty[row]
        else obstacles.problem(pair, row) or _verdict(judged, row)
        for row, pair in enumerate(pairs.itertuples(index=False))
    ]
    return _assembled(pairs, judged, found)
