"""What a set of results claims, in one shape for every source: numbers with their circumstances, and conclusions.

Publications, imported files and campaigns of one's own all become a `ResultSet`; the rules know nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from workbench.interchange.importing.imported import Imported
from workbench.interchange.publications import PERCENTILES, Figure, Publication, Verdict
from workbench.model.lab_steps import DATA_PLANE_ROLES
from workbench.model.metrics import REGISTRY
from workbench.model.recording import RECORDED

Quantity = Literal["latency", "cpu", "memory", "rate", "other"]

_MEMORY_WORDS = (*("working set", "page cache", "rss", "pss", "resident", "anonymous", "proportional", "private"),)
"""A definition of memory that has one of these says what was measured."""

_COLUMNS = {"p50_s": "p50", "p75_s": "p75", "p90_s": "p90", "p99_s": "p99", "p999_s": "p999", "high_s": "max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A number that a set of results states.

    Attributes
    ----------
    mesh
        With its version or variant.
    cell
        What makes two claims comparable but for the mesh: workload, connections and the like, as text.
    run
        Which of several runs of the same.
    rate_per_s
        None: not told.
    quantity, metric, aspect
        What kind of thing it is, its name, and of which percentile or part.
    kind, per
        As in `workbench.interchange.publications`.
    value, shown
        In SI units, and as its source has it.
    has_interval
        Whether an interval or error comes with it.
    memory_definition
        For memory: what was measured, as far as it is told.
    """

    mesh: str
    is_baseline: bool = False
    cell: str = ""
    run: int = 0
    rate_per_s: float | None = None
    quantity: Quantity
    metric: str
    aspect: str = ""
    kind: str = "absolute"
    per: str = ""
    value: float
    shown: str
    has_interval: bool = False
    memory_definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSet:
    """A set of results and what is known of how it came about; empty, None: it does not say.

    Attributes
    ----------
    name
        For findings.
    loop, called
        ``"open"`` or ``"closed"``, and what the load is called.
    repetitions
        The fewest runs of one cell.
    discards, discards_by
        See `workbench.interchange.publications.Setup`.
    said
        Rule -> what it must say by itself: contradictions, known defects.
    """

    name: str
    claims: tuple[Claim, ...]
    party: str = ""
    loop: str = ""
    called: str = ""
    generator: str = ""
    repetitions: int | None = None
    order: str = ""
    discards: str = ""
    discards_by: str = ""
    saturated: bool = False
    verdicts: tuple[Verdict, ...] = ()
    said: tuple[tuple[str, str], ...] = field(default=())


def _quantity(metric: str, unit: str) -> Quantity:
    if metric.endswith(("_request", "_limit")):
        return "other"  # reserved, not measured
    if "memory" in metric:
        return "memory"
    if unit == "s" and "latency" in metric:
        return "latency"
    return "cpu" if unit == "cores" else "rate" if unit in ("1/s", "bit/s") else "other"


def set_of_publication(publication: Publication) -> ResultSet:
    """Return what a publication claims."""
    setup = publication.setup
    contradictions = [
        ("contradiction", f"{text}: {figure:g} here, {other:g} in {where}")
        for text, figure, other, where in publication.contradictions
    ]
    runs = [figure.run for figure in publication.figures]
    return ResultSet(
        name=publication.origin.id,
        claims=tuple(_published(figure) for figure in publication.figures),
        party=publication.origin.party,
        loop=setup.loop,
        called=setup.called,
        generator=setup.generator,
        repetitions=setup.repetitions if not any(runs) else max(setup.repetitions or 1, 1),
        order=setup.order,
        discards=setup.discards,
        discards_by=setup.discards_by,
        saturated=setup.saturated,
        verdicts=publication.verdicts,
        said=(*contradictions, *publication.defects),
    )


def _published(figure: Figure) -> Claim:
    circumstances = (figure.setup.environment, figure.setup.workload, figure.setup.connections, figure.origin.date)
    memory = figure.definition if _tells_memory(figure.definition) else figure.setup.memory_definition
    return Claim(
        mesh=f"{figure.mesh} {figure.version}".strip(),
        is_baseline=figure.is_baseline,
        cell=", ".join(str(one) for one in circumstances if one),
        run=figure.run,
        rate_per_s=figure.rate_per_s,
        quantity=_quantity(figure.metric, figure.unit),
        metric=figure.metric,
        aspect=figure.aspect,
        kind=figure.kind,
        per=figure.per,
        value=figure.value,
        shown=figure.shown,
        has_interval=bool(figure.setup.spread) or (figure.plus_minus is not None and figure.confidence != "Px"),
        memory_definition=memory,
    )


def _tells_memory(text: str) -> bool:
    return any(word in text.lower() for word in _MEMORY_WORDS)


def memory_is_defined(claim: Claim) -> bool:
    """Whether a claim about memory says what was measured."""
    return _tells_memory(claim.memory_definition)


def set_of_imported(name: str, runs: Sequence[Imported]) -> ResultSet:
    """Return what runs that were read from files claim."""
    cells: dict[tuple[Any, ...], int] = {}
    claims: list[Claim] = []
    for run in runs:
        cell = f"{run.workload}, {run.connections} connections" if run.connections else run.workload
        key = (run.label, cell, run.rate_per_s)
        cells[key] = cells.get(key, 0) + 1
        claims += _imported(run, cell, cells[key])
    loops = {run.loop for run in runs if run.loop != "unknown"}
    rated = any(run.rate_per_s is not None and run.arrival == "constant" for run in runs)
    return ResultSet(
        name=name,
        claims=tuple(claims),
        loop=loops.pop() if len(loops) == 1 else "",
        called="constant rate" if rated else "",
        generator=", ".join(sorted({run.tool.title for run in runs})),
        repetitions=min(cells.values()) if cells else None,
    )


def _imported(run: Imported, cell: str, repetition: int) -> list[Claim]:
    from workbench.model.histograms import quantiles

    common: dict[str, Any] = {
        "mesh": run.label or run.where.split(", line ")[0],
        "is_baseline": bool(run.is_baseline),
        "cell": cell,
        "run": repetition,
        "rate_per_s": run.rate_per_s,
    }
    figures: dict[str, float] = {}
    for told in run.quantiles.values():
        figures |= {_COLUMNS[name]: value for name, value in told.items() if name in _COLUMNS}
    for whole in run.histograms.values():
        names = [name for name in PERCENTILES if name != "max"]
        values = quantiles(whole, [PERCENTILES[name] for name in names])
        figures |= dict(zip(names, values, strict=True)) if whole.count else {}
    claims = [
        Claim(**common, quantity="latency", metric="latency", aspect=name, per="path", value=value, shown=_ms(value))
        for name, value in figures.items()
    ]
    for part in run.usage:
        if part.cpu_cores is not None and part.role in DATA_PLANE_ROLES:
            shown = f"{part.cpu_cores * 1000:.3g} mcores"
            claims.append(
                Claim(
                    **common,
                    quantity="cpu",
                    metric="cpu",
                    aspect=part.component,
                    per="proxy",
                    value=part.cpu_cores,
                    shown=shown,
                )
            )
    memory = {name: text for name, text in run.extra.items() if name.startswith("mem_")}
    told_memory = "page cache included" if any("page cache" in note for note in run.notes) else ""
    for name, text in memory.items():
        value = _number(text)
        if value is None:
            continue
        claims.append(
            Claim(
                **common, quantity="memory", metric="memory", aspect=name, per="proxy", value=value * 2**20,
                shown=f"{value:g} MiB", memory_definition=told_memory,
            )
        )  # fmt: skip
    return claims


def _number(text: object) -> float | None:
    """Return a figure as a number from 0; None where it is none."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _ms(value: float) -> str:
    return f"{value * 1e3:.4g} ms"


_CLAIMED = ("latency_p50_s", "latency_p90_s", "latency_p99_s", "latency_p999_s", "data_plane_cpu_per_request_s")


def set_of_campaign(name: str, runs: pd.DataFrame, summary: pd.DataFrame) -> ResultSet:
    """Return what a campaign in the store claims.

    Parameters
    ----------
    runs
        The counted runs of a comparison.
    summary
        Its medians over blocks.
    """
    rows = summary[summary["metric"].isin(_CLAIMED) & summary["median"].notna()]
    baselines = set(runs.loc[runs["is_baseline"], "mesh"])
    claims = [_measured(row, baselines) for row in rows.to_dict("records")]
    first = {str(name): value for name, value in runs.iloc[0].items()}
    blocks = summary.loc[summary["metric"].isin(_CLAIMED), "blocks"]
    return ResultSet(
        name=name,
        claims=tuple(claims),
        party="own",
        loop=_loop(first),
        called="constant rate" if str(first["arrival"]) in ("constant", "poisson") else str(first["arrival"]),
        generator=str(first["generator"]),
        repetitions=int(blocks[blocks > 0].min()) if (blocks > 0).any() else None,
        order="randomized" if str(first["provenance"]) in ("measured", RECORDED) else "",
    )


def _loop(run: Mapping[Any, Any]) -> str:
    """Return whether the loop was open: latency from the schedule needs an open one."""
    if str(run["latency_from"]) == "schedule":
        return "open"
    return "closed" if str(run["latency_from"]) == "send" else ""


def _measured(row: Mapping[Any, Any], baselines: set[str]) -> Claim:
    metric = str(row["metric"])
    quantity: Quantity = "latency" if metric.startswith("latency") else "cpu"
    aspect = metric.removeprefix("latency_").removesuffix("_s") if quantity == "latency" else ""
    rate = float(row["rate_per_s"])
    return Claim(
        mesh=str(row["mesh"]),
        is_baseline=row["mesh"] in baselines,
        cell=str(row["workload"]),
        rate_per_s=rate if rate < float("inf") else None,
        quantity=quantity,
        metric="latency" if quantity == "latency" else metric,
        aspect=aspect,
        per="path" if quantity == "latency" else "data plane",
        value=float(row["median"]),
        shown=REGISTRY[metric].show(float(row["median"])),
        has_interval=bool(row["low"] == row["low"]),
    )
