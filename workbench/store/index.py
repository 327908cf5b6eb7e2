"""Opening the index: late, briefly, and never as a reason to fail.

DuckDB lets one process write or several read, and whoever has the file open, even idly in a notebook, keeps the others
out. So it is opened for the length of one question. When somebody holds it, we try again for a few seconds and then
index the folders in memory instead: the same tables, the same queries, the same answers. A file that is damaged or of
another version is set aside and made anew.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from workbench.errors import StoreError
from workbench.model.recording import RECORDED
from workbench.store.catchup import catch_up
from workbench.store.layout import INDEX_NAME, runs_folder
from workbench.store.schema import INDEX_VERSION, create, found_version
from workbench.text.plain import logger

log = logger(__name__)

ASIDE_SUFFIX = ".aside"

PATIENCE_S = 3.0
"""How long somebody else may hold the database before we do without. Other commands hold it for well under a second."""

_PAUSE_S = (0.002, 0.02)
"""Bounds of the random pause between tries; measured: four processes take turns with waits of at most 0.5 s."""

_HELD = ("could not set lock", "conflicting lock")
_DENIED = ("permission denied", "read-only file system", "no space left", "operation not permitted", "disk quota")

_locks: dict[Path, threading.RLock] = {}
_locks_guard = threading.Lock()

_recordings: dict[Path, duckdb.DuckDBPyConnection] = {}
"""The indexes of recordings, in memory: read once in a process, since indexing takes most of a second."""


class _UnusableError(Exception):
    """The database file cannot be used now; the message says why."""


class _DamagedError(Exception):
    """The database file is not an index that we can use, now or later."""


class Index:
    """The index of one data folder. Its methods may be called from several threads.

    Parameters
    ----------
    data
        The data folder.
    recorded
        Whether it is a recording, which is only read: then the index stands in memory.
    """

    def __init__(self, data: Path, *, recorded: bool = False) -> None:
        self.data, self._recorded = data, recorded
        self.path = data / INDEX_NAME
        self._memory: duckdb.DuckDBPyConnection | None = None
        with _locks_guard:
            self._lock = _locks.setdefault(self.path.resolve(), threading.RLock())

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the index, up to date with the folders, for the length of a ``with``."""
        connection = self._open()
        try:
            yield connection
        finally:
            with self._lock:  # see `_connect`: closing must not overlap with another thread's opening
                connection.close()

    def distrust(self, error: duckdb.Error) -> None:
        """Take note that a query failed that cannot fail on a sound index: set the file aside, or the memory."""
        with self._lock:
            if self._recorded:
                _recordings.pop(self.path.resolve(), None)
            elif self._memory is not None:
                self._memory = None
            else:
                self._set_aside(str(error).splitlines()[0])

    def remake(self) -> int:
        """Forget everything and index every folder again; return the number of folders read.

        Raises
        ------
        StoreError
            When the file cannot be written now: it is held by another program, or the disk forbids it.
        """
        with self._lock:
            self._memory = None
            if not runs_folder(self.data).exists():
                return 0
            if self._recorded:
                _recordings.pop(self.path.resolve(), None)
                return int(self._of_recording().execute("SELECT count(*) FROM folders").fetchall()[0][0])
            try:
                connection, count = self._open_file(afresh=True)
            except _UnusableError as reason:
                raise StoreError(f"{reason} Fix that and rebuild again; no run is lost.") from reason
            connection.close()
            return count

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open the file, or the memory where that cannot be, up to date with the folders."""
        with self._lock:
            if not runs_folder(self.data).exists():
                return _in_memory()  # nothing to index yet, so leave no file either
            if self._recorded:
                return self._of_recording()
            if self._memory is None:
                try:
                    return self._open_file()[0]
                except _UnusableError as reason:
                    log.warning("%s The folders are indexed in memory instead; answers are the same.", reason)
                self._memory = _in_memory()
            catch_up(self._memory, self.data)
            return self._memory.cursor()

    def _of_recording(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor of the recording's index; its runs say that they were recorded."""
        name = self.path.resolve()
        connection = _recordings.get(name)
        if connection is None:
            connection = _in_memory()
            catch_up(connection, self.data)
            connection.execute("UPDATE runs SET provenance = ?", [RECORDED])
            _recordings[name] = connection
        return connection.cursor()

    def _open_file(self, afresh: bool = False) -> tuple[duckdb.DuckDBPyConnection, int]:
        try:
            return self._caught_up(afresh)
        except duckdb.Error as error:
            if _is(error, _DENIED) or isinstance(error, duckdb.OutOfMemoryException):
                raise _UnusableError(f"The index {self.path} cannot be updated: {_first(error)}.") from error
            self._set_aside(_first(error))
        try:
            return self._caught_up(afresh=False)
        except duckdb.Error as error:
            raise _UnusableError(f"The index {self.path} cannot be created: {_first(error)}.") from error

    def _caught_up(self, afresh: bool) -> tuple[duckdb.DuckDBPyConnection, int]:
        connection = self._connect()
        try:
            if afresh:
                _empty(connection)
            return connection, catch_up(connection, self.data)
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """Open the file with tables of our version. The caller holds the lock.

        Within a process all connections to a file share one DuckDB instance, and closing any descriptor of a file
        drops the process's POSIX locks on it: so opening and closing take turns.
        """
        for turn in (1, 2):
            try:
                connection = self._try_for_a_while()
            except _DamagedError as error:
                if turn == 2:
                    raise _UnusableError(f"The index {self.path} cannot be created: {error}.") from error
                self._set_aside(str(error))
                continue
            version = _version(connection)
            if version is None:
                create(connection)
            if version in (None, INDEX_VERSION):
                return connection
            connection.close()
            self._set_aside(f"it has version {version}, and this workbench needs {INDEX_VERSION}")
        raise _UnusableError(f"The index {self.path} keeps being replaced by another version of the workbench.")

    def _try_for_a_while(self) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                connection = duckdb.connect(str(self.path))
                _quieten(connection)
                return connection
            except duckdb.ConnectionException as error:
                raise _UnusableError(f"This process has {self.path} open with other settings.") from error
            except duckdb.Error as error:
                if _is(error, _DENIED):
                    raise _UnusableError(f"The index {self.path} cannot be opened: {_first(error)}.") from error
                if not _is(error, _HELD):
                    raise _DamagedError(_first(error)) from error
                if time.monotonic() > deadline:
                    raise _UnusableError(f"Another program uses the index: {_first(error)}.") from error
            time.sleep(random.uniform(*_PAUSE_S))

    def _set_aside(self, why: str) -> None:
        """Rename the database; one such file is kept, in case somebody misses something."""
        aside = self.path.with_name(self.path.name + ASIDE_SUFFIX)
        log.warning(
            "The index %s is rebuilt from the run folders (%s); the old one is kept as %s.", self.path, why, aside
        )
        try:
            for suffix in ("", ".wal"):
                old = self.path.with_name(self.path.name + suffix)
                if old.exists():
                    old.replace(aside.with_name(aside.name + suffix))
        except OSError as error:
            raise _UnusableError(
                f"The index {self.path} is unusable and cannot be moved aside: {error.strerror}."
            ) from error


def _in_memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    _quieten(connection)
    create(connection)
    return connection


def _version(connection: duckdb.DuckDBPyConnection) -> int | None:
    try:
        return found_version(connection)
    except duckdb.Error:
        return 0


def _empty(connection: duckdb.DuckDBPyConnection) -> None:
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        connection.execute(f'DROP TABLE "{table}"')
    with contextlib.suppress(duckdb.TransactionException):  # somebody in this process is reading: then later
        connection.execute("CHECKPOINT")  # so that the space is used again
    create(connection)


def _quieten(connection: duckdb.DuckDBPyConnection) -> None:
    """No progress bar in somebody's notebook, and no attempt to fetch extensions from the network."""
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET autoinstall_known_extensions = false")


def _is(error: duckdb.Error, words: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(word in text for word in words)


def _first(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].rstrip(".")
