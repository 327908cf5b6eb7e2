"""Which runs answered anything: without an answer there is no latency, whatever was stored as one.

Part of the third stage. A run whose every attempt failed has counts and no latency; one in which more than half failed
has the latency of a minority, which stands in the tables and is not what a headline may lead with.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workbench.analysis.evidence import Check, Evidence
from workbench.analysis.words import counted, percent, some

MOSTLY = 0.5
"""Share of failed requests above which the answers are the exception."""

_FIGURES = ["p50_s", "p90_s", "p99_s", "p999_s", "high_s"]


def attempts(runs: pd.DataFrame) -> pd.Series:
    """Return how many requests each run tried: some sources count the failed ones beside the answered ones."""
    return runs[["requests", "errors"]].max(axis=1)


def unanswered(runs: pd.DataFrame) -> pd.Series:
    """Flag the runs that are known to have answered nothing."""
    known = runs["requests"].notna()
    return known & (runs["requests"] - runs["errors"].fillna(0)).le(0)


def answered_latency(runs: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    """Return ``latency`` (same index as ``runs``) with the rows of runs without an answer unknown.

    So are rows that count no answer, or hold nothing but zeros: no answer takes no time at all.
    """
    known = latency[_FIGURES]
    zero = known.notna().any(axis=1) & known.max(axis=1).le(0)
    without = unanswered(runs) | latency["count"].eq(0) | zero
    return latency.mask(np.broadcast_to(without.to_numpy()[:, None], latency.shape))


def failed_share(runs: pd.DataFrame) -> pd.Series:
    """Return label of data plane -> share of its attempts that failed; those of which it is not told are not in it."""
    known = runs[runs["errors"].notna() & runs["requests"].notna()]
    known = known.assign(_tried=attempts(known)).query("_tried > 0")
    sums = known.groupby("mesh", sort=False)[["errors", "_tried"]].sum()
    return sums["errors"] / sums["_tried"]


def failure(runs: pd.DataFrame, mesh: str) -> str:
    """Say of a data plane that all or most of its attempts failed, with the figures; empty where they did not.

    Parameters
    ----------
    runs
        The counted runs that are spoken of.
    """
    mine = runs[runs["mesh"].eq(mesh)]
    if mine.empty:
        return ""
    if unanswered(mine).all():
        tried = attempts(mine).sum()
        if not tried:
            kinds = _kinds(mine).removeprefix(": ")
            return f"{mesh} failed in every attempt ({kinds})" if kinds else f"{mesh} answered no request at all"
        return f"{mesh} failed in every attempt ({_count(tried)} of {_count(tried)}{_kinds(mine)})"
    share = failed_share(mine)
    if mesh in share.index and share[mesh] > MOSTLY:
        failed, tried = mine["errors"].sum(), attempts(mine[mine["errors"].notna()]).sum()
        return f"{mesh} failed in {percent(share[mesh], 1)} of its attempts ({_count(failed)} of {_count(tried)})"
    return ""


def _count(number: float) -> str:
    return f"{int(number):,}"


def _kinds(runs: pd.DataFrame) -> str:
    told = [kinds for kinds in runs.get("failures", ()) if kinds]
    return f": {some(told)}" if told else ""


def nothing_answered(evidence: Evidence) -> Iterator[Check]:
    """Name the runs in which every attempt failed, and that they have no latency."""
    runs = evidence.runs[unanswered(evidence.runs)]
    for mesh, mine in runs.groupby("mesh", sort=False):
        tried = attempts(mine).sum()
        yield Check(
            name="nothing-answered",
            severity="error",
            scope=f"{mesh}: {some(mine['run_id'])}",
            figure=f"{int(tried)} of {int(tried)} attempts failed" if tried else "0 requests",
            message=f"Under {mesh} "
            + (
                f"every attempt failed in {counted(len(mine), 'run')} ({int(tried)} of {int(tried)}{_kinds(mine)})"
                if tried
                else f"{counted(len(mine), 'run')} answered no request{_kinds(mine)}"
            )
            + ": there is no latency to compare, and what was stored as one is not used.",
            next_step="Find out why nothing was answered, fix it, and measure again.",
        )
