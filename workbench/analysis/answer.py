"""The answer in three sentences: what it costs in CPU, what in latency, and how reliable that is.

Last stage of the analysis. The sentences speak of one cell (the workload with the most runs at its highest rate), name
data planes by their labels, never by a product's, and say what could not be told apart as plainly as what could.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.analysis.answering import failure
from workbench.analysis.comparison import Comparison, main_cell
from workbench.analysis.contract import NO_RATE
from workbench.analysis.costing import has_kernel_data_plane
from workbench.analysis.intervals import ENOUGH_BLOCKS
from workbench.analysis.resources import ALL
from workbench.analysis.verdicts import EQUAL, TAIL_METRICS, UNRANKED
from workbench.analysis.words import a_second, counted, figure, join, percent, share, with_interval
from workbench.text.plain import Sentences

TAX, CORES, P50 = "normalised_cpu", "cores_per_1000_rps", "latency_p50_s"
PAIRS_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A median over blocks with its interval, in a metric's stored unit."""

    name: str
    median: float
    low: float
    high: float
    coverage: float
    blocks: int

    def __str__(self) -> str:
        return with_interval(self.name, self.median, self.low, self.high)

    @property
    def change(self) -> str:
        """The value as something added or taken away."""
        if self.median < 0:
            return f"took away {with_interval(self.name, -self.median, -self.high, -self.low)}"
        return f"added {self}"


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """The part of a comparison that the headline speaks of."""

    comparison: Comparison
    workload: str
    rate_per_s: float

    def of(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Return the rows of one metric in this cell."""
        here = frame["workload"].eq(self.workload) & frame["rate_per_s"].eq(self.rate_per_s)
        return frame[here & frame["metric"].eq(name)]

    def values(self, frame: pd.DataFrame, name: str) -> dict[str, _Value]:
        """Return mesh -> value of one metric, the smallest first, without meshes that have none."""
        fields = ["median", "low", "high", "coverage", "blocks"]
        rows = self.of(frame, name).dropna(subset=["median"]).sort_values("median", kind="stable")
        return {
            str(mesh): _Value(name=name, **dict(zip(fields, values, strict=True)))
            for mesh, *values in rows[["mesh", *fields]].itertuples(index=False, name=None)
        }

    def equal(self, name: str) -> list[tuple[str, str]]:
        """Return the pairs that metric ``name`` cannot tell apart although there are blocks enough to ask."""
        rows = self.of(self.comparison.verdicts, name)
        rows = rows[rows["verdict"].eq(EQUAL) & rows["blocks"].gt(1)]
        return list(zip(rows["mesh_a"], rows["mesh_b"], strict=True))

    @property
    def baselines(self) -> set[str]:
        """Labels of the baseline, none where it has no counted run."""
        runs = self.comparison.runs
        return set(runs.loc[runs["is_baseline"], "mesh"])

    @property
    def kernel(self) -> set[str]:
        """Labels of the data planes whose CPU is known as a difference only."""
        runs = self.comparison.runs
        return set(runs.loc[has_kernel_data_plane(runs), "mesh"])

    @property
    def failing(self) -> dict[str, str]:
        """Label -> sentence, for the data planes that failed in all or most of their attempts in this cell."""
        runs = self.comparison.runs
        here = runs[runs["workload"].eq(self.workload) & runs["rate_per_s"].eq(self.rate_per_s)]
        told = {mesh: failure(here, mesh) for mesh in self.comparison.order}
        return {mesh: what for mesh, what in told.items() if what}

    def like_baseline(self, name: str) -> list[str]:
        """Return the meshes without a measurable difference from the baseline in ``name``, in order."""
        alike = {mesh for pair in self.equal(name) if set(pair) & self.baselines for mesh in pair} - self.baselines
        return [mesh for mesh in self.comparison.order if mesh in alike]


def _at(rate: float) -> str:
    return "At no stated rate" if rate == NO_RATE else f"At {a_second(rate)} requests/s"


def _cannot(meshes: list[str], what: str) -> str:
    return f"{join(meshes)} showed no measurable difference from no mesh in {what}" if meshes else ""


def _sentence(start: str, parts: list[str]) -> str:
    return f"{start}{'; '.join(part for part in parts if part)}."


def _range(cell: _Cell, told: dict[str, _Value]) -> str:
    """Say what the cheapest and the dearest of ``told`` cost."""
    cores = cell.values(cell.comparison.summary, CORES)

    def cost(mesh: str) -> str:
        if mesh not in cores:
            return str(told[mesh])
        return f"{told[mesh]} ({figure(CORES, cores[mesh].median)} per 1000 requests/s)"

    first, *_, last = *told, *told
    if len(told) == 1:
        return f"{first} cost {cost(first)} the CPU that the request itself costs"
    return (
        f"the data planes cost from {cost(first)} for {first} to {cost(last)} for {last}, "
        "where 1× is the CPU that the request itself costs"
    )


def _taken_sentence(cell: _Cell) -> str:
    """Say what the application takes of a cluster, with data plane and control plane; empty in the lab."""
    every = cell.comparison.resource_summary
    rows = every[every["role"].eq(ALL) & every["workload"].eq(cell.workload) & every["rate_per_s"].eq(cell.rate_per_s)]
    rows = rows.dropna(subset=["cpu_cores"]).sort_values("cpu_cores", kind="stable")
    if rows.empty:
        return ""
    told = {str(row["mesh"]): _taken(row) for row in rows.to_dict("records")}
    base = [f"with no mesh it took {told[mesh]}" for mesh in told if mesh in cell.baselines][:1]
    others = [f"{told[mesh]} on {mesh}" for mesh in told if mesh not in cell.baselines]
    ends = list(dict.fromkeys([*others[:1], *others[-1:]]))
    parts = [f"with data plane and control plane {'from ' if ends[1:] else ''}{' to '.join(ends)}"] if ends else []
    return _sentence(f"{_at(cell.rate_per_s)}, what the application took of the cluster: ", [*base, *parts])


def _taken(row: Mapping[Hashable, Any]) -> str:
    """Return cores with their interval and memory; in brackets what of both is requested."""
    cores = with_interval("used_cores", row["cpu_cores"], row["cpu_low"], row["cpu_high"])
    memory = row["memory_bytes"]
    return cores + (f" and {figure('used_memory_bytes', memory)}" if memory == memory else "") + _requested(row)


def _requested(row: Mapping[Hashable, Any]) -> str:
    if row["without_cpu_request"] != row["without_cpu_request"]:
        return ""
    cores, memory = row["cpu_request_cores"], row["memory_request_bytes"]
    said = [
        figure("used_cores", cores) if cores == cores else "no CPU",
        figure("used_memory_bytes", memory) if memory == memory else "no memory",
    ]
    return f" ({join(said)} requested)"


def _cpu_sentence(cell: _Cell) -> str:
    comparison = cell.comparison
    start = (
        f"{_at(cell.rate_per_s)} (workload {cell.workload}, environment {comparison.circumstances['environment']}), "
    )
    asked = [mesh for mesh in comparison.order if mesh not in cell.baselines]
    if not asked:
        return _sentence(start, ["only the baseline has finished runs, so there is nothing to set against it"])
    tax = cell.values(comparison.summary, TAX)
    # proxies burn CPU of their own, which is seen; only a difference of totals can drown in the noise
    alike = [mesh for mesh in cell.like_baseline(TAX) if mesh in cell.kernel]
    told = {mesh: value for mesh, value in tax.items() if mesh in asked and mesh not in alike}
    unknown = [mesh for mesh in asked if mesh not in tax]
    parts = [_range(cell, told)] if told else []
    parts += [_cannot(alike, "CPU"), f"the CPU cost of {join(unknown)} is unknown" if unknown else ""]
    return _sentence(start, parts)


def _latency_sentence(cell: _Cell) -> str:
    comparison = cell.comparison
    level = cell.values(comparison.summary, P50)
    failing = cell.failing
    said = [f"{what}, so that no latency of it is compared" for mesh, what in failing.items()]
    if not level:
        return _sentence("", said) if said else "No latency was measured."
    base = [value for mesh, value in level.items() if mesh in cell.baselines and mesh not in failing]
    if not base:
        why = [what for mesh, what in failing.items() if mesh in cell.baselines]
        others = [what for mesh, what in failing.items() if mesh not in cell.baselines]
        because = why[0] if why else "the baseline has no finished run with a latency"
        return _sentence("How much latency was added is unknown, because ", [because, *others])
    start = f"Without a mesh the median request (p50) took {figure(P50, base[0].median)}"
    alike = [mesh for mesh in cell.like_baseline(P50) if mesh not in failing]
    added = cell.values(comparison.overhead, P50)
    told = {mesh: value for mesh, value in added.items() if mesh not in alike and mesh not in failing}
    ends = list(dict.fromkeys([*list(told)[:1], *list(told)[-1:]]))
    parts = [join([f"{mesh} {told[mesh].change}" for mesh in ends]), _cannot(alike, "p50"), *said]
    if not any(parts):
        return f"{start}, and no other data plane can be set against it."
    return _sentence(f"{start}; ", parts)


def _blocks_text(cell: _Cell) -> str:
    comparison = cell.comparison
    values = (cell.values(comparison.summary, TAX) or cell.values(comparison.overhead, P50)).values()
    fewest = min(values, key=lambda value: value.blocks, default=None)
    if fewest is None:
        return "No block is complete enough to judge by"
    if fewest.blocks < 2:
        return "A single block gives no interval, so believe the order of magnitude at most"
    ends = "range" if fewest.blocks < ENOUGH_BLOCKS else "interval"
    return (
        f"These are medians over {counted(fewest.blocks, 'block')}, in brackets the {ends}, which holds the true "
        f"median in {percent(fewest.coverage, 1)} of cases"
    )


def _untold_text(cell: _Cell) -> str:
    """Name the first few pairs of data planes without a measurable CPU difference."""
    pairs = [f"{a} and {b}" for a, b in cell.equal(TAX) if not {a, b} & cell.baselines]
    if not pairs:
        return ""
    more = len(pairs) - PAIRS_NAMED
    named = pairs[:PAIRS_NAMED] + ([f"{counted(more, 'more pair')}"] if more > 0 else [])
    return f"no measurable CPU difference between {join(named)}"


def _trust_sentence(cell: _Cell) -> str:
    comparison = cell.comparison
    noisy = int(comparison.runs["noisy"].ne("").sum())
    tails = cell.of(comparison.verdicts, TAIL_METRICS[0])["verdict"]
    wrong = sorted({check.name for check in comparison.checks if check.severity == "error"})
    return _sentence(
        "",
        [
            _blocks_text(cell),
            f"other work disturbed {share(noisy, len(comparison.runs))}" if noisy else "",
            _untold_text(cell),
            "p99 is not ranked" if len(tails) and tails.eq(UNRANKED).all() else "",
            "the data planes are lab archetypes, not products" if comparison.runs["archetype"].any() else "",
            f"read the errors among the checks first ({', '.join(wrong)})" if wrong else "",
        ],
    )


def headline(comparison: Comparison) -> Sentences:
    """Return the answer in three sentences: CPU, latency, and how reliable they are; on a cluster first what it took.

    They hold for the workload with the most runs at its highest rate. Brackets hold intervals, whose coverage the third
    sentence states. Data planes without a measurable difference from no mesh are named as such, not given a number.
    """
    cell = _Cell(comparison, *main_cell(comparison.runs))
    taken = _taken_sentence(cell)
    said = (_cpu_sentence(cell), _latency_sentence(cell), _trust_sentence(cell))
    return Sentences([*([taken] if taken else []), *said])
