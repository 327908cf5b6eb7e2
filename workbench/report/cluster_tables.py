"""The tables that only a cluster has: what is used and reserved by role, and the bill of each node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from workbench.analysis import Comparison
from workbench.analysis.cluster_checks import RESIDUAL_RATIO
from workbench.analysis.resources import ALL, LEFT
from workbench.charts.rows import NOT_MEASURED, interval_text, rate_text, rates_of, records, value_text, workloads_of
from workbench.charts.theme import roles_in_order
from workbench.model.metrics import metric
from workbench.report.parts import Cell, Column, Table

_NONE = "none"


def cluster_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return both tables for each workload at its highest rate; nothing in the lab."""
    found: list[Table] = []
    for workload in workloads_of(comparison.resource_summary) if len(comparison.resource_summary) else ():
        of_workload = comparison.resource_summary[comparison.resource_summary["workload"] == workload]
        rate = rates_of(of_workload)[-1]
        bills = comparison.node_bill_summary
        here = bills[bills["workload"].eq(workload) & bills["rate_per_s"].eq(rate)]
        where = f"{workload} at {rate_text(rate)}"
        found.append(_resources(of_workload[of_workload["rate_per_s"] == rate], comparison.order, where, len(found)))
        if len(here):
            found.append(_bills(here, comparison.order, where, len(found)))
    return tuple(found)


def _used(row: Mapping[str, Any], name: str, column: str, short: str) -> Cell:
    if row[column] != row[column]:
        return Cell(text=NOT_MEASURED, tone="quiet")
    more = interval_text(name, row[f"{short}_low"], row[f"{short}_high"])
    return Cell(text=value_text(name, row[column]), more=more, sort=float(row[column]))


def _reserved(row: Mapping[str, Any], name: str, column: str) -> Cell:
    """Return what is set aside or allowed: ``"none"`` where nothing is, how many containers set none beside it."""
    without = row[f"without_{column.rpartition('_')[0]}"]
    if without != without:
        return Cell(text="not read", tone="quiet")
    if row[column] != row[column]:
        return Cell(text=_NONE, tone="quiet")
    more = f"+ {without:.0f} of {row['containers']:.0f} without one" if without else ""
    return Cell(text=value_text(name, row[column]), more=more, sort=float(row[column]))


def _resource_row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        Cell(text=row["mesh"]),
        Cell(text="all but the load generator" if row["role"] == ALL else row["role"]),
        Cell(text=f"{row['containers']:.0f}", sort=float(row["containers"])),
        _used(row, "used_cores", "cpu_cores", "cpu"),
        _reserved(row, "used_cores", "cpu_request_cores"),
        _reserved(row, "used_cores", "cpu_limit_cores"),
        _used(row, "used_memory_bytes", "memory_bytes", "memory"),
        _reserved(row, "used_memory_bytes", "memory_request_bytes"),
        _reserved(row, "used_memory_bytes", "memory_limit_bytes"),
    )


def _resources(cells: pd.DataFrame, order: list[str], where: str, number: int) -> Table:
    rows = records(cells)
    roles = [ALL, *(role for role in roles_in_order(cells["role"]) if role != ALL)]
    rows.sort(key=lambda row: (order.index(row["mesh"]), roles.index(row["role"])))
    heads = ("Containers", "CPU used", "requested", "limit", "Memory used", "requested", "limit")
    return Table(
        key=f"resources-{number}",
        caption=f"Used and reserved, {where}: medians over blocks; containers without a "
        "value are counted, not added as 0",
        columns=(Column(head="Mesh"), Column(head="Role"), *(Column(head=head, number=True) for head in heads)),
        rows=tuple(_resource_row(row) for row in rows),
        filters=(1,),
    )


def _bill_cell(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(text="–", tone="quiet")
    flagged = row["role"] == LEFT and abs(row["ratio"]) > RESIDUAL_RATIO
    share = "" if row["ratio"] != row["ratio"] else f"{row['ratio']:.1%}"
    cores = f"{row['cpu_cores']:,.{metric('used_cores').digits}f}"
    return Cell(text=f"{cores}{' !' if flagged else ''}", more=share, sort=float(row["cpu_cores"]),
                tone="error" if flagged else "")  # fmt: skip


def _bills(bills: pd.DataFrame, order: list[str], where: str, number: int) -> Table:
    roles = roles_in_order(bills["role"])
    found = {(row["mesh"], row["node"], row["role"]): row for row in records(bills)}
    rows = []
    for mesh, node in sorted({key[:2] for key in found}, key=lambda pair: (order.index(pair[0]), pair[1])):
        whole = next(row for key, row in found.items() if key[:2] == (mesh, node))
        parts = (_bill_cell(found.get((mesh, node, role))) for role in roles)
        total = Cell(
            text=f"{whole['node_cores']:,.3f}", more=f"{whole['runs']:.0f} runs", sort=float(whole["node_cores"])
        )
        rows.append((Cell(text=mesh), Cell(text=node), *parts, total))
    return Table(
        key=f"node-bill-{number}",
        caption=f"CPU of each node by role, in cores, {where}: means over runs, which add up. Unattributed CPU above "
        f"{RESIDUAL_RATIO:.0%} of the node is marked",
        columns=(
            *(Column(head=head) for head in ("Mesh", "Node")),
            *(Column(head=role, number=True) for role in (*roles, "the node itself")),
        ),
        rows=tuple(rows),
        filters=(1,),
    )
