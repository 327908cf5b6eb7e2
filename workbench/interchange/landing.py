"""From what sources told to run folders in the store: everything at once, or nothing.

Last stage of an import. All files have been read and checked by now. The campaign is written beside the store's own
folders and given its name when it is complete, so that whatever happens meanwhile nothing is half imported.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pydantic_core

from workbench import __version__
from workbench.errors import BadInputError
from workbench.interchange.documents import shown
from workbench.interchange.importing.imported import Imported, missing
from workbench.model.experiment import PROTOCOLS, Experiment, Load, MeshSpec, Plan, RunSpec, Workload
from workbench.model.protocols import SampleRow
from workbench.model.records import LATEST_S, Component, Facts, LoadResult, MeshFacts, Run, Window
from workbench.store import CampaignWriter, RunWriter, Store
from workbench.store.disk import explained, is_temporary, sync_folder, temporary
from workbench.store.formats import MEND
from workbench.store.layout import refuse_recording, runs_folder
from workbench.text.plain import escaped

T = TypeVar("T")

ENVIRONMENT = "imported"

MOST_RUNS = 10_000
"""Of one import; each becomes a folder."""

LONGEST_LABEL = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula."""

_NEVER_TOLD = ("psi_ratio", "steal_ratio", "foreign_cores", "cpus", "generator_cpu_per_request_s", "fan_out")
"""Columns of the runs frame that no tool tells."""

_STALE_S = 86_400
_RAW_MOST = 32 * 2**20
"""Larger sources are not copied into the store; their SHA-256 is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """How an import is to be stored.

    Attributes
    ----------
    name
        Of the experiment that the runs are said to belong to.
    baseline
        Label of the data plane that stands for "no mesh"; empty: as the sources tell.
    environment
        Name of the environment, equal for imports that may be compared; empty: this import is one of its own.
    """

    name: str = "imported"
    baseline: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What an import brought.

    Attributes
    ----------
    campaign_id
        The campaign that holds it.
    runs
        Run id and what the source told of it, in the order of the files.
    """

    campaign_id: str
    runs: tuple[tuple[str, Imported], ...]


def land(data: Path, found: Sequence[Imported], landing: Landing) -> Landed:
    """Store runs as a campaign.

    Raises
    ------
    BadInputError
        When a label or a number is unfit, with the source's place.
    StoreError
        When it cannot be written; then nothing is.
    """
    if len(found) > MOST_RUNS:
        raise BadInputError(
            f"{len(found):,} runs are more than the limit of one import ({MOST_RUNS:,}); import fewer files at once."
        )
    runs = _labelled(found, landing)
    specs = _specs(runs)
    plan = _plan(landing, runs, specs)
    facts = _facts(runs, landing)
    with staged(data) as staging:
        writer = CampaignWriter.create(staging, plan, "", facts)
        with writer:
            names = [_write(writer, spec, run) for spec, run in zip(specs, runs, strict=True)]
            writer.finish("finished")
        proven(staging, len(specs))
        publish(staging, data, writer.campaign_id)
    return Landed(campaign_id=writer.campaign_id, runs=tuple(zip(names, runs, strict=True)))


@contextmanager
def staged(data: Path) -> Iterator[Path]:
    """Give a data folder beside the real one for the time of an import; clean up after imports that were killed."""
    refuse_recording(data)
    with explained("import", data):
        data.mkdir(parents=True, exist_ok=True)
        for path in data.iterdir():
            if is_temporary(path) and time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)
        folder = temporary(data / "importing")
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staging: Path, data: Path, campaign_id: str) -> None:
    """Move a complete campaign from the staging folder into the store, in one step, after it was `proven`."""
    target = runs_folder(data) / campaign_id
    with explained("import", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        (runs_folder(staging) / campaign_id).rename(target)
        sync_folder(target.parent)


def proven(staging: Path, runs: int) -> None:
    """Read back what an import wrote, with the eyes of the store that it is to become a part of.

    Whatever the store would pass over, or could not show, is refused before anything is in it.

    Raises
    ------
    BadInputError
        When a folder cannot be indexed, or there are not as many runs as were written; with the first reason.
    """
    store = Store(staging)
    refused = store.problems()
    if refused:
        folder, reason = refused[0]
        more = f" ({len(refused)} records are refused.)" if len(refused) > 1 else ""
        told = reason.replace(folder, Path(folder).name).removesuffix(MEND)
        raise BadInputError(f"{told.rstrip('.')}. Nothing is imported.{more}")
    if (found := len(store.runs())) != runs:
        raise BadInputError(f"Of {runs} runs only {found} could be read back. Nothing is imported.")


def checked_label(text: str, where: str, what: str, longest: int = LONGEST_LABEL) -> str:
    """Return a foreign name if it may stand in tables, charts and spreadsheets.

    Raises
    ------
    BadInputError
        When it is empty, longer than ``longest`` characters, not printable, or begins like a spreadsheet's formula.
    """
    label = " ".join(text.split(" ")).strip(" ")
    if not label.isprintable():
        raise BadInputError(
            f"{where}: the {what} {shown(text)} contains control characters; set another with LABEL=FILE."
        )
    if label.startswith(_FORMULA):
        raise BadInputError(
            f"{where}: the {what} {shown(text)} begins like a spreadsheet's formula, which would run when the report's "
            "data are opened; set another with LABEL=FILE."
        )
    if not 0 < len(label) <= longest:
        raise BadInputError(f"{where}: the {what} has {len(label):,} characters; use 1 to {longest}.")
    return label


def tame(text: str) -> str:
    """Return foreign text that is only shown: control characters replaced, short, and no spreadsheet's formula."""
    shortened = escaped(text[:LONGEST_LABEL])
    return f"'{shortened}" if shortened.startswith(_FORMULA) and not shortened[1:].isdigit() else shortened


def _labelled(found: Sequence[Imported], landing: Landing) -> list[Imported]:
    """Return the runs with labels that may be shown, their baseline settled, and blocks numbered."""
    taken: dict[tuple[Any, ...], set[int]] = {}
    runs: list[Imported] = []
    for run in found:
        label = checked_label(run.label or Path(run.where.split(",")[0]).stem, run.where, "data plane's name")
        workload = checked_label(run.workload or "imported", run.where, "workload's name")
        baseline = label == landing.baseline if landing.baseline else bool(run.is_baseline)
        placed = replace(run, label=label, workload=workload, is_baseline=baseline, protocol=_protocol(run))
        runs.append(_in_its_block(placed, taken))
    if landing.baseline and not any(run.is_baseline for run in runs):
        labels = ", ".join(sorted({run.label for run in runs}))
        raise BadInputError(f"No run has the label {landing.baseline!r} of the baseline; there are: {labels}.")
    return runs


def _in_its_block(run: Imported, taken: dict[tuple[Any, ...], set[int]]) -> Imported:
    """Return the run with a block of its own among those that a comparison holds for the same thing measured again.

    Two runs in one block would be attempts at one, of which a comparison counts a single one.
    """
    like = (run.tool.name, tame(run.tool_version), run.arrival or run.loop, run.tool.latency_from, run.protocol)
    asked = (run.rate_per_s, run.connections, run.payload_bytes, run.duration_s, run.warmup_s, run.server_delay_s)
    used = taken.setdefault((run.label, run.workload, *like, *asked), set())
    wanted = run.block or 1
    block = wanted if wanted not in used else next(place for place in range(1, len(used) + 2) if place not in used)
    used.add(block)
    return replace(run, block=block)


_PROTOCOLS = {
    "h2": "http/2",
    "http/2.0": "http/2",
    "h2c": "http/2",
    "http2": "http/2",
    "http": "http/1.1",
    "http1": "http/1.1",
}


def _protocol(run: Imported) -> str | None:
    """Return a protocol by the name that it has here; None where the source tells none, or one that has no name."""
    named = (run.protocol or "").lower()
    known = _PROTOCOLS.get(named, named)
    return known if known in PROTOCOLS else None


def _specs(runs: Sequence[Imported]) -> list[RunSpec]:
    found = []
    for ordinal, run in enumerate(runs, start=1):
        try:
            found.append(_spec(ordinal, run))
        except BadInputError as error:
            raise BadInputError(f"{run.where}: {error}") from error
    return found


def _spec(ordinal: int, run: Imported) -> RunSpec:
    """Return what was asked, with stand-ins where the source is silent; `missing` says which they are."""
    load = Load(
        rate_per_s=run.rate_per_s or 1.0,
        duration_s=run.duration_s or 1.0,
        warmup_s=run.warmup_s or 0.0,
        connections=run.connections or 1,
        protocol=_protocol(run) or PROTOCOLS[0],
        arrival="constant",
        generator=run.tool.name,
    )
    workload = Workload(
        name=run.workload, payload_bytes=run.payload_bytes or 0, server_delay_s=run.server_delay_s or 0.0
    )
    return RunSpec(
        ordinal=ordinal,
        block=run.block or 1,
        mesh=MeshSpec(name=run.label),
        workload=workload,
        load=load,
        is_baseline=bool(run.is_baseline),
        seed=0,
    )


def _plan(landing: Landing, runs: Sequence[Imported], specs: Sequence[RunSpec]) -> Plan:
    tools = ", ".join(sorted({run.tool.title for run in runs}))
    experiment = Experiment(
        name=landing.name,
        question=f"Imported: {len(runs)} runs measured elsewhere by {tools}.",
        meshes=_unique([spec.mesh for spec in specs]),
        workloads=_unique([spec.workload for spec in specs]),
        loads=_unique([spec.load for spec in specs]),
        blocks=max(spec.block for spec in specs),
        seed=0,
        baseline=next((spec.mesh.name for spec in specs if spec.is_baseline), landing.baseline or "baseline"),
    )
    return Plan(experiment=experiment, runs=tuple(specs))


def _unique(values: Sequence[T]) -> tuple[T, ...]:
    found: list[T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)


def _facts(runs: Sequence[Imported], landing: Landing) -> Facts:
    """Return the circumstances: nobody knows the machine, so that by default an import is like no other."""
    own = landing.environment or secrets.token_hex(16)
    told = {
        "by": f"workbench {__version__}",
        "tools": {run.tool.name: asdict(run.tool) for run in runs},
        "sources": sorted({run.where for run in runs}),
    }
    return Facts(
        environment=landing.environment or ENVIRONMENT,
        fingerprint=hashlib.sha256(own.encode()).hexdigest()[:12],
        details={"import": told},
    )


def _write(writer: CampaignWriter, spec: RunSpec, run: Imported) -> str:
    folder = writer.begin(spec, _mesh(run))
    start = _start(run)
    window = Window(start_s=start, end_s=start + run.window_s) if run.window_s else None
    components = tuple(Component(name=tame(one.component), role=one.role) for one in run.usage)
    if window is not None and run.usage:
        folder.samples(components, _samples(run, window))
    if len(run.raw) <= _RAW_MOST and run.raw:
        folder.raw(run.raw_name, run.raw)
    folder.raw("import.json", _record(run))
    folder.finish(_run(folder, run, window, start))
    return folder.run_id


def _start(run: Imported) -> float:
    """Return when a run began; that of the import where the source does not tell it."""
    if run.started_at_s is None:
        return time.time()
    last = run.started_at_s + (run.window_s or 0.0)
    if not 0 <= run.started_at_s <= last <= LATEST_S:
        raise BadInputError(
            f"{run.where}: a start of {run.started_at_s:.6g} s since 1970 is {_how_far(run.started_at_s)}. Are the "
            "times in another unit (s, ms, us, ns)? Nothing is imported."
        )
    return run.started_at_s


def _how_far(moment_s: float) -> str:
    years = moment_s / (365.2425 * 86_400)
    return f"in the year {1970 + years:,.0f}" if abs(years) < 1e9 else "outside of every calendar"


def _mesh(run: Imported) -> MeshFacts:
    return MeshFacts(
        label=run.label,
        title=tame(run.title) or f"{run.label}, imported from {run.tool.title}",
        data_plane=run.data_plane or ("none" if run.is_baseline else ""),
        layer=run.layer,
        mtls=bool(run.mtls),
        archetype=False,
    )


def _samples(run: Imported, window: Window) -> list[SampleRow]:
    """Return two samples for each part, at the window's edges, whose difference is the mean that the source told."""
    rows: list[SampleRow] = []
    for moment in (window.start_s, window.end_s):
        for place, one in enumerate(run.usage):
            used = {} if one.cpu_cores is None else {"cpu_time_s": one.cpu_cores * (moment - window.start_s)}
            rows.append((moment, place, {**used, **one.memory}))
    return rows


def _record(run: Imported) -> bytes:
    """Return everything that was told of a run and everything that was not, as JSON, for whoever looks into it."""
    plain = {one.name: getattr(run, one.name) for one in fields(run) if one.name not in ("raw", "histograms")}
    record = {"written_by": f"workbench {__version__}", "not_told": missing(run), **plain}
    return pydantic_core.to_json(record, indent=1, inf_nan_mode="constants", fallback=str) + b"\n"


def _run(folder: RunWriter, run: Imported, window: Window | None, start: float) -> Run:
    unknown = missing(run)
    return replace(
        folder.run,
        status="finished",
        reason="",
        provenance="imported",
        started_at_s=start,
        ended_at_s=window.end_s if window else start,
        window=window,
        load_result=LoadResult(
            generator=run.tool.name,
            generator_version=tame(run.tool_version),
            arrival=run.arrival or run.loop,
            latency_from=run.tool.latency_from,
            asked_rate_per_s=run.rate_per_s or 1.0,
            achieved_rate_per_s=run.achieved_rate_per_s or 0.0,
            requests=run.requests or 0,
            errors=run.errors or 0,
            counts_by_status={tame(status): count for status, count in run.counts_by_status.items()},
            histograms=dict(run.histograms),
            quantiles={kind: dict(told) for kind, told in run.quantiles.items()},
            limited=run.limited,
        ),
        unknown=(*unknown, *(() if _protocol(run) or "protocol" in unknown else ("protocol",)), *_NEVER_TOLD),
    )
