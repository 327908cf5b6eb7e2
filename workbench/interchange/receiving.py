"""``workbench import``: files of any known kind into the store, all of them or none.

Every file is read and checked before anything is written. Results become runs of one new campaign, bundles the
campaigns that they hold, test profiles experiments in the data folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError
from workbench.interchange.documents import read_file, text_of
from workbench.interchange.importing import kinds
from workbench.interchange.importing.circumstances import known_value
from workbench.interchange.importing.imported import Imported, Options
from workbench.interchange.importing.settling import plausible
from workbench.interchange.importing.source import InputFile
from workbench.interchange.landing import Landed, Landing, land, proven, publish, staged
from workbench.interchange.smp.bundle import is_bundle
from workbench.interchange.smp.meshery import Profiled, experiment_of
from workbench.interchange.smp.unbundling import Bundle, land_bundle, open_bundle
from workbench.interchange.smp.validation import documents_in, kind_of
from workbench.store.disk import explained, write_whole
from workbench.store.layout import campaign_folders, runs_folder

MAPPING_MOST = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What an import brought.

    Attributes
    ----------
    kinds
        File as it was given -> title of its kind.
    landed
        The campaign of imported results; None when there were none.
    campaigns
        Campaigns that came in bundles: id in the bundle -> id in the store.
    experiments
        Files of experiments made of test profiles.
    said
        What was repaired, changed or left out, each with its file.
    """

    kinds: dict[str, str]
    landed: Landed | None
    campaigns: dict[str, str]
    experiments: tuple[Path, ...]
    said: tuple[str, ...]


@dataclass(slots=True)
class _Read:
    """What has been read so far, before anything is written."""

    kinds: dict[str, str]
    runs: list[Imported]
    bundles: list[Bundle]
    profiles: list[Profiled]


def options_of(facts: Sequence[str], mapping: Path | None, latencies_in: str) -> Options:
    """Return what the user added on the command line.

    Parameters
    ----------
    facts
        ``NAME=VALUE`` each, see `workbench.interchange.importing.circumstances.KNOWN`.

    Raises
    ------
    BadInputError
        For an unknown circumstance, a value of the wrong type, an unreadable mapping, an unknown unit.
    """
    if latencies_in not in ("", "ms", "s"):
        raise BadInputError(f"--latencies-in must be ms or s, not {latencies_in!r}.")
    told = {}
    for fact in facts:
        name, found, text = fact.partition("=")
        if not found:
            raise BadInputError(f"--fact {fact!r} does not have the form NAME=VALUE, such as rate_per_s=1000.")
        told[name] = known_value(name, _value(text), "--fact")
    held = None if mapping is None else (text_of(read_file(mapping, MAPPING_MOST), str(mapping)), str(mapping))
    return Options(facts=told, mapping=held, latencies_in=latencies_in)


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def receive(data: Path, given: Sequence[str], options: Options, landing: Landing, kind: str = "") -> Received:
    """Import files and bundles.

    Parameters
    ----------
    given
        Paths; ``LABEL=PATH`` names the data plane of the runs in a file.
    kind
        What the files are; empty: told by what stands in each.

    Raises
    ------
    BadInputError
        Whatever is wrong with any of them, with its place; then nothing is imported.
    StoreError
        When it cannot be written.
    """
    if not given:
        raise BadInputError("There is nothing to import: name files, or the folder of a bundle.")
    read = _Read(kinds={}, runs=[], bundles=[], profiles=[])
    for one in given:
        _read_one(one, options, kind, read)
    experiments = [_free_file(data, one) for one in read.profiles]
    landed = land(data, read.runs, landing) if read.runs else None
    campaigns = _land_bundles(data, read.bundles)
    for path, profile in zip(experiments, read.profiles, strict=True):
        with explained("write the experiment", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, profile.toml.encode())
    said = [f"{run.where}: {note}" for run in read.runs for note in run.notes]
    said += [f"{path.name}: {note}" for path, one in zip(experiments, read.profiles, strict=True) for note in one.said]
    return Received(
        kinds=read.kinds,
        landed=landed,
        campaigns=campaigns,
        experiments=tuple(experiments),
        said=tuple(dict.fromkeys(said)),
    )


def _read_one(given: str, options: Options, kind: str, read: _Read) -> None:
    label, path = split_label(given)
    if path.is_dir():
        if not is_bundle(path):
            raise BadInputError(f"{path} is a folder but not a bundle (it has no bundle.json). Name files.")
        read.bundles.append(open_bundle(path))
        read.kinds[given] = "bundle of runs"
        return
    source = InputFile(path)
    if not kind and _is_profile(source):
        read.profiles.append(experiment_of(documents_in(source.nodes, source.where)[0], options.facts))
        read.kinds[given] = "test profile"
        return
    chosen, runs = kinds.read(source, options, kind)
    read.kinds[given] = chosen.title
    read.runs += [_completed(run, label, options) for run in runs]


def split_label(given: str) -> tuple[str, Path]:
    """Return the label and the path of ``LABEL=PATH``; a path that exists as it stands has no label."""
    whole = Path(given)
    if whole.exists() or "=" not in given:
        return "", whole
    label, _, path = given.partition("=")
    return label, Path(path)


def _is_profile(source: InputFile) -> bool:
    """Whether a file is a test profile alone: YAML or JSON with ``test:``, or a test configuration without results."""
    if not any(mark in source.head for mark in ("test:", '"test"', "clients")):
        return False
    try:
        found = [kind_of(node) for node in source.nodes]
    except BadInputError:
        return False
    return found in (["profile"], ["test"])


def _completed(run: Imported, label: str, options: Options) -> Imported:
    """Return the run with what the user added; what the source itself tells is never overruled."""
    added = {name: value for name, value in options.facts.items() if getattr(run, name) in (None, "", "imported")}
    clash = {name: value for name, value in options.facts.items() if name not in added and getattr(run, name) != value}
    if clash:
        name, value = next(iter(clash.items()))
        raise BadInputError(f"In {run.where}, {name} is {getattr(run, name)!r}; --fact {name}={value} contradicts it.")
    note = (f"Added by the user: {', '.join(f'{name} {value}' for name, value in added.items())}.",) if added else ()
    made = plausible(replace(run, **added, notes=(*run.notes, *note)))
    return replace(made, label=label) if label else made


def _free_file(data: Path, profile: Profiled) -> Path:
    path = data / "experiments" / f"{profile.name}.toml"
    if path.exists():
        raise BadInputError(f"There is an experiment {path} already; rename it, or the profile.")
    return path


def _land_bundles(data: Path, bundles: Sequence[Bundle]) -> dict[str, str]:
    """Write all campaigns of all bundles aside, then move them into the store one after the other."""
    found: dict[str, str] = {}
    if not bundles:
        return found
    with staged(data) as staging:
        for bundle in bundles:
            taken = {path.name for path in campaign_folders(data)} | {path.name for path in campaign_folders(staging)}
            found |= land_bundle(bundle, runs_folder(staging), taken)
        proven(staging, sum(len(bundle.runs) for bundle in bundles))
        for new in found.values():
            publish(staging, data, new)
    return found
