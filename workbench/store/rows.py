"""A folder's records as rows of the index: read, checked against its manifest, flattened. Knows no database."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import StoreError
from workbench.intents import asked_to_fail
from workbench.model import histograms
from workbench.model.columns import QUANTILES
from workbench.model.records import Component, LoadResult, Reserved, Run
from workbench.store.formats import RunDocument, read_campaign, read_manifest
from workbench.store.layout import SAMPLES_NAME
from workbench.store.sealing import digest

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder brings into the index.

    Attributes
    ----------
    folder
        Its name below ``runs/``.
    signature
        What it looked like when it was read.
    rows
        Table -> rows; floats that are not finite are None.
    samples
        The Parquet file of its samples; None when it has none.
    run_id
        Empty for a campaign.
    renamed
        See `RunDocument.renamed`. Where there is any, the roles of the samples are those of the components, too.
    """

    folder: str
    signature: str
    rows: dict[str, list[Row]]
    samples: Path | None = None
    run_id: str = ""
    renamed: dict[str, str] = field(default_factory=dict)


def load_campaign(path: Path, signature: str, held: bool) -> Loaded:
    """Read a campaign's folder; ``held``: whether a living process carries it out.

    Raises
    ------
    StoreError
        When its record is missing, damaged, newer, or of another campaign.
    """
    campaign = read_campaign(path)
    _same(path, campaign.campaign_id, path.name, "campaign")
    row = {
        "folder": path.name,
        "campaign_id": campaign.campaign_id,
        "experiment": campaign.plan.experiment.name,
        "question": campaign.plan.experiment.question,
        "status": campaign.status if held or campaign.status != "running" else "interrupted",
        "reason": campaign.reason,
        "started_at_s": campaign.started_at_s,
        "ended_at_s": campaign.ended_at_s,
        "runs_planned": len(campaign.plan.runs),
        "environment": campaign.facts.environment,
        "fingerprint": campaign.facts.fingerprint,
    }
    return Loaded(folder=path.name, signature=signature, rows={"campaigns": [_finite(row)]})


def load_run(path: Path, signature: str) -> Loaded:
    """Read a run's folder and check every file that its manifest lists.

    Raises
    ------
    StoreError
        When the manifest is missing, damaged, newer, or of another run, or a file is not the one that was stored.
    """
    document = read_manifest(path)
    run = document.run
    _same(path, run.run_id, path.name, "run")
    _same(path, run.campaign_id, path.parent.name, "campaign")
    _verify(path, document)
    folder = f"{path.parent.name}/{path.name}"
    rows = {
        "runs": [_run_row(run, folder)],
        "components": [_component_row(place, one) for place, one in enumerate(run.components)],
        "sources": [asdict(one) for one in run.sources],
        "gates": [
            {"position": place, "name": one.name, "passed": one.passed, "evidence": one.evidence}
            for place, one in enumerate(run.gates)
        ],
        "latency": _latency_rows(run),
    }
    return Loaded(
        folder=folder,
        signature=signature,
        rows={table: [_finite({"run_id": run.run_id, **row}) for row in listed] for table, listed in rows.items()},
        samples=path / SAMPLES_NAME if document.file(SAMPLES_NAME) else None,
        run_id=run.run_id,
        renamed=document.renamed,
    )


def _component_row(place: int, one: Component) -> Row:
    return {
        "position": place,
        "component": one.name,
        "role": one.role,
        "instance": one.instance,
        "node": one.node,
        "is_read": one.reserved is not None,
        **asdict(one.reserved or Reserved()),
    }


def _same(path: Path, recorded: str, name: str, kind: str) -> None:
    if recorded != name:
        raise StoreError(
            f"{path} holds a record of {kind} {recorded!r}: it is a copy, or was renamed. "
            "Give it its name back or move it out of the data folder."
        )


def _verify(path: Path, document: RunDocument) -> None:
    for file in document.files:
        where = path / file.name
        if not where.resolve().is_relative_to(path.resolve()) or not where.is_file():
            raise StoreError(f"{where} is missing. Restore it, or move its run's folder away.")
        size = where.stat().st_size
        if size != file.size:
            raise StoreError(f"{where} is damaged: {size} bytes instead of {file.size}. Restore it, or move it away.")
        if digest(where) != file.sha256:
            raise StoreError(f"{where} is not the file that was stored (its SHA-256 differs). Restore it.")


def _run_row(run: Run, folder: str) -> Row:
    row = {"folder": folder, **_identity(run), **_asked(run), **_found(run)}
    return row | dict.fromkeys(set(run.unknown) & row.keys() - {"folder", "campaign_id"})


def _identity(run: Run) -> Row:
    mesh = run.mesh
    return {
        "campaign_id": run.campaign_id,
        "experiment": run.experiment,
        "ordinal": run.spec.ordinal,
        "block": run.spec.block,
        "attempt": run.spec.attempt,
        "is_baseline": run.spec.is_baseline,
        "mesh": mesh.label,
        "mesh_name": run.spec.mesh.name,
        "profile": run.spec.mesh.profile,
        "mesh_title": mesh.title,
        "data_plane": mesh.data_plane,
        "layer": mesh.layer,
        "mtls": mesh.mtls,
        "archetype": mesh.archetype,
        "shape_of": list(mesh.shape_of),
        "lacks": list(mesh.lacks),
    }


def _asked(run: Run) -> Row:
    workload, load = run.spec.workload, run.spec.load
    failing = asked_to_fail(run.spec.mesh.intent, load.rate_per_s)
    return {
        "workload": workload.name,
        "payload_bytes": workload.payload_bytes,
        "server_delay_s": workload.server_delay_s,
        "fan_out": workload.fan_out,
        "rate_per_s": load.rate_per_s,
        "duration_s": load.duration_s,
        "warmup_s": load.warmup_s,
        "connections": load.connections,
        "protocol": load.protocol,
        "asked_failing_low": failing.low,
        "asked_failing_high": failing.high,
    }


def _found(run: Run) -> Row:
    load, window, noise = run.load_result, run.window, run.noise
    return {
        "arrival": load.arrival if load else run.spec.load.arrival,
        "generator": load.generator if load else run.spec.load.generator,
        "generator_version": load.generator_version if load else "",
        "latency_from": load.latency_from if load else "",
        "environment": run.environment,
        "fingerprint": run.fingerprint,
        "status": run.status,
        "reason": run.reason,
        "provenance": run.provenance,
        "started_at_s": run.started_at_s,
        "ended_at_s": run.ended_at_s,
        "window_start_s": window.start_s if window else None,
        "window_end_s": window.end_s if window else None,
        "window_s": window.duration_s if window else None,
        "requests": load.requests if load else None,
        "errors": load.errors if load else None,
        "failures": _failures(load) if load else "",
        "achieved_rate_per_s": load.achieved_rate_per_s if load else None,
        "generator_cpu_per_request_s": load.cpu_per_request_s if load else None,
        "limited": load.limited if load else "",
        "psi_ratio": noise.psi_ratio,
        "steal_ratio": noise.steal_ratio,
        "foreign_cores": noise.foreign_cores,
        "cpus": noise.cpus,
        "noisy": noise.noisy,
    }


_SUCCESS = frozenset(("right", "ok", "serving", "1", "none"))
_MOST_KINDS = 5


def _failures(load: LoadResult) -> str:
    """Return the kinds of failed requests with their numbers, the most frequent first; empty where none is told."""
    counts = {kind: count for kind, count in load.counts_by_status.items() if count and not _is_success(kind)}
    if load.requests and not load.errors:
        return ""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {kind}" for kind, count in ranked[:_MOST_KINDS])


def _is_success(kind: str) -> bool:
    """Whether a status, or a class of them as a generator names it, stands for an answer that was asked for."""
    return kind.lower() in _SUCCESS or kind[:1] in ("2", "3")


def _latency_rows(run: Run) -> list[Row]:
    found: list[Row] = []
    for kind, histogram in (run.load_result.histograms if run.load_result else {}).items():
        values = histograms.quantiles(histogram, tuple(QUANTILES.values()))
        found.append(
            {
                "kind": kind,
                "count": histogram.count,
                **dict(zip(QUANTILES, values, strict=True)),
                "low_s": histogram.low_s,
                "high_s": histogram.high_s,
                "encoded": histogram.encoded,
            }
        )
    return found + (_told_rows(run, run.load_result) if run.load_result else [])


def _told_rows(run: Run, load: LoadResult) -> list[Row]:
    """Return rows for the figures that an imported source tells without a distribution."""
    count = None if {"requests", "errors"} & set(run.unknown) else load.requests - load.errors
    columns = (*QUANTILES, "low_s", "high_s")
    return [
        {"kind": kind, "count": count, **{name: told.get(name) for name in columns}, "encoded": None}
        for kind, told in load.quantiles.items()
        if kind not in load.histograms
    ]


def _finite(row: Row) -> Row:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
