"""What a mesh takes of a cluster: by role what is used and what is reserved, and by node a bill that closes.

Third stage of the analysis, beside costing: frames of runs on clusters, where every part has a node. In the lab, with
one machine and nothing reserved, both frames are empty.

What is unknown stays so: a sum with an unknown part is NaN, and a container without a request is counted as such and
never as a request of 0.
"""

from __future__ import annotations

import pandas as pd

from workbench.analysis.contract import BILLED_ROLES, BLOCK, CELL
from workbench.analysis.intervals import intervals
from workbench.analysis.summaries import block_table
from workbench.model.lab_steps import CONTROL_ROLES, DATA_PLANE_ROLES

ALL = "all"
"""Role under which `TAKEN_ROLES` stand together."""

TAKEN_ROLES = ("application", *DATA_PLANE_ROLES, *CONTROL_ROLES)
"""What the application takes of the cluster on a mesh; the load generator is part of the measurement, not of it."""

LEFT, NODE, SYSTEM = "unattributed", "node", "system"

RESERVED = ("cpu_request_cores", "cpu_limit_cores", "memory_request_bytes", "memory_limit_bytes")
USED = ("cpu_cores", "memory_bytes", "cpu_throttled_s")
WITHOUT = tuple(f"without_{name.rpartition('_')[0]}" for name in RESERVED)
"""Containers that set none: without_cpu_request, without_cpu_limit, without_memory_request, without_memory_limit."""

_RUN = ["run_id", *BLOCK, "mesh", *CELL]
RESOURCE_COLUMNS = [*_RUN, "role", "containers", *USED, *RESERVED, *WITHOUT]
RESOURCE_SUMMARY_COLUMNS = [
    "mesh", *CELL, "role", "containers", "cpu_cores", "cpu_low", "cpu_high", "memory_bytes", "memory_low",
    "memory_high", "cpu_throttled_s", *RESERVED, *WITHOUT, "coverage", "blocks",
]  # fmt: skip
NODE_BILL_COLUMNS = [*_RUN, "node", "role", "cpu_cores", "node_cores", "ratio", "closes"]
NODE_BILL_SUMMARY_COLUMNS = [
    "mesh", *CELL, "node", "role", "cpu_cores", "node_cores", "ratio", "runs", "median", "low", "high"
]  # fmt: skip


def _on_nodes(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.DataFrame:
    placed = consumption[consumption["node"].ne("")]
    return placed.merge(runs[_RUN], on="run_id", how="inner")


def resources(runs: pd.DataFrame, consumption: pd.DataFrame, reservations: pd.DataFrame) -> pd.DataFrame:
    """Return what each role used and had reserved in every counted run on a cluster, `RESOURCE_COLUMNS`.

    ``memory_bytes`` is the working set. Reserved figures are the sums over those containers that set one, NaN where
    none does; the columns ``without_...`` count the others, NaN where reservations were not read. Role ``"all"`` holds
    `TAKEN_ROLES` together.
    """
    parts = _on_nodes(runs, consumption)
    parts = parts[parts["role"].isin([*BILLED_ROLES, *CONTROL_ROLES])]
    if parts.empty:
        return pd.DataFrame(columns=RESOURCE_COLUMNS)
    parts = parts.rename(columns={"mem_working_set_bytes": "memory_bytes"})
    told = reservations[["run_id", "component", "role", *RESERVED]].assign(_read=True)
    parts = parts.merge(told, on=["run_id", "component", "role"], how="left")
    together = parts[parts["role"].isin(TAKEN_ROLES)].assign(role=ALL)
    grouped = pd.concat([parts, together]).groupby([*_RUN, "role"], sort=False)
    table = pd.DataFrame({"containers": grouped.size()})
    read = grouped["_read"].count()
    for name in USED:
        known = grouped[name].count().eq(table["containers"]) | (name == "cpu_throttled_s")
        table[name] = grouped[name].sum(min_count=1).where(known)
    for name, without in zip(RESERVED, WITHOUT, strict=True):
        table[name] = grouped[name].sum(min_count=1)
        table[without] = (table["containers"] - grouped[name].count()).where(read.eq(table["containers"]))
    return table.reset_index()[RESOURCE_COLUMNS]


def resource_summary(runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return the medians over blocks of `resources` by role, those of CPU and memory with their interval."""
    if found.empty:
        return pd.DataFrame(columns=RESOURCE_SUMMARY_COLUMNS)
    table = _medians(runs, found, "containers")
    table = table.rename(columns={"containers_coverage": "coverage", "containers_blocks": "blocks"})
    for name in (*USED, *RESERVED, *WITHOUT):
        table = table.merge(_medians(runs, found, name), on=["mesh", *CELL, "role"])
    ends = {f"{name}_{end}": f"{name.partition('_')[0]}_{end}" for name in USED[:2] for end in ("low", "high")}
    return table.rename(columns=ends).dropna(subset=["containers"]).reset_index(drop=True)[RESOURCE_SUMMARY_COLUMNS]


def _medians(runs: pd.DataFrame, found: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one figure's median by mesh, cell and role under its name, with what its interval is."""
    wide = found.pivot(index="run_id", columns="role", values=name).astype("float64")
    names, values = block_table(runs, wide.reindex(runs["run_id"]).set_axis(runs.index), "role")
    every = intervals(values)
    more = {"low": every.low, "high": every.high, "coverage": every.coverage, "blocks": every.blocks}
    return names.assign(**{name: every.median}, **{f"{name}_{end}": value for end, value in more.items()})


def node_bill(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.DataFrame:
    """Return who used the CPU of each node in every counted run on a cluster, `NODE_BILL_COLUMNS`.

    The rows of a node add up to ``node_cores``, which is what the node itself counted: containers by role, the system
    (daemons of the node and other people's pods, as far as they are told), and ``unattributed``, which is the rest.
    ``closes`` is False where something that is billed is unknown: then so is the rest. ``ratio`` is the share of the
    node's.
    """
    parts = _on_nodes(runs, consumption)
    if parts.empty:
        return pd.DataFrame(columns=NODE_BILL_COLUMNS)
    keys = [*_RUN, "node"]
    grouped = parts.groupby([*keys, "role"], sort=False)["cpu_cores"]
    complete = grouped.count().eq(grouped.size())
    table = pd.DataFrame({"cpu_cores": grouped.sum(min_count=1)})
    billed = ~table.index.get_level_values("role").isin([SYSTEM])
    table["cpu_cores"] = table["cpu_cores"].where(complete | ~billed)
    table = table.reset_index()
    whole = table[table["role"].eq(NODE)].set_index(keys)["cpu_cores"].rename("node_cores")
    rest = table[table["role"].eq(LEFT)].set_index(keys)["cpu_cores"].notna().rename("closes")
    table = table[table["role"].ne(NODE)].join(whole, on=keys).join(rest, on=keys)
    table["closes"] = table["closes"].eq(True)
    table["ratio"] = table["cpu_cores"] / table["node_cores"].where(table["node_cores"] > 0)
    return table.reset_index(drop=True)[NODE_BILL_COLUMNS]


def node_bill_summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return the means of `node_bill` over the runs whose bill closes: means, because only those add up again.

    ``median`` with ``low`` and ``high`` is what the node itself counted, as the median over these runs: the figure that
    answers quote. It need not equal the mean, ``node_cores``.
    """
    keys = ["mesh", *CELL, "node"]
    closed = found[found["closes"].astype(bool)]
    if closed.empty:
        return pd.DataFrame(columns=NODE_BILL_SUMMARY_COLUMNS)
    bills = closed.drop_duplicates(["run_id", "node"]).groupby(keys)
    whole, runs = bills["node_cores"].mean(), bills.size().rename("runs")
    table = closed.groupby([*keys, "role"], sort=False)["cpu_cores"].sum().reset_index()
    table = table.join(whole, on=keys).join(runs, on=keys).join(_node_medians(closed, keys), on=keys)
    table["cpu_cores"] = table["cpu_cores"] / table["runs"]
    table["ratio"] = table["cpu_cores"] / table["node_cores"].where(table["node_cores"] > 0)
    return table[NODE_BILL_SUMMARY_COLUMNS]


def _node_medians(bills: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the median of what each node counted, with its interval over the runs."""
    runs = bills.drop_duplicates(["run_id", "node"])
    wide = runs.assign(_place=runs.groupby(keys).cumcount()).pivot(index=keys, columns="_place", values="node_cores")
    found = intervals(wide.to_numpy(dtype="float64"))
    return pd.DataFrame({"median": found.median, "low": found.low, "high": found.high}, index=wide.index)
