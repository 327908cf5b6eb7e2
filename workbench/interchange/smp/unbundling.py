"""A bundle back into run folders: whole, checked, and with the provenance ``imported``.

Everything comes from the full records; the specification's documents beside them are checked and kept with each run.
Ids stay as they were when the store has no such campaign; otherwise the campaign and its runs get new ones.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError, StoreError
from workbench.files.places import Places, data_of
from workbench.interchange.documents import parse_json, read_file, text_of
from workbench.interchange.landing import checked_label
from workbench.interchange.smp.bundle import DETAILS, FORMAT, FORMS, INDEX, KINDS, VERSION, safe_member, verified
from workbench.interchange.smp.findings import errors
from workbench.interchange.smp.validation import Document, dangling, validate_file
from workbench.model.records import Run
from workbench.store import read_campaign
from workbench.store.formats import (
    MEND,
    FileRecord,
    RunDocument,
    read_document,
    with_texts,
    write_campaign,
    write_document,
)
from workbench.store.layout import CAMPAIGN_NAME, EXPERIMENT_NAME, MANIFEST_NAME, RAW_NAME, SAMPLES_NAME
from workbench.store.sealing import digest
from workbench.text.plain import for_terminal

LONGEST_OWN_LABEL = 500
"""Characters of a name in a bundle: a mesh's label lists its options."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that has been checked: where it is and what it says is in it."""

    folder: Path
    form: str
    campaigns: tuple[str, ...]
    runs: tuple[tuple[str, str], ...]
    files: Mapping[str, str]


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle's index and check every file that it lists.

    Raises
    ------
    BadInputError
        When it is none, was written by a newer workbench, or is not whole; with the file.
    """
    where = str(folder / INDEX)
    index: Any = parse_json(text_of(read_file(safe_member(folder, INDEX)), where), where).plain
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise BadInputError(f"{where} is not an index of a bundle of runs.")
    if index.get("version") != VERSION:
        raise BadInputError(
            f"{where} has version {index.get('version')!r:.20}; this workbench reads {VERSION}. Upgrade it."
        )
    try:
        runs = tuple((str(one["run_id"]), str(one["campaign_id"])) for one in index["runs"])
        files = {str(name): str(value) for name, value in index["files"].items()}
        campaigns = tuple(str(one) for one in index["campaigns"])
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{where} is damaged: {type(error).__name__} {error}.") from error
    twice = sorted(name for name, times in Counter(run_id for run_id, _ in runs).items() if times > 1)
    if twice or len(set(campaigns)) < len(campaigns):
        raise BadInputError(f"{where} lists {twice[0] if twice else 'a campaign'} twice; get the bundle again.")
    for name in (*campaigns, *(one for pair in runs for one in pair)):
        if not _ID.fullmatch(name):
            raise BadInputError(f"{where} names {name!r:.80}, which cannot be an id, because ids become folder names.")
    if index.get("form") not in FORMS:
        raise BadInputError(
            f"{where} has documents in the format {index.get('form')!r:.40}; known formats: {', '.join(FORMS)}."
        )
    verified(folder, files)
    return Bundle(folder=folder, form=str(index["form"]), campaigns=campaigns, runs=runs, files=files)


def documents(bundle: Bundle) -> list[Document]:
    """Return every document of a bundle, validated, and the links of each run checked among its own."""
    found: list[Document] = []
    for run_id, _ in bundle.runs:
        four = [
            validate_file(safe_member(bundle.folder, f"runs/{run_id}/{kind}.{bundle.form}"), kind)[0] for kind in KINDS
        ]
        broken = tuple(dangling(four))
        found += [*four[:-1], replace(four[-1], findings=four[-1].findings + broken)]
    return found


def land_bundle(bundle: Bundle, staging: Path, taken: set[str]) -> dict[str, str]:
    """Write the bundle's campaigns as campaign folders below ``staging``; return old campaign id -> new.

    Parameters
    ----------
    staging
        A folder that becomes part of the store when all is written.
    taken
        Campaign ids that the store has already.

    Raises
    ------
    BadInputError
        When a document is not valid, or a record is not what the index says.
    """
    broken = [one for document in documents(bundle) for one in errors(document.findings)]
    if broken:
        raise BadInputError(
            f"The bundle's documents are not valid: {broken[0]} ({len(broken)} findings; nothing is imported)."
        )
    renamed = {old: _free(old, taken) for old in bundle.campaigns}
    for old, new in renamed.items():
        source = bundle.folder / "campaigns" / old
        safe_member(bundle.folder, f"campaigns/{old}/{CAMPAIGN_NAME}")
        campaign = with_texts(_record(lambda source=source: read_campaign(source)), for_terminal)
        (staging / new).mkdir(parents=True)
        write_campaign(staging / new, replace(campaign, campaign_id=new))
        if (source / EXPERIMENT_NAME).exists():
            asked = safe_member(bundle.folder, f"campaigns/{old}/{EXPERIMENT_NAME}")
            _copy(asked, staging / new / EXPERIMENT_NAME)
    for run_id, campaign_id in bundle.runs:
        if campaign_id not in renamed:
            raise BadInputError(f"Run {run_id} belongs to campaign {campaign_id}, which is not in the bundle.")
        _land_run(bundle, run_id, campaign_id, renamed[campaign_id], staging)
    return renamed


def _free(campaign_id: str, taken: set[str]) -> str:
    if campaign_id not in taken:
        return campaign_id
    return next(name for n in range(1, 10_000) if (name := f"{campaign_id[:110]}-again{n}") not in taken)


def _record(read: Any) -> Any:
    try:
        return read()
    except StoreError as error:
        told = str(error).removesuffix(MEND)
        raise BadInputError(f"The bundle's records cannot be read: {told} Nothing is imported.") from error


def _checked(run: Run, where: Path) -> Run:
    """Return a bundle's run, held to what the runs in a file are held to.

    Raises
    ------
    BadInputError
        When a name cannot be shown.
    """
    for name, what in (
        (run.mesh.label, "data plane's name"),
        (run.spec.mesh.name, "data plane's name"),
        (run.spec.workload.name, "workload's name"),
        (run.experiment, "experiment's name"),
    ):
        checked_label(name, str(where), what, LONGEST_OWN_LABEL)
    return with_texts(run, for_terminal)


def _land_run(bundle: Bundle, run_id: str, campaign_id: str, new: str, staging: Path) -> None:
    source = bundle.folder / "runs" / run_id
    details = safe_member(bundle.folder, f"runs/{run_id}/{DETAILS}")
    document: RunDocument = _record(lambda: read_document(details, RunDocument))
    if document.run.run_id != run_id or document.run.campaign_id != campaign_id:
        raise BadInputError(f"{details} is not the record of run {run_id} of campaign {campaign_id}.")
    name = run_id if new == campaign_id else run_id.replace(campaign_id, new, 1)
    folder = staging / new / name
    (folder / RAW_NAME).mkdir(parents=True)
    for kind in KINDS:
        _copy(source / f"{kind}.{bundle.form}", folder / RAW_NAME / f"smp-{kind}.{bundle.form}")
    record = {"bundle": bundle.folder.name, "provenance": document.run.provenance, "imported_at_s": time.time()}
    (folder / RAW_NAME / "import.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for listed in bundle.files:
        prefix = f"runs/{run_id}/"
        inner = listed.removeprefix(prefix)
        if listed.startswith(prefix) and (inner == SAMPLES_NAME or inner.startswith(f"{RAW_NAME}/")):
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            _copy(safe_member(bundle.folder, listed), folder / inner)
    run: Run = replace(_checked(document.run, details), run_id=name, campaign_id=new, provenance="imported")
    rows = {one.name: one.rows for one in document.files}
    files = tuple(_file(folder, path, rows) for path in sorted(folder.rglob("*")) if path.is_file())
    write_document(folder / MANIFEST_NAME, RunDocument(run=run, files=files, renamed=document.renamed))


def _copy(source: Path, target: Path) -> None:
    """Copy a file of the bundle as the store keeps it: a text without secrets and without anybody's paths."""
    target.write_bytes(Places(data_of(target)).content(source.read_bytes()))


def _file(folder: Path, path: Path, rows: Mapping[str, int | None]) -> FileRecord:
    name = path.relative_to(folder).as_posix()
    return FileRecord(name=name, size=path.stat().st_size, sha256=digest(path), rows=rows.get(name))
