"""What the store's tests are made of: plans, runs and campaigns, small and synthetic."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from workbench.model.experiment import Experiment, Load, MeshSpec, Plan
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, MeshFacts, Run, Status, Window
from workbench.store import CampaignWriter, RunWriter

PARTS = (
    Component(name="backend", role="application", instance="11"),
    Component(name="backend-sidecar", role="sidecar", instance="12"),
    Component(name="load-generator", role="load-generator", instance="13"),
)

FACTS = Facts(environment="lab", fingerprint="f00d", details={"cpus": 2, "kernel": "6.1"})


def small_plan(name: str = "probe", blocks: int = 2, question: str = "") -> Plan:
    """A plan of baseline and one mesh."""
    experiment = Experiment(
        name=name,
        question=question,
        meshes=(MeshSpec(name="l4-sidecars"),),
        loads=(Load(rate_per_s=100.0, duration_s=2.0),),
        blocks=blocks,
    )
    return make_plan(experiment)


def mesh_facts(label: str) -> MeshFacts:
    """Facts of an archetype."""
    return MeshFacts(
        label=label,
        title="two proxies",
        data_plane="none" if label == "baseline" else "sidecar",
        layer="" if label == "baseline" else "L4",
        mtls=label != "baseline",
        archetype=True,
        shape_of=() if label == "baseline" else ("Consul",),
        lacks=("a control plane",),
    )


def watch(writer: RunWriter, start: float, ticks: int = 11, step: float = 0.2) -> None:
    """Samples of all parts: CPU rises by 10 % of a core times (1 + position), memory is constant."""
    for tick in range(ticks):
        now = start + tick * step
        rows = [
            (
                now,
                position,
                {
                    "cpu_time_s": 5.0 + 0.1 * (1 + position) * (now - start),
                    "mem_pss_bytes": 1e6 * (1 + position) + tick,
                    "ctx_switches": 10.0 * tick,
                },
            )
            for position in range(len(PARTS))
        ]
        writer.samples(PARTS, rows)


def finished(writer: RunWriter, start: float, status: Status = "finished") -> Run:
    """The run's record, measured from ``start`` for two seconds."""
    return replace(
        writer.run,
        status=status,
        reason="" if status == "finished" else "for a test",
        provenance="synthetic",
        window=Window(start_s=start, end_s=start + 2.0),
        ended_at_s=start + 2.5,
    )


def one_run(campaign: CampaignWriter, place: int = 0, status: Status = "finished") -> str:
    """Carry out one run of the plan; returns its id."""
    spec = campaign.campaign.plan.runs[place]
    writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
    start = time.time()
    watch(writer, start)
    writer.raw("builtin/output.json", b"{}")
    writer.finish(finished(writer, start, status))
    return writer.run_id


def new_campaign(data: Path, campaign_id: str | None = None, blocks: int = 2) -> CampaignWriter:
    """A campaign of `small_plan`."""
    return CampaignWriter.create(data, small_plan(blocks=blocks), 'name = "probe"\n', FACTS, campaign_id=campaign_id)
