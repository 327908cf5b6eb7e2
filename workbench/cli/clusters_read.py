"""A cluster's part of a comparison on a terminal: used and reserved by role, and each node's CPU by role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.cli.show import say_table

if TYPE_CHECKING:
    from workbench.analysis import Comparison


def say_taken(comparison: Comparison) -> None:
    """Print both tables at the highest rate of each workload; nothing in the lab."""
    from workbench.analysis.words import at_rate

    taken, bills = comparison.resource_summary, comparison.node_bill_summary
    for workload, cells in taken.groupby("workload"):
        rate = float(cells["rate_per_s"].max())
        rows = [_used(row) for row in _ordered(cells[cells["rate_per_s"] == rate], comparison.order)]
        title = f"{workload} {at_rate(rate)}, used / requested / limit (+ containers without one):"
        say_table(title, rows, comparison.badge)
        here = bills[bills["workload"].eq(workload) & bills["rate_per_s"].eq(rate)]
        if len(here):
            title = f"{workload} {at_rate(rate)}, cores of each node by role, which add up (means over runs):"
            say_table(title, _bills(here, comparison.order), comparison.badge)


def _ordered(cells: Any, order: list[str]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = cells.to_dict("records")
    return sorted(rows, key=lambda row: order.index(row["mesh"]))


def _used(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "data plane": row["mesh"],
        "role": row["role"],
        "containers": f"{row['containers']:.0f}",
        "CPU": " / ".join(
            (_shown("used_cores", row["cpu_cores"]), _set(row, "used_cores", "cpu_request_cores"),
             _set(row, "used_cores", "cpu_limit_cores"))
        ),
        "memory": " / ".join(
            (_shown("used_memory_bytes", row["memory_bytes"]), _set(row, "used_memory_bytes", "memory_request_bytes"),
             _set(row, "used_memory_bytes", "memory_limit_bytes"))
        ),
    }  # fmt: skip


def _shown(name: str, value: float) -> str:
    from workbench.model.metrics import metric

    return metric(name).show(value)


def _set(row: Mapping[str, Any], name: str, column: str) -> str:
    without = row[f"without_{column.rpartition('_')[0]}"]
    if without != without:
        return "not read"
    value = row[column]
    return "none" if value != value else _shown(name, value) + (f" (+{without:.0f})" if without else "")


def _bills(bills: Any, order: list[str]) -> list[dict[str, str]]:
    """Return a row for each mesh and node; a rest above the limit is marked, and among the warnings below."""
    from workbench.analysis.cluster_checks import RESIDUAL_RATIO
    from workbench.analysis.resources import LEFT, SYSTEM, TAKEN_ROLES

    present = set(bills["role"])
    roles = [role for role in (*TAKEN_ROLES, "load-generator", SYSTEM) if role in present]
    rows: list[dict[str, str]] = []
    for (mesh, node), cell in sorted(bills.groupby(["mesh", "node"]), key=lambda one: (order.index(one[0][0]), one[0])):
        parts = cell.set_index("role")
        line = {"data plane": mesh, "node": node}
        for role in roles:
            line[role] = f"{parts.loc[role, 'cpu_cores']:.3f}" if role in parts.index else "–"
        ratio = float(parts.loc[LEFT, "ratio"])
        flag = " !" if abs(ratio) > RESIDUAL_RATIO else ""
        line[LEFT] = f"{parts.loc[LEFT, 'cpu_cores']:.3f} ({ratio:.1%}{flag})"
        line["the node"] = f"{parts['node_cores'].iloc[0]:.3f}"
        rows.append(line)
    return rows
