"""The frames that the store gives: their queries, columns and types, in one place.

Every frame has its columns and types whatever it holds, an empty one too. Numbers that may be missing are float64 with
NaN; text that says why (`reason`, `limited`, `noisy`) is empty when there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from workbench.store.schema import TABLES

_COUNTED = (
    "ordinal",
    "block",
    "attempt",
    "payload_bytes",
    "fan_out",
    "connections",
    "cpus",
    "samples",
    "count",
    "readings",
)
_ALWAYS = frozenset((*_COUNTED, "runs_planned", "runs_finished", "runs_failed"))
"""Whole numbers that measured runs always have: int64 unless an imported run lacks one. All others are float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A named query.

    Attributes
    ----------
    columns
        Columns in order, as SQL expressions by name.
    source
        What follows FROM; a table that can be restricted by ``run_id``.
    order
        What follows ORDER BY.
    """

    columns: dict[str, str]
    source: str
    order: str

    def sql(self, conditions: str = "") -> str:
        """Return the query, restricted by ``conditions`` (SQL with parameters)."""
        listed = ", ".join(f'{expression} AS "{name}"' for name, expression in self.columns.items())
        where = f" WHERE {conditions}" if conditions else ""
        return f"SELECT {listed} FROM {self.source}{where} ORDER BY {self.order}"  # noqa: S608 - our own names


def _moment(column: str) -> str:
    """Seconds since the epoch as a timestamp (UTC, microseconds)."""
    return f"make_timestamp(CAST(round({column} * 1e6) AS BIGINT))"


def _plain(*names: str) -> dict[str, str]:
    return {name: f'"{name}"' for name in names}


_RUN_COLUMNS = {name: f'"{name}"' for name in TABLES["runs"] if name not in ("folder", "ended_at_s")}

RUNS = Frame(
    columns={
        name.removesuffix("_s") if name == "started_at_s" else name: _moment(name) if name == "started_at_s" else column
        for name, column in _RUN_COLUMNS.items()
        if name not in ("window_start_s", "window_end_s", "failures")
    },
    source="runs",
    order="started_at_s, run_id",
)

FAILURES = Frame(columns=_plain("run_id", "failures"), source="runs", order="started_at_s, run_id")

CAMPAIGNS = Frame(
    columns={
        **_plain("campaign_id", "experiment", "question", "status"),
        "started_at": _moment("started_at_s"),
        "ended_at": _moment("ended_at_s"),
        **_plain("runs_planned"),
        "runs_finished": "(SELECT count(*) FROM runs r WHERE r.campaign_id = c.campaign_id AND r.status = 'finished')",
        "runs_failed": "(SELECT count(*) FROM runs r WHERE r.campaign_id = c.campaign_id AND r.status = 'failed')",
        **_plain("environment", "fingerprint"),
    },
    source="campaigns c",
    order="started_at_s, campaign_id",
)

CONSUMPTION = Frame(columns=_plain(*TABLES["consumption"]), source="consumption", order="run_id, role, component")

RESERVATIONS = Frame(
    columns=_plain(
        *("run_id", "component", "role", "node"),
        *("cpu_request_cores", "cpu_limit_cores", "memory_request_bytes", "memory_limit_bytes"),
    ),
    source="(SELECT * FROM components WHERE is_read) AS known",
    order="run_id, position",
)

SOURCES = Frame(columns=_plain(*TABLES["sources"]), source="sources", order="run_id, node, source")

LATENCY = Frame(
    columns=_plain(*(name for name in TABLES["latency"] if name != "encoded")), source="latency", order="run_id, kind"
)

HISTOGRAMS = Frame(
    columns=_plain("run_id", "kind", "encoded", "count", "low_s", "high_s"),
    source="(SELECT * FROM latency WHERE encoded IS NOT NULL) AS whole",
    order="run_id, kind",
)

GATES = Frame(columns=_plain("run_id", "name", "passed", "evidence"), source="gates", order="run_id, position")

SERIES = Frame(
    columns={
        "time_s": "time_s - coalesce(window_start_s, min(time_s) OVER ())",
        **_plain("component", "role"),
        "cpu_cores": "(cpu_time_s - lag(cpu_time_s IGNORE NULLS) OVER w) "
        "/ nullif(time_s - lag(CASE WHEN cpu_time_s IS NOT NULL THEN time_s END IGNORE NULLS) OVER w, 0)",
        **_plain("mem_pss_bytes", "mem_anon_bytes", "mem_rss_bytes"),
    },
    source="(SELECT s.*, window_start_s FROM samples s JOIN runs r USING (run_id) WHERE run_id = $1) AS watched "
    "WINDOW w AS (PARTITION BY component, role ORDER BY time_s)",
    order="time_s, component",
)


def shaped(relation: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the result of an executed query as a frame with the types promised above.

    Numbers become float64 unless they are never missing (then int64), lists Python lists, timestamps aware of UTC.
    """
    kinds = {str(column[0]): str(column[1]) for column in relation.description or []}
    frame = relation.df()
    wanted: dict[str, str] = {}
    for name, kind in kinds.items():
        if kind.endswith("[]"):
            frame[name] = pd.Series([list(value) for value in frame[name]], index=frame.index, dtype=object)
        elif kind.startswith("TIMESTAMP"):
            frame[name] = frame[name].dt.tz_localize("UTC")
        elif kind == "VARCHAR":
            wanted[name] = "str"
        elif kind in ("BIGINT", "DOUBLE"):
            wanted[name] = "int64" if name in _ALWAYS and frame[name].notna().all() else "float64"
    return frame.astype({name: kind for name, kind in wanted.items() if frame.dtypes[name] != kind})
