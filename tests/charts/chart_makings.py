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
from workbench.analysis.pairs import between

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
    "change": lambda one, _: (between(one, one.order[1], one.order[-1]), one.order[1], one.order[-1]),
    "live_traffic": lambda one, _: (live_frame(), live_events()),
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


def live_frame(seconds: int = 20) -> pd.DataFrame:
    """A live session in which v2 comes to answer a fifth, and then some requests fail."""
    rows: list[dict[str, Any]] = []
    for second in range(3, 3 + seconds):
        v2 = 20 if second > 9 else 0
        failed = 15 if second > 15 else 0
        groups = {"version": {"v1": 100 - v2 - failed, "v2": v2, "proxy": failed}}
        groups |= {"status": {"200": 100 - failed, "503": failed}, "all": {"all": 100}}
        rows += [
            {"second": second, "by": by, "group": name, "count": count, "p50_s": 0.0011, "p95_s": 0.004 + failed / 1e3}
            for by, counts in groups.items()
            for name, count in counts.items()
            if count
        ]
    return pd.DataFrame(rows)


def live_events() -> pd.DataFrame:
    """Designs applied before and in the middle of `live_frame`."""
    return pd.DataFrame({"second": [0.4, 9.6, 15.7], "design": ["as-it-comes", "canary", "chaos"]})


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
