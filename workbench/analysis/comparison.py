"""Everything a comparison says, in one value: the end of the reading half's arithmetic.

`compare` takes the store's frames through the stages of this package (contract, selection, costing, summaries,
verdicts, checks) and hands charts, tables and the report a `Comparison` that they only have to show.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import checks, verdicts
from workbench.analysis.added import added, ranking_metric
from workbench.analysis.checks import Check
from workbench.analysis.contract import (
    BLOCK,
    CELL,
    LIKE,
    clean_consumption,
    clean_latency,
    clean_reservations,
    clean_runs,
    clean_sources,
    with_failures,
)
from workbench.analysis.costing import cpu_by_role, long_bill, long_costs, main_latency, wide_bill, wide_costs
from workbench.analysis.resources import node_bill, node_bill_summary, resource_summary, resources
from workbench.analysis.saturation import saturated, without_limits
from workbench.analysis.selection import Selection, select
from workbench.analysis.summaries import bill_summary, overhead, summary
from workbench.model.recording import MADE_UP, badge_of, with_badge

MESH_COLUMNS = ["mesh", "title", "data_plane", "layer", "mtls", "archetype", "shape_of", "lacks", "is_baseline", "runs"]
LEFT_OUT_COLUMNS = ["run_id", *BLOCK, "mesh", *CELL, "attempt", "status", "why", "reason"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What runs of like circumstances say about their data planes.

    Attributes
    ----------
    costs
        Every counted run's metrics; see `workbench.analysis.costs`.
    summary
        Per mesh, workload, rate_per_s and metric: median, low, high, coverage (0..1, how often such an interval
        holds the true median), blocks, method ("none", "range", "order statistics").
    overhead
        The same columns for the differences to the baseline of the same block, in the metric's stored unit, and
        ratio_median, ratio_low, ratio_high (NaN where a ratio means nothing). Without the baseline itself. The latency
        of saturated data planes is unknown in it: it is that of a limit.
    added
        Per mesh, workload, rate_per_s and part: the cores that it adds to the baseline of the same block; see
        `workbench.analysis.added`.
    saturated
        The data planes that did not carry the load, by workload and rate; see `workbench.analysis.saturation`.
    bill
        Who consumed each counted run's CPU; see `workbench.analysis.bill`.
    bill_summary
        Per mesh, workload, rate_per_s and role: median cpu_per_request_s, low, high, coverage, blocks, method, and
        the median total of the cell's runs with its interval (total, total_low, total_high).
    resources, resource_summary
        On clusters: what each role used and had reserved, by run and as medians; see `workbench.analysis.resources`.
        Empty in the lab.
    node_bill, node_bill_summary
        On clusters: who used each node's CPU, by run and as means; see there. Empty in the lab.
    sources
        On clusters: where the consumption of each counted run was read; see ``Store.sources()``.
    verdicts
        Per workload, rate_per_s, metric, mesh_a, mesh_b; see `workbench.analysis.verdicts.verdicts`.
    ranked_by
        The metric that data planes are ranked by; see `workbench.analysis.added.ranking_metric`.
    order
        Labels of meshes with a counted run: the baseline first, then by the median of ``ranked_by`` under the workload
        with the most runs at its highest rate; those without a value there last. Neighbours without a measurable
        difference are in the order of their names, so that a repetition does not reorder them by chance.
    checks
        What to know before believing it, the worst first.
    meshes
        Per mesh asked for, whether it has a counted run or not: mesh, title, data_plane, layer, mtls, archetype,
        shape_of, lacks, is_baseline, runs (counted).
    runs
        The counted runs, as the store gives them; ``workload`` holds the label used everywhere here.
    left_out
        The runs that do not count: run_id, campaign_id, block, mesh, workload, rate_per_s, attempt, status, why
        ("failed", "interrupted", "skipped", "superseded", "unlike"), reason.
    circumstances
        What all counted runs have in common, by name (`workbench.analysis.contract.LIKE`), and beside it lists:
        workloads, rates_per_s, payload_bytes, cpus.
    campaigns
        Ids of the campaigns that the counted runs come from, in order of time.
    badge
        What must stand at every figure of it: where a recording comes from, or that nothing was measured. Empty:
        nothing must. Every frame carries it too, see `workbench.model.recording`.
    """

    costs: pd.DataFrame
    summary: pd.DataFrame
    overhead: pd.DataFrame
    added: pd.DataFrame
    saturated: pd.DataFrame
    bill: pd.DataFrame
    bill_summary: pd.DataFrame
    resources: pd.DataFrame
    resource_summary: pd.DataFrame
    node_bill: pd.DataFrame
    node_bill_summary: pd.DataFrame
    sources: pd.DataFrame
    verdicts: pd.DataFrame
    ranked_by: str
    order: list[str]
    checks: tuple[Check, ...]
    meshes: pd.DataFrame
    runs: pd.DataFrame
    left_out: pd.DataFrame
    circumstances: dict[str, Any]
    campaigns: list[str]
    badge: str = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, pd.DataFrame):
                with_badge(value, self.badge)


def main_cell(runs: pd.DataFrame) -> tuple[str, float]:
    """Return the cell that a headline speaks of: the workload with the most runs, at its highest rate."""
    counts = runs["workload"].value_counts()
    workload = min(counts[counts == counts.max()].index)
    return workload, float(runs.loc[runs["workload"] == workload, "rate_per_s"].max())


def _order(runs: pd.DataFrame, summed: pd.DataFrame, by: str) -> list[str]:
    workload, rate = main_cell(runs)
    here = summed[(summed["workload"] == workload) & (summed["rate_per_s"] == rate) & (summed["metric"] == by)]
    median = here.set_index("mesh")["median"].to_dict()
    baselines = set(runs.loc[runs["is_baseline"], "mesh"])

    def place(mesh: str) -> tuple[bool, bool, float, str]:
        value = median.get(mesh, np.nan)
        return mesh not in baselines, bool(np.isnan(value)), value if value == value else 0.0, mesh

    return sorted(runs["mesh"].unique(), key=place)


def _settled(order: list[str], judged: pd.DataFrame, runs: pd.DataFrame, by: str) -> list[str]:
    """Return ``order`` with neighbours that metric ``by`` cannot tell apart in the order of their names.

    Their medians differ by chance, so a repetition might show them the other way round; their names do not change.
    """
    workload, rate = main_cell(runs)
    here = judged[
        (judged["workload"] == workload)
        & (judged["rate_per_s"] == rate)
        & (judged["metric"] == by)
        & (judged["verdict"] == "cannot tell apart")
    ]
    alike = {frozenset(pair) for pair in zip(here["mesh_a"], here["mesh_b"], strict=True)}
    baselines = set(runs.loc[runs["is_baseline"], "mesh"])
    settled = list(order)
    for _ in settled:
        for place in range(len(settled) - 1):
            left, right = settled[place : place + 2]
            if left not in baselines and right < left and frozenset((left, right)) in alike:
                settled[place : place + 2] = right, left
    return settled


def _meshes(runs: pd.DataFrame, counted: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    latest = runs.sort_values("started_at", kind="stable").drop_duplicates("mesh", keep="last")
    number = counted["mesh"].value_counts()
    table = latest.rename(columns={"mesh_title": "title"}).assign(runs=lambda frame: frame["mesh"].map(number))
    table["runs"] = table["runs"].fillna(0).astype("int64")
    place = {mesh: position for position, mesh in enumerate(order)}
    table["_place"] = table["mesh"].map(place).fillna(len(order))
    return table.sort_values(["_place", "mesh"])[MESH_COLUMNS].reset_index(drop=True)


def _plain(value: Any) -> Any:
    """Return a circumstance as plain text or number, whole numbers as such."""
    if isinstance(value, float | np.floating):
        number = float(value)
        return int(number) if number.is_integer() else number
    return str(value)


def _circumstances(counted: pd.DataFrame) -> dict[str, Any]:
    first = counted.iloc[0]
    return {
        **{name: _plain(first[name]) for name in LIKE},
        "workloads": sorted(counted["workload"].unique()),
        "rates_per_s": sorted(float(rate) for rate in counted["rate_per_s"].unique()),
        "payload_bytes": sorted(int(size) for size in counted["payload_bytes"].dropna().unique()),
        "cpus": sorted(int(count) for count in counted["cpus"].dropna().unique()),
    }


def _judged(
    counted: pd.DataFrame, wide: pd.DataFrame, main: pd.DataFrame, summed: pd.DataFrame, limits: pd.DataFrame, by: str
) -> tuple[list[str], pd.DataFrame]:
    """Return the order of the meshes, and every pair's verdicts in it."""
    order = _order(counted, summed, by)
    judged = verdicts.verdicts(counted, wide, main["count"], order, limits)
    settled = _settled(order, judged, counted, by)
    if settled != order:
        order, judged = settled, verdicts.verdicts(counted, wide, main["count"], settled, limits)
    return order, judged


def compare(
    runs: pd.DataFrame,
    consumption: pd.DataFrame,
    latency: pd.DataFrame,
    reservations: pd.DataFrame | None = None,
    sources: pd.DataFrame | None = None,
    failures: pd.DataFrame | None = None,
) -> Comparison:
    """Compare the data planes of ``runs`` within their blocks.

    Parameters
    ----------
    runs, consumption, latency, reservations, sources, failures
        Frames of ``workbench.store.Store``; left as they are; the last three None where there are none. Several
        campaigns of like circumstances are pooled: their blocks count together, and every difference is still taken
        within one block of one campaign. Of runs of unlike circumstances the largest like group is compared, the
        rest is left out, and a check of severity "error" names both.

    Raises
    ------
    NothingToShowError
        When no run finished.
    BadInputError
        When a frame lacks a column.
    """
    selection = select(cleaned := with_failures(clean_runs(runs), failures))
    badge = badge_of(runs) or (MADE_UP if selection.counted["provenance"].iloc[0] == "synthetic" else "")
    counted = with_badge(selection.counted, badge)
    usage, durations = clean_consumption(consumption), clean_latency(latency)
    wide, cpu = wide_costs(counted, usage, durations), cpu_by_role(counted, usage)
    shares = wide_bill(counted, cpu)
    bill = long_bill(counted, shares)
    summed = summary(counted, wide)
    main = main_latency(counted, durations)
    limits = saturated(counted)
    ranked_by = ranking_metric(wide)
    order, judged = _judged(counted, wide, main, summed, limits, ranked_by)
    cluster = _cluster(counted, usage, reservations, sources)
    evidence = checks.Evidence(
        runs=counted, selection=selection, wide=wide, cpu=cpu, latency=main, consumption=usage, verdicts=judged,
        **{name: cluster[name] for name in ("resources", "node_bill", "sources")},
    )  # fmt: skip
    return Comparison(
        costs=long_costs(counted, wide),
        summary=summed,
        overhead=without_limits(overhead(counted, wide), limits),
        added=added(counted, wide, cluster["node_bill"]),
        saturated=limits,
        bill=bill,
        bill_summary=bill_summary(counted, shares, bill),
        **cluster,
        verdicts=judged,
        ranked_by=ranked_by,
        order=order,
        checks=checks.all_checks(evidence),
        meshes=_meshes(cleaned, counted, order),
        runs=counted,
        left_out=_left_out(selection),
        circumstances=_circumstances(counted),
        campaigns=list(counted.sort_values("started_at", kind="stable")["campaign_id"].unique()),
        badge=badge,
    )


def _cluster(
    counted: pd.DataFrame, usage: pd.DataFrame, reservations: pd.DataFrame | None, given: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Return the frames that only runs on clusters fill."""
    taken, bills = resources(counted, usage, clean_reservations(reservations)), node_bill(counted, usage)
    sources = clean_sources(given)
    return {
        "resources": taken,
        "resource_summary": resource_summary(counted, taken),
        "node_bill": bills,
        "node_bill_summary": node_bill_summary(bills),
        "sources": sources[sources["run_id"].isin(counted["run_id"])].reset_index(drop=True),
    }


def _left_out(selection: Selection) -> pd.DataFrame:
    return selection.left_out.reindex(columns=LEFT_OUT_COLUMNS).reset_index(drop=True)
