"""The columns of every table, said once: the index, the frames, the analysis and the documentation take them from here.

`workbench.store` makes its tables, the frames that it gives, their help and what is computed of consumption from these;
`workbench.analysis.contract` takes what it reads, and the documentation's site a page. A new column is a line here, and
its value in `workbench.store.rows` unless it is made `of` a sampled metric; raise the index's version with it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from workbench.model.metrics import SAMPLE_COLUMNS, metric

Use = Literal["text", "number", "flag", "count", "list", ""]
"""How the analysis reads a column: text ("": unknown), float64 (NaN: unknown), bool, whole number, list of text; empty:
not at all."""

Made = Literal["growth", "rate", "level", ""]
"""How consumption comes from samples, see `_HOW`."""

_HOW: dict[Made, str] = {
    "growth": "{} at the window's end less that at its start, from the samples nearest to these edges.",
    "rate": "The same of {} by the time between these two samples.",
    "level": "{}: 95th percentile of the samples in the window, linearly interpolated.",
}


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name, kind
        In the index, with its DuckDB type.
    use
        In the analysis.
    says
        What it means, for who reads a frame.
    shown
        Its name in the frame; "": it is not in there; None: the same.
    whole
        Whether every measured run has it, a whole number: int64 in the frame, where none is missing. All other numbers
        are float64.
    made, of
        How it is computed, and of which sampled metric; empty: it is not.
    """

    name: str
    kind: str
    use: Use = ""
    says: str = ""
    shown: str | None = None
    whole: bool = False
    made: Made = ""
    of: str = ""


def _made(name: str, made: Made, of: str) -> Column:
    return Column(name, "DOUBLE", "number", _HOW[made].format(metric(of).label), made=made, of=of)


_FOLDER = Column("folder", "VARCHAR", says="Its folder below ``runs/``.", shown="")
_RUN_ID = Column("run_id", "VARCHAR", "text", "Id of the run.")
_COMPONENT = Column("component", "VARCHAR", "text", "Name of the watched part.")
_ROLE = Column("role", "VARCHAR", "text", "Whom its consumption is charged to.")
_POSITION = Column("position", "BIGINT", says="Place among those of the run, from 0.", shown="")
_NODE = Column("node", "VARCHAR", "text", "Machine of a cluster; empty where there is one machine only.")

QUANTILES = {"p50_s": 0.5, "p75_s": 0.75, "p90_s": 0.9, "p99_s": 0.99, "p999_s": 0.999}
"""Columns of ``latency`` -> quantile."""

TABLES: dict[str, tuple[Column, ...]] = {
    "campaigns": (
        _FOLDER,
        Column("campaign_id", "VARCHAR", says="Id of the campaign, the name of its folder."),
        Column("experiment", "VARCHAR", says="Name of the experiment."),
        Column("question", "VARCHAR", says="What it is to answer."),
        Column("status", "VARCHAR", says="``running`` only while its process lives; cut off reads ``interrupted``."),
        Column("reason", "VARCHAR", says="Why it is not finished; empty: it is.", shown=""),
        Column("started_at_s", "DOUBLE", says="When it started (UTC).", shown="started_at"),
        Column("ended_at_s", "DOUBLE", says="When it ended (UTC); NaT while it runs.", shown="ended_at"),
        Column("runs_planned", "BIGINT", says="Runs of its plan.", whole=True),
        Column("environment", "VARCHAR", says="Where it happened."),
        Column("fingerprint", "VARCHAR", says="Hash over what must be equal for numbers to be comparable."),
    ),
    "runs": (
        _FOLDER,
        Column("run_id", "VARCHAR", "text", "Id of the run, the name of its folder."),
        Column("campaign_id", "VARCHAR", "text", "Id of its campaign."),
        Column("experiment", "VARCHAR", "text", "Name of the experiment."),
        Column("ordinal", "BIGINT", "count", "Place in the plan, from 1.", whole=True),
        Column("block", "BIGINT", "count", "Block of the campaign, from 1.", whole=True),
        Column("attempt", "BIGINT", "count", "1, or 2 for the repetition of a noisy run.", whole=True),
        Column("is_baseline", "BOOLEAN", "flag", "Whether it is the run without a mesh."),
        Column("mesh", "VARCHAR", "text", "Its label: name, profile unless default, and what else was given."),
        Column("mesh_name", "VARCHAR", "text", "Name of the adapter."),
        Column("profile", "VARCHAR", "", "Variant of the mesh."),
        Column("mesh_title", "VARCHAR", "text", "One line: what carries the request."),
        Column("data_plane", "VARCHAR", "text", "none, sidecar, node-proxy or kernel."),
        Column("layer", "VARCHAR", "text", "L3, L4, L7 or empty."),
        Column("mtls", "BOOLEAN", "flag", "Whether the data plane authenticates and encrypts."),
        Column("archetype", "BOOLEAN", "flag", "Whether it is a lab data plane, which bears no product's name."),
        Column("shape_of", "VARCHAR[]", "list", "Meshes that work in this shape."),
        Column("lacks", "VARCHAR[]", "list", "What it lacks against them."),
        Column("workload", "VARCHAR", "text", "Name of the workload."),
        Column("payload_bytes", "BIGINT", "number", "Bytes of a request's body.", whole=True),
        Column("server_delay_s", "DOUBLE", "number", "Wait of each service before it answers."),
        Column("fan_out", "BIGINT", "number", "Calls to the backend for one request.", whole=True),
        Column("rate_per_s", "DOUBLE", "number", "Requests asked for in a second."),
        Column("duration_s", "DOUBLE", "number", "Length of the measurement as asked for."),
        Column("warmup_s", "DOUBLE", "number", "Load of the same kind before, discarded."),
        Column("connections", "BIGINT", "number", "Connections that the load keeps open.", whole=True),
        Column("protocol", "VARCHAR", "text", "Protocol of the load."),
        Column("arrival", "VARCHAR", "text", "Arrival process of the requests."),
        Column("generator", "VARCHAR", "text", "Name of the load generator."),
        Column("generator_version", "VARCHAR", "text", "Its version; empty when the load did not report."),
        Column(
            "latency_from",
            "VARCHAR",
            "text",
            "What latency counts from: schedule or send; empty when the load did not report.",
        ),
        Column("environment", "VARCHAR", "text", "Where it happened."),
        Column("fingerprint", "VARCHAR", "text", "Hash over what must be equal for numbers to be comparable."),
        Column("status", "VARCHAR", "text", "finished, failed, interrupted or skipped."),
        Column("reason", "VARCHAR", "text", "Why it is not finished; empty: it is."),
        Column("provenance", "VARCHAR", "text", "measured, imported, published or synthetic."),
        Column("started_at_s", "DOUBLE", "", "When it started (UTC).", shown="started_at"),
        Column("ended_at_s", "DOUBLE", says="When it ended.", shown=""),
        Column("window_start_s", "DOUBLE", says="When the measured window began; NULL: there is none.", shown=""),
        Column("window_end_s", "DOUBLE", says="When it ended.", shown=""),
        Column("window_s", "DOUBLE", "number", "Length of the measured window; NaN: there is none."),
        Column("requests", "BIGINT", "number", "Requests scheduled in the window."),
        Column("errors", "BIGINT", "number", "Those of them without a correct answer."),
        Column(
            "failures",
            "VARCHAR",
            "",
            "Kinds of requests that failed, the most frequent first; empty: none, or none told.",
            shown="",
        ),
        Column(
            "asked_failing_low",
            "DOUBLE",
            "number",
            "Share of the requests that the mesh's intent asks to fail, at least; 0: none.",
        ),
        Column("asked_failing_high", "DOUBLE", "number", "The same, at most."),
        Column("achieved_rate_per_s", "DOUBLE", "number", "Requests really sent in a second."),
        Column(
            "generator_cpu_per_request_s",
            "DOUBLE",
            "number",
            "The generator's own CPU time for one request; NaN: unknown.",
        ),
        Column("limited", "VARCHAR", "text", "Why the generator was the limit; empty: it was not."),
        Column(
            "psi_ratio", "DOUBLE", "number", "Share of the window in which some task waited for a CPU; NaN: unknown."
        ),
        Column("steal_ratio", "DOUBLE", "number", "Share of the CPUs' time taken by the hypervisor; NaN: unknown."),
        Column("foreign_cores", "DOUBLE", "number", "Cores used by what is no part of the run; NaN: unknown."),
        Column("cpus", "BIGINT", "number", "CPUs of the machine.", whole=True),
        Column("noisy", "VARCHAR", "text", "Why the machine counts as disturbed; empty: it does not."),
    ),
    "components": (
        _RUN_ID,
        _POSITION,
        _COMPONENT,
        _ROLE,
        Column("instance", "VARCHAR", says="Process id or container id.", shown=""),
        _NODE,
        Column("is_read", "BOOLEAN", says="Whether it was read what it reserves.", shown=""),
        Column("cpu_request_cores", "DOUBLE", "number", "CPU set aside for it; NaN: none, which is not 0."),
        Column("cpu_limit_cores", "DOUBLE", "number", "CPU that it may use at most; NaN: no limit."),
        Column("memory_request_bytes", "DOUBLE", "number", "Memory set aside for it; NaN: none, which is not 0."),
        Column("memory_limit_bytes", "DOUBLE", "number", "Memory that it may use at most; NaN: no limit."),
    ),
    "sources": (
        _RUN_ID,
        _NODE,
        Column("source", "VARCHAR", "text", "kubelet, prometheus or metrics-api."),
        Column("place", "VARCHAR", "text", "Where it was asked."),
        Column("coarse", "BOOLEAN", "flag", "Whether counters were put together from averages."),
        Column("readings", "BIGINT", "number", "Different times within the window at which it was read.", whole=True),
        Column("interval_s", "DOUBLE", "number", "Median time between two readings; NaN: fewer than two."),
        Column("reach_s", "DOUBLE", "number", "How far outside the window its readings lie at worst; NaN: no value."),
        Column("why", "VARCHAR", "text", "Why this source, where it was not the first choice."),
        Column("doubt", "VARCHAR", "text", "Why its figures are less sure; empty: nothing is known against them."),
    ),
    "latency": (
        _RUN_ID,
        Column("kind", "VARCHAR", "text", "from_schedule, from_send or send_lag."),
        Column("count", "BIGINT", "number", "Requests in the distribution.", whole=True),
        *(
            Column(name, "DOUBLE", "" if name == "p75_s" else "number", f"Quantile {of}; NaN: nothing was recorded.")
            for name, of in QUANTILES.items()
        ),
        Column("low_s", "DOUBLE", "number", "The least; NaN: nothing was recorded."),
        Column("high_s", "DOUBLE", "number", "The most; NaN: nothing was recorded."),
        Column("encoded", "VARCHAR", says="The whole distribution: HdrHistogram V2, compressed, base64.", shown=""),
    ),
    "gates": (
        _RUN_ID,
        _POSITION,
        Column("name", "VARCHAR", says="Which gate."),
        Column("passed", "BOOLEAN", says="Whether the run passed it."),
        Column("evidence", "VARCHAR", says="What was seen."),
    ),
    "samples": (
        _RUN_ID,
        Column("time_s", "DOUBLE", says="Seconds since the epoch."),
        _COMPONENT,
        _ROLE,
        *(Column(name, "DOUBLE", says=metric(name).definition) for name in SAMPLE_COLUMNS),
    ),
    "consumption": (
        _RUN_ID,
        _COMPONENT,
        _ROLE,
        _NODE,
        _made("cpu_s", "growth", "cpu_time_s"),
        _made("cpu_cores", "rate", "cpu_time_s"),
        _made("mem_pss_bytes", "level", "mem_pss_bytes"),
        _made("mem_anon_bytes", "level", "mem_anon_bytes"),
        _made("mem_rss_bytes", "level", "mem_rss_bytes"),
        _made("mem_working_set_bytes", "level", "mem_working_set_bytes"),
        _made("ctx_switches", "growth", "ctx_switches"),
        _made("cpu_throttled_s", "growth", "cpu_throttled_s"),
        Column("samples", "BIGINT", says="Samples that lie in the window.", whole=True),
    ),
}
"""Table of the index -> its columns, in order. Times end in ``_s``: seconds, those ``at`` since the epoch, which frames
show as timestamps."""


def used_as(table: str, *uses: Use) -> tuple[str, ...]:
    """Return the names of a table's columns that the analysis reads in one of these ways (none given: in any)."""
    return tuple(column.name for column in TABLES[table] if column.use and (not uses or column.use in uses))


def shown(table: str) -> dict[str, Column]:
    """Return a table's columns by the names that they have in its frame, without those that it does not have."""
    named = {column.name if column.shown is None else column.shown: column for column in TABLES[table]}
    return {name: column for name, column in named.items() if name}


def told(table: str) -> list[tuple[str, str]]:
    """Return the columns of a table's frame with what each means, for who reads it."""
    return [(name, column.says) for name, column in shown(table).items()]
