"""What a data plane adds to the baseline of the same block, in cores: the figure that an answer begins with.

In the lab, and for imported figures, the cores are those of 1000 requests/s: CPU time of application, data plane and
load generator per request, times 1000. On clusters they are those of the nodes at the rate of the run, as the nodes
counted them, so that the work that a mesh gives to the kubelet, the container runtime and the kernel is in them. They
are not scaled to another rate, because a part of them does not follow the requests.

Third stage of the analysis. What is unknown makes its sum unknown (NaN).
"""

from __future__ import annotations

import pandas as pd

from workbench.analysis.contract import CELL
from workbench.analysis.resources import LEFT, SYSTEM
from workbench.analysis.summaries import against_baseline
from workbench.model.lab_steps import DATA_PLANE_ROLES

WHOLE = "all parts"
DATA_PLANE, CONTROL_PLANE, AGENTS = "data plane", "control plane", "node agents"
SURROUNDINGS, ENDS = "system", "application and load"
PARTS = (WHOLE, DATA_PLANE, CONTROL_PLANE, AGENTS, SURROUNDINGS, ENDS)
"""What is added is said of the whole and of these parts of it, which add up to it in every run."""

PER_1000, ON_NODES = "cores per 1000 requests/s", "cores on the nodes"

ADDED_COLUMNS = [
    "mesh", *CELL, "part", "unit", "base", "median", "low", "high", "coverage", "blocks",
    "ratio_median", "ratio_low", "ratio_high",
]  # fmt: skip

_PART_OF_ROLE: dict[str, str] = {
    **dict.fromkeys(DATA_PLANE_ROLES, DATA_PLANE),
    "control-plane": CONTROL_PLANE,
    "node-agent": AGENTS,
    SYSTEM: SURROUNDINGS,
    LEFT: SURROUNDINGS,
}
NODES = "node_cores"
_REQUESTS = 1000


def _of_nodes(runs: pd.DataFrame, wide: pd.DataFrame, node_bill: pd.DataFrame) -> pd.DataFrame:
    """Return the cores of all nodes, a row for each of ``runs``; by part where every node's bill closes, else NaN."""
    part = node_bill["role"].map(_PART_OF_ROLE).fillna(ENDS)
    parts = node_bill.assign(part=part).pivot_table(index="run_id", columns="part", values="cpu_cores", aggfunc="sum")
    parts = parts.reindex(columns=list(PARTS[1:])).fillna(0.0)
    closed = node_bill.groupby("run_id")["closes"].all()
    parts = parts.where(closed.reindex(parts.index)).reindex(runs["run_id"]).set_axis(runs.index)
    parts.insert(0, WHOLE, wide[NODES])
    return parts


def ranking_metric(wide: pd.DataFrame) -> str:
    """Return the metric that data planes are ranked by: ``"node_cores"`` on clusters, else ``"normalised_cpu"``.

    In the lab normalised CPU scatters least. On clusters it leaves out what a mesh costs outside its data plane.
    """
    return NODES if wide[NODES].notna().any() else "normalised_cpu"


def _of_requests(wide: pd.DataFrame) -> pd.DataFrame:
    return (wide["cpu_per_request_s"] * _REQUESTS).to_frame(WHOLE)


def added(runs: pd.DataFrame, wide: pd.DataFrame, node_bill: pd.DataFrame) -> pd.DataFrame:
    """Return what each data plane adds to the baseline of the same block, the columns `ADDED_COLUMNS`.

    Parameters
    ----------
    runs, wide, node_bill
        The counted runs, their costs (same index), and on clusters who used each node's CPU.

    Returns
    -------
    pandas.DataFrame
        A row for each mesh but the baseline, workload, rate_per_s and part (one of `PARTS`). unit: `PER_1000` or
        `ON_NODES`. base: the median of the baseline in the blocks of this mesh. median, low, high: of the
        differences, in cores; they are medians, so those of the parts need not add up to that of the whole exactly.
        ratio_...: of the quotient mesh / baseline, NaN where either is not positive. Rows without a value are not in
        it.
    """
    on_nodes = ranking_metric(wide) == NODES
    level = _of_nodes(runs, wide, node_bill) if on_nodes else _of_requests(wide)
    if runs["is_baseline"].all():
        return pd.DataFrame(columns=ADDED_COLUMNS)
    table = against_baseline(runs, level, "part", PARTS).assign(unit=ON_NODES if on_nodes else PER_1000)
    return table.dropna(subset=["median"]).reset_index(drop=True)[ADDED_COLUMNS]
