"""The frames that the store gives: their queries, columns and types, in one place.

Every frame has its columns and types whatever it holds, an empty one too. Numbers that may be missing are float64 with
NaN; text that says why (`reason`, `limited`, `noisy`) is empty when there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from workbench.model.columns import TABLES, shown

_ALWAYS = frozenset(
    ("runs_finished", "runs_failed", *(one.name for listed in TABLES.values() for one in listed if one.whole))
)
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


def _all(table: str) -> dict[str, str]:
    """Return a table's columns as its frame shows them; those that bear another name there are times."""
    return {name: f'"{name}"' if name == column.name else _moment(column.name) for name, column in shown(table).items()}


RUNS = Frame(columns=_all("runs"), source="runs", order="started_at_s, run_id")

FAILURES = Frame(columns=_plain("run_id", "failures"), source="runs", order="started_at_s, run_id")

_WHERE = ("environment", "fingerprint")
_COUNT = "(SELECT count(*) FROM runs r WHERE r.campaign_id = c.campaign_id AND r.status = '{}')"

CAMPAIGNS = Frame(
    columns={
        **{name: expression for name, expression in _all("campaigns").items() if name not in _WHERE},
        "runs_finished": _COUNT.format("finished"),
        "runs_failed": _COUNT.format("failed"),
        **_plain(*_WHERE),
    },
    source="campaigns c",
    order="started_at_s, campaign_id",
)

CONSUMPTION = Frame(columns=_all("consumption"), source="consumption", order="run_id, role, component")

RESERVATIONS = Frame(
    columns=_all("components"),
    source="(SELECT * FROM components WHERE is_read) AS known",
    order="run_id, position",
)

SOURCES = Frame(columns=_all("sources"), source="sources", order="run_id, node, source")

LATENCY = Frame(columns=_all("latency"), source="latency", order="run_id, kind")

HISTOGRAMS = Frame(
    columns=_plain("run_id", "kind", "encoded", "count", "low_s", "high_s"),
    source="(SELECT * FROM latency WHERE encoded IS NOT NULL) AS whole",
    order="run_id, kind",
)

GATES = Frame(columns=_all("gates"), source="gates", order="run_id, position")

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
