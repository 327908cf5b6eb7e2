"""A campaign of four meshes on a cluster of two nodes, written by the store's own writer: **made up, not measured**.

Its provenance is ``"synthetic"``, so everything that shows it says so. The levels are round numbers of a plausible
shape, nobody's measurement; they exist to see what a report of a cluster looks like.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench import adapters
from workbench.model import histograms
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, RunSpec, Workload
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, GateResult, LoadResult, Noise, Reserved, Run, SourceUse, Window
from workbench.store import CampaignWriter

QUESTION = "What does the same application consume on Istio, Linkerd, Consul and Network Service Mesh, and on none?"
MIB = 2.0**20
DURATION_S = 60.0

FACTS = Facts(
    environment="kubernetes",
    fingerprint="c1a55e55",
    details={
        "cluster": {"context": "made-up", "kubernetes": "v1.34.4", "network": ["kindnet (kindnetd:1)"]},
        "nodes": [
            {"name": node, "type": "none", "cores": "4", "memory": "16Gi", "kernel": "6.1", "architecture": "amd64",
             "kubelet": "v1.34.4", "cgroup": "v2"}
            for node in ("node-1", "node-2")
        ],
        "telemetry": {"source": "kubelet", "place": "the kubelets", "why": ""},
    },
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A container: µs of CPU for one request, idle cores, MiB, and (cores, MiB) requested; None: nothing."""

    name: str
    role: str
    node: str
    micros: float
    idle: float
    mib: float
    requested: tuple[float, float] | None


SERVER, CLIENT = "node-2", "node-1"
COMMON = (
    Part("client/fortio", "load-generator", CLIENT, 110, 0.0, 40, (0.1, 64)),
    Part("server/echo", "application", SERVER, 95, 0.0, 32, (0.1, 64)),
    Part("kube-system/coredns-a/coredns", "system", SERVER, 0, 0.004, 24, (0.1, 70)),
    Part("kube-system/kindnet-a/kindnet-cni", "system", CLIENT, 0, 0.003, 20, (0.1, 50)),
    Part("node-1, kubelet", "system", CLIENT, 4, 0.03, 90, None),
    Part("node-2, kubelet", "system", SERVER, 4, 0.03, 90, None),
)


def _sidecars(container: str, micros: float, mib: float, requested: tuple[float, float] | None) -> tuple[Part, ...]:
    return (
        Part(f"client/{container}", "sidecar", CLIENT, micros, 0.002, mib, requested),
        Part(f"server/{container}", "sidecar", SERVER, micros, 0.002, mib, requested),
    )


def _on_both(
    name: str, micros: float, idle: float, mib: float, requested: tuple[float, float] | None
) -> tuple[Part, ...]:
    return tuple(
        Part(f"{name}-{node[-1]}/{name}", "node-proxy", node, micros, idle, mib, requested) for node in (CLIENT, SERVER)
    )


def _control(name: str, idle: float, mib: float, requested: tuple[float, float] | None) -> Part:
    return Part(name, "control-plane", SERVER, 0, idle, mib, requested)


BROUGHT: dict[str, tuple[Part, ...]] = {
    "baseline": (),
    "istio/equal": (
        *_sidecars("istio-proxy", 300, 62, (0.1, 128)),
        _control("istiod/discovery", 0.004, 110, (0.5, 2048)),
    ),
    "istio/ambient-equal": (
        *_on_both("ztunnel", 120, 0.002, 28, (0.2, 512)),
        _control("istiod/discovery", 0.004, 105, (0.5, 2048)),
        *(_control(f"istio-cni-{node}/install-cni", 0.001, 40, (0.1, 100)) for node in "ab"),
    ),
    "linkerd/equal": (
        *_sidecars("linkerd-proxy", 150, 14, (0.1, 20)),
        *(_control(f"linkerd-{one}/{one}", 0.003, 36, None) for one in ("destination", "identity", "injector")),
    ),
    "consul/equal": (
        *_sidecars("consul-dataplane", 250, 70, (0.1, 100)),
        _control("consul-server-0/consul", 0.03, 140, (0.1, 200)),
        _control("consul-connect-injector/sidecar-injector", 0.004, 50, (0.05, 200)),
    ),
    "nsm/equal": (
        *_sidecars("cmd-nsc", 1, 22, None),
        *_on_both("forwarder", 8, 0.01, 70, (0.15, 40)),
        *_on_both("nsmgr", 1, 0.01, 60, (0.2, 100)),
        *(_control(one, 0.006, 40, None) for one in ("registry/registry", "spire-server-0/spire-server")),
    ),
}
P50 = {"baseline": 320, "istio/equal": 950, "istio/ambient-equal": 620, "linkerd/equal": 700, "consul/equal": 860,
       "nsm/equal": 410}  # fmt: skip
KERNEL_MICROS = {"nsm/equal": 70}
"""µs of a request that the kernel burns on either node and no container is charged with; 12 without an entry."""


def components(label: str) -> dict[Component, float]:
    """Return the watched parts of a mesh and the cores that each burns at one request a second."""
    found = {}
    for part in (*COMMON, *BROUGHT[label]):
        reserved = None
        if "," not in part.name:
            cores, mib = part.requested or (None, None)
            asked = None if mib is None else mib * MIB
            reserved = Reserved(cpu_request_cores=cores, memory_request_bytes=asked, memory_limit_bytes=asked)
        found[Component(name=part.name, role=part.role, node=part.node, reserved=reserved)] = part  # type: ignore[arg-type]
    return found  # type: ignore[return-value]


def _rows(spec: RunSpec, start: float, mood: float) -> tuple[tuple[Component, ...], list[Any]]:
    label, rate, columns, rows = spec.mesh.label, spec.load.rate_per_s, [], []
    cores: dict[str, float] = dict.fromkeys((CLIENT, SERVER), 0.0)
    for component, part in components(label).items():
        used = (part.micros * 1e-6 * rate + part.idle) * mood  # type: ignore[attr-defined]
        cores[component.node] += used
        columns.append((component, used, part.mib * MIB))  # type: ignore[attr-defined]
    for node, used in cores.items():
        left = KERNEL_MICROS.get(label, 12) * 1e-6 * rate + 0.005
        columns.append((Component(name=f"{node}, unattributed", role="unattributed", node=node), left, None))
        columns.append((Component(name=node, role="node", node=node), used + left, 2e9))
    for step in range(7):
        at = step * DURATION_S / 6
        for place, (_, used, memory) in enumerate(columns):
            values = {"cpu_time_s": 50.0 + used * at}
            if memory:
                values |= {"mem_working_set_bytes": memory, "mem_anon_bytes": memory * 0.9}
            rows.append((start + at, place, values))
    return tuple(one for one, _, _ in columns), rows


def _result(spec: RunSpec, dice: np.random.Generator, mood: float) -> LoadResult:
    count = int(spec.load.rate_per_s * DURATION_S)
    sent = dice.lognormal(np.log(P50[spec.mesh.label] * mood * 1e3), 0.4, min(count, 6000)).astype(np.int64)
    return LoadResult(
        generator="fortio",
        generator_version="1.75.2",
        arrival="constant",
        latency_from="send",
        asked_rate_per_s=spec.load.rate_per_s,
        achieved_rate_per_s=spec.load.rate_per_s * 0.9995,
        requests=count,
        errors=0,
        counts_by_status={"200": count},
        histograms={"from_send": histograms.record(sent)},
    )


def _finished(run: Run, start: float, dice: np.random.Generator, mood: float) -> Run:
    uses = tuple(
        SourceUse(source="kubelet", place="the kubelets", node=node, readings=6, interval_s=10.0, reach_s=7.0)
        for node in (CLIENT, SERVER)
    )
    return replace(
        run,
        status="finished",
        reason="",
        provenance="synthetic",
        window=Window(start_s=start, end_s=start + DURATION_S),
        ended_at_s=start + DURATION_S,
        load_result=_result(run.spec, dice, mood),
        gates=(GateResult(name="one call is answered 200", passed=True, evidence="made up"),),
        noise=Noise(foreign_cores=0.1, cpus=8),
        sources=uses,
    )


def write_cluster_campaign(data: Path, *, blocks: int = 3, rates: tuple[float, ...] = (100.0, 500.0)) -> str:
    """Write the campaign and return its id."""
    specs = tuple(MeshSpec(name=one.partition("/")[0], profile=one.partition("/")[2] or "default") for one in BROUGHT)
    experiment = Experiment(
        name="four-meshes",
        question=QUESTION,
        environment=EnvironmentSpec(name="kubernetes"),
        meshes=specs,
        workloads=(Workload(name="echo", payload_bytes=1024),),
        loads=tuple(Load(rate_per_s=rate, duration_s=DURATION_S, generator="fortio") for rate in rates),
        blocks=blocks,
    )
    dice, start, plan = np.random.default_rng(3), time.time() - 86_400, make_plan(experiment)
    with CampaignWriter.create(data, plan, 'name = "four-meshes"\n', FACTS) as campaign:
        for spec in plan.runs:
            start, mood = start + 90.0, float(dice.lognormal(0, 0.04))
            facts = adapters.load("meshes", spec.mesh.name).facts(spec.mesh)
            writer = campaign.begin(spec, facts)
            writer.samples(*_rows(spec, start, mood))
            writer.finish(_finished(writer.run, start, dice, mood))
        campaign.finish("finished", "")
        return campaign.campaign_id
