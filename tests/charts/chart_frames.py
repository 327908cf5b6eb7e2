"""Small frames in the shape that the analysis gives, with figures like the lab's. Synthetic, for charts only."""

from __future__ import annotations

import numpy as np
import pandas as pd

ORDER = [
    "baseline",
    "cross-connect/local",
    "cross-connect/remote",
    "l4-sidecars",
    "node-tunnel",
    "node-l7",
    "l7-sidecars",
]
RATES = (293.0, 997.0)
_DATA_PLANE_CPU = {"l4-sidecars": 118e-6, "node-tunnel": 125e-6, "node-l7": 178e-6, "l7-sidecars": 386e-6}
_KERNEL_CPU = {"cross-connect/local": 4e-6, "cross-connect/remote": 21e-6}
_ROLE = {"node-tunnel": "node-proxy", "node-l7": "node-proxy"}


def _metrics(mesh: str, rate: float) -> dict[str, float]:
    slower = 1 + 0.35 * (997 - rate) / 700
    own = 100e-6 * slower
    proxy = _DATA_PLANE_CPU.get(mesh, np.nan) * slower
    kernel = _KERNEL_CPU.get(mesh, np.nan) * slower
    kernel_mesh = mesh in _KERNEL_CPU
    added = kernel if kernel_mesh else (0.0 if mesh == "baseline" else proxy)
    memory = {"l4-sidecars": 14.1, "node-tunnel": 14.3, "node-l7": 15.2, "l7-sidecars": 14.9}.get(mesh, np.nan) * 2**20
    return {
        "normalised_cpu": added / own,
        "cpu_per_request_s": own + added,
        "data_plane_cpu_per_request_s": 0.0 if mesh == "baseline" else proxy,
        "application_cpu_per_request_s": 40e-6 * slower,
        "latency_p50_s": (54 + 1.25e6 * added) * 1e-6,
        "latency_p90_s": (110 + 1.9e6 * added) * 1e-6,
        "latency_p99_s": (400 + 9e6 * added) * 1e-6,
        "latency_p999_s": (2400 + 11e6 * added) * 1e-6,
        "memory_per_replica_bytes": memory,
        "data_plane_memory_bytes": memory * (1 if mesh == "node-l7" else 2) * 1.9,
        "error_ratio": 0.0,
        "achieved_ratio": 1.0,
        "ctx_switches_per_request": 6.0 if mesh == "baseline" else 12.5,
    }


def costs(order: list[str] | None = None, blocks: int = 6, workloads: tuple[str, ...] = ("echo",)) -> pd.DataFrame:
    """The long frame of `workbench.analysis.costs`."""
    order, dice, rows = ORDER if order is None else order, np.random.default_rng(7), []
    for block in range(1, blocks + 1):
        for workload in workloads:
            for mesh, like in zip(order, ORDER, strict=False):
                for rate in RATES:
                    for metric, value in _metrics(like, rate).items():
                        rows.append(
                            {
                                "run_id": f"run-{block}-{mesh}-{rate:.0f}",
                                "campaign_id": "c1",
                                "block": block,
                                "mesh": mesh,
                                "data_plane": "sidecar",
                                "is_baseline": mesh == order[0],
                                "workload": workload,
                                "rate_per_s": rate,
                                "metric": metric,
                                "value": value * dice.lognormal(0, 0.3 if "p99" in metric else 0.08),
                            }
                        )
    return pd.DataFrame(rows)


def _summarised(long: pd.DataFrame) -> pd.DataFrame:
    keys = ["mesh", "workload", "rate_per_s", "metric"]
    table = long.groupby(keys, sort=False)["value"].agg(["median", "min", "max", "count"]).reset_index()
    table = table.rename(columns={"min": "low", "max": "high", "count": "blocks"})
    table["coverage"] = np.where(table["blocks"] > 1, 1 - 2.0 ** (1 - table["blocks"]), 0.0)
    table["method"] = "order statistics"
    table.loc[table["blocks"] < 2, ["low", "high"]] = np.nan
    return table


def summary(**options: object) -> pd.DataFrame:
    """As `Comparison.summary`."""
    return _summarised(costs(**options))  # type: ignore[arg-type]


def overhead(**options: object) -> pd.DataFrame:
    """As `Comparison.overhead`."""
    long = costs(**options)  # type: ignore[arg-type]
    keys = ["block", "workload", "rate_per_s", "metric"]
    base = long[long["is_baseline"]].set_index(keys)["value"]
    other = long[~long["is_baseline"]].copy()
    other["value"] -= base.loc[pd.MultiIndex.from_frame(other[keys])].to_numpy()
    return _summarised(other)


def bill_summary(order: list[str] | None = None, workloads: tuple[str, ...] = ("echo",)) -> pd.DataFrame:
    """As `Comparison.bill_summary`."""
    order, rows = ORDER if order is None else order, []
    for mesh, like in zip(order, ORDER, strict=False):
        for workload in workloads:
            for rate in RATES:
                slower = 1 + 0.35 * (997 - rate) / 700
                bill = {"application": 40e-6 * slower, "load-generator": 60e-6 * slower}
                if like in _DATA_PLANE_CPU:
                    bill[_ROLE.get(like, "sidecar")] = _DATA_PLANE_CPU[like] * slower
                if like in _KERNEL_CPU:
                    bill["kernel"] = _KERNEL_CPU[like] * slower
                for role, value in bill.items():
                    rows.append(
                        {
                            "mesh": mesh, "workload": workload, "rate_per_s": rate, "role": role,
                            "cpu_per_request_s": value, "low": value * 0.9, "high": value * 1.12,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def series(seconds: float = 10.0, order: tuple[str, ...] = ("baseline", "l7-sidecars")) -> pd.DataFrame:
    """As `Store.series`, with the column ``run`` for the drop-down."""
    dice, rows = np.random.default_rng(3), []
    parts = {"echo": ("application", 0.04), "load-generator": ("load-generator", 0.06)}
    proxies = {"client-sidecar": ("sidecar", 0.19), "echo-sidecar": ("sidecar", 0.2)}
    for mesh in order:
        for component, (role, cores) in (parts if mesh == "baseline" else {**parts, **proxies}).items():
            for step in range(int(seconds * 5)):
                rows.append(
                    {
                        "run": mesh, "time_s": step / 5, "component": component, "role": role,
                        "cpu_cores": np.nan if step == 0 else cores * dice.lognormal(0, 0.15),
                        "mem_pss_bytes": 20e6, "mem_anon_bytes": 14e6, "mem_rss_bytes": 60e6,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def runs(order: list[str] | None = None, blocks: int = 6) -> pd.DataFrame:
    """The columns of `Store.runs` that `noise` uses."""
    order, dice, rows = ORDER if order is None else order, np.random.default_rng(5), []
    start = pd.Timestamp("2026-11-23T04:12:00Z")
    for block in range(1, blocks + 1):
        for rate in RATES:
            for mesh in dice.permutation(order):
                start += pd.Timedelta(seconds=14)
                rows.append(
                    {
                        "run_id": f"run-{block}-{mesh}-{rate:.0f}", "mesh": mesh, "block": block, "rate_per_s": rate,
                        "started_at": start, "foreign_cores": abs(dice.normal(0.2, 0.2)), "cpus": 2,
                        "steal_ratio": abs(dice.normal(0.01, 0.02)), "psi_ratio": np.nan,
                        "status": "finished",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def latency(runs_frame: pd.DataFrame) -> pd.DataFrame:
    """As `Store.latency`: the send lag of each run."""
    dice = np.random.default_rng(6)
    return pd.DataFrame(
        [
            {"run_id": run, "kind": kind, "count": 900, "p50_s": 2e-5, "p99_s": dice.lognormal(-8, 0.5)}
            for run in runs_frame["run_id"]
            for kind in ("from_schedule", "send_lag")
        ]
    )
