"""The index's tables: what ``workbench.duckdb`` holds, under a version of its own.

No keys on samples: a primary key makes inserting eight times slower and the file seven times larger, and the folders
are the record anyway. Text is VARCHAR, not ENUM: DuckDB compresses it as well, and new names need no change.
"""

from __future__ import annotations

import duckdb

from workbench import __version__
from workbench.model import columns

INDEX_VERSION = 4
"""Version of the tables below and of what is computed into them. History: 1, the first; 2 adds nodes, reservations,
sources and throttling; 3 the share of requests that an intent asks to fail; 4 the kinds of failed requests, and no
value that a record may not have. An index of any other version is set aside and remade from the folders, so a change
needs a new number here and nothing else."""

TABLES: dict[str, dict[str, str]] = {
    # one row for each folder that is indexed as it is now; a changed signature makes it be read again
    "folders": {"folder": "VARCHAR", "signature": "VARCHAR"},
    # folders that cannot be read, and why
    "problems": {"folder": "VARCHAR", "reason": "VARCHAR"},
    # consumption is computed from samples once, when a run is indexed: runs never change
    **{table: {column.name: column.kind for column in listed} for table, listed in columns.TABLES.items()},
}
"""Table -> column -> type."""

OF_A_RUN = tuple(name for name, listed in TABLES.items() if "run_id" in listed)
"""Tables with a ``run_id``; the runs themselves are the first."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables in an empty database."""
    connection.execute("BEGIN")
    for table, listed in TABLES.items():
        made = ", ".join(f'"{name}" {kind}' for name, kind in listed.items())
        connection.execute(f"CREATE TABLE {table} ({made})")
    connection.execute("CREATE TABLE index_version (version INTEGER, written_by VARCHAR)")
    connection.execute("INSERT INTO index_version VALUES (?, ?)", [INDEX_VERSION, __version__])
    connection.execute("COMMIT")


def found_version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Return the version of the index that is open; 0 for a database that is not an index, None for an empty one."""
    try:
        row = connection.execute("SELECT version FROM index_version").fetchone()
    except duckdb.CatalogException:
        row = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        return None if row == (0,) else 0
    return int(row[0]) if row else 0
