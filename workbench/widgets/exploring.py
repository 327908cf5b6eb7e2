"""What `explore` shows, without a widget: a choice of runs, what of it counts, and the query that answers it.

Which runs count and what is unlike decides the analysis, as everywhere; the numbers come from one query of the index,
which holds what each part of each run consumed and so answers in milliseconds, however many samples there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench.analysis.contract import SHOWN_ROLES, clean_latency, clean_runs
from workbench.analysis.costing import main_latency
from workbench.analysis.selection import Selection, differences, select
from workbench.errors import NothingToShowError, UnknownNameError
from workbench.store import Store
from workbench.widgets import moments
from workbench.widgets.quantities import KEYS, QUANTILES, QUANTITIES, query, read_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody chose; `Explorer.settled` makes it fit what there is. Empty: all there is (a single: the first)."""

    environment: str = ""
    campaigns: tuple[str, ...] = ()
    workload: str = ""
    meshes: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    blocks: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    quantity: str = "cpu_per_request_s"
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be chosen, given what was chosen before it."""

    environments: tuple[str, ...]
    campaigns: tuple[str, ...]
    workloads: tuple[str, ...]
    meshes: tuple[str, ...]
    rates: tuple[float, ...]
    blocks: tuple[int, ...]
    roles: tuple[str, ...]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The answer to a choice.

    Attributes
    ----------
    rows
        One row for each counted run and role: run_id, campaign_id, block, mesh, workload, rate_per_s, started_at_s,
        role, and the quantity under its own name in its stored unit (NaN: not known).
    latency
        One row for each counted run and quantile: run_id, mesh, rate_per_s, quantile (``"p50"``), value_s.
    totals
        mesh, rate_per_s, runs, the quantity: medians over runs of sums over the chosen roles (NaN: unknown).
    peaks
        One row for each counted run and percentile of its steps of time: run_id, mesh, rate_per_s, percentile, value
        (see `over_time`; what the chosen roles used together). Runs too short for percentiles have none.
    step_s
        Length of such a step, the same for all runs (NaN: nothing was read moment by moment).
    moments
        The chosen run over time: time_s (from the window's start), role, value (see `over_time`).
    close_up
        What that run is, in words; empty when there is none.
    order
        Labels of the meshes shown, baseline first, then by name.
    everyone
        The same of all that could be shown: colours go by it, so that a mesh keeps its own when others are left out.
    notes
        What must be known before believing it: that it is a recording, unlike circumstances, runs that do not count
        and why.
    badge
        What must stand at every figure; empty: nothing must.
    query, params
        Give them to `Store.query` to get `rows`.
    """

    choice: Choice
    rows: pd.DataFrame
    totals: pd.DataFrame
    latency: pd.DataFrame
    peaks: pd.DataFrame
    step_s: float
    moments: pd.DataFrame
    close_up: str
    order: tuple[str, ...]
    everyone: tuple[str, ...]
    notes: tuple[str, ...]
    badge: str
    query: str
    params: dict[str, Any]


def _kept(wanted: Iterable[Any], there: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what of ``wanted`` is there, in the order of ``there``; all of it when nothing is left."""
    asked = set(wanted)
    return tuple(one for one in there if one in asked) or there


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


class Explorer:
    """Answers choices out of a store. What there is to choose from is read once, and again by `refresh`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.refresh()

    def refresh(self) -> None:
        """Read again what there is: a campaign may have ended since."""
        runs = self.store.runs()
        self.runs = clean_runs(runs) if len(runs) else runs
        roles = self.store.query("SELECT DISTINCT run_id, role FROM consumption")
        self._roles = roles.groupby("run_id")["role"].agg(set).to_dict()
        self._names = {
            row["run_id"]: f"{row['mesh']} at {row['rate_per_s']:,.10g}/s, block {row['block']} ({row['run_id']})"
            for row in runs[["run_id", "mesh", "rate_per_s", "block"]].to_dict("records")
        }
        ran = self.runs.groupby("campaign_id").agg({"experiment": "first", "started_at": "min", "run_id": "size"})
        self._names |= {
            str(row.Index): f"{row.experiment}, {row.started_at:%d %b %H:%M}, {row.run_id} runs"
            for row in ran.itertuples()
        }
        self._offered: dict[Choice, Options] = {}
        self._selected: dict[tuple[str, ...], Selection] = {}
        self._closely: dict[tuple[str, str], pd.DataFrame] = {}
        self._read: dict[tuple[str, ...], tuple[pd.DataFrame, pd.DataFrame]] = {}
        self._stepped: dict[tuple[tuple[str, ...], str], tuple[pd.DataFrame, float]] = {}
        self._latest: View | None = None

    # ------------------------------------------------------------------ what can be chosen
    def default(self, campaign: str = "") -> Choice:
        """Return the choice to begin with: ``campaign``, else the latest one with a finished run.

        Raises
        ------
        NothingToShowError
            When nothing was measured.
        UnknownNameError
            When there is no such campaign.
        """
        if self.runs.empty:
            raise NothingToShowError(
                f"Nothing has been measured in {self.store.data} yet: start with `workbench demo`."
            )
        known = _distinct(self.runs["campaign_id"])
        if campaign and campaign not in known:
            raise UnknownNameError("campaign", campaign, known[-20:])
        finished = self.runs[self.runs["status"] == "finished"]
        latest = (finished if len(finished) else self.runs).sort_values("started_at")["campaign_id"].iloc[-1]
        one = self.runs[self.runs["campaign_id"] == (campaign or latest)]
        return self.settled(Choice(environment=str(one["environment"].iloc[0]), campaigns=(campaign or str(latest),)))

    def options(self, choice: Choice) -> Options:
        """Return what can be chosen beside what ``choice`` (a settled one) holds."""
        key = replace(choice, roles=(), quantity="", run="")
        if key not in self._offered:
            self._offered[key] = self._options(key)
        return self._offered[key]

    def _options(self, choice: Choice) -> Options:
        here = self.runs[self.runs["environment"] == choice.environment]
        counted = self._selection(choice.campaigns).counted if choice.campaigns else here.iloc[:0]
        work = counted[counted["workload"] == choice.workload]
        shown = work
        for column, chosen in (("mesh", choice.meshes), ("rate_per_s", choice.rates)):
            shown = shown[shown[column].isin(chosen)] if chosen else shown
        blocks = tuple(sorted(set(shown["block"].tolist())))
        shown = shown[shown["block"].isin(choice.blocks or blocks)]
        found: set[str] = set().union(*(self._roles.get(one, set()) for one in shown["run_id"]))
        return Options(
            environments=tuple(sorted(set(self.runs["environment"]))),
            campaigns=_distinct(here.sort_values("started_at", ascending=False)["campaign_id"]),
            workloads=tuple(sorted(set(counted["workload"]))),
            meshes=_ordered(work),
            rates=tuple(sorted(set(work["rate_per_s"].dropna()))),
            blocks=blocks,
            roles=tuple(role for role in SHOWN_ROLES if role in found),
            runs=tuple(shown.sort_values("started_at", kind="stable")["run_id"]),
        )

    def settled(self, choice: Choice) -> Choice:
        """Return ``choice`` with what is there of it; what is empty or gone becomes all there is, or the first."""
        if choice.quantity not in QUANTITIES:
            raise UnknownNameError("quantity", choice.quantity, QUANTITIES)
        places = self.options(choice).environments
        environment = choice.environment if choice.environment in places else next(iter(places), "")
        choice = replace(choice, environment=environment)
        campaigns = self.options(replace(choice, campaigns=())).campaigns
        chosen = tuple(one for one in campaigns if one in choice.campaigns) or campaigns[:1]
        choice = replace(choice, campaigns=chosen)
        workloads = self.options(choice).workloads
        workload = choice.workload if choice.workload in workloads else next(iter(workloads), "")
        choice = replace(choice, workload=workload)
        there = self.options(choice)
        choice = replace(choice, meshes=_kept(choice.meshes, there.meshes), rates=_kept(choice.rates, there.rates))
        choice = replace(choice, blocks=_kept(choice.blocks, self.options(choice).blocks))
        there = self.options(choice)
        run = choice.run if choice.run in there.runs else next(reversed(there.runs), "")
        return replace(choice, roles=_kept(choice.roles, there.roles), run=run)

    # ------------------------------------------------------------------ the answer
    def look(self, choice: Choice) -> View:
        """Answer ``choice``, settled first.

        What differs from the answer before is asked again, and nothing else: the samples of another run, or, the first
        time that campaigns are chosen, all that their runs consumed, out of which every other change is answered.
        """
        choice = self.settled(choice)
        latest = self._latest
        if latest is None or replace(latest.choice, run="") != replace(choice, run=""):
            latest = self._answer(choice)
        self._latest = replace(latest, choice=choice, moments=self._moments(choice), close_up=self.named(choice.run))
        return self._latest

    def _answer(self, choice: Choice) -> View:
        """Return the answer but for the run from close."""
        selection = self._selection(choice.campaigns)
        counted = selection.counted
        runs = counted[
            (counted["workload"] == choice.workload)
            & counted["mesh"].isin(choice.meshes)
            & counted["rate_per_s"].isin(choice.rates)
            & counted["block"].isin(choice.blocks)
        ]
        consumed, latency = self._of_campaigns(choice.campaigns)
        name, ids = choice.quantity, list(runs["run_id"])
        rows = consumed[consumed["run_id"].isin(ids) & consumed["role"].isin(choice.roles)]
        rows = rows[[*KEYS, name]].reset_index(drop=True)
        labels = runs.set_index("run_id")["workload"]
        steps, step_s = self._steps(choice)
        peaks = moments.percentiles(steps[steps["run_id"].isin(ids)], choice.roles)
        return View(
            choice=choice,
            rows=rows.assign(workload=rows["run_id"].map(labels)),
            totals=_totals(rows, name, _ordered(runs)),
            latency=latency[latency["run_id"].isin(ids)],
            peaks=peaks.merge(runs[["run_id", "mesh", "rate_per_s"]], on="run_id"),
            step_s=step_s,
            moments=pd.DataFrame(),
            close_up="",
            order=_ordered(runs),
            everyone=_ordered(counted),
            notes=(*self._origin(), *_notes(selection, runs)),
            badge=self.store.badge,
            query=query(name),
            params={"run_ids": ids, "roles": list(choice.roles)},
        )

    def _origin(self) -> tuple[str, ...]:
        """Say that it is a recording, and how to measure one's own."""
        recording = self.store.recording
        return (f"An example that comes with the workbench. {recording.measure_your_own}",) if recording else ()

    def named(self, one: str) -> str:
        """Return what the run or campaign with the id ``one`` is, in words; empty for none."""
        return self._names.get(one, "")

    def _moments(self, choice: Choice) -> pd.DataFrame:
        key = (choice.run, read_from(choice.quantity))
        if key not in self._closely:
            self._closely[key] = moments.of_run(self.store, *key)
        return self._closely[key]

    def _steps(self, choice: Choice) -> tuple[pd.DataFrame, float]:
        """Return the steps of every counted run of the campaigns, and how long each is."""
        key = (tuple(sorted(choice.campaigns)), read_from(choice.quantity))
        if key not in self._stepped:
            ids = list(self._selection(choice.campaigns).counted["run_id"])
            self._stepped[key] = moments.within_windows(self.store, ids, key[1])
        return self._stepped[key]

    def _selection(self, campaigns: tuple[str, ...]) -> Selection:
        """Return what counts of ``campaigns``; remembered, for it is asked again with every change."""
        key = tuple(sorted(campaigns))
        if key not in self._selected:
            runs = self.runs[self.runs["campaign_id"].isin(key)]
            try:
                self._selected[key] = select(runs.reset_index(drop=True))
            except NothingToShowError as error:
                none, left = runs.iloc[:0], runs.assign(why=runs["status"])
                self._selected[key] = Selection(counted=none, left_out=left, unlike={"": [str(error)]})
        return self._selected[key]

    def _of_campaigns(self, campaigns: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return every quantity of every counted run and role, and the latency: a few rows for each run."""
        key = tuple(sorted(campaigns))
        if key not in self._read:
            counted = self._selection(campaigns).counted
            params = {"run_ids": list(counted["run_id"]), "roles": list(SHOWN_ROLES)}
            consumed = self.store.query(query(*QUANTITIES), params)
            self._read[key] = consumed, _quantiles(counted, self._read_latency(params["run_ids"]))
        return self._read[key]

    def _read_latency(self, ids: list[str]) -> pd.DataFrame:
        sql = (
            "SELECT run_id, kind, count, p50_s, p90_s, p99_s, p999_s, low_s, high_s FROM latency "
            "WHERE run_id IN (SELECT unnest(?::VARCHAR[]))"
        )
        return self.store.query(sql, [ids])


def _quantiles(runs: pd.DataFrame, latency: pd.DataFrame) -> pd.DataFrame:
    main = main_latency(runs, clean_latency(latency))
    wide = runs[["run_id", "mesh", "rate_per_s"]].join(main.reindex(columns=list(QUANTILES)))
    long = wide.melt(["run_id", "mesh", "rate_per_s"], var_name="quantile", value_name="value_s")
    return long.assign(quantile=long["quantile"].map(QUANTILES))


def _totals(rows: pd.DataFrame, name: str, order: tuple[str, ...]) -> pd.DataFrame:
    of_run = rows.groupby(["run_id", "mesh", "rate_per_s"], sort=False)[name].agg(["sum", "count", "size"])
    total = of_run["sum"].where(of_run["count"] == of_run["size"]).rename(name).reset_index()
    found = total.groupby(["mesh", "rate_per_s"])[name].agg(["count", "median"]).reset_index()
    found = found.rename(columns={"count": "runs", "median": name})
    place = {mesh: position for position, mesh in enumerate(order)}
    return found.assign(_place=found["mesh"].map(place)).sort_values(["rate_per_s", "_place"]).drop(columns="_place")


def _ordered(runs: pd.DataFrame) -> tuple[str, ...]:
    """Return the labels in ``runs``, baseline first, then by name."""
    baseline = set(runs.loc[runs["is_baseline"].astype(bool), "mesh"])
    return tuple(sorted(set(runs["mesh"]), key=lambda mesh: (mesh not in baseline, mesh)))


def _notes(selection: Selection, runs: pd.DataFrame) -> tuple[str, ...]:
    notes = [*selection.unlike.get("", [])]
    unlike = {name: values for name, values in selection.unlike.items() if name}
    if unlike:
        count = int(selection.left_out["why"].eq("unlike").sum())
        notes.append(
            f"Unlike circumstances are not mixed: {differences(unlike)}. {count} runs of the smaller or older group "
            "are left out; choose other campaigns to see them."
        )
    for why, group in selection.left_out[selection.left_out["why"].ne("unlike")].groupby("why", sort=True):
        reasons = [reason for reason in _distinct(group["reason"]) if reason]
        notes.append(f"{len(group)} runs do not count: {why}{f' ({reasons[0]})' if reasons else ''}.")
    noisy = int(runs["noisy"].astype(str).ne("").sum())
    if noisy:
        notes.append(f"The machine was disturbed in {noisy} of {len(runs)} runs.")
    if runs["data_plane"].eq("kernel").any():
        notes.append(
            "A data plane in the kernel has no process: its work is inside the application's and the load "
            "generator's. `wb.compare` shows its share as a difference from the baseline."
        )
    return tuple(notes)
