"""Reliability at a glance: the badges of the first screen, the banners above it, the checks in full."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from workbench.analysis import Check, Comparison
from workbench.analysis.cluster_checks import RESIDUAL_RATIO
from workbench.analysis.intervals import WANTED_COVERAGE
from workbench.analysis.resources import LEFT
from workbench.analysis.words import join, percent
from workbench.charts.rows import rate_text
from workbench.report.material import Material
from workbench.report.parts import Badge, ReportFinding, Tone

_TONES: dict[str, Tone] = {"error": "error", "warning": "warning", "info": "info"}

_BANNERS = {
    "synthetic": "Synthetic data: these numbers are invented to show what a report looks like. Nothing was measured.",
    "published": "Published figures: from other people's publications, not measured here.",
    "imported": "Imported data: measured elsewhere, with other tools.",
}


def banners(material: Material) -> tuple[str, ...]:
    """Return what must be seen before anything else: provenance other than measured, campaigns that did not end."""
    told = [_BANNERS[one] for one in sorted(set(material.runs["provenance"])) if one in _BANNERS]
    told += [
        f"Campaign {sheet.campaign_id} is {sheet.status}{f': {sheet.reason}' if sheet.reason else ''}. "
        "This report contains the runs that finished."
        for sheet in material.sheets
        if sheet.status != "finished"
    ]
    told += [f"Saturated: {mesh} at {rate_text(rate)}, {why}." for mesh, rate, why in _saturated(material.comparison)]
    return tuple(told)


def _saturated(comparison: Comparison) -> list[tuple[str, float, str]]:
    """Return (mesh, rate, why) of each data plane that did not carry the load."""
    rows = comparison.saturated[~comparison.saturated["generator"].astype(bool)]
    return list(rows[["mesh", "rate_per_s", "why"]].itertuples(index=False, name=None))


def badges(material: Material) -> tuple[Badge, ...]:
    """Return the facts on trust for the first screen."""
    comparison = material.comparison
    return (
        _blocks(comparison),
        _noise(comparison),
        _gates(material),
        *_bill(comparison),
        *_limits(comparison),
        _errors(comparison),
        *_left_out(comparison),
        _environment(comparison),
        *_archetypes(comparison),
    )


def _limits(comparison: Comparison) -> list[Badge]:
    found = _saturated(comparison)
    if not found:
        return []
    meshes = join(list(dict.fromkeys(mesh for mesh, _, _ in found)))
    return [Badge(tone="error", label="Saturated", value=meshes, detail="their latency is not compared")]


def _blocks(comparison: Comparison) -> Badge:
    known = comparison.summary[comparison.summary["blocks"].gt(0)]
    of_metrics = (known[known["metric"] == name] for name in ("cpu_per_request_s", "latency_p50_s"))
    rows = next((rows for rows in of_metrics if len(rows)), known)
    if rows.empty:
        return Badge(tone="warning", label="Repetition", value="no complete run")
    fewest, most, coverage = int(rows["blocks"].min()), int(rows["blocks"].max()), float(rows["coverage"].min())
    count = f"{most} block{'' if most == 1 else 's'}" if fewest == most else f"{fewest} to {most} blocks"
    least = "" if fewest == most else "at least "
    told = f"intervals contain the true median in {least}{percent(coverage)} of cases" if coverage else "no interval"
    return Badge(
        tone="good" if coverage >= WANTED_COVERAGE else "warning", label="Repetition", value=count, detail=told
    )


_NOISE: Final = {
    "foreign_cores": "CPU of other processes",
    "steal_ratio": "time stolen by the hypervisor",
    "psi_ratio": "pressure (tasks that wait for a CPU)",
}
"""What disturbs a run -> how the badge calls it."""


def _named(columns: Set[str]) -> str:
    return " and ".join(name for column, name in _NOISE.items() if column in columns)


def _noise(comparison: Comparison) -> Badge:
    noisy, total = int(comparison.runs["noisy"].ne("").sum()), len(comparison.runs)
    if not noisy:
        unread = {name for name in _NOISE if comparison.runs[name].isna().any()}
        if len(unread) == len(_NOISE):
            return Badge(tone="warning", label="Machine", value="noise not measured")
        beneath = {"steal_ratio", "psi_ratio"}  # processes alone say nothing of the machine beneath them
        if "foreign_cores" in unread or unread >= beneath:
            read, missing = _named(_NOISE.keys() - unread), _named(unread)
            detail = f"{read}: low in all {total} runs; not measured: {missing}"
            return Badge(tone="info", label="Machine", value="noise measured in part", detail=detail)
        return Badge(tone="good", label="Machine", value="quiet", detail=f"in all {total} runs")
    tone: Tone = "warning" if noisy * 4 > total else "info"
    return Badge(tone=tone, label="Machine", value=f"disturbed in {noisy} of {total} runs")


def _gates(material: Material) -> Badge:
    gates = material.gates
    if gates.empty:
        return Badge(
            tone="warning",
            label="Gates",
            value="none recorded",
            detail="no verification of the data plane that the traffic used",
        )
    passed, total = int(gates["passed"].sum()), len(gates)
    tone: Tone = "good" if passed == total else "warning"
    return Badge(
        tone=tone, label="Gates", value=f"{passed:,} of {total:,} passed", detail="checks before a number counts"
    )


def _errors(comparison: Comparison) -> Badge:
    requests, errors = comparison.runs["requests"].sum(), comparison.runs["errors"].sum()
    found = {check.name for check in comparison.checks}
    as_asked = "failed-as-asked" in found and not found & {"failed-requests", "fewer-failed-than-asked"}
    tone: Tone = "info" if as_asked else "good" if not errors and "fewer-failed-than-asked" not in found else "warning"
    detail = "as the intents require" if as_asked else ""
    return Badge(tone=tone, label="Failed requests", value=f"{errors:,.0f} of {requests:,.0f}", detail=detail)


def _bill(comparison: Comparison) -> list[Badge]:
    """Return whether the bills of a cluster's nodes close, and what they were read from; nothing in the lab."""
    bills = comparison.node_bill[comparison.node_bill["role"].eq(LEFT)]
    if bills.empty:
        return []
    open_ones, worst = int((~bills["closes"].astype(bool)).sum()), bills["ratio"].abs().max()
    flagged = bool(worst > RESIDUAL_RATIO)
    told = f"at most {percent(worst, 1)} of a node unattributed" if worst == worst else "no bill closes"
    sources = ", ".join(
        f"{name} (coarse)" if coarse else str(name)
        for name, coarse in comparison.sources[["source", "coarse"]].drop_duplicates().itertuples(index=False)
    )
    value = f"{open_ones} of {len(bills)} stay open" if open_ones else f"all {len(bills)} close"
    return [
        Badge(tone="warning" if flagged or open_ones else "good", label="Bills of nodes", value=value, detail=told),
        Badge(
            tone="warning" if comparison.sources["coarse"].any() or not sources else "info",
            label="Consumption read from",
            value=sources or "unknown",
        ),
    ]


def _left_out(comparison: Comparison) -> list[Badge]:
    gone = len(comparison.left_out)
    if not gone:
        return []
    told = ", ".join(f"{count} {why}" for why, count in comparison.left_out["why"].value_counts().items())
    return [Badge(tone="warning", label="Runs not counted", value=str(gone), detail=told)]


def _environment(comparison: Comparison) -> Badge:
    known = comparison.circumstances
    cpus = " or ".join(str(count) for count in known["cpus"]) or "an unknown number of"
    return Badge(
        tone="info", label="Environment", value=f"{known['environment']}, {cpus} CPUs", detail=known["fingerprint"]
    )


def _archetypes(comparison: Comparison) -> list[Badge]:
    if not comparison.meshes["archetype"].any():
        return []
    return [Badge(tone="info", label="What was measured", value="archetypes, not products")]


def findings(comparison: Comparison) -> tuple[ReportFinding, ...]:
    """Return the comparison's checks, the worst first; those that say the same of several things stand together."""
    alike: dict[tuple[str, str, str], list[Check]] = {}
    for check in comparison.checks:
        alike.setdefault((check.severity, check.name, check.next_step), []).append(check)
    return tuple(_finding(checks) for checks in alike.values())


def _finding(checks: Sequence[Check]) -> ReportFinding:
    first = checks[0]
    return ReportFinding(
        tone=_TONES[first.severity],
        name=first.name.replace("-", " "),
        scope=first.scope if len(checks) == 1 else f"{len(checks)} times",
        figure="; ".join(dict.fromkeys(check.figure for check in checks)),
        messages=tuple(check.message for check in checks),
        next_step=first.next_step,
    )
