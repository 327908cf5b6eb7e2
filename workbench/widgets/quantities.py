"""What `explore` can show by role: titles, units, and the SQL that gets them out of the index."""

from __future__ import annotations

from dataclasses import dataclass

QUANTILES = {"p50_s": "p50", "p90_s": "p90", "p99_s": "p99", "p999_s": "p99.9"}
"""Columns of the latency frame -> what stands on the axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is summed over the parts of a role: its title with the shown unit, its SQL, stored unit to shown unit."""

    title: str
    unit: str
    sql: str
    scale: float


def _sum(column: str) -> str:
    """Return SQL for the sum over a role's parts; unknown where one of them is."""
    return f"CASE WHEN count(c.{column}) = count(*) THEN sum(c.{column}) END"


_COMPLETED = "nullif(any_value(r.requests) - coalesce(any_value(r.errors), 0), 0)"

QUANTITIES: dict[str, Quantity] = {
    "cpu_per_request_s": Quantity(title="CPU per request", unit="µs", sql=f"{_sum('cpu_s')} / {_COMPLETED}", scale=1e6),
    "cpu_cores": Quantity(title="CPU in use", unit="cores", sql=_sum("cpu_cores"), scale=1.0),
    "mem_pss_bytes": Quantity(title="Memory, PSS", unit="MiB", sql=_sum("mem_pss_bytes"), scale=2.0**-20),
    "mem_anon_bytes": Quantity(title="Memory, anonymous", unit="MiB", sql=_sum("mem_anon_bytes"), scale=2.0**-20),
    "mem_working_set_bytes": Quantity(
        title="Memory, working set", unit="MiB", sql=_sum("mem_working_set_bytes"), scale=2.0**-20
    ),
    "ctx_switches_per_request": Quantity(
        title="Context switches per request", unit="1", sql=f"{_sum('ctx_switches')} / {_COMPLETED}", scale=1.0
    ),
}
"""What can be looked at by role: name -> quantity."""

KEYS = ["run_id", "campaign_id", "block", "mesh", "workload", "rate_per_s", "started_at_s", "role"]

_QUERY = """SELECT r.run_id, r.campaign_id, r.block, r.mesh, r.workload, r.rate_per_s, r.started_at_s, c.role,
       {quantities}
FROM consumption c JOIN runs r USING (run_id)
WHERE r.run_id IN (SELECT unnest($run_ids::VARCHAR[])) AND c.role IN (SELECT unnest($roles::VARCHAR[]))
GROUP BY ALL
ORDER BY r.started_at_s, r.run_id, c.role"""


def query(*names: str) -> str:
    """Return the SQL of quantities under their names, a row for each run and role, given ``run_ids`` and ``roles``."""
    return _QUERY.format(quantities=",\n       ".join(f"{QUANTITIES[name].sql} AS {name}" for name in names))


def over_time(name: str) -> Quantity:
    """Return what is shown moment by moment beside the quantity ``name``: memory's level, else CPU in use."""
    return QUANTITIES[name] if name.startswith("mem_") else QUANTITIES["cpu_cores"]


def read_from(name: str) -> str:
    """Return the column of samples that `over_time` is read from."""
    return name if name.startswith("mem_") else "cpu_time_s"
