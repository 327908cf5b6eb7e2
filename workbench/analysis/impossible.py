"""Figures that cannot be true: mistakes of units, of clocks, of whoever wrote the numbers.

Part of the sixth stage. A comparison is not refused because of them, but each is an error that names its runs: where
one figure is impossible, the others of that run deserve no belief either.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workbench.analysis.costing import at_baseline, baseline_rows
from workbench.analysis.evidence import Check, Evidence, Severity
from workbench.analysis.words import counted, some

_CPU_TOLERANCE = 1.02
"""CPU clocks and the window's edges are read one after the other; 2 % is far above their distance."""

_MEMORY_TOLERANCE = 1.05
"""PSS, anonymous and RSS are percentiles of samples, not taken from one sample: 5 % of play."""

_TIME_TOLERANCE, _TIME_PLAY_S = 1.02, 0.01
"""What others print of times is rounded; here answers that come after the window count too."""

ONE_AT_A_TIME = ("http/1.1", "tcp")
"""Protocols whose connections carry one request at a time; others carry many at once."""

_UNIT_RATIO = (300.0, 3000.0)
"""A p50 this many times the baseline's is more likely milliseconds written as microseconds than a data plane."""


def _check(
    evidence: Evidence, wrong: pd.Series, figure: str, message: str, *, severity: Severity = "error"
) -> Iterator[Check]:
    flagged = evidence.runs.loc[wrong.fillna(False).astype(bool)]
    if flagged.empty:
        return
    yield Check(
        name="impossible-figures",
        severity=severity,
        scope=some(flagged["run_id"]),
        figure=figure,
        message=f"{message} ({counted(len(flagged), 'run')}: {some(flagged['mesh'])}).",
        next_step="Look at the raw output in the folders of these runs, fix the source of "
        "the figure, and measure again.",
    )


def _at(values: pd.Series, wrong: pd.Series, unit: str) -> str:
    """Return the worst of the flagged values as text."""
    flagged = values[wrong.fillna(False).astype(bool)].dropna()
    return "" if flagged.empty else f"{flagged.to_numpy()[flagged.abs().to_numpy().argmax()]:.4g} {unit}".strip()


def percentiles(evidence: Evidence) -> Iterator[Check]:
    """Flag percentiles that do not rise, or lie outside the smallest and the largest value."""
    rows = evidence.latency
    steps = [("low_s", "p50_s"), ("p50_s", "p90_s"), ("p90_s", "p99_s"), ("p99_s", "p999_s"), ("p999_s", "high_s")]
    for lower, upper in steps:
        # histograms hold three significant digits, the extremes are exact
        wrong = rows[lower] > rows[upper] * 1.002
        names = [name.removesuffix("_s").replace("p999", "p99.9") for name in (lower, upper)]
        figure = _at(rows[lower] / rows[upper], wrong, f"times {names[1]}")
        yield from _check(evidence, wrong, figure, f"{names[0]} of the latency is above {names[1]}")
    negative = rows["low_s"] < 0
    yield from _check(evidence, negative, _at(rows["low_s"], negative, "s"), "A latency is negative")


def latency_units(evidence: Evidence) -> Iterator[Check]:
    """Flag latencies longer than the run, or needing more requests in flight than there are connections."""
    runs, p50 = evidence.runs, evidence.latency["p50_s"]
    window = runs["window_s"].fillna(runs["duration_s"])
    longer = p50 > window
    yield from _check(
        evidence, longer, _at(p50, longer, "s"), "The p50 latency is longer than the measured window: ms taken for s?"
    )
    slowest = evidence.latency[["p90_s", "p99_s", "p999_s", "high_s"]].max(axis=1)
    late = runs["provenance"].eq("imported") & (slowest > runs["window_s"] * _TIME_TOLERANCE + _TIME_PLAY_S) & ~longer
    yield from _check(
        evidence, late, _at(slowest, late, "s"), "A latency is longer than the reported duration of the run"
    )
    # Little's law: requests in flight = rate x mean latency, and at least half of them take p50 or longer
    flight = runs["achieved_rate_per_s"] * p50 / 2 / runs["connections"]
    one_at_a_time = runs["protocol"].isin(ONE_AT_A_TIME)
    full = (flight > 1) & runs["latency_from"].eq("send") & one_at_a_time & ~longer
    yield from _check(
        evidence,
        full,
        _at(flight, full, "requests in flight per connection"),
        "The p50 latency from the send would need more requests in flight than there are connections",
    )
    ratio = p50 / at_baseline(baseline_rows(runs), p50)
    unlikely = ratio.between(*_UNIT_RATIO) & ~longer
    yield from _check(
        evidence,
        unlikely,
        _at(ratio, unlikely, "times the baseline"),
        "The p50 latency is about a thousand times the baseline's: a mistaken unit, or a data plane that is overloaded",
        severity="warning",
    )


def cpu(evidence: Evidence) -> Iterator[Check]:
    """Flag CPU time that is negative, or more than the machine's CPUs have."""
    runs = evidence.runs
    parts = evidence.consumption
    below = parts[parts["cpu_s"].lt(0) & parts["role"].ne("unattributed")]  # a rest may be; `cluster_checks` says so
    negative = runs["run_id"].isin(below["run_id"])
    worst = f"{below['cpu_s'].min():.4g} s" if len(below) else ""
    yield from _check(evidence, negative, worst, "A part consumed negative CPU time")
    window = runs["window_s"].fillna(runs["duration_s"])
    cores = evidence.cpu.sum(axis=1) / window
    above = cores > runs["cpus"] * _CPU_TOLERANCE
    yield from _check(
        evidence, above, _at(cores, above, "cores"), "The watched parts used more cores than the machine has"
    )


def memory(evidence: Evidence) -> Iterator[Check]:
    """Flag PSS and anonymous memory above RSS, of which they are parts."""
    parts = evidence.consumption
    for name, word in (("mem_pss_bytes", "PSS"), ("mem_anon_bytes", "anonymous memory")):
        above = parts[parts[name] > parts["mem_rss_bytes"] * _MEMORY_TOLERANCE]
        wrong = evidence.runs["run_id"].isin(above["run_id"])
        ratio = (above[name] / above["mem_rss_bytes"].replace(0, np.nan)).max()
        yield from _check(evidence, wrong, f"{ratio:.3g} times RSS", f"A part's {word} is larger than its RSS")


def requests(evidence: Evidence) -> Iterator[Check]:
    """Flag more requests than the schedule holds, and more errors than requests."""
    runs = evidence.runs
    asked = runs["rate_per_s"] * runs["window_s"].fillna(runs["duration_s"])
    # what a source tells may be rounded to whole seconds, and of a run that it does not time nothing is known
    told = runs["provenance"].eq("imported")
    rounded = told & runs["window_s"].mod(1).eq(0)
    asked = asked.where(~told | runs["window_s"].notna()) + np.where(rounded, runs["rate_per_s"], 0.0)
    # constant arrivals: one percent and two for the edges; Poisson: five standard deviations more
    play = 0.01 * asked + 2 + np.where(runs["arrival"].eq("poisson"), 5 * np.sqrt(asked), 0.0)
    more = runs["requests"] > asked + play
    yield from _check(
        evidence,
        more,
        _at(runs["requests"] / asked, more, "times rate x duration"),
        "More requests were counted than rate × duration allows",
    )
    failed = (runs["errors"] > runs["requests"]) & runs["requests"].gt(0)
    yield from _check(evidence, failed, _at(runs["errors"], failed, "errors"), "More errors than requests were counted")


IMPOSSIBLE = (percentiles, latency_units, cpu, memory, requests)
