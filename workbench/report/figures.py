"""The charts of a report: which ones, in what order, with their words beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from workbench import charts
from workbench.analysis import Comparison
from workbench.charts.badges import without_badge
from workbench.charts.costs import MEMORY, OVERHEAD, TAX
from workbench.charts.display import specification
from workbench.charts.engine import Picture
from workbench.charts.headline import TOTAL
from workbench.charts.lines import COST_METRICS, LATENCIES
from workbench.charts.rows import NOT_MEASURED
from workbench.report.material import Material
from workbench.report.parts import Figure

_ABSENT = {"none": "no data plane", "kernel": "not measured (kernel)"}
"""Kind of data plane -> why figures of its own processes are not there."""


def full_order(material: Material) -> list[str]:
    """Return the comparison's order, headed by the baseline even when no run of it counts."""
    comparison = material.comparison
    baselines = list(comparison.meshes.loc[comparison.meshes["is_baseline"], "mesh"])
    return [*(mesh for mesh in baselines if mesh not in comparison.order), *comparison.order]


def figure(key: str, picture: Picture) -> Figure:
    """Take title and description out of ``picture``, so that the page can set them as text; it sets the badge too."""
    spec = without_badge(specification(picture))
    title = spec.pop("title")
    subtitle = title.get("subtitle", [])
    lede = (subtitle,) if isinstance(subtitle, str) else tuple(subtitle)
    return Figure(key=key, title=title["text"], lede=lede, words=spec["description"], spec=spec)


def headline_figure(material: Material) -> Figure:
    """Return the picture of the first screen: CPU by role, or latency where nobody measured CPU.

    On a cluster: what the nodes used, and who; where their bill does not close, what the application took.
    """
    comparison, order = material.comparison, full_order(material)
    if len(comparison.node_bill_summary):
        return figure("node-bill", charts.node_bill(comparison.node_bill_summary, order))
    if len(comparison.resource_summary):
        return figure("resources", charts.resources(comparison.resource_summary, order))
    if _known(comparison.summary, TOTAL):
        return figure("consumption", _consumption(comparison, order))
    return figure("latency", charts.latency_by_percentile(comparison.summary, order))


def cost_figures(material: Material) -> tuple[Figure, ...]:
    """Return the charts of what it costs. A chart that would have nothing to show is left out."""
    comparison, order = material.comparison, full_order(material)
    summary, drawn = comparison.summary, dict[str, Picture]()
    baselines = set(comparison.meshes.loc[comparison.meshes["is_baseline"], "mesh"])
    others = summary[~summary["mesh"].isin(baselines)]  # the baseline's 0 is a definition
    if len(comparison.node_bill_summary):
        drawn["resources"] = charts.resources(comparison.resource_summary, order)
    if len(comparison.resource_summary) and _known(summary, TOTAL):
        drawn["consumption"] = _consumption(comparison, order)
    if _known(others, *TAX.metrics):
        drawn["tax"] = charts.tax(summary, order)
    if _known(comparison.overhead, *OVERHEAD.metrics):
        drawn["overhead"] = charts.overhead(comparison.overhead, order, _saturated(comparison))
    if _known(summary, TOTAL) and _known(summary, *LATENCIES):
        drawn["latency"] = charts.latency_by_percentile(summary, order)
    if _known(others, *COST_METRICS) and sum(map(math.isfinite, summary["rate_per_s"].unique())) > 1:
        drawn["cost-against-rate"] = charts.cost_against_rate(summary, order)
    if _known(others, *MEMORY.metrics):
        drawn["memory"] = charts.memory(summary, order, absent(material))
    return _figures(drawn)


def _consumption(comparison: Comparison, order: list[str]) -> Picture:
    return charts.consumption(comparison.bill_summary, comparison.summary, order, comparison.saturated)


def trust_figures(material: Material) -> tuple[Figure, ...]:
    """Return the charts that show the reliability of the others."""
    comparison, order = material.comparison, full_order(material)
    drawn = {"blocks": charts.blocks(comparison.costs, order)}
    if comparison.runs[["foreign_cores", "steal_ratio", "psi_ratio"]].notna().any(axis=None):
        drawn["noise"] = charts.noise(comparison.runs, material.latency, order)
    if len(material.series):
        drawn["timeline"] = charts.timeline(material.series)
    return _figures(drawn)


def _known(frame: pd.DataFrame, *names: str) -> bool:
    """Whether ``frame`` holds a value of any metric among ``names``."""
    return bool(frame.loc[frame["metric"].isin(names), "median"].notna().any())


def _figures(drawn: Mapping[str, Picture]) -> tuple[Figure, ...]:
    return tuple(figure(key, picture) for key, picture in drawn.items())


def _saturated(comparison: Comparison) -> dict[str, str]:
    """Return mesh -> what to say where a figure of it is not compared because it did not carry the load."""
    return dict.fromkeys(comparison.saturated["mesh"], "saturated: not compared")


def absent(material: Material) -> dict[str, str]:
    """Return mesh, in charts' order -> what to say where figures of its data plane's own processes are missing."""
    meshes = material.comparison.meshes
    kinds = dict(zip(meshes["mesh"], meshes["data_plane"], strict=True))
    return {mesh: _ABSENT.get(kinds.get(mesh, ""), NOT_MEASURED) for mesh in full_order(material)}
