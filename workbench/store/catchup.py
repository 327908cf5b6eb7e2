"""Bringing an index up to date with the folders: what is new, changed or gone since it was last open.

Looking costs one ``stat`` for each run; folders seen before and unchanged are not read. New ones are read, checked
against their manifests and inserted many at a time, in one transaction. A broken folder is named in ``problems`` and
skipped; it is tried again every time, so that a restored file is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.records import SCHEMA_VERSION
from workbench.store.consumption import CONSUMPTION, SAMPLE_EDGE_S
from workbench.store.layout import CAMPAIGN_NAME, CAPTURE_HEADER_NAME, MANIFEST_NAME, campaign_folders, run_folders
from workbench.store.lock import is_held
from workbench.store.rows import Loaded, Row, load_campaign, load_run
from workbench.store.schema import OF_A_RUN, TABLES, create
from workbench.text.plain import escaped, logger

log = logger(__name__)

BATCH = 500
"""Folders in one transaction: enough that its cost does not count, few enough to hold their rows in memory."""

MOST_SAID = 5
"""Broken folders that the log names one by one; the index keeps all of them."""

NO_MANIFEST = (
    "{} has no manifest: its run was cut off. `workbench rebuild`, or the next `workbench run`, records it as "
    "interrupted, with all captured data. If that does not help, move the folder away."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A folder that ought to be in the index, by the look of it."""

    signature: str
    load: Callable[[], Loaded]


def catch_up(connection: duckdb.DuckDBPyConnection, data: Path) -> int:
    """Index what is new, forget what is gone; return the number of folders read.

    Raises
    ------
    duckdb.Error
        When the index cannot be read or written. Folders that cannot be read never raise.
    """
    seen, problems = _look(data)
    known = dict(connection.execute("SELECT folder, signature FROM folders").fetchall())
    stale = [folder for folder, signature in known.items() if folder not in seen or seen[folder].signature != signature]
    loaded: list[Loaded] = []
    if stale:
        _forget(connection, stale)
    count = 0
    for folder, found in seen.items():
        if known.get(folder) != found.signature:
            _load(folder, found, loaded, problems)
        if len(loaded) == BATCH:
            count += len(loaded)
            _insert(connection, loaded, problems)
            loaded = []
    _insert(connection, loaded, problems)
    _name_problems(connection, problems)
    return count + len(loaded)


def _look(data: Path) -> tuple[dict[str, Seen], dict[str, str]]:
    """Return the folders as they look now, and what is wrong with those that cannot even be looked at."""
    seen: dict[str, Seen] = {}
    problems: dict[str, str] = {}
    for campaign in campaign_folders(data):
        if not _nameable(campaign, campaign.name, problems):
            continue
        held = is_held(campaign)
        _look_at(campaign, CAMPAIGN_NAME, str(held), seen, problems, held)
        try:
            runs = list(run_folders(campaign))
        except OSError as error:
            problems[campaign.name] = f"{campaign} cannot be listed: {error.strerror}."
            continue
        for run in runs:
            if not _nameable(run, f"{campaign.name}/{run.name}", problems):
                continue
            if held and not (run / MANIFEST_NAME).exists() and (run / CAPTURE_HEADER_NAME).exists():
                continue  # in flight
            _look_at(run, MANIFEST_NAME, "", seen, problems, held)
    return seen, problems


def _nameable(folder: Path, name: str, problems: dict[str, str]) -> bool:
    """Whether a folder's name is text that can be stored and shown; names it among the problems where it is not."""
    if folder.name.isprintable():
        return True
    problems[escaped(name)] = (
        f"{escaped(str(folder))} has a name that is not printable UTF-8 text. "
        "Rename the folder to the id in its record, or move it out of the data folder."
    )
    return False


def _look_at(
    folder: Path, document: str, extra: str, seen: dict[str, Seen], problems: dict[str, str], held: bool
) -> None:
    is_run = document == MANIFEST_NAME
    name = f"{folder.parent.name}/{folder.name}" if is_run else folder.name
    try:
        stat = (folder / document).stat()
    except FileNotFoundError:
        problems[name] = NO_MANIFEST.format(folder) if is_run else f"{folder / document} is missing: no campaign."
        return
    except OSError as error:
        problems[name] = f"{folder / document} cannot be read: {error.strerror}."
        return
    signature = f"{stat.st_mtime_ns}:{stat.st_size}:{SCHEMA_VERSION}:{extra}"
    seen[name] = Seen(
        signature=signature,
        load=lambda: load_run(folder, signature) if is_run else load_campaign(folder, signature, held),
    )


def _load(folder: str, found: Seen, loaded: list[Loaded], problems: dict[str, str]) -> None:
    try:
        loaded.append(found.load())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one folder, the others are shown
        problems[folder] = escaped(str(error)) or type(error).__name__


def _forget(connection: duckdb.DuckDBPyConnection, folders: Sequence[str]) -> None:
    connection.execute("BEGIN")
    runs = "SELECT run_id FROM runs WHERE folder IN (SELECT unnest($1::VARCHAR[]))"
    for table in reversed(OF_A_RUN):
        connection.execute(f"DELETE FROM {table} WHERE run_id IN ({runs})", [folders])  # noqa: S608 - our own names
    for table in ("campaigns", "folders"):
        connection.execute(
            f"DELETE FROM {table} WHERE folder IN (SELECT unnest($1::VARCHAR[]))",  # noqa: S608 - our own names
            [folders],
        )
    connection.execute("COMMIT")


def _insert(connection: duckdb.DuckDBPyConnection, loaded: list[Loaded], problems: dict[str, str]) -> None:
    """Insert folders in one transaction; where that fails, find the ones at fault by halving."""
    if not loaded:
        return
    connection.execute("BEGIN")
    try:
        _insert_rows(connection, loaded)
        _insert_samples(connection, [one for one in loaded if one.samples is not None])
        connection.execute("COMMIT")
    except duckdb.Error as error:
        connection.rollback()
        if len(loaded) > 1:
            middle = len(loaded) // 2
            _insert(connection, loaded[:middle], problems)
            _insert(connection, loaded[middle:], problems)
        elif (reason := _fault_of(loaded[0])) is not None:
            problems[loaded[0].folder] = reason
        else:
            raise error from None


def _insert_rows(connection: duckdb.DuckDBPyConnection, loaded: Sequence[Loaded]) -> None:
    rows: dict[str, list[Row]] = {
        "folders": [{"folder": one.folder, "signature": one.signature} for one in loaded],
    }
    for one in loaded:
        for table, listed in one.rows.items():
            rows.setdefault(table, []).extend(listed)
    for table, listed in rows.items():
        insert(connection, table, listed)


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Insert ``rows`` by column name, all at once: they travel as one JSON text, which keeps NULL and types apart."""
    shape = json.dumps([{name: _shape(kind) for name, kind in TABLES[table].items()}])
    connection.execute(
        f"INSERT INTO {table} SELECT row.* FROM "  # noqa: S608 - our own names
        "(SELECT unnest(from_json_strict($1::JSON, $2)) AS row)",
        [json.dumps(rows), shape],
    )


def _shape(kind: str) -> str | list[str]:
    return [kind.removesuffix("[]")] if kind.endswith("[]") else kind


def _insert_samples(connection: duckdb.DuckDBPyConnection, loaded: Sequence[Loaded]) -> None:
    if not loaded:
        return
    files = [str(one.samples) for one in loaded]
    runs = [one.run_id for one in loaded]
    connection.execute(
        "INSERT INTO samples BY NAME SELECT of.run_id, read.* EXCLUDE (filename) "
        "FROM read_parquet($1, filename = true, union_by_name = true) AS read "
        "JOIN (SELECT unnest($2::VARCHAR[]) AS filename, unnest($3::VARCHAR[]) AS run_id) AS of USING (filename)",
        [[as_glob(file) for file in files], files, runs],
    )
    for one in loaded:
        if one.renamed:
            _rename(connection, one)
    connection.execute(CONSUMPTION, [runs, SAMPLE_EDGE_S])


def _rename(connection: duckdb.DuckDBPyConnection, loaded: Loaded) -> None:
    """Read the samples of an older version as today's: columns under their new names, roles as its components have."""
    columns = [f"{new} = {old}" for old, new in loaded.renamed.items() if {old, new} <= {*SAMPLE_COLUMNS}]
    if columns:
        connection.execute(
            f"UPDATE samples SET {', '.join(columns)} WHERE run_id = $1",  # noqa: S608 - our own names
            [loaded.run_id],
        )
    connection.execute(
        "UPDATE samples SET role = of.role FROM components AS of WHERE samples.run_id = $1 AND of.run_id = $1 "
        "AND samples.component = of.component AND samples.role != of.role",
        [loaded.run_id],
    )


def as_glob(file: str) -> str:
    """Return a pattern that matches exactly ``file``: a data folder may be called ``runs [old]``."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in file)


def _fault_of(loaded: Loaded) -> str | None:
    """Say why a folder cannot be indexed; None when it can, and the index is at fault.

    The folder is put alone into an empty index in memory. What fails there is its own.
    """
    memory = duckdb.connect(":memory:")
    try:
        create(memory)
        _insert_rows(memory, [loaded])
    except duckdb.Error as error:
        return f"The record of {loaded.folder} cannot be indexed: {_first(error)} Restore it, or move its folder away."
    try:
        _insert_samples(memory, [loaded] if loaded.samples is not None else [])
    except duckdb.Error as error:
        return f"{loaded.samples} cannot be read: {_first(error)} Restore it, or move its folder away."
    finally:
        memory.close()
    return None


def _first(error: duckdb.Error) -> str:
    return escaped((str(error) or type(error).__name__).splitlines()[0])


def _name_problems(connection: duckdb.DuckDBPyConnection, problems: dict[str, str]) -> None:
    """Keep the present problems in the index; nothing is written when they are the same as before."""
    known = dict(connection.execute("SELECT folder, reason FROM problems").fetchall())
    new = sorted(problems.keys() - known.keys())
    for folder in new[:MOST_SAID]:
        log.warning("Skipped: %s", problems[folder])
    if len(new) > MOST_SAID:
        log.warning("Skipped: %d more folders. `workbench runs` lists them all.", len(new) - MOST_SAID)
    if known != problems:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM problems")
        insert(connection, "problems", [{"folder": name, "reason": why} for name, why in sorted(problems.items())])
        connection.execute("COMMIT")
