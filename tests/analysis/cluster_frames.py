"""Frames of runs on a cluster, made up like those of `frames_factory`, with bills that close: for tests only.

Two nodes; the load generator on one, the application and the control plane on the other. ``cluster_frames()`` returns
(runs, consumption, latency, reservations, sources).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from frames_factory import MIB, frames

Row = dict[str, Any]
RATE = 500.0
MESHES = ("baseline", "l4-sidecars", "l7-sidecars")

# role -> (component, node, cores at RATE, MiB), by mesh
_BASE = (
    ("client/fortio", "load-generator", "node-1", 0.10, 40),
    ("server/app", "application", "node-2", 0.20, 30),
    ("kube-system/dns/dns", "system", "node-2", 0.02, 20),
    ("node-1, kubelet", "system", "node-1", 0.03, 80),
)
_MESH = {
    "baseline": (),
    "l4-sidecars": (
        ("client/proxy", "sidecar", "node-1", 0.10, 50),
        ("server/proxy", "sidecar", "node-2", 0.12, 50),
        ("control/app", "control-plane", "node-2", 0.01, 90),
    ),
    "l7-sidecars": (
        ("client/proxy", "sidecar", "node-1", 0.20, 60),
        ("server/proxy", "sidecar", "node-2", 0.24, 60),
        ("control/app", "control-plane", "node-2", 0.02, 200),
    ),
}
RESIDUAL = {"node-1": 0.01, "node-2": 0.02}
"""Cores that no part is charged with."""


def _row(run: Row, component: str, role: str, node: str, cores: float, mib: float) -> Row:
    return {
        "run_id": run["run_id"], "component": component, "role": role, "node": node, "cpu_s": cores * run["window_s"],
        "cpu_cores": cores, "mem_pss_bytes": np.nan, "mem_anon_bytes": np.nan, "mem_rss_bytes": mib * MIB,
        "mem_working_set_bytes": mib * MIB, "ctx_switches": np.nan, "cpu_throttled_s": np.nan, "samples": 8,
    }  # fmt: skip


def _run_rows(run: Row, residual: dict[str, float]) -> list[Row]:
    parts = [*_BASE, *_MESH[run["mesh"]]]
    rows = [_row(run, *part) for part in parts]
    for node, left in residual.items():
        used = sum(part[3] for part in parts if part[2] == node)
        rows.append(_row(run, node, "node", node, used + left, 900))
        rows.append(_row(run, f"{node}, unattributed", "unattributed", node, left, np.nan))
    return rows


def cluster_frames(*, blocks: int = 3, residual: dict[str, float] | None = None) -> tuple[pd.DataFrame, ...]:
    """Return frames of one synthetic campaign on a cluster; ``residual``: node -> cores that nobody is charged with."""
    runs, _, latency = frames(meshes=MESHES, rates=(RATE,), blocks=blocks)
    runs = runs.assign(environment="kubernetes", archetype=False)
    left = RESIDUAL if residual is None else residual
    consumption = pd.DataFrame([row for run in runs.to_dict("records") for row in _run_rows(run, left)])
    named = consumption[
        ~consumption["role"].isin(["node", "unattributed"]) & ~consumption["component"].str.contains(",")
    ]
    reservations = named[["run_id", "component", "role", "node"]].assign(
        cpu_request_cores=0.25, cpu_limit_cores=np.nan, memory_request_bytes=128.0 * MIB, memory_limit_bytes=256.0 * MIB
    )
    nothing = reservations["role"].eq("application")
    reservations.loc[nothing, ["cpu_request_cores", "memory_request_bytes", "memory_limit_bytes"]] = np.nan
    sources = pd.DataFrame(
        [
            {"run_id": run_id, "node": node, "source": "kubelet", "place": "the kubelets", "coarse": False,
             "readings": 6, "interval_s": 10.0, "reach_s": 8.0, "why": "", "doubt": ""}
            for run_id in runs["run_id"] for node in left
        ]
    )  # fmt: skip
    return runs, consumption, latency, reservations.reset_index(drop=True), sources
