"""Writing a campaign: the measuring half's way into the store.

A `CampaignWriter` owns a campaign's folder and its lock for as long as a plan is being carried out; its runs
are written by `RunWriter`. The database is never opened.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import pydantic_core

from workbench.errors import BadInputError, StoppedError, StoreError
from workbench.files.places import Places, data_of
from workbench.model.events import Event
from workbench.model.experiment import Plan, RunSpec
from workbench.model.records import Facts, MeshFacts, Run, Status
from workbench.store.disk import append_whole, explained, sync_folder, temporary, write_whole
from workbench.store.formats import Campaign, read_campaign, read_run, write_campaign
from workbench.store.layout import EVENTS_NAME, EXPERIMENT_NAME, refuse_recording, run_folders, runs_folder
from workbench.store.lock import CampaignLock, holder
from workbench.store.recovery import complete_runs
from workbench.store.run_writer import RunWriter, write_header

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")
"""Campaign ids are folder names."""

_FRESH_TRIES = 20


class CampaignWriter:
    """A campaign being carried out, locked against other processes. A context manager.

    Left without `finish`, the campaign becomes ``failed`` with the exception's words, or ``interrupted`` when
    there was none or somebody stopped it; a run still in flight is recorded as interrupted.

    Attributes
    ----------
    folder
        The campaign's folder.
    campaign
        Its record as last written.
    """

    def __init__(self, folder: Path, campaign: Campaign, lock: CampaignLock) -> None:
        self.folder, self.campaign = folder, campaign
        self._lock = lock
        self._open: list[RunWriter] = []
        self._finished: set[int] = set()
        self._closed = False
        with explained("write events", folder):
            self._events = os.open(folder / EVENTS_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @classmethod
    def create(
        cls, data: Path, plan: Plan, toml: str, facts: Facts, *, campaign_id: str | None = None
    ) -> CampaignWriter:
        """Begin a campaign in a folder of its own, which appears complete and locked.

        Parameters
        ----------
        data
            The data folder; made when missing.
        toml
            The experiment as it was asked.
        campaign_id
            None: time, experiment and four random digits, so that two experiments of one name both land.

        Raises
        ------
        StoreError
            When the folder cannot be made, there is one of this id, or ``data`` is a recording.
        """
        refuse_recording(data)
        started = time.time()
        for _ in range(_FRESH_TRIES):
            name = campaign_id or _fresh_id(plan, started)
            campaign = Campaign(
                campaign_id=_checked(name), status="running", started_at_s=started, plan=plan, facts=facts
            )
            made = _make_campaign(runs_folder(data) / name, campaign, toml)
            if made is not None:
                return cls(runs_folder(data) / name, campaign, made)
            if campaign_id:
                break
        raise StoreError(f"There is a campaign {name} in {data} already; resume it or choose another id.")

    @classmethod
    def resume(cls, data: Path, campaign_id: str) -> CampaignWriter:
        """Go on with a campaign: lock it, complete what was cut off, and know what is `finished`.

        Raises
        ------
        StoreError
            When there is none, it cannot be read, another process carries it out, or ``data`` is a recording.
        """
        refuse_recording(data)
        folder = runs_folder(data) / _checked(campaign_id)
        if not folder.is_dir():
            raise StoreError(f"There is no campaign {campaign_id} in {data}; `workbench runs` lists the known ones.")
        read_campaign(folder)
        with explained("lock the campaign", folder):
            lock = CampaignLock.take(folder)
        if lock is None:
            raise StoreError(
                f"Campaign {campaign_id} is running in process {holder(folder) or 'unknown'}; "
                "wait for it to end, or stop it."
            )
        try:
            return cls._resumed(folder, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _resumed(cls, folder: Path, lock: CampaignLock) -> CampaignWriter:
        with explained("resume the campaign", folder):
            complete_runs(folder)
            campaign = replace(read_campaign(folder), status="running", reason="", ended_at_s=None)
            write_campaign(folder, campaign)
            writer = cls(folder, campaign, lock)
            for run in run_folders(folder):
                writer._remember(run)
        return writer

    @property
    def campaign_id(self) -> str:
        """The campaign's id, which is its folder's name."""
        return self.campaign.campaign_id

    @property
    def finished(self) -> set[int]:
        """Ordinals of the plan that have a run with status ``finished``."""
        return set(self._finished)

    def event(self, event: Event) -> None:
        """Append ``event`` to the campaign's ``events.jsonl``."""
        try:
            plain = pydantic_core.to_jsonable_python(event)
            line = pydantic_core.to_json(Places(data_of(self.folder)).kept(plain)) + b"\n"
        except pydantic_core.PydanticSerializationError as error:
            raise StoreError(
                f"An event cannot be written: {error}. Use only plain text, numbers, lists and tables."
            ) from error
        with explained("write an event", self.folder):
            append_whole(self._events, line, os.fstat(self._events).st_size)

    def begin(self, spec: RunSpec, mesh: MeshFacts) -> RunWriter:
        """Begin a run: a folder that appears with its header, ready to be completed by whoever comes after a crash.

        A second run of one ordinal (an attempt more, or after an interruption) gets an id with a number of
        its own.
        """
        for turn in range(1, 1000):
            run_id = f"{self.campaign_id}-{spec.ordinal:04d}" + (f"-{turn}" if turn > 1 else "")
            if not (self.folder / run_id).exists():
                break
        run = _draft(self.campaign, run_id, spec, mesh)
        folder = self.folder / run_id
        aside = temporary(folder)
        with explained("begin a run", folder):
            try:
                aside.mkdir()
                write_header(aside, run)
                aside.rename(folder)
                sync_folder(self.folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        writer = RunWriter(folder, run, self._take_note)
        self._open.append(writer)
        return writer

    def finish(self, status: Status, reason: str = "") -> None:
        """Record the campaign's end and let go of its lock; runs still in flight are recorded as interrupted first."""
        try:
            for writer in list(self._open):
                writer.settle(reason or "the campaign ended before the run did")
            self.campaign = replace(self.campaign, status=status, reason=reason, ended_at_s=time.time())
            with explained("record the campaign's end", self.folder):
                write_campaign(self.folder, self.campaign)
        finally:
            self._close()

    def _take_note(self, writer: RunWriter, run: Run) -> None:
        self._open.remove(writer)
        if run.status == "finished":
            self._finished.add(run.spec.ordinal)

    def __enter__(self) -> CampaignWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed:
            return
        status, reason = _end_of(error)
        try:
            self.finish(status, reason)
        except StoreError as second:
            if error is None:
                raise
            error.add_note(str(second))

    def _remember(self, folder: Path) -> None:
        try:
            run = read_run(folder)
        except StoreError:
            return  # the index names it; its ordinal is simply run again
        if run.status == "finished":
            self._finished.add(run.spec.ordinal)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._events)
            self._lock.release()


def _end_of(error: BaseException | None) -> tuple[Status, str]:
    if error is None:
        return "interrupted", "ended without a recorded result"
    if isinstance(error, StoppedError | KeyboardInterrupt | SystemExit | GeneratorExit):
        return "interrupted", str(error) or "stopped by the user"
    return "failed", str(error) or type(error).__name__


def _draft(campaign: Campaign, run_id: str, spec: RunSpec, mesh: MeshFacts) -> Run:
    now = time.time()
    return Run(
        run_id=run_id,
        campaign_id=campaign.campaign_id,
        experiment=campaign.plan.experiment.name,
        spec=spec,
        mesh=mesh,
        status="interrupted",
        reason="in flight",
        started_at_s=now,
        ended_at_s=now,
        environment=campaign.facts.environment,
        fingerprint=campaign.facts.fingerprint,
    )


def _make_campaign(folder: Path, campaign: Campaign, toml: str) -> CampaignLock | None:
    """Make the folder aside, complete and locked, then give it its name; None when that name is taken."""
    aside = temporary(folder)
    with explained("begin a campaign", folder.parent):
        aside.mkdir(parents=True)
    lock = None
    try:
        with explained("begin a campaign", folder.parent):
            lock = CampaignLock.take(aside)
            write_campaign(aside, campaign)
            write_whole(aside / EXPERIMENT_NAME, Places(data_of(folder)).content(toml.encode()))
            if folder.exists():
                return None
            aside.rename(folder)
            sync_folder(folder.parent)
            kept, lock = lock, None
            return kept
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(aside, ignore_errors=True)


def _fresh_id(plan: Plan, started: float) -> str:
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%S")
    return f"{stamp}-{plan.experiment.name}-{secrets.token_hex(2)}"


def _checked(campaign_id: str) -> str:
    if not ID_PATTERN.fullmatch(campaign_id):
        raise BadInputError(
            f"{campaign_id!r} cannot be a campaign's id, which names a folder: use letters, digits, dots, dashes and "
            "underscores."
        )
    return campaign_id
