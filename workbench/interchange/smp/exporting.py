"""A run as the specification's four documents, linked by their ids.

What the specification has a field for goes there, in its unit: latency in milliseconds, CPU in thousandths of a core,
memory in MB, both whole numbers. What it has no field for stands in ``labels`` under the prefix ``workbench.``, and the
whole record behind ``details_uri``. What is unknown is left out, and named in the label ``workbench.unknown``: proto3
itself cannot tell 0 from unknown.

The data plane's proxies are ``sidecar`` whatever they are, with their roles in a label: the specification knows no node
proxies and no waypoints. The control plane is ``mesh_control_plane``, application and load generator are
``individual_workloads``: those are the places that it has for consumption.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from workbench import __version__
from workbench.fields import toml_value
from workbench.interchange.smp import SMP_VERSION
from workbench.interchange.smp.canonical import NS
from workbench.interchange.smp.fields import RANGES
from workbench.interchange.smp.messages import (
    Client,
    EnvironmentConfig,
    IndividualWorkload,
    IngressGateway,
    Latency,
    MeshControlPlane,
    PerformanceTestConfig,
    PerformanceTestResult,
    Protocol,
    ServiceMesh,
    ServiceMeshConfig,
    Sidecar,
)
from workbench.interchange.smp.naming import mesh_type
from workbench.interchange.smp.surroundings import kubernetes_version, nodes_of, surrounding_labels
from workbench.model.histograms import buckets, quantiles
from workbench.model.lab_steps import CONTROL_ROLES, DATA_PLANE_ROLES
from workbench.model.records import Facts, Run

PREFIX = "workbench."
EXPORTER = "mesh-workbench"

_MCORES, _MB, _MS = 1000, 1e6, 1e3
_MEMORY = ("mem_working_set_bytes", "mem_pss_bytes", "mem_rss_bytes")
"""Memory metric for ``mem_mb``, the first that is known; a label says which."""

_FIGURES = {"p50_s": 0.5, "p75_s": 0.75, "p90_s": 0.9, "p95_s": 0.95, "p99_s": 0.99, "p999_s": 0.999, "p9999_s": 0.9999}

Part = Mapping[str, Any]
"""A row of the consumption frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocuments:
    """The four documents of a run."""

    test: PerformanceTestConfig
    result: PerformanceTestResult
    mesh: ServiceMeshConfig
    environment: EnvironmentConfig


def documents_of(run: Run, parts: Sequence[Part], facts: Facts, details_uri: str) -> RunDocuments:
    """Return the documents of ``run``.

    Parameters
    ----------
    parts
        Its rows of the consumption frame.
    facts
        Circumstances of its campaign.
    details_uri
        Where everything else about the run is, relative to the result.
    """
    return RunDocuments(
        test=_test(run),
        result=_result(run, details_uri),
        mesh=_mesh(run, parts),
        environment=_environment(run, parts, facts),
    )


def _labels(run: Run, told: Mapping[str, object]) -> dict[str, str]:
    """Return labels under the prefix; what is None, empty or NaN is left out."""
    known = {
        "exporter": f"{EXPORTER} {__version__}",
        "provenance": run.provenance,
        "campaign": run.campaign_id,
        "experiment": run.experiment,
        **told,
    }
    found = {f"{PREFIX}{name}": _text(value) for name, value in known.items()}
    return {name: text for name, text in found.items() if text}


def _text(value: object) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return "; ".join(str(one) for one in value) if isinstance(value, tuple | list) else str(value)


def _known(run: Run, name: str, value: Any) -> Any:
    """Return ``value`` unless the run's source did not tell it."""
    return None if name in run.unknown else value


def _whole(value: float | None) -> int:
    """Return a number as the whole number that the specification wants; 0, that is "not set", where it is unknown."""
    if value is None or not math.isfinite(value):
        return 0
    return min(round(value), RANGES["int32"][1])


def _test(run: Run) -> PerformanceTestConfig:
    load, workload, spec = run.spec.load, run.spec.workload, run.spec
    rate = _known(run, "rate_per_s", load.rate_per_s)
    client = Client(
        load_generator=run.load_result.generator if run.load_result else load.generator,
        protocol=_protocol(_known(run, "protocol", load.protocol) or ""),
        connections=_known(run, "connections", load.connections) or 0,
        rps=_whole(rate),
    )
    duration = _known(run, "duration_s", load.duration_s)
    told = {
        "rate_per_s": rate,
        "warmup_s": _known(run, "warmup_s", load.warmup_s),
        "arrival": run.load_result.arrival if run.load_result else load.arrival,
        "workload": workload.name,
        "payload_bytes": _known(run, "payload_bytes", workload.payload_bytes),
        "server_delay_s": _known(run, "server_delay_s", workload.server_delay_s),
        "fan_out": workload.fan_out,
        "block": spec.block,
        "attempt": spec.attempt,
        "ordinal": spec.ordinal,
        "seed": spec.seed,
        "is_baseline": spec.is_baseline,
        "unknown": run.unknown,
    }
    return PerformanceTestConfig(
        smp_version=SMP_VERSION,
        id=f"{run.run_id}-test",
        name=run.experiment,
        labels=_labels(run, told),
        clients=(client,),
        duration=f"{duration:g}s" if duration else "",
    )


def _protocol(name: str) -> Protocol:
    kinds = {"http": Protocol.PROTOCOL_HTTP, "h2": Protocol.PROTOCOL_HTTP, "h3": Protocol.PROTOCOL_HTTP}
    named = {"grpc": Protocol.PROTOCOL_GRPC, "tcp": Protocol.PROTOCOL_TCP, "udp": Protocol.PROTOCOL_UDP}
    return {**kinds, **named}.get(name.split("/")[0].lower(), Protocol.PROTOCOL_INVALID)


def main_kind(run: Run) -> str:
    """Return the kind of latency that a run's figures come from."""
    load = run.load_result
    return "from_send" if load is not None and load.latency_from == "send" else "from_schedule"


def figures_of(run: Run, kind: str) -> dict[str, float]:
    """Return the figures of a run's latency in seconds, as far as they are known: p50_s, average_s, low_s ..."""
    load = run.load_result
    if load is None:
        return {}
    whole = load.histograms.get(kind)
    if whole is None or not whole.count:
        return dict(load.quantiles.get(kind, {}))
    found = buckets(whole)
    mean = float(numpy.average((found.low_s + found.high_s) / 2, weights=found.counts))
    values = quantiles(whole, [0.0, *_FIGURES.values(), 1.0])
    low, high = values[0], values[-1]
    return {
        **dict(zip(_FIGURES, values[1:-1], strict=True)),
        "average_s": min(max(mean, low), high),
        "low_s": low,
        "high_s": high,
    }


def _result(run: Run, details_uri: str) -> PerformanceTestResult:
    load, kind = run.load_result, main_kind(run)
    figures = {name: value * _MS for name, value in figures_of(run, kind).items()}
    latency = Latency(
        min=figures.get("low_s", 0.0),
        average=figures.get("average_s", 0.0),
        p50=figures.get("p50_s", 0.0),
        p90=figures.get("p90_s", 0.0),
        p99=figures.get("p99_s", 0.0),
        max=figures.get("high_s", 0.0),
    )
    start, end = (run.window.start_s, run.window.end_s) if run.window else (run.started_at_s, run.ended_at_s)
    timed = "started_at_s" not in run.unknown
    return PerformanceTestResult(
        smp_version=SMP_VERSION,
        id=run.run_id,
        labels=_labels(run, _result_labels(run, kind, figures)),
        start_time=round(start * NS) if timed else None,
        end_time=round(end * NS) if timed else None,
        latencies_ms=latency if figures else None,
        actual_qps=_known(run, "achieved_rate_per_s", load.achieved_rate_per_s) or 0.0 if load else 0.0,
        details_uri=details_uri,
        test_id=f"{run.run_id}-test",
        mesh_config_id=f"{run.run_id}-mesh",
        env_id=f"{run.run_id}-environment",
    )


def _result_labels(run: Run, kind: str, figures_ms: Mapping[str, float]) -> dict[str, object]:
    load = run.load_result
    more = {f"latency_ms.{name.removesuffix('_s')}": value for name, value in figures_ms.items() if name in _FIGURES}
    told: dict[str, object] = {
        "mesh": run.mesh.label,
        "block": run.spec.block,
        "status": run.status,
        "reason": run.reason,
        "latency_kind": kind,
        "noisy": run.noise.noisy,
        "unknown": run.unknown,
        **more,
    }
    if load is None:
        return told
    return told | {
        "latency_from": load.latency_from,
        "generator": f"{load.generator} {load.generator_version}".strip(),
        "asked_rate_per_s": _known(run, "rate_per_s", load.asked_rate_per_s),
        "requests": _known(run, "requests", load.requests),
        "errors": _known(run, "errors", load.errors),
        "status_counts": "; ".join(f"{name}: {count}" for name, count in sorted(load.counts_by_status.items())),
        "generator_limited": load.limited,
        "percentiles": "from the full histogram, not interpolated"
        if kind in load.histograms
        else "as reported by the source",
    }


def _sum(parts: Sequence[Part], name: str) -> float | None:
    """Return the sum of a column; None when any part lacks it, or there is none."""
    values = [float(part[name]) if part[name] is not None else math.nan for part in parts]
    total = math.fsum(values) if values else math.nan
    return None if math.isnan(total) else total


def _memory(parts: Sequence[Part]) -> tuple[str, float | None]:
    """Return the memory metric that is known for all ``parts``, and its sum in bytes."""
    for name in _MEMORY:
        total = _sum(parts, name)
        if total is not None:
            return name, total
    return "", None


def _used(parts: Sequence[Part], rps: float | None) -> dict[str, int]:
    cores, (_, memory) = _sum(parts, "cpu_cores"), _memory(parts)
    return {
        "count": len(parts),
        "cpu_mcores": _whole(None if cores is None else cores * _MCORES),
        "mem_mb": _whole(None if memory is None else memory / _MB),
        **({"rps": _whole(rps)} if rps is not None else {}),
    }


def _exact(name: str, parts: Sequence[Part]) -> dict[str, object]:
    """Return labels with the unrounded figures of a group of parts, and what its memory is."""
    metric, memory = _memory(parts)
    return {
        f"{name}.roles": tuple(sorted({str(part["role"]) for part in parts})),
        f"{name}.cpu_cores": _sum(parts, "cpu_cores"),
        f"{name}.memory_metric": metric,
        f"{name}.memory_bytes": memory,
    }


def _mesh(run: Run, parts: Sequence[Part]) -> ServiceMeshConfig:
    facts, spec = run.mesh, run.spec.mesh
    proxies = [part for part in parts if part["role"] in DATA_PLANE_ROLES and part["role"] != "gateway"]
    gateways = [part for part in parts if part["role"] == "gateway"]
    control = [part for part in parts if part["role"] in CONTROL_ROLES]
    load = run.load_result
    reached = _known(run, "achieved_rate_per_s", load.achieved_rate_per_s) if load else None
    told: dict[str, object] = {
        "mesh": facts.label,
        "title": facts.title,
        "data_plane": facts.data_plane,
        "layer": facts.layer,
        "archetype": facts.archetype,
        "shape_of": facts.shape_of,
        "lacks": facts.lacks,
        "features": facts.features,
        "options": "; ".join(f"{key}={value}" for key, value in sorted(spec.options.items())),
        "intent": toml_value(spec.intent) if spec.intent else "",
        "kind": "node-proxy" if any(part["role"] == "node-proxy" for part in proxies) else "",
    }
    for name, group in (("sidecar", proxies), ("gateway", gateways), ("control_plane", control)):
        told |= _exact(name, group) if group else {}
    campaign = uuid.uuid5(uuid.NAMESPACE_URL, f"workbench:campaign:{run.campaign_id}")
    kind = mesh_type(spec.name) if not facts.archetype else mesh_type("")
    return ServiceMeshConfig(
        smp_version=SMP_VERSION,
        id=f"{run.run_id}-mesh",
        labels=_labels(run, told),
        sidecar=Sidecar(**_used(proxies, reached)) if proxies else None,
        ingress_gateway=IngressGateway(**_used(gateways, reached)) if gateways else None,
        mesh_control_plane=MeshControlPlane(**_used(control, None)) if control else None,
        mtls_enabled=facts.mtls,
        exp_group_uuid=str(campaign),
        exp_uuid=str(uuid.uuid5(campaign, run.run_id)),
        profile=spec.profile,
        mesh_type=ServiceMesh(type=kind, version=spec.version or "", labels={"name": facts.label}),
    )


def _environment(run: Run, parts: Sequence[Part], facts: Facts) -> EnvironmentConfig:
    workloads = [part for part in parts if part["role"] in ("application", "load-generator")]
    told: dict[str, object] = {
        "environment": run.environment,
        "fingerprint": run.fingerprint,
        **surrounding_labels(facts),
        "noise.psi_ratio": run.noise.psi_ratio,
        "noise.steal_ratio": run.noise.steal_ratio,
        "noise.foreign_cores": run.noise.foreign_cores,
    }
    for part in workloads:
        told |= _exact(f"workload.{part['component']}", [part])
    return EnvironmentConfig(
        smp_version=SMP_VERSION,
        id=f"{run.run_id}-environment",
        labels=_labels(run, told),
        kubernetes_version=kubernetes_version(facts),
        nodes=nodes_of(facts),
        individual_workloads=tuple(
            IndividualWorkload(name=str(part["component"]), **_used([part], None)) for part in workloads
        ),
    )
