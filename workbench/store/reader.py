"""Read frames, campaigns and runs from the index, which first catches up with the folders.

All reading goes through here. Results are pandas frames, whose columns their help lists, or the stored records.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from workbench.errors import BadInputError, NothingToShowError, StoreError
from workbench.model import columns
from workbench.model.recording import with_badge
from workbench.model.records import Run, Status
from workbench.store import frames
from workbench.store.formats import Campaign, read_campaign, read_run
from workbench.store.index import Index
from workbench.store.layout import runs_folder
from workbench.store.recordings import recording_of

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., pd.DataFrame])

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)

_QUERYS_FAULT = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.TypeMismatchException,
)

RunIds = Iterable[str] | None
"""Run ids (a list or a frame's column), or None for all runs."""


def _with_columns(table: str) -> Callable[[F], F]:
    """Add to a method's help the columns of the frame that it returns, as the registry has them."""

    def described(method: F) -> F:
        if method.__doc__:  # none under python -OO
            listed = "".join(f"\n        {name}\n            {says}" for name, says in columns.told(table))
            method.__doc__ = f"{method.__doc__.rstrip()}\n\n        Columns\n        -------{listed}\n        "
        return method

    return described


class Store:
    """The contents of a data folder.

    Every method indexes what is new in the folders and opens the index for one query; nothing
    stays open in between, so a notebook that keeps a `Store` blocks nothing. While another program uses the database,
    the folders are indexed in memory, with the same answers. A folder that does not exist is an empty store.
    Methods may be called from several threads. A recording is only read, and its frames carry its badge
    (`workbench.model.recording`).

    Parameters
    ----------
    data
        The data folder, which contains ``runs/``.

    Attributes
    ----------
    recording
        What the folder says of itself as a recording; None when it is none.

    Raises
    ------
    StoreError
        When it is a recording whose provenance cannot be read.
    """

    def __init__(self, data: Path) -> None:
        self.data = Path(data)
        self.recording = recording_of(self.data)
        self._index = Index(self.data, recorded=self.recording is not None)
        self._here = threading.local()

    @contextmanager
    def at_once(self) -> Iterator[Store]:
        """Answer all queries within a ``with`` block from one scan of the folders, instead of one scan each.

        With thousands of campaigns, a scan takes a second. The index stays open meanwhile, so other programs must index
        the folders in memory: keep it short. It applies to this thread.
        """
        if getattr(self._here, "connection", None) is not None:
            yield self
            return
        with self._index.connection() as connection:
            self._here.connection = connection
            try:
                yield self
            finally:
                self._here.connection = None

    def _let_go(self) -> None:
        """Close what `at_once` holds: as long as it is open, this process gets the same database again."""
        held = getattr(self._here, "connection", None)
        if held is not None:
            self._here.connection = None
            held.close()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        held = getattr(self._here, "connection", None)
        if held is not None:
            yield held
            return
        with self._index.connection() as connection:
            yield connection

    @_with_columns("campaigns")
    def campaigns(self) -> pd.DataFrame:
        """Return all campaigns, the oldest first.

        Before where it happened stand runs_finished and runs_failed, counted of its recorded runs.
        """
        return self._frame(frames.CAMPAIGNS.sql())

    @_with_columns("runs")
    def runs(
        self,
        campaign_id: str | None = None,
        experiment: str | None = None,
        mesh: str | None = None,
        status: Status | None = None,
    ) -> pd.DataFrame:
        """Return runs, the oldest first; each argument that is given must match exactly (``mesh``: the label).

        Values that the source of an imported run does not state are missing (NaN, None).
        """
        asked = {"campaign_id": campaign_id, "experiment": experiment, "mesh": mesh, "status": status}
        given = {name: value for name, value in asked.items() if value is not None}
        conditions = " AND ".join(f'"{name}" = ?' for name in given)
        return self._frame(frames.RUNS.sql(conditions), list(given.values()))

    def failures(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the kinds of failed requests: run_id, failures ("236 read, 3 timeout"; empty: none, or unknown)."""
        return self._of(frames.FAILURES, run_ids)

    @_with_columns("consumption")
    def consumption(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the consumption of each watched part within the measured window of its run.

        NaN: not watched, or fewer than two readings. A run without a measured window has no rows.
        """
        return self._of(frames.CONSUMPTION, run_ids)

    @_with_columns("components")
    def reservations(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the reservations of the watched parts, as read from the running pods.

        NaN: none is set, which is not 0. Parts without this reading have no row.
        """
        return self._of(frames.RESERVATIONS, run_ids)

    @_with_columns("sources")
    def sources(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the source of the consumption of runs on clusters, one row per node; see `records.SourceUse`."""
        return self._of(frames.SOURCES, run_ids)

    @_with_columns("latency")
    def latency(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the quantiles of each run's histograms.

        Quantiles of several runs come from merged `histograms`, never from these. If an imported source reports only
        some figures of a kind, they are here, with NaN for the others and no histogram.
        """
        return self._of(frames.LATENCY, run_ids)

    def histograms(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return full histograms; a row's fields except the first two make a `records.Histogram`.

        Columns: run_id, kind, encoded (HdrHistogram V2, compressed, base64), count, low_s, high_s (NaN when empty).
        """
        return self._of(frames.HISTOGRAMS, run_ids)

    @_with_columns("gates")
    def gates(self, run_ids: RunIds = None) -> pd.DataFrame:
        """Return the gates that each run had to pass, in the order they were tried."""
        return self._of(frames.GATES, run_ids)

    def series(self, run_id: str) -> pd.DataFrame:
        """Return all samples of one run, in order of time.

        Columns: time_s (from the start of the measured window, negative before it; from the first sample when there
        is not a window), component, role, cpu_cores (mean since the previous sample of the part, NaN for its first),
        mem_pss_bytes, mem_anon_bytes, mem_rss_bytes (NaN where not read at that moment).
        """
        return self._frame(frames.SERIES.sql(), [run_id])

    def campaign(self, campaign_id: str) -> Campaign:
        """Return a campaign's record, with its plan and facts.

        Raises
        ------
        NothingToShowError
            When there is no campaign with this id.
        StoreError
            When its folder is broken or newer.
        """
        folder = self._folder("campaigns", "campaign_id", campaign_id)
        return read_campaign(folder)

    def run(self, run_id: str) -> Run:
        """Return a run's record; raises as `campaign`."""
        return read_run(self._folder("runs", "run_id", run_id))

    def latest_campaign(self) -> str:
        """Return the id of the campaign that started last among those with a recorded run.

        Raises
        ------
        NothingToShowError
            When there are no runs yet.
        """
        sql = "SELECT campaign_id FROM runs GROUP BY ALL ORDER BY min(started_at_s) DESC, campaign_id DESC LIMIT 1"
        found = self._ask(lambda connection: connection.execute(sql).fetchone())
        if found is None:
            raise NothingToShowError(f"There is no run in {self.data} yet; `workbench demo` makes the first ones.")
        return str(found[0])

    def problems(self) -> list[tuple[str, str]]:
        """Return (folder, reason) for every skipped folder: damaged, or newer than this workbench."""
        sql = "SELECT folder, reason FROM problems ORDER BY folder"
        found = self._ask(lambda connection: connection.execute(sql).fetchall())
        return [(str(runs_folder(self.data) / folder), str(reason)) for folder, reason in found]

    def rebuild(self) -> int:
        """Rebuild the index from the folders; return its number of folders (campaigns and runs)."""
        return self._index.remake()

    def query(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Query the index in DuckDB's SQL, read-only.

        Tables: campaigns, runs, components, samples, consumption, latency, gates, problems; see `store.schema`.

        Parameters
        ----------
        sql
            One SELECT, WITH, DESCRIBE or EXPLAIN.
        params
            Values for ``?`` or ``$1`` in it, or by name for ``$name``.

        Raises
        ------
        BadInputError
            When it is not one reading statement, or DuckDB refuses it.
        """
        try:
            return self._badged(self._ask(lambda connection: _answer(connection, sql, params), ours=False))
        except _QUERYS_FAULT as error:
            raise BadInputError(f"The query cannot be answered: {error}") from error

    def _of(self, frame: frames.Frame, run_ids: RunIds) -> pd.DataFrame:
        if run_ids is None:
            return self._frame(frame.sql())
        listed = [run_ids] if isinstance(run_ids, str) else [str(one) for one in run_ids]
        return self._frame(frame.sql("run_id IN (SELECT unnest(?::VARCHAR[]))"), [listed])

    def _frame(self, sql: str, params: Sequence[Any] = ()) -> pd.DataFrame:
        return self._badged(self._ask(lambda connection: frames.shaped(connection.execute(sql, list(params)))))

    @property
    def badge(self) -> str:
        """What must stand at every figure made from this store; empty when nothing must."""
        return self.recording.badge if self.recording else ""

    def _badged(self, frame: pd.DataFrame) -> pd.DataFrame:
        return with_badge(frame, self.badge)

    def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T], ours: bool = True) -> T:
        """Run a query on the index. If a valid query fails, the index is damaged: rebuild it.

        Parameters
        ----------
        ours
            Whether the query is known to be valid; a user's may be wrong.
        """
        try:
            with self._connection() as connection:
                return question(connection)
        except duckdb.InterruptException:
            raise
        except duckdb.OutOfMemoryException as error:
            raise StoreError(f"There is not enough memory for this query: {error}. Query fewer runs.") from error
        except duckdb.Error as error:
            if not ours and isinstance(error, _QUERYS_FAULT):
                raise
            self._let_go()
            self._index.distrust(error)
        with self._index.connection() as connection:
            return question(connection)

    def _folder(self, table: str, column: str, name: str) -> Path:
        sql = f"SELECT folder FROM {table} WHERE {column} = ?"  # noqa: S608 - our own names
        found = self._ask(lambda connection: connection.execute(sql, [name]).fetchone())
        if found is not None:
            return runs_folder(self.data) / str(found[0])
        for folder, reason in self.problems():
            if Path(folder).name == name:
                raise StoreError(reason)
        kind = column.removesuffix("_id")
        raise NothingToShowError(f"There is no {kind} {name!r} in {self.data}; `workbench runs` lists the known ones.")


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> pd.DataFrame:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in _READING:
        raise BadInputError("Use one reading statement at a time: SELECT, WITH, DESCRIBE or EXPLAIN.")
    return connection.execute(statements[0], params if isinstance(params, Mapping) else list(params)).df()
