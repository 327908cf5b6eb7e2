"""The index's tables: what ``workbench.duckdb`` holds, under a version of its own.

No keys on samples: a primary key makes inserting eight times slower and the file seven times larger, and the folders
are the record anyway. Text is VARCHAR, not ENUM: DuckDB compresses it as well, and new names need no change.
"""

from __future__ import annotations

import duckdb

from workbench import __version__
from workbench.model.columns import RUN_COLUMNS
from workbench.model.metrics import SAMPLE_COLUMNS

INDEX_VERSION = 4
"""Version of the tables below and of what is computed into them. History: 1, the first; 2 adds nodes, reservations,
sources and throttling; 3 the share of requests that an intent asks to fail; 4 the kinds of failed requests, and no
value that a record may not have. An index of any other version is set aside and remade from the folders, so a change
needs a new number here and nothing else."""

SAMPLE_EDGE_S = 0.05
"""Samples this close outside a run's window still belong to its edges: clocks are read a moment before or after the
instant that the load generator announced. A quarter of the watcher's interval, so that no ordinary tick of the warm-up
is taken for an edge; of several candidates the one nearest to the edge counts."""

TABLES: dict[str, dict[str, str]] = {
    # one row for each folder that is indexed as it is now; a changed signature makes it be read again
    "folders": {"folder": "VARCHAR", "signature": "VARCHAR"},
    # folders that cannot be read, and why
    "problems": {"folder": "VARCHAR", "reason": "VARCHAR"},
    "campaigns": {
        "folder": "VARCHAR",
        "campaign_id": "VARCHAR",
        "experiment": "VARCHAR",
        "question": "VARCHAR",
        "status": "VARCHAR",
        "reason": "VARCHAR",
        "started_at_s": "DOUBLE",
        "ended_at_s": "DOUBLE",
        "runs_planned": "BIGINT",
        "environment": "VARCHAR",
        "fingerprint": "VARCHAR",
    },
    "runs": {column.name: column.kind for column in RUN_COLUMNS},
    "components": {
        "run_id": "VARCHAR",
        "position": "BIGINT",
        "component": "VARCHAR",
        "role": "VARCHAR",
        "instance": "VARCHAR",
        "node": "VARCHAR",
        "is_read": "BOOLEAN",
        "cpu_request_cores": "DOUBLE",
        "cpu_limit_cores": "DOUBLE",
        "memory_request_bytes": "DOUBLE",
        "memory_limit_bytes": "DOUBLE",
    },
    "sources": {
        "run_id": "VARCHAR",
        "node": "VARCHAR",
        "source": "VARCHAR",
        "place": "VARCHAR",
        "coarse": "BOOLEAN",
        "readings": "BIGINT",
        "interval_s": "DOUBLE",
        "reach_s": "DOUBLE",
        "why": "VARCHAR",
        "doubt": "VARCHAR",
    },
    "latency": {
        "run_id": "VARCHAR",
        "kind": "VARCHAR",
        "count": "BIGINT",
        "p50_s": "DOUBLE",
        "p75_s": "DOUBLE",
        "p90_s": "DOUBLE",
        "p99_s": "DOUBLE",
        "p999_s": "DOUBLE",
        "low_s": "DOUBLE",
        "high_s": "DOUBLE",
        "encoded": "VARCHAR",
    },
    "gates": {"run_id": "VARCHAR", "position": "BIGINT", "name": "VARCHAR", "passed": "BOOLEAN", "evidence": "VARCHAR"},
    "samples": {
        "run_id": "VARCHAR",
        "time_s": "DOUBLE",
        "component": "VARCHAR",
        "role": "VARCHAR",
        **dict.fromkeys(SAMPLE_COLUMNS, "DOUBLE"),
    },
    # computed from samples once, when a run is indexed: runs never change
    "consumption": {
        "run_id": "VARCHAR",
        "component": "VARCHAR",
        "role": "VARCHAR",
        "node": "VARCHAR",
        "cpu_s": "DOUBLE",
        "cpu_cores": "DOUBLE",
        "mem_pss_bytes": "DOUBLE",
        "mem_anon_bytes": "DOUBLE",
        "mem_rss_bytes": "DOUBLE",
        "mem_working_set_bytes": "DOUBLE",
        "ctx_switches": "DOUBLE",
        "cpu_throttled_s": "DOUBLE",
        "samples": "BIGINT",
    },
}
"""Table -> column -> type. Times end in ``_s``: seconds, those ``at`` since the epoch."""

OF_A_RUN = ("runs", "components", "sources", "latency", "gates", "samples", "consumption")
"""Tables with a ``run_id``."""

QUANTILES = {"p50_s": 0.5, "p75_s": 0.75, "p90_s": 0.9, "p99_s": 0.99, "p999_s": 0.999}
"""Columns of ``latency`` -> quantile."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables in an empty database."""
    connection.execute("BEGIN")
    for table, columns in TABLES.items():
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {table} ({listed})")
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
