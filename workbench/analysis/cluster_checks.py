"""How far figures of a cluster can be believed: whether bills close, what they were read from, where pods ran.

Part of the sixth stage, beside `workbench.analysis.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from workbench.analysis.evidence import Check, Evidence
from workbench.analysis.resources import ALL, LEFT, NODE, SYSTEM
from workbench.analysis.words import counted, join, percent, share, some

RESIDUAL_RATIO = 0.10
"""Share of a node's CPU that may be charged to nobody before the bill is flagged."""

THROTTLED_RATIO = 0.05
"""Share of a window in which a container may be held back by its CPU limit before its figures are flagged."""


def residual(evidence: Evidence) -> Iterator[Check]:
    """Flag the nodes of which too much CPU is charged to nobody, or more to somebody than the node used."""
    rows = evidence.node_bill[evidence.node_bill["role"].eq(LEFT)].dropna(subset=["ratio"])
    base = rows[rows["mesh"].isin(evidence.runs.loc[evidence.runs["is_baseline"], "mesh"])]
    for key, group in rows.groupby(["mesh", "node"], sort=False):
        mesh, node = map(str, key)
        worst = group.assign(size=group["ratio"].abs()).sort_values("size").iloc[-1]
        if abs(worst["ratio"]) <= RESIDUAL_RATIO:
            continue
        beside = base[base["node"].eq(node) & base["mesh"].ne(mesh)]["ratio"]
        yield Check(
            name="bill-residual",
            severity="warning",
            scope=f"{mesh} on {node}",
            figure=f"{percent(worst['ratio'], 1)} unattributed: {worst['cpu_cores']:.3f} of "
            f"{worst['node_cores']:.3f} cores (limit {percent(RESIDUAL_RATIO)})",
            message=_residual_said(mesh, node, worst, beside),
            next_step=_RESIDUAL_STEPS[worst["ratio"] > 0],
        )


_RESIDUAL_STEPS = {
    True: "Compare it with the residual without a mesh: what exceeds that is the mesh's own work in the kernel and "
    "belongs to its cost; otherwise look on the node for processes outside of pods, and for short-lived pods.",
    False: "Measure for longer (duration_s, edge_s), so that readings of different ages weigh less, and look at the "
    "sources of these runs.",
}


def _residual_said(mesh: str, node: str, worst: pd.Series, beside: pd.Series) -> str:
    if worst["ratio"] < 0:
        return (
            f"Under {mesh} the parts on {node} add up to more than the node itself counted: their counters were read "
            "at different times, or one of them is contained in another."
        )
    alone = f" (without a mesh {percent(beside.median(), 1)})" if len(beside) else ""
    return (
        f"Under {mesh}, {percent(worst['ratio'], 1)} of what {node} used is charged to no part{alone}: the kernel's "
        "work for the network, processes outside of pods, or pods that no source reported."
    )


def unclosed(evidence: Evidence) -> Iterator[Check]:
    """Name the nodes whose bill cannot close, because a part of it is unknown."""
    bills = evidence.node_bill.drop_duplicates(["run_id", "node"])
    wanting = bills[~bills["closes"].astype(bool)]
    if wanting.empty:
        return
    usage = evidence.consumption[evidence.consumption["cpu_cores"].isna()]
    usage = usage[~usage["role"].isin([SYSTEM, LEFT])].merge(wanting[["run_id", "node"]], on=["run_id", "node"])
    nodes = usage[usage["role"].eq(NODE)]
    names = usage.loc[usage["role"].ne(NODE), "component"]
    what = [f"the node's own counter ({some(nodes['node'])})"] if len(nodes) else []
    what += [some(names)] if len(names) else []
    yield Check(
        name="bill-open",
        severity="error" if len(wanting) == len(bills) else "warning",
        scope=some(wanting["run_id"]),
        figure=f"{len(wanting)} of {counted(len(bills), 'bill')}",
        message=f"The CPU of {some(wanting['node'])} does not add up in {counted(len(wanting), 'case')}: the CPU of "
        f"{join(what) or 'a part'} is unknown (not 0).",
        next_step="A container that was restarted in the window has no figure; where nothing was read at all, look at "
        "the rights (workbench doctor --environment kubernetes) and at the sources of these runs.",
    )


def sources(evidence: Evidence) -> Iterator[Check]:
    """Say where consumption was not read from the first choice, coarsely, or too seldom."""
    rows = evidence.sources
    rows = rows[rows["run_id"].isin(evidence.runs["run_id"])]
    for name, group in rows[rows["coarse"].astype(bool)].groupby("source", sort=False):
        yield Check(
            name="coarse-telemetry",
            severity="warning",
            scope=_runs_of(group, evidence.runs),
            figure=f"source {name}",
            message=f"Consumption was read from {group['place'].iloc[0]}"
            + (f", because {group['why'].iloc[0]}" if group["why"].iloc[0] else "")
            + ": averages over the server's own windows, added up to counters again.",
            next_step="Grant nodes/metrics and nodes/stats (workbench rbac prints the role) or name the cluster's "
            "Prometheus.",
        )
    other = rows[rows["why"].ne("") & ~rows["coarse"].astype(bool)]
    for key, group in other.groupby(["source", "why"], sort=False):
        yield Check(
            name="other-source",
            severity="info",
            scope=_runs_of(group, evidence.runs),
            figure=f"source {key[0]}",
            message=f"Consumption was read from {join(list(dict.fromkeys(group['place'])))}, because {key[1]}.",
            next_step="If the figures are there, nothing to do; otherwise grant nodes/proxy.",
        )
    doubtful = rows[rows["doubt"].ne("")]
    kinds = doubtful["doubt"].str.replace(_NUMBER, "#", regex=True)
    for _, group in doubtful.groupby(kinds, sort=False):
        what, _, advice = _worst(group["doubt"]).partition(": ")
        yield Check(
            name="sparse-telemetry",
            severity="warning",
            scope=_runs_of(group, evidence.runs),
            figure=f"{counted(int(group['readings'].min()), 'reading')} in a window",
            message=f"On {some(group['node'])}: {what}." + (" This is the worst run." if len(group) > 1 else ""),
            next_step=f"{(advice or 'measure for longer').capitalize()}.",
        )


_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _worst(doubts: pd.Series) -> str:
    """Return the worst of doubts that differ in their numbers only: too few of something first, else the most."""
    ranked = sorted(doubts.astype(str), key=lambda one: float((_NUMBER.findall(one) or ["0"])[0]))
    return ranked[0] if ranked[0][:1].isdigit() else ranked[-1]


def _runs_of(group: pd.DataFrame, runs: pd.DataFrame) -> str:
    ids = group["run_id"].unique()
    return "all runs" if len(ids) == len(runs) else some(ids)


def unreserved(evidence: Evidence) -> Iterator[Check]:
    """Say which data planes have containers that reserve nothing: what they use is not set aside for them."""
    found = evidence.resources[evidence.resources["role"].eq(ALL)]
    for mesh, group in found.groupby("mesh", sort=False):
        latest = group.iloc[-1]
        lacking = {
            label: int(latest[f"without_{what}_request"])
            for what, label in (("cpu", "CPU"), ("memory", "memory"))
            if latest[f"without_{what}_request"] > 0
        }
        if lacking:
            figures = join([f"{count} without {label}" for label, count in lacking.items()])
            yield Check(
                name="nothing-reserved",
                severity="info",
                scope=str(mesh),
                figure=f"{figures}, of {counted(int(latest['containers']), 'container')}",
                message=f"Under {mesh} some containers request no {' and no '.join(lacking)}: they use what is "
                "left over, and no sum of reservations includes them.",
                next_step="Compare reserved with used; set requests before you size nodes by either.",
            )


def throttled(evidence: Evidence) -> Iterator[Check]:
    """Flag parts that their CPU limit held back: their latency and consumption are the limit's, not the mesh's."""
    usage = evidence.consumption.merge(evidence.runs[["run_id", "mesh", "window_s"]], on="run_id")
    usage["held"] = usage["cpu_throttled_s"] / usage["window_s"]
    for mesh, group in usage[usage["held"].gt(THROTTLED_RATIO)].groupby("mesh", sort=False):
        worst = group.sort_values("held").iloc[-1]
        yield Check(
            name="cpu-throttled",
            severity="warning",
            scope=f"{mesh}: {some(group['run_id'])}",
            figure=f"{percent(worst['held'], 1)} of the window ({worst['component']})",
            message=f"A CPU limit throttled parts in {share(group['run_id'].nunique(), len(evidence.runs))}, under "
            f"{mesh} {some(group['component'])}: latency and CPU reflect the limit.",
            next_step="Raise or remove the CPU limit, or lower the rate, and measure again.",
        )


def placement(evidence: Evidence) -> Iterator[Check]:
    """Flag runs whose client was beside the services while in others it was not, and data planes never on one node.

    Schedulers place the pods of every run anew. Calls between nodes cost both kernels and time that calls within one do
    not, and nodes are not alike: neither is a mesh's doing.
    """
    usage = evidence.consumption[evidence.consumption["node"].ne("")]
    where = {
        role: usage[usage["role"].eq(role)].groupby("run_id")["node"].agg(frozenset)
        for role in ("load-generator", "application")
    }
    told = pd.DataFrame(where).dropna().rename_axis("run_id").reset_index()
    told = told.merge(evidence.runs[["run_id", "mesh", "is_baseline"]], on="run_id")
    apart = [not nodes & served for nodes, served in zip(told["load-generator"], told["application"], strict=True)]
    told["apart"] = pd.Series(apart, index=told.index, dtype=bool)
    if told["apart"].nunique() > 1:
        fewer = told[told["apart"].eq(told["apart"].mean() <= 0.5)]
        how = "on a node without services" if fewer["apart"].iloc[0] else "on a node of the services"
        yield Check(
            name="placement-differs",
            severity="warning",
            scope=f"{some(fewer['mesh'])}: {some(fewer['run_id'])}",
            figure=f"{share(len(fewer), len(told))} {how}",
            message=f"In {counted(len(fewer), 'run')} the client ran {how}, in the others it did not: latency and CPU "
            "differ by the cost of the path between two nodes, whatever the mesh.",
            next_step='Give every mesh of the experiment the option placement = "same-node" or "across-nodes", and '
            "measure again.",
        )
    base = _union(told[told["is_baseline"].astype(bool)]["application"])
    for mesh, group in told.groupby("mesh", sort=False):
        nodes = _union(group["application"])
        if base and not nodes & base:
            yield Check(
                name="other-nodes",
                severity="warning",
                scope=str(mesh),
                figure=f"{some(sorted(nodes))} against {some(sorted(base))}",
                message=f"Under {mesh} the services ran on {some(sorted(nodes))}, without a mesh on "
                f"{some(sorted(base))}, in every block: a difference between those nodes looks like one of the mesh.",
                next_step="Measure more blocks, or keep the services on one node with the manifests' own nodeSelector.",
            )


def _union(sets: pd.Series) -> set[str]:
    return {name for nodes in sets for name in nodes}


CLUSTER_CHECKS = (residual, unclosed, sources, unreserved, throttled, placement)
