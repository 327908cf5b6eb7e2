"""What each run cost: the metrics of the registry, computed from what was watched.

Third stage of the analysis. `workbench.model.metrics` defines them; this module computes them, with two rules. What is
unknown makes the sums that contain it unknown (NaN), never smaller. And what a data plane inside the kernel
costs is known only as a difference to the baseline of the same block, so that without that baseline it is unknown.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.analysis.answering import answered_latency, attempts
from workbench.analysis.contract import (
    BILLED_ROLES,
    BLOCK,
    CELL,
    NO_RATE,
    QUANTILES,
    clean_consumption,
    clean_latency,
    clean_runs,
)
from workbench.analysis.selection import finished_runs, labelled
from workbench.model.lab_steps import DATA_PLANE_ROLES

Rows = npt.NDArray[np.int64]

COST_COLUMNS = [
    "run_id",
    *BLOCK,
    "mesh",
    "data_plane",
    "is_baseline",
    *CELL,
    "metric",
    "value",
]
BILL_COLUMNS = ["run_id", *BLOCK, "mesh", *CELL, "role", "cpu_per_request_s"]

COST_METRICS = (
    "normalised_cpu",
    "cpu_per_request_s",
    "data_plane_cpu_per_request_s",
    "added_cpu_per_request_s",
    "application_cpu_per_request_s",
    "cores_per_1000_rps",
    "node_cores",
    *QUANTILES,
    "data_plane_memory_bytes",
    "data_plane_working_set_bytes",
    "memory_per_replica_bytes",
    "rss_per_replica_bytes",
    "ctx_switches_per_request",
    "error_ratio",
    "achieved_ratio",
)
"""Metrics that a comparison holds, in the order of tables."""

KERNEL_ROLE = "kernel"
"""Role in a bill under which a kernel data plane's difference to the baseline is shown."""


def baseline_rows(runs: pd.DataFrame) -> Rows:
    """Return for each run the position of its block's baseline run: same campaign, block, workload and rate.

    -1 where that block has no finished baseline. Where an experiment has several baselines, the label that sorts
    first stands for all, so that it is the same one in every block.
    """
    cell = runs.groupby([*BLOCK, *CELL], sort=False).ngroup().to_numpy()
    found = np.full(len(runs), -1, dtype=np.int64)
    last_first = np.lexsort((runs["ordinal"].to_numpy(), runs["mesh"].to_numpy().astype(str)))[::-1]
    base = last_first[runs["is_baseline"].to_numpy()[last_first]]
    found[cell[base]] = base  # of several written to one place the last, which is the first label, stays
    rows: Rows = found[cell]
    return rows


def at_baseline(rows: Rows, values: pd.Series) -> pd.Series:
    """Return for each run what ``values`` is for its block's baseline run; NaN where there is none."""
    return pd.Series(np.where(rows < 0, np.nan, values.to_numpy(dtype="float64")[rows]), index=values.index)


def has_kernel_data_plane(runs: pd.DataFrame) -> pd.Series:
    """Flag the runs whose data plane has no process of its own to watch."""
    return runs["data_plane"].eq("kernel") | (runs["data_plane"].eq("none") & ~runs["is_baseline"])


def _sum_known(parts: pd.DataFrame, column: str, keys: list[str]) -> pd.Series:
    """Sum ``column`` by ``keys``; NaN where any part is unknown."""
    grouped = parts.groupby(keys, sort=False)[column]
    return grouped.sum().where(grouped.count().eq(grouped.size()))


def cpu_by_role(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.DataFrame:
    """Return CPU seconds in the window: a row for each of ``runs`` (same index), a column for each billed role.

    0 where the run has no such part, NaN where a part is there but its CPU time is unknown, or where the run has no
    application or load generator at all. A generator that was not watched stands with what it says of itself.
    """
    parts = consumption[consumption["role"].isin(BILLED_ROLES)]
    keys = ["run_id", "role"]
    there = parts.groupby(keys, sort=False).size().unstack("role")
    there = there.reindex(index=runs["run_id"], columns=list(BILLED_ROLES))
    known = _sum_known(parts, "cpu_s", keys).unstack("role").reindex_like(there)
    table = known.where(there.notna(), 0.0)
    table.index = runs.index
    absent = there.isna().set_axis(runs.index)
    own = runs["generator_cpu_per_request_s"] * runs["requests"]
    table["load-generator"] = table["load-generator"].mask(absent["load-generator"], own)
    table["application"] = table["application"].mask(absent["application"])
    return table.astype("float64")


def _completed(runs: pd.DataFrame) -> pd.Series:
    """Return requests answered correctly in the window; NaN where there is none to divide by."""
    completed = runs["requests"] - runs["errors"].fillna(0)
    return completed.where(completed > 0)


def _none_where(seen: pd.Series) -> pd.Series:
    """Return what a baseline's data plane uses: nothing, where anybody looked, and unknown elsewhere."""
    return pd.Series(np.where(seen, 0.0, np.nan), index=seen.index)


def _cpu_metrics(runs: pd.DataFrame, cpu: pd.DataFrame) -> pd.DataFrame:
    completed, baseline, kernel = _completed(runs), runs["is_baseline"], has_kernel_data_plane(runs)
    proxies = cpu[list(DATA_PLANE_ROLES)].sum(axis=1, skipna=False)
    watched = runs["data_plane"].isin(["none"]) | cpu[list(DATA_PLANE_ROLES)].ne(0).any(axis=1)
    proxies = proxies.where(watched & ~kernel)
    ends = cpu["application"] + cpu["load-generator"]
    total = cpu.sum(axis=1, skipna=False) / completed
    base = at_baseline(baseline_rows(runs), total)
    difference = (total - base) / base.where(base > 0)
    seen = completed.notna() & cpu["application"].notna()
    normalised = (proxies / ends.where(ends > 0)).where(~kernel, difference).mask(baseline, _none_where(total.notna()))
    per_request = (proxies / completed).mask(baseline, _none_where(seen))
    return pd.DataFrame(
        {
            "normalised_cpu": normalised,
            "cpu_per_request_s": total,
            "data_plane_cpu_per_request_s": per_request,
            "added_cpu_per_request_s": total - base,
            "application_cpu_per_request_s": cpu["application"] / completed,
            "cores_per_1000_rps": per_request * 1000,
        }
    )


def _memory_metrics(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.DataFrame:
    parts = consumption[consumption["role"].isin(DATA_PLANE_ROLES)]
    replicas = parts.groupby("run_id").size()
    columns = {
        "data_plane_memory_bytes": _sum_known(parts, "mem_pss_bytes", ["run_id"]),
        "data_plane_working_set_bytes": _sum_known(parts, "mem_working_set_bytes", ["run_id"]),
        "memory_per_replica_bytes": _sum_known(parts, "mem_anon_bytes", ["run_id"]) / replicas,
        "rss_per_replica_bytes": _sum_known(parts, "mem_rss_bytes", ["run_id"]) / replicas,
    }
    table = pd.DataFrame(columns, dtype="float64").reindex(runs["run_id"]).set_axis(runs.index)
    table = table.mask(has_kernel_data_plane(runs))
    watched = runs["run_id"].isin(consumption["run_id"]) & ~runs["run_id"].isin(parts["run_id"])
    for name in ("data_plane_memory_bytes", "data_plane_working_set_bytes"):
        if table[name].notna().any():  # read at all: no data plane then takes none
            table[name] = table[name].mask(runs["is_baseline"] & table[name].isna() & watched, 0.0)
    return table


def _switches(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.Series:
    parts = consumption[consumption["role"].isin(("application", *DATA_PLANE_ROLES))]
    switches = _sum_known(parts, "ctx_switches", ["run_id"]).reindex(runs["run_id"])
    return switches.set_axis(runs.index) / _completed(runs)


def _node_cores(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.Series:
    """Return the cores of all nodes of a cluster; NaN in the lab, and where a node's account is unknown."""
    nodes = consumption[consumption["role"].eq("node") & consumption["node"].ne("")]
    return _sum_known(nodes, "cpu_cores", ["run_id"]).reindex(runs["run_id"]).set_axis(runs.index)


def main_latency(runs: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    """Return the latency rows that a run's figures come from, one for each run (same index), NaN where there is none.

    From the schedule; for a generator that cannot tell it, from the send (``latency_from`` says so, and is part of
    the circumstances, so that the two are never mixed). NaN too where nothing was answered, whatever was stored.
    """
    kind = runs["latency_from"].eq("send").map({True: "from_send", False: "from_schedule"})
    wanted = pd.MultiIndex.from_arrays([runs["run_id"], kind])
    table = latency.drop_duplicates(["run_id", "kind"]).set_index(["run_id", "kind"])
    return answered_latency(runs, table.reindex(wanted).set_axis(runs.index))


def wide_costs(runs: pd.DataFrame, consumption: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of the counted ``runs`` (same index) and a column for each of `COST_METRICS`."""
    main = main_latency(runs, latency)
    rest = {
        **{f"latency_{name}": main[name] for name in ("p50_s", "p90_s", "p99_s", "p999_s")},
        "node_cores": _node_cores(runs, consumption),
        "ctx_switches_per_request": _switches(runs, consumption),
        "error_ratio": runs["errors"] / attempts(runs).where(attempts(runs) > 0),
        "achieved_ratio": runs["achieved_rate_per_s"] / runs["rate_per_s"].where(runs["rate_per_s"].ne(NO_RATE)),
    }
    cpu = _cpu_metrics(runs, cpu_by_role(runs, consumption))
    return cpu.join(_memory_metrics(runs, consumption)).assign(**rest)[list(COST_METRICS)].astype("float64")


def long_costs(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Return ``wide`` as one row for each run and metric, with the columns `COST_COLUMNS`."""
    identity = [name for name in COST_COLUMNS if name not in ("metric", "value")]
    both = runs[identity].join(wide)
    return both.melt(id_vars=identity, var_name="metric", value_name="value")[COST_COLUMNS]


def costs(runs: pd.DataFrame, consumption: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    """Return what every counted run cost, one row for each run and metric.

    Parameters
    ----------
    runs, consumption, latency
        Frames of ``workbench.store.Store``; left as they are.

    Returns
    -------
    pandas.DataFrame
        Columns run_id, campaign_id, block, mesh, data_plane, is_baseline, workload (with those parameters that tell
        workloads apart), rate_per_s, metric (see `COST_METRICS`), value (in the metric's stored unit; NaN: unknown,
        or meaningless for this data plane). Finished runs only, one attempt for each cell of a block.

    Raises
    ------
    NothingToShowError
        When no run finished.
    BadInputError
        When a frame lacks a column.
    """
    counted = labelled(finished_runs(clean_runs(runs))[0])
    return long_costs(counted, wide_costs(counted, clean_consumption(consumption), clean_latency(latency)))


def wide_bill(runs: pd.DataFrame, cpu: pd.DataFrame) -> pd.DataFrame:
    """Return CPU seconds per request by role, a row for each of ``runs``; see `bill`."""
    shares = cpu.div(_completed(runs), axis=0)
    total = shares.sum(axis=1, skipna=False)
    kernel = has_kernel_data_plane(runs)
    ends = ["application", "load-generator"]
    base = baseline_rows(runs)
    level = pd.DataFrame({role: at_baseline(base, shares[role]) for role in ends})
    known = kernel & level.notna().all(axis=1) & total.notna()
    for role in ends:
        shares[role] = shares[role].where(~known, level[role])
    shares[KERNEL_ROLE] = np.where(known, total - shares.sum(axis=1, skipna=False), np.nan)
    return shares


def long_bill(runs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Return ``wide`` as one row for each run and role that takes part in it, with the columns `BILL_COLUMNS`."""
    identity = [name for name in BILL_COLUMNS if name not in ("role", "cpu_per_request_s")]
    both = runs[identity].assign(_kernel=has_kernel_data_plane(runs)).join(wide)
    long = both.melt(id_vars=[*identity, "_kernel"], var_name="role", value_name="cpu_per_request_s")
    proxy = long["role"].isin(DATA_PLANE_ROLES)
    absent = (proxy & long["cpu_per_request_s"].eq(0)) | (long["role"].eq(KERNEL_ROLE) & ~long["_kernel"])
    return long.loc[~absent, BILL_COLUMNS].reset_index(drop=True)


def bill(runs: pd.DataFrame, consumption: pd.DataFrame) -> pd.DataFrame:
    """Return who consumed a request's CPU time, one row for each run and role; a run's rows add up to its total.

    For data planes made of processes the roles stand as they were measured. A data plane inside the kernel has no
    process: its work is charged to the application and the load generator that send and receive. So its run shows
    those two at the level of the block's baseline run, and the rest of what was measured as the role ``"kernel"``:
    a difference of two noisy totals, which may be negative and is then shown as negative. Without a finished
    baseline in its block the roles stand as measured, and ``"kernel"`` is NaN.

    Parameters
    ----------
    runs, consumption
        Frames of ``workbench.store.Store``; left as they are.

    Returns
    -------
    pandas.DataFrame
        Columns run_id, campaign_id, block, mesh, workload, rate_per_s, role, cpu_per_request_s (NaN: unknown).
        Control plane, node and unattributed are not in it: their work does not follow the requests.

    Raises
    ------
    NothingToShowError
        When no run finished.
    BadInputError
        When a frame lacks a column.
    """
    counted = labelled(finished_runs(clean_runs(runs))[0])
    return long_bill(counted, wide_bill(counted, cpu_by_role(counted, clean_consumption(consumption))))
