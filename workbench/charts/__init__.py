"""Frames in, charts out: pure functions, each with a function that gives the same content in words.

Every chart takes the analysis' frames and the order of the meshes, baseline first. Its docstring lists the columns
that it uses. `workbench.charts.display.enable` makes notebooks show charts without a network.
"""

from workbench.charts.change import change, describe_change
from workbench.charts.costs import describe_memory, describe_overhead, describe_tax, memory, overhead, tax
from workbench.charts.dots import blocks, describe_blocks
from workbench.charts.headline import consumption, describe_consumption
from workbench.charts.lines import (
    cost_against_rate,
    describe_cost_against_rate,
    describe_latency_by_percentile,
    latency_by_percentile,
)
from workbench.charts.live import describe_live_traffic, live_traffic
from workbench.charts.quiet import describe_noise, noise
from workbench.charts.resources import describe_node_bill, describe_resources, node_bill, resources
from workbench.charts.timelines import describe_timeline, timeline

__all__ = [
    "blocks",
    "change",
    "consumption",
    "cost_against_rate",
    "describe_blocks",
    "describe_change",
    "describe_consumption",
    "describe_cost_against_rate",
    "describe_latency_by_percentile",
    "describe_live_traffic",
    "describe_memory",
    "describe_node_bill",
    "describe_noise",
    "describe_overhead",
    "describe_resources",
    "describe_tax",
    "describe_timeline",
    "latency_by_percentile",
    "live_traffic",
    "memory",
    "node_bill",
    "noise",
    "overhead",
    "resources",
    "tax",
    "timeline",
]
