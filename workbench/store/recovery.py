"""Completing what was cut off: a crash, ``kill -9`` or a power cut leaves captures without manifests.

Called at the start of every measurement, and again by whoever resumes a campaign. A campaign whose lock
nobody holds and whose record still says ``running`` was cut off: its runs in flight become ``interrupted``
runs with every sample that was captured, temporary files go, and the campaign becomes ``interrupted``.
Nothing here depends on having finished before: done twice, or by two processes at once, it comes to the same.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.errors import StoreError
from workbench.model.records import Run
from workbench.store.capture import read_capture
from workbench.store.disk import explained, is_temporary
from workbench.store.formats import InFlight, read_campaign, read_document, write_campaign
from workbench.store.layout import (
    CAPTURE_HEADER_NAME,
    CAPTURE_NAME,
    LOCK_NAME,
    MANIFEST_NAME,
    campaign_folders,
    run_folders,
    runs_folder,
)
from workbench.store.lock import CampaignLock
from workbench.store.recordings import recording_of
from workbench.store.sealing import drop_capture, seal
from workbench.text.plain import logger

log = logger(__name__)

CUT_OFF = "cut off before its end; what had been captured is kept"

_UNLOCKED_LEFTOVER_S = 60.0
"""Age after which a half-made campaign folder without a lock file counts as left behind; making one takes
milliseconds."""


def recover(data: Path) -> list[str]:
    """Complete every cut-off campaign in the data folder; return the ids of the runs that were in flight.

    What cannot be completed (a full disk, a folder of somebody else, a damaged header) is logged as a
    warning, left as it is and tried again next time; it keeps nobody from working.

    Raises
    ------
    StoreError
        When the campaigns cannot even be listed.
    """
    recovered: list[str] = []
    if recording_of(data) is not None:  # it is only read, and complete
        return recovered
    for folder in campaign_folders(data):
        try:
            with explained("recover the campaign", folder):
                recovered += _recover_campaign(folder)
        except StoreError as error:
            log.warning("%s", error)
    _sweep_unborn(runs_folder(data))
    return recovered


def complete_runs(campaign: Path) -> list[str]:
    """Complete the runs in flight of a campaign whose lock the caller holds; return their ids."""
    _sweep_temporary(campaign)
    found: list[str] = []
    for folder in run_folders(campaign):
        if not (folder / CAPTURE_HEADER_NAME).exists():
            continue
        if (folder / MANIFEST_NAME).exists():
            drop_capture(folder)
        elif (run := _cut_off_run(folder)) is not None:
            seal(folder, run)
            found.append(run.run_id)
    return found


def _recover_campaign(folder: Path) -> list[str]:
    if read_campaign(folder).status != "running":
        return []
    lock = CampaignLock.take(folder)
    if lock is None:
        return []
    try:
        campaign = read_campaign(folder)
        if campaign.status != "running":  # somebody else was quicker
            return []
        found = complete_runs(folder)
        write_campaign(folder, replace(campaign, status="interrupted", reason=CUT_OFF, ended_at_s=_last_sign_s(folder)))
        return found
    finally:
        lock.release()


def _cut_off_run(folder: Path) -> Run | None:
    """Return the run as it is to be recorded; None (and a warning) when its header is damaged."""
    try:
        flight = read_document(folder / CAPTURE_HEADER_NAME, InFlight)
    except StoreError as error:
        log.warning("%s", error)
        return None
    if flight.final is not None:
        return flight.final
    capture = folder / CAPTURE_NAME
    times = read_capture(capture, len(flight.columns), len(flight.run.components))[:, 0]
    ended = float(np.max(times, initial=flight.run.started_at_s))
    return replace(flight.run, status="interrupted", reason=CUT_OFF, ended_at_s=ended)


def _last_sign_s(campaign: Path) -> float:
    """When the campaign last wrote something, in seconds since the epoch."""
    return max((path.stat().st_mtime for path in campaign.rglob("events.jsonl")), default=time.time())


def _sweep_temporary(folder: Path) -> None:
    for path in list(folder.rglob(".*")):
        if is_temporary(path) and path.exists():
            _remove(path)


def _sweep_unborn(runs: Path) -> None:
    """Remove campaign folders that were left half made: under a temporary name, and locked by nobody."""
    for folder in runs.glob(".*") if runs.exists() else ():
        if not (is_temporary(folder) and folder.is_dir()):
            continue
        try:
            if not (folder / LOCK_NAME).exists() and time.time() - folder.stat().st_mtime < _UNLOCKED_LEFTOVER_S:
                continue
            if (lock := CampaignLock.take(folder)) is not None:
                _remove(folder)
                lock.release()
        except OSError as error:
            log.warning("The half-made campaign folder %s cannot be removed: %s", folder, error)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
