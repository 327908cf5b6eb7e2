"""A bundle: the documents of runs with their distributions and full records, as a folder that can be sent.

::

    bundle.json                       what is in it, with SHA-256 of every file; written last
    README.md                         how to look at it
    distributions.parquet             whole latency distributions of all runs, a row for each bucket
    campaigns/<id>/                   the campaign's record and the experiment as it was asked
    runs/<run id>/result.json         PerformanceTestResult; its details_uri is details.json
                  test.json           PerformanceTestConfig
                  mesh.json           ServiceMeshConfig
                  environment.json    EnvironmentConfig
                  details.json        the workbench's own record of the run, whole
                  samples.parquet     what was watched, where it was

The four documents are what others read. Coming back (`workbench.interchange.smp.unbundling`) everything is taken from
the full records, so that nothing is lost to the specification's whole numbers and missing fields.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from workbench import __version__
from workbench.errors import BadInputError, NothingToShowError, StoreError
from workbench.files.places import Places
from workbench.interchange.smp import SMP_VERSION
from workbench.interchange.smp.canonical import json_text, to_json, yaml_text
from workbench.interchange.smp.exporting import RunDocuments, documents_of
from workbench.model.histograms import buckets
from workbench.model.records import Facts, Run
from workbench.store import Campaign, Store, read_run
from workbench.store.disk import explained, temporary
from workbench.store.layout import (
    CAMPAIGN_NAME,
    EXPERIMENT_NAME,
    MANIFEST_NAME,
    RAW_NAME,
    SAMPLES_NAME,
    runs_folder,
)
from workbench.store.sealing import digest
from workbench.store.tables import write_table
from workbench.text.redaction import redacted

FORMAT, VERSION = "workbench-smp-bundle", 1
INDEX = "bundle.json"
DETAILS = "details.json"
DISTRIBUTIONS = "distributions.parquet"

FORMS = ("json", "yaml")
KINDS = ("test", "result", "mesh", "environment")

README = """\
# Runs as documents of the Service Mesh Performance specification {smp}

{runs} runs, exported by workbench {version}. Each folder in `runs/` contains the four documents of one run, linked by
their ids, and `details.json`, the full record. `workbench smp validate .` checks them; `workbench import .` imports
them into a store.

The latency distributions of all runs, in DuckDB:

    FROM 'distributions.parquet';
    SELECT mesh, rate_per_s, kind, 1e3 * max(high_s) AS max_ms, sum(count) AS requests
    FROM 'distributions.parquet' GROUP BY ALL ORDER BY ALL;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A written bundle.

    Attributes
    ----------
    folder
        Where it is.
    runs
        Ids of the runs in it.
    files, size
        How many files, and their bytes together.
    reveals
        What whoever gets it learns of the place where it was measured: ``"kernel 6.1"``, ``"user mesh"``.
    """

    folder: Path
    runs: tuple[str, ...]
    files: int
    size: int
    reveals: tuple[str, ...]


def export_bundle(
    store: Store, campaign_ids: Sequence[str], target: Path, *, form: str = "json", with_raw: bool = False
) -> Exported:
    """Write the runs of campaigns as a bundle, whole or not at all.

    Parameters
    ----------
    target
        Folder to make; must not exist.
    form
        Of the documents: ``"json"`` or ``"yaml"``.
    with_raw
        Whether the raw output of the tools comes along.

    Raises
    ------
    BadInputError
        When there is something at ``target``, or the form is unknown.
    NothingToShowError
        When the campaigns hold no run.
    StoreError
        When it cannot be written.
    """
    if form not in FORMS:
        raise BadInputError(f"A bundle's documents are {' or '.join(FORMS)}, not {form!r}.")
    if target.exists():
        raise BadInputError(f"{target} exists already; choose a new folder with --to.")
    aside = temporary(target)
    with explained("write the bundle", target):
        try:
            aside.mkdir(parents=True)
            runs = _write(store, campaign_ids, aside, form, with_raw)
            _hide_private(aside, Places(store.data))
            files = {name: digest(aside / name) for name in _files(aside)}
            _write_index(aside, runs, form, files)
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return Exported(
        folder=target,
        runs=tuple(run.run_id for run in runs),
        files=len(sizes),
        size=sum(sizes),
        reveals=revealed([store.campaign(one).facts for one in dict.fromkeys(campaign_ids)], runs, with_raw=with_raw),
    )


_TELLING_FACTS = {
    "machine": {"host": "host name", "cpu": "processor", "kernel": "kernel", "system": "system", "user": "user"},
    "cluster": {"context": "context", "server": "cluster's server", "kubernetes": "Kubernetes", "platform": "platform"},
}
"""Facts of a campaign that tell where it was measured -> what they are called."""


def revealed(facts: Sequence[Facts], runs: Sequence[Run], *, with_raw: bool = False) -> tuple[str, ...]:
    """Return what a bundle of these campaigns and runs tells of the place where they were measured."""
    found: dict[str, None] = {}
    for one in facts:
        for part, named in _TELLING_FACTS.items():
            held = one.details.get(part)
            known = held if isinstance(held, Mapping) else {}
            found |= {f"{what} {known[name]}": None for name, what in named.items() if known.get(name)}
        nodes = [str(node.get("name")) for node in one.details.get("nodes") or () if isinstance(node, Mapping)]
        if nodes:
            found[f"the names of {len(nodes)} nodes ({', '.join(nodes[:3])}{' ...' if len(nodes) > 3 else ''})"] = None
    if any(run.spec.mesh.options for run in runs):
        found["the options of the meshes"] = None
    if runs:
        found["the names of every watched part"] = None
    if with_raw:
        found["the tools' own output"] = None
    return tuple(found)


def _hide_private(folder: Path, places: Places) -> None:
    """Leave out of every text what older versions stored: secrets, also by their names, and absolute paths."""
    for name in _files(folder):
        path = folder / name
        if path.suffix == ".json" and RAW_NAME not in path.relative_to(folder).parts:
            told = json.loads(path.read_bytes())
            hidden = places.kept(redacted(told))
            if hidden != told:
                path.write_text(json.dumps(hidden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        elif path.suffix != ".parquet":
            path.write_bytes(places.content(path.read_bytes()))


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write(store: Store, campaign_ids: Sequence[str], folder: Path, form: str, with_raw: bool) -> list[Run]:
    runs: list[Run] = []
    for campaign_id in dict.fromkeys(campaign_ids):
        campaign, source = store.campaign(campaign_id), runs_folder(store.data) / campaign_id
        _copy(source, folder / "campaigns" / campaign_id, (CAMPAIGN_NAME, EXPERIMENT_NAME))
        listed = list(store.runs(campaign_id=campaign_id)["run_id"])
        parts = _parts(store, listed)
        for run_id in listed:
            run = read_run(source / run_id)
            _write_run(run, parts.get(run_id, []), campaign, source / run_id, folder / "runs" / run_id, form, with_raw)
            runs.append(run)
    if not runs:
        raise NothingToShowError(f"There is no run to export in {', '.join(campaign_ids) or 'no campaign'}.")
    write_table(folder / DISTRIBUTIONS, distributions_table(runs))
    readme = README.format(smp=SMP_VERSION, runs=len(runs), version=__version__)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return runs


def _parts(store: Store, run_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return run id -> rows of the consumption frame, NaN as None."""
    frame = store.consumption(run_ids)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        found.setdefault(str(row["run_id"]), []).append({str(name): value for name, value in row.items()})
    return found


def _write_run(
    run: Run,
    parts: Sequence[Mapping[str, Any]],
    campaign: Campaign,
    source: Path,
    folder: Path,
    form: str,
    with_raw: bool,
) -> None:
    folder.mkdir(parents=True)
    documents = documents_of(run, parts, campaign.facts, DETAILS)
    for kind in KINDS:
        (folder / f"{kind}.{form}").write_text(document_text(documents, kind, form), encoding="utf-8")
    shutil.copyfile(source / MANIFEST_NAME, folder / DETAILS)
    _copy(source, folder, (SAMPLES_NAME,))
    if with_raw and (source / RAW_NAME).is_dir():
        shutil.copytree(source / RAW_NAME, folder / RAW_NAME)


def document_text(documents: RunDocuments, kind: str, form: str) -> str:
    """Return one of a run's documents as text; ``kind`` of `KINDS`, ``form`` of `FORMS`."""
    document = to_json(getattr(documents, kind))
    return json_text(document) if form == "json" else yaml_text(document)


def _copy(source: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def distributions_table(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the distributions of ``runs`` as columns, a row for each bucket that holds a value.

    Columns run_id, mesh, workload, rate_per_s (NaN: none was asked for, or unknown), kind, low_s (inclusive), high_s
    (exclusive), count.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("run_id", "mesh", "workload", "rate_per_s", "kind")}
    numbers: dict[str, list[Any]] = {name: [numpy.empty(0)] for name in ("low_s", "high_s")}
    counts = [numpy.empty(0, numpy.int64)]
    for run, kind, found in _distributions(runs):
        rows = len(found.counts)
        rate = numpy.nan if "rate_per_s" in run.unknown else run.spec.load.rate_per_s
        told = (run.run_id, run.mesh.label, run.spec.workload.name, rate, kind)
        for name, value in zip(columns, told, strict=True):
            columns[name] += [value] * rows
        numbers["low_s"].append(found.low_s)
        numbers["high_s"].append(found.high_s)
        counts.append(found.counts)
    texts = {name: numpy.array(values, dtype=object) for name, values in columns.items() if name != "rate_per_s"}
    return {
        **texts,
        "rate_per_s": numpy.array(columns["rate_per_s"], dtype=numpy.float64),
        **{name: numpy.concatenate(parts) for name, parts in numbers.items()},
        "count": numpy.concatenate(counts),
    }


def _distributions(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Any]]:
    for run in runs:
        for kind, histogram in (run.load_result.histograms if run.load_result else {}).items():
            yield run, kind, buckets(histogram)


def _write_index(folder: Path, runs: Sequence[Run], form: str, files: Mapping[str, str]) -> None:
    index = {
        "format": FORMAT,
        "version": VERSION,
        "smp_version": SMP_VERSION,
        "written_by": f"workbench {__version__}",
        "form": form,
        "campaigns": sorted({run.campaign_id for run in runs}),
        "runs": [{"run_id": run.run_id, "campaign_id": run.campaign_id} for run in runs],
        "files": dict(files),
    }
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def is_bundle(path: Path) -> bool:
    """Whether ``path`` is the folder of a bundle."""
    return path.is_dir() and (path / INDEX).is_file()


def safe_member(folder: Path, name: str) -> Path:
    """Return the path of a file that a bundle names, if it is one of its own.

    Raises
    ------
    BadInputError
        When the name leads out of the bundle, through a link, or to no ordinary file.
    """
    path = folder / name
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or not name.isprintable() or "\\" in name:
        raise BadInputError(
            f"{folder / INDEX} names the file {name!r:.80}, which is not part of a bundle; it is not read."
        )
    step = folder
    for part in parts:
        step = step / part
        if step.is_symlink():
            raise BadInputError(f"{step} is a link; a bundle contains only files. It is not read.")
    if not path.is_file():
        raise BadInputError(f"{path} is missing, but {INDEX} lists it; the bundle is incomplete.")
    return path


def verified(folder: Path, files: Mapping[str, str]) -> None:
    """Check that every listed file is there and is the one that was written.

    Raises
    ------
    BadInputError
        Naming the first that is not.
    """
    for name, wanted in files.items():
        path = safe_member(folder, name)
        try:
            found = digest(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        if found != wanted:
            raise BadInputError(f"{path} is not the exported file (its SHA-256 differs); get the bundle again.")
