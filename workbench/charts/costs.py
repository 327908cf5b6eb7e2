"""Charts of cost: normalised CPU, differences to the baseline, memory, and cost by rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from workbench.charts import ranges
from workbench.charts.badges import badged
from workbench.charts.engine import Picture

TAX = ranges.Ranges(
    title="Data-plane CPU for each unit of CPU that the request itself needs",
    subtitle=("1 × means: the data plane uses as much as application and load generator together.",
              "Both sides are of the same run, so it scatters least of all CPU figures and separates data planes best.",
              "Point: median over blocks; bar: its interval."),
    metrics=("normalised_cpu",),
)  # fmt: skip

OVERHEAD = ranges.Ranges(
    title="What each data plane adds to the baseline of its own block",
    subtitle=("Differences within a block, so slow drifts of the machine cancel.",
              "An interval that touches zero is no measurable cost."),
    metrics=("cpu_per_request_s", "latency_p50_s", "latency_p90_s", "latency_p99_s", "application_cpu_per_request_s",
             "ctx_switches_per_request"),
    signed=True,
)  # fmt: skip

MEMORY = ranges.Ranges(
    title="Memory of the data plane under load",
    subtitle=("A data plane in the kernel has no process whose memory could be read: not measured does not mean 0.",),
    metrics=(
        "memory_per_replica_bytes",
        "data_plane_memory_bytes",
        "data_plane_working_set_bytes",
        "rss_per_replica_bytes",
    ),
)


@badged
def tax(summary: pd.DataFrame, order: Sequence[str]) -> Picture:
    """Show normalised CPU with intervals, one panel for each rate.

    Parameters
    ----------
    summary
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks; used: ``normalised_cpu``.
    order
        Mesh labels from top to bottom, baseline first.
    """
    return ranges.draw(summary, order, TAX)


def describe_tax(summary: pd.DataFrame, order: Sequence[str]) -> str:
    """Describe `tax` in words; same parameters."""
    return ranges.describe(summary, order, TAX)


@badged
def overhead(overhead: pd.DataFrame, order: Sequence[str], absent: Mapping[str, str] | None = None) -> Picture:
    """Show differences to the baseline with intervals and a rule at zero; a drop-down chooses the metric.

    Parameters
    ----------
    overhead
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks: differences to the baseline
        of the same block in the metric's own unit.
    order
        Mesh labels, baseline first; the baseline itself has no row.
    absent
        Mesh -> why a difference of it is missing, shown instead of "not measured".
    """
    return ranges.draw(overhead, order, OVERHEAD, absent)


def describe_overhead(overhead: pd.DataFrame, order: Sequence[str], absent: Mapping[str, str] | None = None) -> str:
    """Say what `overhead` shows; parameters as there."""
    return ranges.describe(overhead, order, OVERHEAD, absent)


@badged
def memory(summary: pd.DataFrame, order: Sequence[str], absent: Mapping[str, str] | None = None) -> Picture:
    """Show the data plane's memory, whichever is known: anonymous, PSS, working set (on clusters), RSS.

    Parameters
    ----------
    summary
        Columns mesh, workload, rate_per_s, metric, median, low, high, coverage, blocks; used:
        ``memory_per_replica_bytes``, ``data_plane_memory_bytes``, ``data_plane_working_set_bytes``,
        ``rss_per_replica_bytes``.
    order
        Mesh labels from top to bottom, baseline first.
    absent
        Mesh -> why there is nothing to measure, shown instead of "not measured": ``"no data plane"``.
    """
    return ranges.draw(summary, order, MEMORY, absent)


def describe_memory(summary: pd.DataFrame, order: Sequence[str], absent: Mapping[str, str] | None = None) -> str:
    """Describe `memory` in words; same parameters."""
    return ranges.describe(summary, order, MEMORY, absent)
