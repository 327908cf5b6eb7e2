"""The answer in words: what each data plane adds, how reliable that is, and what to do next.

Last stage of the analysis. The sentences speak of one cell (the workload with the most runs at its highest rate), name
data planes by their labels, never by a product's, and say what showed no difference as plainly as what did.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from workbench.analysis.added import AGENTS, ON_NODES, PARTS, WHOLE
from workbench.analysis.cells import Cell, Value
from workbench.analysis.comparison import Comparison, main_cell
from workbench.analysis.contract import NO_RATE
from workbench.analysis.intervals import ENOUGH_BLOCKS
from workbench.analysis.next_step import next_step
from workbench.analysis.verdicts import TAIL_METRICS, UNRANKED
from workbench.analysis.words import a_second, counted, figure, percent, share
from workbench.text.plain import Sentences, capital

CORES, P50, TOTAL, TAX = "used_cores", "latency_p50_s", "cpu_per_request_s", "normalised_cpu"
PER_1000 = "all_cores_per_1000_rps"
"""The metric that shows `TOTAL` as cores for 1000 requests/s."""


def headline(comparison: Comparison) -> Sentences:
    """Return the answer: what did not carry the load, what no mesh costs, what each data plane adds, and what to do.

    The sentences hold for the workload with the most runs at its highest rate. CPU is that of all parts: in the lab
    the cores for 1000 requests/s, on clusters those that the nodes counted. Brackets hold intervals; the last sentence
    but one says how often they hold the true median. The last sentence says what to do next; after it stands the badge
    of a recording or of made-up data.
    """
    return Sentences([*answer_sentences(comparison), *([f"{comparison.badge}."] if comparison.badge else [])])


def answer_sentences(comparison: Comparison) -> list[str]:
    """Return the sentences of `headline` without the badge, for pages that show the badge elsewhere."""
    cell = Cell(comparison, *main_cell(comparison.runs))
    meshes = [f"{mesh} {_of_mesh(cell, mesh)}." for mesh in cell.order if mesh not in cell.baselines]
    return [*_limits(cell), _without_mesh(cell), *meshes, _reliability(cell), next_step(cell)]


def _limits(cell: Cell) -> Iterator[str]:
    """Name the data planes that did not carry the load, before anything that was measured under them."""
    for mesh, row in cell.saturated.items():
        if mesh in cell.failing:
            continue
        if row["generator"]:
            yield (
                f"The load generator was the limit under {mesh}: {row['why']}. What {mesh} can carry is unknown, and "
                "its latency is not compared."
            )
        else:
            yield f"{mesh} is saturated: {row['why']}. Its latency is that of a limit and is not compared."


def _without_mesh(cell: Cell) -> str:
    """Say where this was measured, and what the application costs without a mesh."""
    at = "At no stated rate" if cell.rate_per_s == NO_RATE else f"At {a_second(cell.rate_per_s)} requests/s"
    where = f"{at} (workload {cell.workload}, environment {cell.comparison.circumstances['environment']})"
    failing = [cell.failing[mesh] for mesh in cell.order if mesh in cell.baselines & cell.failing.keys()]
    if failing:
        return f"{where}, {failing[0]}, so there is nothing to compare the data planes with."
    if not cell.baselines:
        return f"{where}, the baseline has no finished run, so what the data planes add is unknown."
    return f"{where}, without a mesh, {_base_cpu(cell)}{_base_latency(cell)}."


def _base_cpu(cell: Cell) -> str:
    known = cell.added[cell.added["part"].eq(WHOLE)].dropna(subset=["base"])
    if len(known):
        base = figure(CORES, float(known["base"].median()))
        return f"the nodes use {base}" if known["unit"].eq(ON_NODES).all() else _cost(base)
    level = cell.values(cell.comparison.summary, TOTAL)
    found = [value for mesh, value in level.items() if mesh in cell.baselines]
    return _cost(figure(PER_1000, found[0].median)) if found else "CPU use is unknown"


def _cost(cores: str) -> str:
    return f"1000 requests/s cost {cores} (application and load generator)"


def _base_latency(cell: Cell) -> str:
    level = cell.values(cell.comparison.summary, P50)
    found = [value for mesh, value in level.items() if mesh in cell.baselines - cell.incomparable]
    return f" and the median request (p50) takes {figure(P50, found[0].median)}" if found else ""


def _of_mesh(cell: Cell, mesh: str) -> str:
    """Say what one data plane adds: CPU, then latency."""
    if mesh in cell.failing:
        return f"{cell.failing[mesh].removeprefix(mesh).strip()}, so neither CPU nor latency of it is compared"
    cpu, latency = _cpu(cell, mesh), _latency(cell, mesh)
    if not latency:
        return cpu
    verb = "adds "
    both = cpu.startswith(verb) and latency.startswith(verb)
    return f"{cpu} and {latency.removeprefix(verb) if both else latency}"


def _cpu(cell: Cell, mesh: str) -> str:
    rows = {row["part"]: row for row in cell.added[cell.added["mesh"].eq(mesh)].to_dict("records")}
    if WHOLE not in rows:
        return _level(cell, mesh)
    whole = Value.of(CORES, rows[WHOLE])
    if whole.includes_zero or (mesh in cell.kernel and mesh in cell.like_baseline(TAX)):
        return f"adds no measurable CPU ({whole.span})"
    ratio = rows[WHOLE]["ratio_median"]
    said = [f"{ratio:.1f}× in all"] if ratio == ratio else []
    said += [f"{part} {rows[part]['median']:.3f}" for part in PARTS[1:] if part in rows and _says(part, rows[part])]
    return f"{whole.change}{f' ({_listed(said)})' if said else ''}"


def _says(part: str, row: Mapping[Hashable, Any]) -> bool:
    """Whether a part is named: node agents only where there are any."""
    return part != AGENTS or any(row[end] != 0 for end in ("low", "median", "high"))


def _listed(said: list[str]) -> str:
    """``"2.2× in all: data plane 0.089, system 0.061"``."""
    return said[0] + (f": {', '.join(said[1:])}" if said[1:] else "")


def _level(cell: Cell, mesh: str) -> str:
    """Say what a data plane costs in all where there is no baseline to set it against."""
    level = cell.values(cell.comparison.summary, TOTAL)
    if mesh not in level:
        return "has an unknown CPU cost"
    return f"costs {replace(level[mesh], name=PER_1000)} for 1000 requests/s in all"


def _latency(cell: Cell, mesh: str) -> str:
    if {mesh, *cell.baselines} & cell.incomparable:
        return ""
    level, added = (cell.values(frame, P50) for frame in (cell.comparison.summary, cell.comparison.overhead))
    if mesh in added:
        return (
            "adds no measurable latency at p50" if mesh in cell.like_baseline(P50) else f"{added[mesh].change} at p50"
        )
    return f"takes {level[mesh]} at p50" if mesh in level else "has an unknown latency"


def _reliability(cell: Cell) -> str:
    comparison = cell.comparison
    noisy = int(comparison.runs["noisy"].ne("").sum())
    tails = cell.of(comparison.verdicts, TAIL_METRICS[0])["verdict"]
    said = [
        _blocks(cell),
        f"other work disturbed {share(noisy, len(comparison.runs))}" if noisy else "",
        "p99 is not ranked" if len(tails) and tails.eq(UNRANKED).all() else "",
        "the data planes are lab archetypes, not products" if comparison.runs["archetype"].any() else "",
    ]
    return f"{capital('; '.join(part for part in said if part))}."


def _blocks(cell: Cell) -> str:
    values = [Value.of(CORES, row) for row in cell.added[cell.added["part"].eq(WHOLE)].to_dict("records")]
    values = values or [*cell.values(cell.comparison.summary, P50).values()]
    fewest = min(values, key=lambda value: value.blocks, default=None)
    if fewest is None:
        return "no block is complete enough to judge by"
    if fewest.blocks < 2:
        return "a single block gives no interval, so believe the order of magnitude at most"
    ends = "range" if fewest.blocks < ENOUGH_BLOCKS else "interval"
    return (
        f"these are medians over {counted(fewest.blocks, 'block')}, in brackets the {ends}, which holds the true "
        f"median in {percent(fewest.coverage, 1)} of cases"
    )
