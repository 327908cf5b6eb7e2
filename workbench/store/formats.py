"""The JSON documents of a campaign's folder: records to bytes and back, under a version.

A document is one JSON object: ``schema_version`` first, then what it holds. The version is looked at before
anything else: a newer one is refused by name and left alone, an older one is brought up step by step while
reading (`UPGRADES`); the file itself is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from workbench import __version__
from workbench.errors import BadInputError, NewerFormatError, StoreError
from workbench.files.places import Places, data_of
from workbench.model.experiment import Plan
from workbench.model.records import MOST, SCHEMA_VERSION, Count, Facts, Moment, Run, Status
from workbench.store.disk import explained, read_regular, write_whole
from workbench.store.layout import CAMPAIGN_NAME, MANIFEST_NAME

T = TypeVar("T")

MEND = "Restore it or move its folder away."
"""What to do about a damaged record; the end of its message."""

Document = dict[str, Any]


def _with_nodes(document: Document) -> Document:
    """1 -> 2: on a cluster a component's instance begins with its node. Damage is left for the reader to name."""
    return _with_parts(document, lambda part: {**part, "node": str(part.get("instance", "")).partition("/")[0]})


def _on_cluster(run: Any) -> bool:
    return isinstance(run, dict) and run.get("environment") == "kubernetes"


def _with_parts(document: Document, changed: Callable[[Document], Document]) -> Document:
    """Return a document with every component of its runs on clusters changed; what is damaged stays."""

    def moved(run: Any) -> Any:
        parts = run.get("components") if _on_cluster(run) else None
        if not isinstance(parts, list):
            return run
        return {**run, "components": [changed(one) if isinstance(one, dict) else one for one in parts]}

    return {key: moved(one) if key in ("run", "final") else one for key, one in document.items()}


_ANONYMOUS = {"mem_rss_bytes": "mem_anon_bytes", "mem_anon_bytes": "mem_rss_bytes"}
_AGENTS = ("istio-cni-node-", "spire-agent-")
"""How the names of pods begin whose containers were charged to the control plane before there was ``node-agent``."""


def _with_agents(document: Document) -> Document:
    """2 -> 3: on a cluster what was stored as RSS is anonymous memory, and agents on nodes have a role of their own."""

    def charged(part: Document) -> Document:
        agent = part.get("role") == "control-plane" and str(part.get("name")).startswith(_AGENTS)
        return {**part, "role": "node-agent"} if agent else part

    made, columns = _with_parts(document, charged), document.get("columns")
    if not _on_cluster(document.get("run")):
        return made
    if isinstance(columns, list):
        made["columns"] = [_ANONYMOUS.get(str(one), one) for one in columns]
    return {**made, "renamed": _ANONYMOUS} if "files" in document else made


UPGRADES: dict[int, Callable[[Document], Document]] = {1: _with_nodes, 2: _with_agents}
"""Version -> function that turns a document of that version into one of the next; `SCHEMA_VERSION` says what each one
brought. A document tells its kind by its keys: ``campaign``, or ``run`` and ``files``, or ``run`` and ``columns``."""

CampaignStatus = Literal["running"] | Status
"""``running``: its process lives, or died without a word and nothing has recovered it since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One execution of a plan.

    Attributes
    ----------
    status, reason
        See `CampaignStatus`; all but running and finished carry a reason.
    started_at_s, ended_at_s
        Seconds since the epoch; the end is None while it runs.
    plan, facts
        What is to be done, and in what circumstances.
    """

    campaign_id: str
    status: CampaignStatus
    reason: str = ""
    started_at_s: Moment
    ended_at_s: Moment | None = None
    plan: Plan
    facts: Facts
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of a run: its name relative to the run's folder, size, SHA-256 (hex); rows where it is a table."""

    name: str
    size: Count
    sha256: str
    rows: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """A manifest: the run, and the files it left.

    Attributes
    ----------
    renamed
        Name of a column in the file of samples -> what it is read as, because an older version wrote the file.
    """

    run: Run
    files: tuple[FileRecord, ...]
    renamed: dict[str, str] = field(default_factory=dict)

    def file(self, name: str) -> FileRecord | None:
        """Return the record of file ``name``; None when the run has no such file."""
        return next((one for one in self.files if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What stands beside a capture.

    Attributes
    ----------
    run
        The run as far as it is known, with the components that the capture's records refer to.
    columns
        The capture's columns.
    final
        The record that was to be written when the run's folder was being completed; None while it is in flight. A
        crash in between costs nothing then: whoever comes later writes this record.
    """

    run: Run
    columns: tuple[str, ...]
    final: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CampaignDocument:
    campaign: Campaign


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the (once made) reader of dataclass ``kind``; making one takes milliseconds."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def write_document(path: Path, record: Any, *, durable: bool = True) -> None:
    """Write a document's dataclass to ``path``, whole or not at all (see `disk.write_whole`).

    Secrets in its texts are hidden; paths are told from the data folder or the home.

    Raises
    ------
    StoreError
        When it holds something that is not JSON: the message says what.
    OSError
        From the disk.
    """
    try:
        plain = pydantic_core.to_jsonable_python(record, inf_nan_mode="constants")
        body = pydantic_core.to_json(private_document(plain, path), indent=1, inf_nan_mode="constants")
    except pydantic_core.PydanticSerializationError as error:
        raise StoreError(
            f"{path.name} cannot be written: {error}. Store plain text, numbers, lists, tables."
        ) from error
    head = f'{{\n "schema_version": {SCHEMA_VERSION},\n "written_by": "{__version__}",'.encode()
    write_whole(path, head + body.removeprefix(b"{"), durable=durable)


_ASKED = (("campaign", "plan"), ("run", "spec"), ("final", "spec"))
"""Where in documents stands what was asked, which a continued campaign asks again."""


def private_document(document: Document, path: Path) -> Document:
    """Return a document as it may stand at ``path``: a plan's options so that its paths are found again."""
    places = Places(data_of(path))
    asked = [pair for pair in _ASKED if document.get(pair[0])]
    kept: Document = places.kept(document)
    for one, part in asked:
        kept[one][part] = places.kept(places.option(document[one][part]))
    return kept


def read_document(path: Path, kind: type[T]) -> T:
    """Read ``path`` as a document of dataclass ``kind``, upgraded to today's version.

    Raises
    ------
    NewerFormatError
        When a newer version of the workbench wrote it.
    StoreError
        When it is missing, unreadable or damaged.
    """
    with explained("read a record", path):
        content = read_regular(path)
    document = _current(_parse(content, path), path)
    try:
        return _adapter(kind).validate_python(document)
    except (ValidationError, BadInputError) as error:
        raise StoreError(f"{path} is damaged: {_first_problem(error)}. {MEND}") from error


def with_texts(record: T, change: Callable[[str], str]) -> T:
    """Return a record with every text in it, names of table entries too, changed by ``change``; checked anew."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {change(str(key)): changed(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [changed(one) for one in value]
        return change(value) if isinstance(value, str) else value

    adapter = _adapter(type(record))
    return adapter.validate_python(changed(adapter.dump_python(record)))


def write_campaign(folder: Path, campaign: Campaign) -> None:
    """Write ``campaign.json``; see `write_document`."""
    write_document(folder / CAMPAIGN_NAME, _CampaignDocument(campaign=campaign))


def read_campaign(folder: Path) -> Campaign:
    """Read the campaign in ``folder``; raises as `read_document`."""
    return read_document(folder / CAMPAIGN_NAME, _CampaignDocument).campaign


def read_manifest(folder: Path) -> RunDocument:
    """Read the manifest in a run's ``folder``; raises as `read_document`."""
    return read_document(folder / MANIFEST_NAME, RunDocument)


def read_run(folder: Path) -> Run:
    """Read the run recorded in ``folder``; raises as `read_document`."""
    return read_manifest(folder).run


def _parse(content: bytes, path: Path) -> Document:
    try:
        document = json.loads(content)
        unfit = _unfit(document)
    except RecursionError as error:
        raise StoreError(f"{path} is damaged: it is nested too deeply. {MEND}") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is not JSON ({error}). {MEND}") from error
    if unfit:
        raise StoreError(f"{path} is damaged: {unfit}. {MEND}")
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"{path} is damaged: it has no schema_version. {MEND}")
    return dict(document)


def _unfit(value: Any, place: str = "") -> str:
    """Say which value no table and no page can take, and why; empty when there is none.

    JSON allows what neither the index nor a terminal can hold: whole numbers of any length, and half of a surrogate
    pair in a text or a name.
    """
    if isinstance(value, str):
        return "" if _encodes(value) else f"{place or 'it'} is not Unicode text (half a surrogate pair)"
    if isinstance(value, int):
        return "" if -MOST - 1 <= value <= MOST else f"{place or 'it'} is a whole number out of range"
    if isinstance(value, dict):
        odd = next((key for key in value if not _encodes(key)), None)
        if odd is not None:
            return f"{place or 'it'} has the name {odd!a:.80}, which is not Unicode text"
        inner = ((one, f"{place}.{key}" if place else str(key)) for key, one in value.items())
    elif isinstance(value, list):
        inner = ((one, f"{place}.{position}") for position, one in enumerate(value))
    else:
        return ""
    return next(filter(None, (_unfit(one, where) for one, where in inner)), "")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _current(document: Document, path: Path) -> Document:
    version: int = document["schema_version"]
    if version > SCHEMA_VERSION:
        raise NewerFormatError(
            f"{path.parent} was written by a newer workbench (format {version}, this one reads up to "
            f"{SCHEMA_VERSION}); it is left alone. Upgrade the workbench to read it."
        )
    for step in range(version, SCHEMA_VERSION):
        if step not in UPGRADES:
            raise StoreError(f"{path.parent} has format {version}, which cannot be converted to {SCHEMA_VERSION}.")
        document = UPGRADES[step](document)
    return document


def _first_problem(error: ValidationError | BadInputError) -> str:
    if isinstance(error, BadInputError):
        return str(error).rstrip(".")
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
