"""Every chart, made from synthetic frames taken through the real analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from cluster_frames import cluster_frames
from frames_factory import frames

from workbench import charts
from workbench.analysis import Comparison, compare

ARGUMENTS: Mapping[str, Callable[[Comparison, pd.DataFrame], tuple[Any, ...]]] = {
    "consumption": lambda one, _: (one.bill_summary, one.summary, one.order),
    "tax": lambda one, _: (one.summary, one.order),
    "cost_against_rate": lambda one, _: (one.summary, one.order),
    "latency_by_percentile": lambda one, _: (one.summary, one.order),
    "overhead": lambda one, _: (one.overhead, one.order),
    "memory": lambda one, _: (one.summary, one.order),
    "blocks": lambda one, _: (one.costs, one.order),
    "noise": lambda one, latency: (one.runs, latency, one.order),
    "timeline": lambda one, _: (series(one.order),),
    "resources": lambda one, _: (on_a_cluster().resource_summary, on_a_cluster().order),
    "node_bill": lambda one, _: (on_a_cluster().node_bill_summary, on_a_cluster().order),
}
"""Chart -> its arguments, from a comparison and the latency frame."""


@cache
def on_a_cluster() -> Comparison:
    """A comparison of runs on a cluster; what of it a chart shows is nothing in the lab."""
    return compare(*cluster_frames())


def drawn(name: str, comparison: Comparison, latency: pd.DataFrame) -> dict[str, Any]:
    """The chart called ``name`` as Vega-Lite, validated against its schema."""
    spec: dict[str, Any] = getattr(charts, name)(*ARGUMENTS[name](comparison, latency)).to_dict()
    return spec


def told(name: str, comparison: Comparison, latency: pd.DataFrame) -> str:
    """The same in words."""
    words: str = getattr(charts, f"describe_{name}")(*ARGUMENTS[name](comparison, latency))
    return words


def made(renamed: Mapping[str, str] | None = None, **options: Any) -> tuple[Comparison, pd.DataFrame]:
    """A comparison and its latency frame; ``renamed`` replaces labels of data planes."""
    runs, consumption, latency = frames(**options)
    runs["mesh"] = runs["mesh"].replace(dict(renamed or {}))
    return compare(runs, consumption, latency), latency


def series(order: list[str], seconds: int = 4) -> pd.DataFrame:
    """Two runs over time as the store gives them: the whole machine's node beside its parts, NaN at first."""
    parts = {"echo": "application", "load-generator": "load-generator", "client-sidecar": "sidecar", "node": "node"}
    rows = [
        {
            "run": run, "time_s": step / 5, "component": component, "role": role,
            "cpu_cores": np.nan if step == 0 else 0.1 + 0.01 * step, "mem_pss_bytes": 2.0**24,
        }
        for run in dict.fromkeys((order[0], order[-1]))
        for component, role in parts.items()
        for step in range(seconds * 5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def rows_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that a chart holds."""
    (rows,) = spec["datasets"].values()
    return list(rows)
