"""A real store for the report's tests: run folders written by the store's own writer, with made-up numbers.

Levels come from the analysis' frames factory; provenance is ``"synthetic"`` unless asked otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from frames_factory import SHAPES, Shape

from workbench.model import histograms
from workbench.model.experiment import Experiment, Load, MeshSpec, RunSpec
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, GateResult, LoadResult, MeshFacts, Noise, Run, Window
from workbench.store import CampaignWriter

FACTS = Facts(
    environment="lab",
    fingerprint="5af3c1d2",
    details={
        "machine": {"cpu": "A processor", "cpus": 2, "kernel": "6.1", "governor": None},
        "software": {"python": "3.11.7", "envoy": {"version": "1.40.0", "sha256": "ab" * 32}},
    },
)
QUESTION = "What does each kind of data plane cost the application?"
MIB = 2**20


def _facts(label: str, shape: Shape) -> MeshFacts:
    return MeshFacts(
        label=label,
        title=shape.title,
        data_plane=shape.data_plane,
        layer=shape.layer,
        mtls=shape.mtls,
        archetype=shape.data_plane != "none",
        shape_of=shape.shape_of,
        lacks=shape.lacks,
    )


def _load_result(spec: RunSpec, shape: Shape, dice: np.random.Generator) -> LoadResult:
    count = int(spec.load.rate_per_s * spec.load.duration_s)
    sent = dice.lognormal(np.log(shape.p50 * 1e3), 0.5, count).astype(np.int64)
    lag = dice.lognormal(np.log(40e3), 0.4, count).astype(np.int64)
    return LoadResult(
        generator="builtin",
        generator_version="1",
        arrival="constant",
        latency_from="schedule",
        asked_rate_per_s=spec.load.rate_per_s,
        achieved_rate_per_s=spec.load.rate_per_s * 1.0001,
        requests=count,
        errors=0,
        counts_by_status={"200": count},
        histograms={
            "from_schedule": histograms.record(sent + lag),
            "from_send": histograms.record(sent),
            "send_lag": histograms.record(lag),
        },
        cpu_per_request_s=50e-6,
    )


def _parts(shape: Shape) -> dict[Component, float]:
    """Watched parts and the µs of CPU that each burns for one request; the node sees all of it and more."""
    parts = {
        Component(name="echo", role="application"): 0.45 * shape.ends,
        Component(name="load-generator", role="load-generator"): 0.55 * shape.ends,
        Component(name="node", role="node"): 3 * shape.ends,
    }
    for name, role in shape.proxies:
        parts[Component(name=name, role=role)] = shape.tax * shape.ends / len(shape.proxies)  # type: ignore[arg-type]
    return parts


def _finished(run: Run, start: float, shape: Shape, dice: np.random.Generator, provenance: Any) -> Run:
    gates = [GateResult(name="the right answer through the whole chain", passed=True, evidence="200, 1024 bytes")]
    if shape.mtls:
        gates.append(GateResult(name="a plaintext call is refused", passed=True, evidence="connection reset"))
    return replace(
        run,
        status="finished",
        reason="",
        provenance=provenance,
        window=Window(start_s=start, end_s=start + run.spec.load.duration_s),
        ended_at_s=start + run.spec.load.duration_s,
        load_result=_load_result(run.spec, shape, dice),
        gates=tuple(gates),
        noise=Noise(psi_ratio=None, steal_ratio=0.01, foreign_cores=float(dice.uniform(0, 0.4)), cpus=2),
    )


def write_campaign(
    data: Path,
    *,
    name: str = "quick",
    question: str = QUESTION,
    blocks: int = 2,
    meshes: Mapping[str, MeshSpec] | None = None,
    rates: tuple[float, ...] = (293.0, 997.0),
    duration_s: float = 2.0,
    failing: str = "",
    reason: str = "gate mtls: a plaintext call was answered",
    provenance: str = "synthetic",
    toml: str = "",
    bystanders: int = 0,
    readings: int = 0,
) -> str:
    """Write one campaign and return its id.

    ``meshes`` maps a shape of the factory to how the experiment writes it; ``failing`` names a label whose runs in
    the first block fail for ``reason``; ``bystanders`` are more watched parts that take no part in a request, read
    ``readings`` times each.
    """
    chosen = meshes or {label: _as_spec(label) for label in SHAPES}
    experiment = Experiment(
        name=name,
        question=question,
        meshes=tuple(chosen.values()),
        loads=tuple(Load(rate_per_s=rate, duration_s=duration_s) for rate in rates),
        blocks=blocks,
    )
    shapes = {spec.label: SHAPES[label] for label, spec in chosen.items()}
    dice, start = np.random.default_rng(11), time.time() - 3600
    plan = make_plan(experiment)
    with CampaignWriter.create(data, plan, toml or f'name = "{name}"\n', FACTS) as campaign:
        for spec in plan.runs:
            label, start = spec.mesh.label, start + duration_s + 1
            shape = shapes[label]
            writer = campaign.begin(spec, _facts(label, shape))
            if label == failing and spec.block == 1:
                gates = (GateResult(name="a plaintext call is refused", passed=False, evidence="it got 200"),)
                writer.finish(replace(writer.run, status="failed", reason=reason, gates=gates, provenance=provenance))
                continue
            _watch(writer, start, spec, shape, dice)
            _watch_bystanders(writer, start, duration_s, bystanders, readings)
            writer.finish(_finished(writer.run, start, shape, dice, provenance))
        campaign.finish("finished", "")
        return campaign.campaign_id


def _as_spec(label: str) -> MeshSpec:
    name, _, profile = label.partition("/")
    return MeshSpec(name=name, profile=profile or "default")


def _watch(writer: Any, start: float, spec: RunSpec, shape: Shape, dice: np.random.Generator) -> None:
    costs = _parts(shape)
    factor = {part: spec.load.rate_per_s * micros * 1e-6 * dice.lognormal(0, 0.03) for part, micros in costs.items()}
    steps = int(spec.load.duration_s * 5)
    rows = [
        (
            start + step / 5,
            position,
            {
                "cpu_time_s": 1.0 + cores * step / 5,
                "mem_pss_bytes": 27.0 * MIB,
                "mem_anon_bytes": 14.0 * MIB,
                "mem_rss_bytes": 65.0 * MIB,
                "ctx_switches": 100.0 * step,
            },
        )
        for step in range(steps + 1)
        for position, cores in enumerate(factor.values())
    ]
    writer.samples(tuple(costs), rows)


def _watch_bystanders(writer: Any, start: float, duration_s: float, parts: int, readings: int) -> None:
    """Eight values a row, so that a benchmark can have many samples."""
    components = tuple(Component(name=f"control-{number}", role="control-plane") for number in range(parts))
    for reading in range(readings):
        share = reading / max(readings - 1, 1)
        values = {
            "cpu_time_s": share,
            "mem_pss_bytes": 27.0 * MIB + reading,
            "mem_anon_bytes": 14.0 * MIB,
            "mem_rss_bytes": 65.0 * MIB,
            "mem_working_set_bytes": 60.0 * MIB,
            "ctx_switches": 100.0 * reading,
            "net_rx_bytes": 1e4 * reading,
            "net_tx_bytes": 1e4 * reading,
        }
        writer.samples(components, [(start + duration_s * share, position, values) for position in range(parts)])
