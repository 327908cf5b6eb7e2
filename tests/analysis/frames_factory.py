"""Frames as ``workbench.store.Store`` gives them, made up: for tests of analysis, charts and report.

``frames()`` returns (runs, consumption, latency) of one campaign: seven data planes at 293 and 997 requests/s in three
blocks, 42 runs, seeded. The levels are those measured in the lab (fact sheet, sections 1 and 6), with a mood common
to each block and scatter of each run on top, so that everything looks as real frames do; ``provenance`` is
``"synthetic"``. Keyword arguments change what a test needs:

    frames(blocks=6)                                  more blocks
    frames(meshes=("baseline", "l7-sidecars"))        fewer data planes
    frames(noisy={4, 9}, failed={7: "gate ..."})      by ordinal: noisy runs, failed runs with their reason
    frames(extra=5)                                   more, invented, data planes

Columns are exactly those of the store; a column added there must be added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MIB = 2**20
Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """Levels of one data plane at 997/s: CPU per request in µs, latency in µs, proxies by role."""

    title: str
    data_plane: str
    layer: str = ""
    mtls: bool = False
    tax: float = 0.0  # data-plane CPU over application + load generator
    ends: float = 90.0  # application + load generator, µs a request
    p50: float = 60.0  # µs
    tail: float = 4.0  # p99 / p50
    proxies: tuple[tuple[str, str], ...] = ()  # component, role
    shape_of: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    profile: str = "default"


LACKS = ("a control plane", "iptables redirection", "xDS")
PAIR = (("client-sidecar", "sidecar"), ("echo-sidecar", "sidecar"))
SHAPES: dict[str, Shape] = {
    "baseline": Shape("Nothing: the load generator dials the application", "none"),
    "cross-connect": Shape(
        "The kernel: veth, forwarder namespace, veth", "kernel", "L3", ends=92, p50=61,
        shape_of=("Network Service Mesh",), lacks=("a control plane", "a real network card"), profile="local",
    ),
    "cross-connect/remote": Shape(
        "The kernel: the same with a VXLAN between", "kernel", "L3", ends=103, p50=72,
        shape_of=("Network Service Mesh",), lacks=("a control plane", "a real network card"), profile="remote",
    ),
    "l4-sidecars": Shape(
        "Two Envoys, tcp_proxy, mTLS", "sidecar", "L4", True, 1.34, 105, 210, 6, PAIR, ("Consul's default",), LACKS,
    ),
    "node-tunnel": Shape(
        "Two Envoys per node, HTTP/2 CONNECT over mTLS", "node-proxy", "L4", True, 1.54, 104, 235, 5,
        (("client-node", "node-proxy"), ("server-node", "node-proxy")), ("Istio ambient's ztunnel",), LACKS,
    ),
    "node-l7": Shape(
        "One shared L7 Envoy", "node-proxy", "L7", False, 1.85, 100, 285, 5, (("node", "node-proxy"),),
        ("a per-node L7 proxy",), LACKS,
    ),
    "l7-sidecars": Shape(
        "Two Envoys, HTTP filters both sides, mTLS", "sidecar", "L7", True, 4.02, 108, 540, 7, PAIR,
        ("Istio's sidecar mode", "Linkerd"), LACKS,
    ),
}  # fmt: skip
RATES = (293.0, 997.0)


def shapes(extra: int = 0) -> dict[str, Shape]:
    """Return the data planes by label, with ``extra`` invented ones that cost ever more."""
    more = {
        f"invented-{place}": Shape(
            f"Invention {place}", "sidecar", "L7", True, 2 + 0.4 * place, 105, 300 + 20 * place, 6, PAIR
        )
        for place in range(extra)
    }
    return {**SHAPES, **more}


def _mood(seed: int, rate: float, *path: int) -> float:
    """Return a factor near 1 for a block or run, the same for the same seed and path."""
    random = np.random.default_rng([seed, int(rate), *path])
    return float(np.exp(random.normal(0, 0.12 if len(path) == 1 else 0.03)))


def _run(campaign: str, ordinal: int, block: int, label: str, shape: Shape, rate: float, **given: Any) -> Row:
    duration = given["duration_s"]
    requests = round(rate * duration)
    start = pd.Timestamp("2026-11-22T04:00:00Z") + pd.Timedelta(seconds=4 * ordinal)
    noisy = "the hypervisor took 12% of the CPU time (limit 5%)" if given["noisy"] else ""
    return {
        "run_id": f"{campaign}-{ordinal:04d}", "campaign_id": campaign, "experiment": "quick", "ordinal": ordinal,
        "block": block, "attempt": 1, "is_baseline": label == "baseline", "mesh": label,
        "mesh_name": label.split("/")[0], "profile": shape.profile, "mesh_title": shape.title,
        "data_plane": shape.data_plane, "layer": shape.layer, "mtls": shape.mtls, "archetype": label != "baseline",
        "shape_of": list(shape.shape_of), "lacks": list(shape.lacks), "workload": "echo", "payload_bytes": 1024,
        "server_delay_s": 0.0, "fan_out": 1, "rate_per_s": rate, "duration_s": duration, "warmup_s": 1.0,
        "connections": 16, "protocol": "http/1.1", "arrival": "constant", "generator": "builtin",
        "generator_version": "1", "latency_from": "schedule", "environment": "lab", "fingerprint": "5af3c1d2",
        "status": "finished", "reason": "", "provenance": "synthetic", "started_at": start, "window_s": duration,
        "requests": requests, "errors": 0, "asked_failing_low": 0.0, "asked_failing_high": 0.0,
        "achieved_rate_per_s": rate * 1.0001,
        "generator_cpu_per_request_s": 50e-6, "limited": "", "psi_ratio": 0.08 if not noisy else 0.4,
        "steal_ratio": 0.01 if not noisy else 0.12, "foreign_cores": 0.2, "cpus": 2, "noisy": noisy,
    }  # fmt: skip


def _part(run_id: str, name: str, role: str, cpu_s: float, duration: float, pss_mib: float) -> Row:
    return {
        "run_id": run_id, "component": name, "role": role, "node": "", "cpu_s": cpu_s, "cpu_cores": cpu_s / duration,
        "mem_pss_bytes": pss_mib * MIB, "mem_anon_bytes": pss_mib * 0.55 * MIB, "mem_rss_bytes": pss_mib * 2.4 * MIB,
        "mem_working_set_bytes": np.nan, "ctx_switches": cpu_s / 40e-6,
        "cpu_throttled_s": np.nan, "samples": int(duration * 5) + 2,
    }  # fmt: skip


def _consumption(run: Row, shape: Shape, mood: float, scatter: list[float]) -> list[Row]:
    seconds = run["requests"] * 1e-6 * mood * (1.45 if run["rate_per_s"] < 500 else 1.0)
    ends, name, span = shape.ends * scatter[0], run["run_id"], run["duration_s"]
    rows = [
        _part(name, "echo", "application", 0.45 * ends * seconds, span, 16),
        _part(name, "load-generator", "load-generator", 0.55 * ends * seconds, span, 30),
    ]
    proxy = shape.tax * scatter[1] * ends * seconds / max(len(shape.proxies), 1)
    rows += [_part(name, part, role, proxy, span, 27 * scatter[2]) for part, role in shape.proxies]
    rows.append(_part(name, "node", "node", 2 * ends * seconds + 0.4 * span, span, 900))
    return rows


def _latency(run: Row, shape: Shape, mood: float, scatter: list[float]) -> list[Row]:
    p50 = shape.p50 * 1e-6 * mood * scatter[3] * (1.3 if run["rate_per_s"] < 500 else 1.0)
    p99 = p50 * shape.tail * scatter[4] ** 8
    lag = 40e-6 * scatter[5]
    levels = {"from_schedule": (p50 + lag, p99 + lag), "from_send": (p50, p99), "send_lag": (lag, lag * 3)}
    return [
        {
            "run_id": run["run_id"], "kind": kind, "count": run["requests"], "p50_s": middle,
            "p75_s": middle ** 0.8 * far ** 0.2, "p90_s": middle ** 0.6 * far ** 0.4, "p99_s": far, "p999_s": far * 1.6,
            "low_s": middle * 0.6, "high_s": far * 2.5,
        }
        for kind, (middle, far) in levels.items()
    ]  # fmt: skip


def frames(
    *,
    blocks: int = 3,
    meshes: tuple[str, ...] | None = None,
    rates: tuple[float, ...] = RATES,
    campaign: str = "20261122T040000-quick-7f3a",
    seed: int = 1,
    duration_s: float = 10.0,
    noisy: frozenset[int] | set[int] = frozenset(),
    failed: dict[int, str] | None = None,
    extra: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return runs, consumption and latency of one synthetic campaign; see the module."""
    all_shapes = shapes(extra)
    chosen = meshes or tuple(all_shapes)
    runs: list[Row] = []
    parts: list[Row] = []
    latencies: list[Row] = []
    cells = [(block, label, rate) for block in range(1, blocks + 1) for label in chosen for rate in rates]
    for ordinal, (block, label, rate) in enumerate(cells, start=1):
        shape = all_shapes[label]
        run = _run(campaign, ordinal, block, label, shape, rate, duration_s=duration_s, noisy=ordinal in noisy)
        place = list(all_shapes).index(label)
        mood, scatter = _mood(seed, rate, block), [_mood(seed, rate, block, place, kind) for kind in range(6)]
        reason = (failed or {}).get(ordinal)
        if reason is None:
            parts += _consumption(run, shape, mood, scatter)
            latencies += _latency(run, shape, mood, scatter)
        else:
            run.update(status="failed", reason=reason, requests=np.nan, errors=np.nan, achieved_rate_per_s=np.nan)
        runs.append(run)
    return pd.DataFrame(runs), pd.DataFrame(parts), pd.DataFrame(latencies)
