"""The columns of a run, once: the index's table and what the analysis expects of the frame are made from these.

`workbench.store.schema` takes names and types from here, `workbench.analysis.contract` names and uses. A new
column is a line here and its value in `workbench.store.rows`; raise the index's version with it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Use = Literal["text", "number", "flag", "count", "list", ""]
"""How the analysis reads a column: text ("": unknown), float64 (NaN: unknown), bool, whole number, list of text; empty:
not at all."""


class RunColumn(NamedTuple):
    """A column: its name, DuckDB type, and use in the analysis."""

    name: str
    kind: str
    use: Use = ""


RUN_COLUMNS = (
    RunColumn("folder", "VARCHAR"),
    RunColumn("run_id", "VARCHAR", "text"),
    RunColumn("campaign_id", "VARCHAR", "text"),
    RunColumn("experiment", "VARCHAR", "text"),
    RunColumn("ordinal", "BIGINT", "count"),
    RunColumn("block", "BIGINT", "count"),
    RunColumn("attempt", "BIGINT", "count"),
    RunColumn("is_baseline", "BOOLEAN", "flag"),
    RunColumn("mesh", "VARCHAR", "text"),
    RunColumn("mesh_name", "VARCHAR", "text"),
    RunColumn("profile", "VARCHAR"),
    RunColumn("mesh_title", "VARCHAR", "text"),
    RunColumn("data_plane", "VARCHAR", "text"),
    RunColumn("layer", "VARCHAR", "text"),
    RunColumn("mtls", "BOOLEAN", "flag"),
    RunColumn("archetype", "BOOLEAN", "flag"),
    RunColumn("shape_of", "VARCHAR[]", "list"),
    RunColumn("lacks", "VARCHAR[]", "list"),
    RunColumn("workload", "VARCHAR", "text"),
    RunColumn("payload_bytes", "BIGINT", "number"),
    RunColumn("server_delay_s", "DOUBLE", "number"),
    RunColumn("fan_out", "BIGINT", "number"),
    RunColumn("rate_per_s", "DOUBLE", "number"),
    RunColumn("duration_s", "DOUBLE", "number"),
    RunColumn("warmup_s", "DOUBLE", "number"),
    RunColumn("connections", "BIGINT", "number"),
    RunColumn("protocol", "VARCHAR", "text"),
    RunColumn("arrival", "VARCHAR", "text"),
    RunColumn("generator", "VARCHAR", "text"),
    RunColumn("generator_version", "VARCHAR", "text"),
    RunColumn("latency_from", "VARCHAR", "text"),
    RunColumn("environment", "VARCHAR", "text"),
    RunColumn("fingerprint", "VARCHAR", "text"),
    RunColumn("status", "VARCHAR", "text"),
    RunColumn("reason", "VARCHAR", "text"),
    RunColumn("provenance", "VARCHAR", "text"),
    RunColumn("started_at_s", "DOUBLE"),
    RunColumn("ended_at_s", "DOUBLE"),
    RunColumn("window_start_s", "DOUBLE"),
    RunColumn("window_end_s", "DOUBLE"),
    RunColumn("window_s", "DOUBLE", "number"),
    RunColumn("requests", "BIGINT", "number"),
    RunColumn("errors", "BIGINT", "number"),
    RunColumn("failures", "VARCHAR"),
    RunColumn("asked_failing_low", "DOUBLE", "number"),
    RunColumn("asked_failing_high", "DOUBLE", "number"),
    RunColumn("achieved_rate_per_s", "DOUBLE", "number"),
    RunColumn("generator_cpu_per_request_s", "DOUBLE", "number"),
    RunColumn("limited", "VARCHAR", "text"),
    RunColumn("psi_ratio", "DOUBLE", "number"),
    RunColumn("steal_ratio", "DOUBLE", "number"),
    RunColumn("foreign_cores", "DOUBLE", "number"),
    RunColumn("cpus", "BIGINT", "number"),
    RunColumn("noisy", "VARCHAR", "text"),
)
"""In the order of the index's table."""


def used_as(use: Use) -> tuple[str, ...]:
    """Return the names of the columns that the analysis reads as ``use``."""
    return tuple(column.name for column in RUN_COLUMNS if column.use == use)
