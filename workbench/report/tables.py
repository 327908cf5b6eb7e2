"""The tables of a report: costs with intervals, verdicts on pairs, gates, and runs that do not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.analysis import Comparison
from workbench.analysis.comparison import main_cell
from workbench.charts.rows import (
    NOT_MEASURED,
    estimate_text,
    interval_text,
    rate_text,
    rates_of,
    records,
    value_text,
    workloads_of,
)
from workbench.model.metrics import metric
from workbench.report.parts import Cell, Column, Table

CPU_METRICS = (
    "normalised_cpu",
    "cpu_per_request_s",
    "added_cpu_per_request_s",
    "data_plane_cpu_per_request_s",
    "cores_per_1000_rps",
)
OTHER_METRICS = (
    "latency_p50_s",
    "latency_p90_s",
    "latency_p99_s",
    "memory_per_replica_bytes",
    "data_plane_memory_bytes",
    "data_plane_working_set_bytes",
    "error_ratio",
    "achieved_ratio",
)
_HEADS = {
    "normalised_cpu": "Normalised CPU",
    "cpu_per_request_s": "CPU per request, all parts",
    "added_cpu_per_request_s": "Added to the baseline",
    "data_plane_cpu_per_request_s": "Data plane's own",
    "cores_per_1000_rps": "Cores per 1000 requests/s",
    "memory_per_replica_bytes": "Memory per replica",
    "data_plane_memory_bytes": "Memory, all replicas",
    "data_plane_working_set_bytes": "Working set, all replicas",
}
"""Shorter heads, where the caption gives the rest; the definitions are below in the report."""

_DATA_PLANES = (
    "data_plane_cpu_per_request_s",
    "cores_per_1000_rps",
    "memory_per_replica_bytes",
    "data_plane_memory_bytes",
    "data_plane_working_set_bytes",
)
"""Metrics of the data plane's own processes, which not every data plane has."""

_PROCESS_METRICS = ("memory_per_replica_bytes", "data_plane_memory_bytes")
"""Memory that only the kernel's accounts of single processes tell: proportional and anonymous."""

_CLUSTER_METRICS = ("data_plane_working_set_bytes",)
"""Memory that only a cluster's accounts of containers tell."""

VERDICT_METRICS = ("normalised_cpu", "latency_p50_s", "latency_p99_s")
MOST_VERDICTS = 400
"""Rows of verdicts that a page holds; all of them are in the embedded file."""

_TONES = {"a>b": "more", "a<b": "less", "cannot tell apart": "same", "not ranked": "unknown"}


def _estimate(name: str, row: Mapping[str, Any] | None, absent: str) -> Cell:
    if row is None or row["median"] != row["median"]:
        return Cell(text=absent if name in _DATA_PLANES else NOT_MEASURED, tone="quiet")
    signed = name.startswith("added_")
    more = interval_text(name, row["low"], row["high"])
    return Cell(text=value_text(name, row["median"], signed=signed), more=more, sort=float(row["median"]))


def _cost_table(cells: pd.DataFrame, absent: Mapping[str, str], names: Sequence[str], key: str, caption: str) -> Table:
    found = {(row["mesh"], row["metric"]): row for row in records(cells)}
    heads = [_HEADS.get(name, metric(name).label) for name in names]
    rows = tuple(
        (Cell(text=mesh), *(_estimate(name, found.get((mesh, name)), why) for name in names))
        for mesh, why in absent.items()
    )
    return Table(
        key=key,
        caption=caption,
        columns=(Column(head="Data plane"), *(Column(head=head, number=True) for head in heads)),
        rows=rows,
    )


def _told(names: Sequence[str], cells: pd.DataFrame, comparison: Comparison) -> tuple[str, ...]:
    """Return the metrics to show, without those that nobody can read in this environment."""
    known = set(cells.loc[cells["median"].notna(), "metric"])
    on_cluster = len(comparison.resource_summary) > 0
    unread = _PROCESS_METRICS if on_cluster else _CLUSTER_METRICS
    return tuple(name for name in names if name in known or name not in unread)


def cost_tables(comparison: Comparison, absent: Mapping[str, str]) -> tuple[Table, ...]:
    """Return two tables (CPU; latency, memory and errors) for each workload and rate, the highest rate first.

    Parameters
    ----------
    absent
        Mesh, in the order of the rows -> what to say where its data plane's own figures are not there.
    """
    tables: list[Table] = []
    several = len(workloads_of(comparison.summary)) > 1
    for workload in workloads_of(comparison.summary):
        of_workload = comparison.summary[comparison.summary["workload"] == workload]
        for rate in reversed(rates_of(of_workload)):
            cells = of_workload[of_workload["rate_per_s"] == rate]
            where = f"at {rate_text(rate)}{f', {workload}' if several else ''}: medians over blocks with intervals"
            for every, what in ((CPU_METRICS, "CPU"), (OTHER_METRICS, "Latency, memory and errors")):
                names = _told(every, cells, comparison)
                tables.append(_cost_table(cells, absent, names, f"costs-{len(tables)}", f"{what} {where}"))
    return tuple(tables)


def _ratio_text(row: Mapping[str, Any]) -> str:
    if row["basis"] == "ratio":
        if row["ratio"] != row["ratio"]:
            return ""
        ends = f" [{row['low']:.2f}–{row['high']:.2f}]" if row["low"] == row["low"] else ""
        return f"{row['ratio']:.2f}×{ends}"
    estimate = {"median": row["difference"], "low": row["difference_low"], "high": row["difference_high"]}
    return estimate_text(row["metric"], estimate, signed=True) if row["difference"] == row["difference"] else ""


def _sentence(row: Mapping[str, Any]) -> str:
    a, b = row["mesh_a"], row["mesh_b"]
    return {
        "a>b": f"{a} costs more than {b}",
        "a<b": f"{a} costs less than {b}",
        "cannot tell apart": f"no measurable difference between {a} and {b}",
        "not ranked": f"{a} and {b} are not ranked",
    }[row["verdict"]]


def _verdict_row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        Cell(text=metric(row["metric"]).label),
        Cell(text=rate_text(row["rate_per_s"]), sort=row["rate_per_s"]),
        Cell(text=row["workload"]),
        Cell(text=_sentence(row), tone=_TONES[row["verdict"]]),
        Cell(text=_ratio_text(row) or "–", sort=row["ratio"] if row["ratio"] == row["ratio"] else None),
        Cell(text=row["why"], tone="quiet"),
    )


def verdict_table(comparison: Comparison) -> Table:
    """Return the differences, a row for each pair, rate and metric: the highest rate first."""
    pairs = comparison.verdicts[comparison.verdicts["metric"].isin(list(VERDICT_METRICS))]
    place = pairs["metric"].map(VERDICT_METRICS.index)
    pairs = pairs.assign(place=place).sort_values(["place", "rate_per_s"], ascending=[True, False], kind="stable")
    rows = tuple(_verdict_row(row) for row in records(pairs.head(MOST_VERDICTS)))
    more = f"{len(pairs) - MOST_VERDICTS:,} more rows are in verdicts.csv." if len(pairs) > MOST_VERDICTS else ""
    return Table(
        key="verdicts",
        caption="Every pair of data planes, compared within blocks",
        columns=(
            Column(head="Metric"),
            Column(head="Rate"),
            Column(head="Workload"),
            Column(head="Verdict"),
            Column(head="First to second, or difference", number=True),
            Column(head="Why"),
        ),
        rows=rows,
        filters=(0, 1, 2),
        more=more,
    )


_SHORT = {"a>b": ("more", "more"), "a<b": ("less", "less"), "cannot tell apart": ("≈", "same")}


def _matrix_cell(row: Mapping[str, Any] | None, mirrored: bool) -> Cell:
    if row is None or row["verdict"] not in _SHORT:
        return Cell(text="not ranked", tone="unknown")
    text, tone = _SHORT[row["verdict"]]
    if mirrored and tone in ("more", "less"):
        text = tone = "less" if tone == "more" else "more"
    return Cell(text="cannot tell" if tone == "same" else text, tone=tone)


def verdict_matrix(comparison: Comparison, order: Sequence[str]) -> Table:
    """Return a square of verdicts on normalised CPU in the cell of the answer: the row against the column."""
    workload, rate = main_cell(comparison.runs)
    cells = comparison.verdicts[comparison.verdicts["metric"] == "normalised_cpu"]
    cells = cells[cells["workload"].eq(workload) & cells["rate_per_s"].eq(rate)]
    found = {(row["mesh_a"], row["mesh_b"]): row for row in records(cells)}
    rows = []
    for one in order:
        line = [Cell(text=one)]
        for other in order:
            row, mirror = found.get((one, other)), found.get((other, one))
            line.append(Cell(text="", tone="self") if one == other else _matrix_cell(row or mirror, row is None))
        rows.append(tuple(line))
    return Table(
        key="matrix",
        caption=f"Does the row use more or less CPU than the column? Normalised CPU at {rate_text(rate)}",
        columns=(Column(head="Data plane"), *(Column(head=mesh) for mesh in order)),
        rows=tuple(rows),
    )


def gate_table(gates: pd.DataFrame, runs: pd.DataFrame, order: Sequence[str]) -> Table:
    """Return which proofs each data plane gave before its numbers counted, and how often."""
    joined = gates.merge(runs[["run_id", "mesh"]], on="run_id", how="inner")
    rows = []
    for mesh in [*order, *sorted(set(joined["mesh"]) - set(order))]:
        of_mesh = joined[joined["mesh"] == mesh]
        for name in dict.fromkeys(of_mesh["name"]):
            tried = of_mesh[of_mesh["name"] == name]
            passed = int(tried["passed"].sum())
            failed = tried[~tried["passed"].astype(bool)]
            evidence = (failed if len(failed) else tried)["evidence"].iloc[-1]
            tone = "good" if passed == len(tried) else "error"
            told = f"{'✓' if tone == 'good' else '✕'} {passed} of {len(tried)} runs"
            rows.append(
                (Cell(text=mesh), Cell(text=name), Cell(text=told, tone=tone), Cell(text=evidence, tone="quiet"))
            )
    return Table(
        key="gates",
        caption="Checks that each data plane must pass before its numbers count",
        columns=(
            Column(head="Data plane"),
            Column(head="Gate"),
            Column(head="Passed"),
            Column(head="Evidence, last seen"),
        ),
        rows=tuple(rows),
    )


def left_out_table(comparison: Comparison) -> Table:
    """Return the runs that do not count, each with its reason."""
    rows = tuple(
        (
            Cell(text=row["mesh"]),
            Cell(text=rate_text(row["rate_per_s"]), sort=row["rate_per_s"]),
            Cell(text=str(row["block"]), sort=float(row["block"])),
            Cell(text=row["why"], tone="error" if row["why"] == "failed" else ""),
            Cell(text=row["reason"] or "–"),
            Cell(text=row["run_id"], tone="quiet"),
        )
        for row in records(comparison.left_out)
    )
    return Table(
        key="left-out",
        caption="Runs that do not count",
        columns=(
            Column(head="Data plane"),
            Column(head="Rate"),
            Column(head="Block", number=True),
            Column(head="Why"),
            Column(head="Reason"),
            Column(head="Run"),
        ),
        rows=rows,
    )
