"""Tables as Parquet files: numpy columns in, one whole file out.

An in-memory DuckDB does the writing, at the end of a run and never during one; ``workbench.duckdb`` is not
touched. Parquet holds plain text columns, not enums, and NULL where a value is not known.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from workbench.errors import StoreError
from workbench.model.records import Component
from workbench.store.disk import advice, publish, sync_folder, temporary


def quoted(name: str) -> str:
    """Return ``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` as an SQL string, where a prepared parameter is not allowed."""
    return "'" + text.replace("'", "''") + "'"


def write_samples(
    path: Path, records: NDArray[np.float64], columns: Sequence[str], components: Sequence[Component]
) -> int:
    """Write capture records as ``samples.parquet``; return the number of rows.

    Parameters
    ----------
    records
        Shape (rows, 2 + len(columns)): time_s, position in ``components``, values; NaN becomes NULL.
    """
    source = {"time_s": np.ascontiguousarray(records[:, 0]), "part": records[:, 1].astype(np.int64)}
    listed = []
    for place, name in enumerate(columns, start=2):
        values = np.ascontiguousarray(records[:, place])
        if np.isnan(values).all():
            listed.append(f"NULL::DOUBLE AS {quoted(name)}")
        else:
            source[name] = values
            listed.append(f"nullif({quoted(name)}, 'NaN'::DOUBLE) AS {quoted(name)}")
    return _write(
        path,
        source,
        "SELECT time_s, getvariable('names')[part + 1] AS component, "  # noqa: S608 - the names are quoted
        f"getvariable('roles')[part + 1] AS role, {', '.join(listed)} FROM source",
        names=[one.name for one in components],
        roles=[one.role for one in components],
    )


def write_table(path: Path, frame: Mapping[str, NDArray[Any]]) -> int:
    """Write columns of equal length as they are; return the number of rows."""
    return _write(path, dict(frame), "SELECT * FROM source")


def _write(path: Path, source: Mapping[str, NDArray[Any]], query: str, **variables: list[str]) -> int:
    aside = temporary(path)
    connection = _database(os.getpid()).cursor()
    try:
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = ?::VARCHAR[]", [value])
        connection.register("source", source)
        connection.execute(f"COPY ({query}) TO {literal(str(aside))} (FORMAT parquet, COMPRESSION zstd)")
        publish(aside, path)
        sync_folder(path.parent)
    except duckdb.Error as error:
        raise StoreError(f"Cannot write {path.name} in {path.parent}: {_cause(error)}") from error
    finally:
        connection.close()
        aside.unlink(missing_ok=True)
    return len(next(iter(source.values()), ()))


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """Return this process's database in memory, which only converts; opening one takes twenty times as long as that.

    A forked child gets one of its own, because a database does not survive a fork.
    """
    return duckdb.connect(":memory:", config={"threads": 1, "temp_directory": ""})


def count_rows(path: Path) -> int:
    """Return the number of rows that the Parquet file ``path`` says it has."""
    connection = _database(os.getpid()).cursor()
    try:
        found = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
    except duckdb.Error as error:
        raise StoreError(f"Cannot read {path}: {_cause(error)}") from error
    finally:
        connection.close()
    return int(found[0]) if found else 0


def _cause(error: duckdb.Error) -> str:
    """Say what stopped DuckDB, which reports the operating system's errors as text only."""
    text = str(error)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
        if os.strerror(number) in text:
            return advice(OSError(number, os.strerror(number)))
    return f"{text.splitlines()[0]}. Everything stored so far is kept."
