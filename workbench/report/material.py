"""What a report is made from, read out of the store: the report's only look at the disk.

First stage: material (frames and records) -> content (what is said) -> page (one HTML file).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from workbench.analysis import Comparison, compare
from workbench.charts.timelines import PARTS
from workbench.errors import BadInputError, NothingToShowError, StoreError, UnsupportedError
from workbench.files import shipped
from workbench.interchange.publications import Publication
from workbench.interchange.published_figures import read_folder
from workbench.model.lab_steps import SURROUNDING_ROLES
from workbench.model.recording import Recording, with_badge
from workbench.store.layout import EXPERIMENT_NAME, runs_folder
from workbench.store.reader import Store
from workbench.text.plain import logger

log = logger(__name__)

MOMENTS = 60
"""Points in time kept of each watched part: a timeline in a report is a glance, the samples stay in the store."""

SHOWN_RUNS = 4
"""Runs whose timeline a report holds."""

_SERIES_SQL = """
WITH inside AS (
    SELECT s.component, s.role, s.time_s - r.window_start_s AS time_s, s.cpu_time_s, s.mem_pss_bytes, r.window_s
    FROM samples s JOIN runs r USING (run_id)
    WHERE s.run_id = $1 AND s.role NOT IN (SELECT unnest($4::VARCHAR[]))
          AND s.time_s BETWEEN r.window_start_s AND r.window_end_s
), grid AS (
    SELECT least($2, greatest(coalesce(floor(min(readings) / 1.5), $2), 4)) AS number FROM (
        SELECT count(cpu_time_s) AS readings FROM inside GROUP BY component HAVING readings > 1
    )
), watched AS (
    SELECT inside.*, greatest(window_s / number, 0.001) AS step_s, least(floor(time_s / step_s), number - 1) AS step
    FROM inside, grid
), steps AS (
    SELECT component, role, step, (step + 1) * any_value(step_s) AS time_s, max(cpu_time_s) AS cpu_time_s,
           max(time_s) FILTER (cpu_time_s IS NOT NULL) AS read_s, avg(mem_pss_bytes) AS mem_pss_bytes
    FROM watched GROUP BY component, role, step
), parts AS (
    SELECT component, role, step, time_s, mem_pss_bytes, count(DISTINCT component) OVER (PARTITION BY role) AS siblings,
           (cpu_time_s - lag(cpu_time_s) OVER part) / nullif(read_s - lag(read_s) OVER part, 0) AS cpu_cores
    FROM steps WINDOW part AS (PARTITION BY component, role ORDER BY step)
)
SELECT max(time_s) AS time_s, CASE WHEN siblings > $3 THEN siblings || ' parts' ELSE component END AS component, role,
       sum(cpu_cores) AS cpu_cores, sum(mem_pss_bytes) AS mem_pss_bytes
FROM parts GROUP BY role, step, 2 ORDER BY 1, 2
"""
"""One run's samples, aggregated to steps, and to roles where a role has many parts, inside DuckDB: a run of any length
and of any number of parts becomes a few hundred rows. The steps are the same for all parts, and so long that each part
was read in nearly all of them: kubelets read rarely, and each container at a time of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A campaign's record, as far as a report shows it.

    Attributes
    ----------
    started_at
        UTC.
    details
        The environment's facts, nested.
    toml
        The experiment file as asked; empty when it cannot be read.
    """

    campaign_id: str
    experiment: str
    question: str
    status: str
    reason: str
    started_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)
    toml: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Frames as the store gives them, the comparison of the runs that count, and the campaigns' records.

    Attributes
    ----------
    series
        Columns run (label), time_s, component, role, cpu_cores, mem_pss_bytes: a few runs over time; may be empty.
    publications
        What others published.
    recording
        Where the campaigns come from when they are a recording; None: they were measured into this store.
    """

    comparison: Comparison
    runs: pd.DataFrame
    consumption: pd.DataFrame
    latency: pd.DataFrame
    gates: pd.DataFrame
    series: pd.DataFrame
    sheets: tuple[Sheet, ...]
    publications: tuple[Publication, ...] = ()
    recording: Recording | None = None


def gather(store: Store, campaign_ids: Sequence[str] | None = None) -> Material:
    """Read everything a report of ``campaign_ids`` needs; None or empty: the latest campaign.

    Raises
    ------
    NothingToShowError
        When there is no such campaign, or none of its runs finished.
    """
    with store.at_once():
        asked = list(dict.fromkeys(campaign_ids or [store.latest_campaign()]))
        runs = _runs(store, asked)
        ids = runs["run_id"]
        consumption, latency, gates = store.consumption(ids), store.latency(ids), store.gates(ids)
        beside = (store.reservations(ids), store.sources(ids), store.failures(ids))
        sheets = tuple(_sheet(store, one) for one in asked)
    comparison = compare(runs, consumption, latency, *beside)
    with store.at_once():
        series = with_badge(_series(store, comparison), comparison.badge)
    return Material(
        comparison=comparison,
        runs=runs,
        consumption=consumption,
        latency=latency,
        gates=gates,
        series=series,
        sheets=sheets,
        publications=_publications(),
        recording=store.recording,
    )


def _runs(store: Store, asked: Sequence[str]) -> pd.DataFrame:
    parts = [store.runs(campaign_id=one) for one in asked]
    for one, part in zip(asked, parts, strict=True):
        if part.empty:
            raise NothingToShowError(f"There is no run of a campaign {one!r}; `workbench runs` lists all runs.")
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _publications() -> tuple[Publication, ...]:
    """Return the figures of others that come with the workbench; a file that cannot be read keeps no report back."""
    try:
        return tuple(read_folder(shipped.reference()))
    except (BadInputError, UnsupportedError) as error:
        log.warning("Published figures are left out: %s", error)
        return ()


def shown_runs(comparison: Comparison) -> dict[str, str]:
    """Return label -> id of the runs to show over time: the costliest first, the baseline, and some in between.

    Of each data plane the last counted run at the highest rate; the one looked at first is the one that most depends
    on having been steady.
    """
    counted = comparison.runs[comparison.runs["rate_per_s"] == comparison.runs["rate_per_s"].max()]
    latest = counted.sort_values("started_at", kind="stable").drop_duplicates("mesh", keep="last")
    ids = latest.set_index("mesh")["run_id"].to_dict()
    present = [mesh for mesh in reversed(comparison.order) if mesh in ids]
    steps = max(len(present) - 1, 1) / (SHOWN_RUNS - 1)
    places = (
        range(len(present)) if len(present) <= SHOWN_RUNS else [round(steps * place) for place in range(SHOWN_RUNS)]
    )
    return {present[place]: ids[present[place]] for place in places}


def _series(store: Store, comparison: Comparison) -> pd.DataFrame:
    found = [
        store.query(_SERIES_SQL, [run_id, MOMENTS, PARTS, list(SURROUNDING_ROLES)]).assign(run=label)
        for label, run_id in shown_runs(comparison).items()
    ]
    filled = [frame for frame in found if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else found[0]


def _sheet(store: Store, campaign_id: str) -> Sheet:
    """Return the record of a campaign; one whose record is broken is shown as such, its runs speak for themselves."""
    try:
        campaign = store.campaign(campaign_id)
    except (StoreError, NothingToShowError) as error:
        moment = datetime.fromtimestamp(0, UTC)
        return Sheet(campaign_id=campaign_id, experiment="", question="", status="unknown", reason=str(error),
                     started_at=moment)  # fmt: skip
    path = runs_folder(store.data) / campaign_id / EXPERIMENT_NAME
    try:
        toml = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        toml = ""
    return Sheet(
        campaign_id=campaign_id,
        experiment=campaign.plan.experiment.name,
        question=campaign.plan.experiment.question,
        status=campaign.status,
        reason=campaign.reason,
        started_at=datetime.fromtimestamp(campaign.started_at_s, UTC),
        details=campaign.facts.details,
        toml=toml,
    )
