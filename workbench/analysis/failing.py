"""Failed requests, held against what the runs' own intents ask to fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workbench.analysis.answering import unanswered
from workbench.analysis.evidence import Check, Evidence
from workbench.analysis.words import percent, some

CHANCE = 4.0
"""Standard deviations of a binomial count by which the failures may miss what was asked: beyond it, chance explains
fewer than 1 in 10,000 runs."""


def errors(evidence: Evidence) -> Iterator[Check]:
    """Count the failed requests of each data plane; those that an intent asks for are no fault."""
    for mesh, runs in evidence.runs.groupby("mesh", sort=False):
        known = runs[runs["errors"].notna() & runs["requests"].gt(0)]
        known = known[~unanswered(known)]  # `answering` speaks of the others
        if known.empty:
            continue
        failed, sent = known["errors"].sum(), known["requests"].sum()
        low, high = _bounds(known)
        if failed == 0 and low <= 0:
            continue
        scope = f"{mesh}: {some(known.loc[known['errors'].gt(0), 'run_id'] if failed else known['run_id'])}"
        figure = f"{int(failed)} of {int(sent)} requests"
        if high > 0 and low <= failed <= high:
            yield Check(
                name="failed-as-asked",
                severity="info",
                scope=scope,
                figure=figure,
                message=f"{percent(failed / sent, 1)} of the requests under {mesh} failed, as its intent requires "
                f"({_asked(known)}); cost is per successful request, and failed requests are often fast.",
                next_step="Compare it with data planes under the same intent; its latency includes failed answers.",
            )
        elif failed < low:
            yield Check(
                name="fewer-failed-than-asked",
                severity="error",
                scope=scope,
                figure=figure,
                message=f"Only {percent(failed / sent, 1)} of the requests under {mesh} "
                "failed, but its intent requires "
                f"{_asked(known)}: the runs did not measure what their name says.",
                next_step="Check whether the fault was in force all the time, and leave these runs out.",
            )
        else:
            more = f", and its intent requires {_asked(known)}" if high > 0 else ""
            yield Check(
                name="failed-requests",
                severity="error" if failed - high > 0.01 * sent else "warning",
                scope=scope,
                figure=figure,
                message=f"{int(failed)} of {int(sent)} requests under {mesh} failed{more}; cost is per request that "
                "succeeded, and a failed request is often a fast one.",
                next_step="Find out why they failed (counts by status in the raw output) before comparing its latency.",
            )


def unexpected_share(runs: pd.DataFrame) -> pd.Series:
    """Return the share of each run's requests that failed beyond what its intent asks for; 0: none, or unknown."""
    count, variance = _expected(runs, "asked_failing_high")
    beyond = (runs["errors"] - count - CHANCE * np.sqrt(variance)).clip(lower=0) / runs["requests"]
    known = runs["errors"].notna() & runs["requests"].gt(0)
    shares: pd.Series = beyond.where(known, 0.0)
    return shares


def _expected(runs: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    """Return how many requests of each run its intent makes fail, and the binomial variance of that number."""
    share = runs[column].fillna(0)
    return runs["requests"] * share, runs["requests"] * share * (1 - share)


def _bounds(runs: pd.DataFrame) -> tuple[float, float]:
    """Return the fewest and the most failures that the intents ask for, chance allowed for."""
    found = []
    for column, sign in (("asked_failing_low", -1), ("asked_failing_high", 1)):
        count, variance = _expected(runs, column)
        found.append(float(count.sum()) + sign * CHANCE * float(np.sqrt(variance.sum())))
    return found[0], found[1]


def _asked(runs: pd.DataFrame) -> str:
    weights = runs["requests"] / runs["requests"].sum()
    low, high = (float((weights * runs[name].fillna(0)).sum()) for name in ("asked_failing_low", "asked_failing_high"))
    if low == high:
        return f"about {percent(high, 1)}"
    return f"at most {percent(high, 1)}" if low == 0 else f"{percent(low, 1)} to {percent(high, 1)}"
