"""Writing a run: the measuring loop's way into the store.

A `RunWriter` appends and renames files in one run's folder that nobody else writes, and never opens the
database, so that no notebook can hold a measurement up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from workbench.errors import BadInputError, StoreError
from workbench.files.places import Places, data_of
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.protocols import SampleRow
from workbench.model.records import Component, Run
from workbench.store.capture import CaptureFile, pack
from workbench.store.disk import explained, write_whole
from workbench.store.formats import InFlight, write_document
from workbench.store.layout import CAPTURE_HEADER_NAME, CAPTURE_NAME, MANIFEST_NAME, RAW_NAME, REQUESTS_NAME
from workbench.store.sealing import seal
from workbench.store.tables import write_table


def write_header(folder: Path, run: Run, final: Run | None = None) -> None:
    """Write what it takes to read a capture; renamed but not fsynced, since the capture is not either."""
    with explained("write the capture's header", folder):
        header = InFlight(run=run, columns=SAMPLE_COLUMNS, final=final)
        write_document(folder / CAPTURE_HEADER_NAME, header, durable=False)


class RunWriter:
    """One run in flight. Used by one thread at a time; `finish` must be called, or the run is recorded as interrupted.

    Attributes
    ----------
    run
        The run as it would be recorded if it were cut off now; the start for the record given to `finish`.
    folder
        The run's folder.
    """

    def __init__(self, folder: Path, run: Run, ended: Callable[[RunWriter, Run], None]) -> None:
        self.run, self.folder = run, folder
        self._ended = ended
        self._final: Run | None = None
        self._seen: tuple[Component, ...] = ()
        self._position: list[int] = []
        with explained("start the capture", folder):
            self._capture = CaptureFile(folder / CAPTURE_NAME)

    @property
    def run_id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.run.run_id

    def samples(self, components: Sequence[Component], rows: Sequence[SampleRow]) -> None:
        """Take samples; when this returns they survive ``kill -9``. A `protocols.SampleSink`.

        Parameters
        ----------
        components
            What the rows refer to by position. The list may grow or change between calls.
        rows
            (seconds since the epoch, position, metric -> value); absent metrics are stored as unknown.

        Raises
        ------
        UnknownNameError
            For a metric that is not sampled.
        StoreError
            When it cannot be written; rows taken before are kept, none of these is.
        """
        known = tuple(components)
        if known != self._seen:
            self._admit(known)
        records = pack(rows, self._position)
        if not self._capture.open:
            raise StoreError(f"Run {self.run_id} has ended and accepts no more samples; stop watching before finish.")
        with explained("store samples", self.folder):
            self._capture.append(records)

    def raw(self, name: str, content: bytes) -> None:
        """Keep a tool's output under ``raw/``; ``name`` is a relative path, and the file is never changed later.

        What is text is kept without secrets and without this machine's paths.
        """
        relative = PurePosixPath(name)
        if not relative.parts or relative.is_absolute() or ".." in relative.parts or "\0" in name:
            raise BadInputError(f"{name!r} cannot name raw output: use a relative path without '..'.")
        path = self.folder / RAW_NAME / relative
        with explained("keep raw output", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, Places(data_of(path)).content(content))

    def requests(self, frame: Mapping[str, NDArray[Any]]) -> None:
        """Keep raw times of single requests as ``requests.parquet``: columns of equal length, stored as they are."""
        with explained("keep request times", self.folder):
            write_table(self.folder / REQUESTS_NAME, frame)

    def finish(self, run: Run) -> None:
        """Record the run and complete its folder: Parquet, manifest last, capture removed.

        A run without components gets those that samples referred to.

        Raises
        ------
        StoreError
            When it cannot be written; what was captured is kept, and the end of the campaign, or `recover`, tries
            again.
        """
        if run.run_id != self.run_id or run.campaign_id != self.run.campaign_id:
            raise BadInputError(f"Run {run.run_id!r} cannot be recorded in the folder of run {self.run_id!r}.")
        if (self.folder / MANIFEST_NAME).exists():
            raise StoreError(f"Run {self.run_id} has been recorded already; a record is never changed.")
        self._capture.close()
        self._final = run
        write_header(self.folder, self.run, final=run)
        seal(self.folder, run)
        self._ended(self, run)

    def settle(self, reason: str) -> None:
        """End what nobody ended: record the run as `finish` was to do, or else as interrupted for ``reason``."""
        cut = replace(self.run, status="interrupted", reason=reason, ended_at_s=time.time())
        self.finish(self._final or cut)

    def _admit(self, components: tuple[Component, ...]) -> None:
        """Learn a new component list: records refer to the union of all lists seen, which only grows."""
        union = list(dict.fromkeys((*self.run.components, *components)))
        if len(union) > len(self.run.components):
            grown = replace(self.run, components=tuple(union))
            write_header(self.folder, grown)
            self.run = grown
        place = {component: position for position, component in enumerate(union)}
        self._seen, self._position = components, [place[component] for component in components]
