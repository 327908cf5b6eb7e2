"""Campaigns to export: small, with real distributions, samples and every role that a document has a place for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy

from workbench.model.experiment import Experiment, Load, MeshSpec, Workload
from workbench.model.histograms import record
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, GateResult, LoadResult, MeshFacts, Noise, Run, Window
from workbench.store import CampaignWriter, Store

PARTS = (
    Component(name="echo", role="application", instance="11"),
    Component(name="client-sidecar", role="sidecar", instance="12"),
    Component(name="server-sidecar", role="sidecar", instance="13"),
    Component(name="controller", role="control-plane", instance="14"),
    Component(name="edge", role="gateway", instance="15"),
    Component(name="load-generator", role="load-generator", instance="16"),
)
FACTS = Facts(
    environment="lab",
    fingerprint="f00d",
    details={
        "machine": {"cpu": "A processor", "cpus": 2, "memory_gib": 23.4, "kernel": "6.1", "architecture": "x86_64"}
    },
)
EXPERIMENT = """name = "probe"
[[meshes]]
name = "l4-sidecars"
[load]
rates_per_s = [100]
"""


def facts_of(label: str) -> MeshFacts:
    without = label == "baseline"
    return MeshFacts(
        label=label,
        title="nothing" if without else "two proxies",
        data_plane="none" if without else "sidecar",
        layer="" if without else "L4",
        mtls=not without,
        archetype=True,
        shape_of=() if without else ("a mesh",),
        lacks=("a control plane",),
    )


def load_result(random: numpy.random.Generator, rate: float, duration: float) -> LoadResult:
    requests = int(rate * duration)
    times = random.lognormal(13, 0.5, requests)
    return LoadResult(
        generator="builtin",
        generator_version="1",
        arrival="constant",
        latency_from="schedule",
        asked_rate_per_s=rate,
        achieved_rate_per_s=rate * 1.001,
        requests=requests,
        errors=1,
        counts_by_status={"200": requests - 1, "timeout": 1},
        histograms={
            "from_schedule": record(times),
            "from_send": record(times * 0.9),
            "send_lag": record(random.integers(0, 90_000, requests)),
        },
        cpu_per_request_s=55e-6,
    )


def watch(writer, start: float, duration: float, parts) -> None:
    for moment in numpy.linspace(start, start + duration, 6):
        rows = [
            (
                float(moment),
                place,
                {
                    "cpu_time_s": 3.0 + 0.0123 * (1 + place) * (moment - start),
                    "mem_pss_bytes": 1e7 * (1 + place),
                    "mem_anon_bytes": 5e6 * (1 + place),
                    "mem_rss_bytes": 2e7 * (1 + place),
                },
            )
            for place in range(len(parts))
        ]
        writer.samples(parts, rows)


def make_campaign(data: Path, *, name: str = "probe", blocks: int = 2, failed: set[int] = frozenset()) -> str:
    """Write a finished campaign of baseline and one mesh; return its id."""
    experiment = Experiment(
        name=name,
        meshes=(MeshSpec(name="l4-sidecars"),),
        workloads=(Workload(payload_bytes=2048),),
        loads=(Load(rate_per_s=100.0, duration_s=2.0),),
        blocks=blocks,
    )
    plan, random = make_plan(experiment), numpy.random.default_rng(1)
    with CampaignWriter.create(data, plan, EXPERIMENT, FACTS) as campaign:
        for spec in plan.runs:
            writer, start = campaign.begin(spec, facts_of(spec.mesh.label)), time.time() - 60
            parts = PARTS if not spec.is_baseline else (PARTS[0], PARTS[-1])
            watch(writer, start, 2.0, parts)
            writer.raw("builtin/output.json", b"{}")
            writer.finish(finished(writer.run, start, random, spec.ordinal in failed))
        campaign.finish("finished")
    return campaign.campaign_id


def finished(run: Run, start: float, random: numpy.random.Generator, is_failed: bool) -> Run:
    if is_failed:
        return replace(run, status="failed", reason="the gate did not hold", started_at_s=start, ended_at_s=start + 1)
    return replace(
        run,
        status="finished",
        reason="",
        started_at_s=start - 1,
        ended_at_s=start + 3,
        window=Window(start_s=start, end_s=start + 2.0),
        load_result=load_result(random, 100.0, 2.0),
        gates=(GateResult(name="answer", passed=True, evidence="200"),),
        noise=Noise(psi_ratio=0.1, steal_ratio=0.01, foreign_cores=0.2, cpus=2),
    )


def comparable(store: Store, campaign_id: str) -> tuple:
    """Everything that a store tells of a campaign, but ids and provenance, for comparing two stores."""
    runs = store.runs(campaign_id=campaign_id)
    ids = list(runs["run_id"])
    frames = [
        runs.drop(columns=["provenance", "run_id", "campaign_id"]),
        *(
            frame.assign(run_id=frame["run_id"].map(ids.index))
            for frame in (store.consumption(ids), store.histograms(ids), store.latency(ids), store.gates(ids))
        ),
    ]
    return tuple(frame.to_dict("records").__repr__() for frame in frames)
