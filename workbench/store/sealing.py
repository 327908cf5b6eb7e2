"""The end of a run's writing: from a capture to a complete folder, in an order that a crash may cut anywhere.

Samples to Parquet, then the manifest, then the capture is removed. Until the manifest stands, the capture
does; so whoever comes after a crash can begin again from it. Used by the writer at the end of a run and by
`recovery` later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from workbench.model.records import Run
from workbench.store.capture import read_capture
from workbench.store.disk import explained, is_temporary, sync_folder
from workbench.store.formats import FileRecord, InFlight, RunDocument, read_document, write_document
from workbench.store.layout import CAPTURE_HEADER_NAME, CAPTURE_NAME, MANIFEST_NAME, REQUESTS_NAME, SAMPLES_NAME
from workbench.store.tables import count_rows, write_samples

_NOT_LISTED = {MANIFEST_NAME, CAPTURE_NAME, CAPTURE_HEADER_NAME}


def seal(folder: Path, run: Run) -> Run:
    """Complete the run's ``folder`` and return the run as recorded.

    A run that names no components gets those of its samples. Without samples there is no ``samples.parquet``.

    Raises
    ------
    StoreError
        When it cannot be written; the capture is kept, and `recover` tries again.
    """
    flight = read_document(folder / CAPTURE_HEADER_NAME, InFlight)
    with explained("complete the run", folder):
        rows = _store_samples(folder, flight)
        recorded = run if run.components else replace(run, components=flight.run.components)
        files = tuple(_describe(folder, path, rows) for path in _files(folder))
        write_document(folder / MANIFEST_NAME, RunDocument(run=recorded, files=files))
        drop_capture(folder)
    return recorded


def drop_capture(folder: Path) -> None:
    """Remove what a complete run no longer needs."""
    (folder / CAPTURE_NAME).unlink(missing_ok=True)
    (folder / CAPTURE_HEADER_NAME).unlink(missing_ok=True)
    sync_folder(folder)


def digest(path: Path) -> str:
    """Return the SHA-256 of the file ``path`` in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _store_samples(folder: Path, flight: InFlight) -> int:
    components = flight.run.components
    records = read_capture(folder / CAPTURE_NAME, len(flight.columns), len(components))
    if not len(records):
        return 0
    return write_samples(folder / SAMPLES_NAME, records, flight.columns, components)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not is_temporary(path) and path.name not in _NOT_LISTED:
            yield path


def _describe(folder: Path, path: Path, samples: int) -> FileRecord:
    name = path.relative_to(folder).as_posix()
    rows = {SAMPLES_NAME: lambda: samples, REQUESTS_NAME: lambda: count_rows(path)}.get(name, lambda: None)()
    return FileRecord(name=name, size=path.stat().st_size, sha256=digest(path), rows=rows)
