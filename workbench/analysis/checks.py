"""What travels with every comparison: how far it can be believed, with figures, and what to do next.

Sixth stage of the analysis. Each check is a function from the evidence to findings; none of them changes a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from workbench.analysis.answering import nothing_answered
from workbench.analysis.cluster_checks import CLUSTER_CHECKS
from workbench.analysis.contract import BLOCK, CELL, NO_RATE
from workbench.analysis.costing import baseline_rows, has_kernel_data_plane
from workbench.analysis.evidence import Check, Evidence, Severity
from workbench.analysis.failing import errors
from workbench.analysis.impossible import IMPOSSIBLE
from workbench.analysis.intervals import ENOUGH_BLOCKS, rank_and_coverage
from workbench.analysis.judging import RESOLUTION
from workbench.analysis.saturation import RATE_TOLERANCE
from workbench.analysis.selection import differences
from workbench.analysis.untold import untold
from workbench.analysis.verdicts import GREATER, LESS, TAIL_METRICS, UNRANKED
from workbench.analysis.words import a_second, at_rate, counted, join, percent, share, some
from workbench.model.metrics import metric
from workbench.model.recording import RECORDED, badge_of

__all__ = ["Check", "Evidence", "all_checks"]

NOISY_SHARE = 0.1
"""Share of disturbed runs above which medians over few blocks begin to lean on them."""

DRIFT_RATIO = 1.5
"""Largest over smallest baseline cost within a campaign above which the machine itself changed: on the lab's shared
machine equal baselines differed by a third between sweeps."""

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}

_UNFINISHED: tuple[tuple[str, Severity, str], ...] = (
    ("failed", "warning", "Read the reason, fix it, and run the experiment again."),
    ("interrupted", "warning", "Continue the campaign with workbench run --resume."),
    ("skipped", "info", "Run workbench doctor to see what is missing on this machine, or measure elsewhere."),
)


def _scope(flagged: pd.DataFrame, runs: pd.DataFrame) -> str:
    return "all runs" if len(flagged) == len(runs) else some(flagged["run_id"])


def left_out(evidence: Evidence) -> Iterator[Check]:
    """Name every run that did not finish, by reason and data plane, and every attempt that another stands for."""
    rows = evidence.selection.left_out
    for why, severity, step in _UNFINISHED:
        for (mesh, reason), group in rows[rows["why"].eq(why)].groupby(["mesh", "reason"], sort=False):
            be = "" if why == "failed" else "was " if len(group) == 1 else "were "
            yield Check(
                name=f"runs-{why}",
                severity=severity,
                scope=some(group["run_id"]),
                figure=counted(len(group), "run"),
                message=f"{counted(len(group), 'run')} of {mesh} {be}{why}{f': {reason}' if reason else ''}".rstrip(".")
                + ".",
                next_step=step,
            )
    repeated = rows[rows["why"].eq("superseded")]
    if len(repeated):
        yield Check(
            name="runs-superseded",
            severity="info",
            scope=some(repeated["run_id"]),
            figure=counted(len(repeated), "run"),
            message=f"Another attempt was used for {counted(len(repeated), 'run')} of "
            f"{some(repeated['mesh'])}: the first one "
            "without noise, or the first one where all had noise. Cost and latency played no part in the choice.",
            next_step="Nothing to do: all attempts stay in the record.",
        )


def unlike(evidence: Evidence) -> Iterator[Check]:
    """Say which runs are not compared because their circumstances are unlike."""
    selection = evidence.selection
    if not selection.unlike:
        return
    rows = selection.left_out[selection.left_out["why"].eq("unlike")]
    yield Check(
        name="unlike-circumstances",
        severity="error",
        scope=f"left out: {some(rows['campaign_id'])}",
        figure=share(len(rows), len(rows) + len(evidence.runs)) + " left out",
        message=f"Runs of unlike circumstances are not compared: they differ in {differences(selection.unlike)}. "
        f"The comparison uses those of {some(evidence.runs['campaign_id'])}.",
        next_step="Compare one campaign at a time, or measure all under the same circumstances.",
    )


def pooled(evidence: Evidence) -> Iterator[Check]:
    """Say that several campaigns count together."""
    campaigns = evidence.runs["campaign_id"].unique()
    if len(campaigns) > 1:
        yield Check(
            name="pooled-campaigns",
            severity="info",
            scope=some(list(campaigns)),
            figure=counted(len(campaigns), "campaign"),
            message=f"The blocks of {len(campaigns)} campaigns of like circumstances count together; every difference "
            "is computed within one block of one campaign.",
            next_step="Choose one campaign to see only that one.",
        )


def provenance(evidence: Evidence) -> Iterator[Check]:
    """Say where numbers come from that were not measured here."""
    found = str(evidence.runs["provenance"].iloc[0])
    if found == RECORDED:
        yield Check(
            name="recorded",
            severity="warning",
            scope="all runs",
            figure="recorded elsewhere",
            message=f"These runs are a recording, made on another machine than yours. {badge_of(evidence.runs)}.",
            next_step="Measure in your own environment before you decide anything.",
        )
    elif found != "measured":
        yield Check(
            name="not-measured",
            severity="warning",
            scope="all runs",
            figure=found or "unknown",
            message=f"These numbers were not measured by the workbench: their provenance is {found or 'unknown'}.",
            next_step="Measure in your own environment before you decide anything.",
        )


def blocks(evidence: Evidence) -> Iterator[Check]:
    """Say where there are too few blocks for 95 %, and what the interval is worth then."""
    runs = evidence.runs
    number = runs.drop_duplicates(["mesh", *CELL, *BLOCK]).groupby(["mesh", *CELL]).size()
    few = number[number < ENOUGH_BLOCKS]
    if few.empty:
        return
    fewest, most = int(few.min()), int(few.max())
    told = counted(fewest, "block") if fewest == most else f"{fewest} to {most} blocks"
    cells = [f"{mesh} {at_rate(rate)}" for mesh, _, rate in few.index]
    coverage = rank_and_coverage(fewest)[1]
    least = "" if fewest == most else "as little as "
    says = f"the range shown contains the true median in {least}{percent(coverage, 1)} of cases"
    yield Check(
        name="too-few-blocks",
        severity="info" if fewest == ENOUGH_BLOCKS - 1 else "warning",
        scope="all cells" if len(cells) == len(number) else some(cells),
        figure=f"{told}, coverage {'from ' if fewest < most else ''}{percent(coverage, 1)}",
        message=f"{told} cannot give a 95 % interval: "
        + (says if fewest > 1 else "a single block gives no interval at all")
        + ".",
        next_step=f"Set blocks = {ENOUGH_BLOCKS} or more in the experiment; more, shorter blocks cost the same time.",
    )


def missing_baseline(evidence: Evidence) -> Iterator[Check]:
    """Name the runs without overhead, because their block has no finished baseline."""
    runs = evidence.runs
    others = runs[~runs["is_baseline"]]
    orphans = runs[~runs["is_baseline"] & (baseline_rows(runs) < 0)]
    if orphans.empty:
        return
    yield Check(
        name="missing-baseline",
        severity="error" if len(orphans) == len(others) else "warning",
        scope=some(orphans["run_id"]),
        figure=share(len(orphans), len(others)),
        message=f"{counted(len(orphans), 'run')} yield{'s' if len(orphans) == 1 else ''} no overhead, because the "
        "baseline of the same block, workload and rate did not finish; a baseline from another block is never used.",
        next_step="Continue the campaign (workbench run --resume), or run it again.",
    )


def noise(evidence: Evidence) -> Iterator[Check]:
    """Say how many counted runs the noise gauge calls disturbed."""
    runs = evidence.runs
    noisy = runs[runs["noisy"].ne("")]
    if noisy.empty:
        return
    yield Check(
        name="noisy-machine",
        severity="warning" if len(noisy) > NOISY_SHARE * len(runs) else "info",
        scope=_scope(noisy, runs),
        figure=share(len(noisy), len(runs)),
        message=f"The machine was disturbed in {share(len(noisy), len(runs))}, first because {noisy['noisy'].iloc[0]}.",
        next_step="Stop what else runs here, or set rerun_noisy = true; trust normalised CPU and p50 before p99.",
    )


def generator(evidence: Evidence) -> Iterator[Check]:
    """Say where the load generator was the limit, and where it tells latency from the send only."""
    runs = evidence.runs
    limited = runs[runs["limited"].ne("")]
    if len(limited):
        yield Check(
            name="generator-limited",
            severity="warning",
            scope=_scope(limited, runs),
            figure=share(len(limited), len(runs)),
            message=f"The load generator, not the data plane, was the limit in {share(len(limited), len(runs))}: "
            f"{limited['limited'].iloc[0].rstrip('.')}.",
            next_step="Lower the rate or free CPUs for the generator; the tails of these runs are not ranked.",
        )
    if runs["latency_from"].eq("send").any():
        name = str(runs["generator"].iloc[0])
        yield Check(
            name="latency-from-send",
            severity="warning",
            scope="latency",
            figure="0 runs with latency from the schedule",
            message=f"{name} counts latency from the send: waiting for a free connection is "
            "not included, so tails look "
            "better than users experience them (coordinated omission).",
            next_step="Use a load generator that counts from the schedule, such as builtin, to compare tails.",
        )


def rate(evidence: Evidence) -> Iterator[Check]:
    """Name the runs that missed the asked rate: their cost per request is not valid at the stated one."""
    missed = (evidence.wide["achieved_ratio"] - 1).abs()
    # a source that tells counts and times of requests knows where the run begins and ends to one request at each end
    requests = evidence.runs["requests"].where(evidence.runs["provenance"].eq("imported"))
    wrong = missed > RATE_TOLERANCE + (2 / requests.where(requests > 0)).fillna(0.0)
    missed = missed.where(wrong)
    if not wrong.any():
        return
    flagged, worst = evidence.runs[wrong], evidence.runs.assign(_missed=missed).nlargest(1, "_missed").iloc[0]
    yield Check(
        name="rate-missed",
        severity="error" if missed.max() > 5 * RATE_TOLERANCE else "warning",
        scope=_scope(flagged, evidence.runs),
        figure=f"{percent(worst['achieved_rate_per_s'] / worst['rate_per_s'], 2)} of the target rate",
        message=f"{share(len(flagged), len(evidence.runs))} missed the target rate by more than "
        f"{percent(RATE_TOLERANCE)}, the worst under {worst['mesh']}: cost per request is not that of the stated rate.",
        next_step="Lower the rate until every data plane reaches it, or report where it saturates.",
    )


def no_rate(evidence: Evidence) -> Iterator[Check]:
    """Say that nobody asked for a rate, so that every data plane answered at a rate of its own."""
    runs = evidence.runs[evidence.runs["rate_per_s"].eq(NO_RATE)]
    if runs.empty:
        return
    reached = runs.groupby("mesh", sort=False)["achieved_rate_per_s"].median().dropna()
    yield Check(
        name="no-rate",
        severity="warning",
        scope=_scope(runs, evidence.runs),
        figure="; ".join(f"{mesh} {a_second(rate)}/s" for mesh, rate in reached.items()) or "no rate known",
        message=f"The rate of {counted(len(runs), 'run')} is unknown. Without a "
        "requested rate, each data plane was driven as "
        "fast as it answered, so cost and latency belong to the rate that it happened to reach.",
        next_step="Compare the achieved rates; measure at one stated rate before you compare cost or latency.",
    )


def unwatched(evidence: Evidence) -> Iterator[Check]:
    """Name the runs whose consumption or latency is unknown; other tools seldom tell both."""
    measured = evidence.runs["provenance"].eq("measured").all()
    kernel = has_kernel_data_plane(evidence.runs) | evidence.runs["is_baseline"]
    lacking = {
        "CPU": evidence.wide["cpu_per_request_s"].isna(),
        "data-plane CPU": evidence.wide["data_plane_cpu_per_request_s"].isna()
        & ~kernel
        & evidence.wide["cpu_per_request_s"].notna(),
        "latency": evidence.latency["p50_s"].isna(),
    }
    for what, flags in lacking.items():
        flagged = evidence.runs[flags]
        if len(flagged):
            yield Check(
                name="not-watched",
                severity="error" if len(flagged) == len(evidence.runs) and measured else "warning",
                scope=_scope(flagged, evidence.runs),
                figure=share(len(flagged), len(evidence.runs)),
                message=f"The {what} of {counted(len(flagged), 'finished run')} of {some(flagged['mesh'])} is unknown, "
                "and left out of its medians, not counted as 0.",
                next_step="Look at the samples and the raw output in the folders of these runs.",
            )


def drift(evidence: Evidence) -> Iterator[Check]:
    """Say when the baseline itself changed from block to block."""
    base = evidence.runs[evidence.runs["is_baseline"]]
    for name in ("cpu_per_request_s", "latency_p50_s"):
        values = evidence.wide.loc[base.index, name]
        spread = values.groupby([base["campaign_id"], base["workload"], base["rate_per_s"]]).agg(["min", "max"])
        ratio = (spread["max"] / spread["min"].where(spread["min"] > 0)).dropna()
        if ratio.empty or ratio.max() <= DRIFT_RATIO:
            continue
        campaign, workload, at = ratio.idxmax()
        low, high = spread.loc[ratio.idxmax()]
        shown = metric(name)
        yield Check(
            name="baseline-drift",
            severity="warning",
            scope=f"{workload} {at_rate(at)} in {campaign}",
            figure=f"{ratio.max():.1f} times: {shown.show(low)} to {shown.show(high)}",
            message=f"{shown.label} of the baseline itself changed {ratio.max():.1f}-fold between blocks: the machine "
            "changed meanwhile. Differences within blocks and normalised CPU "
            "are still valid, absolute figures are not.",
            next_step="Quote the ratios; measure again on a quieter machine before quoting absolute values.",
        )


def tails(evidence: Evidence) -> Iterator[Check]:
    """Say that p99 and p99.9 are not ranked, and why."""
    for name in TAIL_METRICS:
        rows = evidence.verdicts[evidence.verdicts["metric"].eq(name)]
        unranked = rows[rows["verdict"].eq(UNRANKED)]
        if unranked.empty:
            continue
        label = metric(name).label
        yield Check(
            name="tail-not-ranked",
            severity="info",
            scope=label,
            figure=f"{len(unranked)} of {counted(len(rows), 'pair')}",
            message=f"{label} is not ranked in {len(unranked)} of {counted(len(rows), 'pair')}; most often: "
            f"{unranked['why'].mode().iloc[0]}.",
            next_step="Measure longer, at higher rates, in more blocks, on a machine with CPUs to spare.",
        )


def resolution(evidence: Evidence) -> Iterator[Check]:
    """Say what so few blocks can resolve, and what so many comparisons do to chance."""
    pairs = evidence.verdicts[evidence.verdicts["metric"].eq("normalised_cpu")]
    if len(pairs) and pairs["blocks"].min() < ENOUGH_BLOCKS:
        yield Check(
            name="resolution",
            severity="info",
            scope="all pairs",
            figure=f"{RESOLUTION * 100:g} to {percent(2 * RESOLUTION)}",
            message="Differences below 5 to 10 % of normalised CPU are not resolved by so few and short runs; below "
            "5 % no verdict is given here.",
            next_step=f"Use {ENOUGH_BLOCKS} blocks or more, and longer runs, for finer differences.",
        )
    told = pairs[pairs["verdict"].isin((GREATER, LESS))]
    if len(pairs) > 1:
        chance = 0.05 * len(pairs)
        yield Check(
            name="many-comparisons",
            severity="info",
            scope="normalised CPU",
            figure=f"{counted(len(pairs), 'pair')}, {len(told)} with a difference",
            message=f"Each single verdict is wrong in about 5 % of cases. If all {len(pairs)} pairs were equal, about "
            f"{chance:.1f} of them would be called different by chance.",
            next_step="Trust the pattern; trust a single close verdict only if a second campaign repeats it.",
        )


def archetypes(evidence: Evidence) -> Iterator[Check]:
    """Say of each lab data plane that it is not a product, what it resembles and what it lacks."""
    rows = evidence.runs[evidence.runs["archetype"] & ~evidence.runs["is_baseline"]]
    for row in rows.drop_duplicates("mesh").to_dict("records"):
        shapes, lacks, mesh = "; ".join(row["shape_of"]), "; ".join(row["lacks"]), str(row["mesh"])
        yield Check(
            name="archetype",
            severity="info",
            scope=mesh,
            figure="0 products measured",
            message=f"{mesh} is a lab data plane, not a product."
            + (f" It has the same shape as: {shapes}." if shapes else "")
            + (f" It is missing, compared with them: {lacks}." if lacks else ""),
            next_step="Read it as what the shape costs; measure the product itself on a cluster before choosing it.",
        )


def kernel(evidence: Evidence) -> Iterator[Check]:
    """Say what the CPU of a data plane inside the kernel is: a difference."""
    meshes = sorted(evidence.runs.loc[has_kernel_data_plane(evidence.runs), "mesh"].unique())
    if meshes:
        yield Check(
            name="kernel-difference",
            severity="info",
            scope=join(meshes),
            figure=f"0 processes of {'its' if len(meshes) == 1 else 'their'} own",
            message=f"The work of {join(meshes)} is charged to the processes that send and receive: the CPU shown is "
            "the total minus the baseline's total in the same block: a small difference of large numbers, sometimes "
            "negative.",
            next_step="Read its interval, not its median; more blocks narrow it.",
        )


CHECKS: tuple[Callable[[Evidence], Iterator[Check]], ...] = (
    nothing_answered, *IMPOSSIBLE, unlike, missing_baseline, provenance, left_out, blocks, noise, generator, rate,
    no_rate, errors, untold, unwatched, *CLUSTER_CHECKS, drift, tails, resolution, kernel, pooled, archetypes,
)  # fmt: skip


def all_checks(evidence: Evidence) -> tuple[Check, ...]:
    """Return what every check found, errors first, then warnings, then infos."""
    found = [check for look in CHECKS for check in look(evidence)]
    return tuple(sorted(found, key=lambda check: _RANK[check.severity]))
