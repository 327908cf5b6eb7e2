"""Measurements in processes of their own, without a widget: started, found again, watched, stopped.

What runs is the command line's ``run``, in a session of its own, so that neither the end of a kernel nor of the server
reaches it. All that is known of it afterwards is read from its campaign's folder, which is why whoever opens the widget
later, or elsewhere, sees the same. Until that folder is there, a note in ``data/launches`` says that it is starting and
what it printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workbench.campaigns.runner import request_stop
from workbench.errors import BadInputError, StoreError, UnknownNameError, WorkbenchError
from workbench.model.lab_steps import SURROUNDING_ROLES
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.settings import Settings
from workbench.store import read_campaign
from workbench.store.capture import COLUMN, read_capture
from workbench.store.disk import explained, write_whole
from workbench.store.formats import InFlight, read_document
from workbench.store.layout import (
    CAMPAIGN_NAME,
    CAPTURE_HEADER_NAME,
    CAPTURE_NAME,
    EVENTS_NAME,
    campaign_folders,
    run_folders,
    runs_folder,
)
from workbench.store.lock import is_held

ENDED = ("finished", "failed", "interrupted", "skipped", "not started")
"""States after which nothing more happens."""

_TAIL = 256 * 1024
"""Bytes of the events file's end that are read: some thousand events."""

_LATELY_S = 1.0
"""Seconds over which a part's present CPU is taken."""

_HISTORY = 60
"""Moments of the present run that are kept for a small picture."""

_LEAVING_S = 30.0
"""Seconds that a process may take to leave after its campaign has ended; it takes one."""

_children: dict[str, subprocess.Popen[bytes]] = {}
"""Started by this process: they are to be waited for, or they stay behind as zombies until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePart:
    """One watched part at present: cores over the last second and PSS (None: not known), cores over time."""

    name: str
    role: str
    cores: float | None
    mem_bytes: float | None
    history: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a campaign stands.

    Attributes
    ----------
    status
        ``"starting"``, ``"running"``, or one of `ENDED`.
    message
        What happens, or why it ended.
    remaining_s
        None: not known.
    log
        What happened, the oldest first: (seconds since the epoch, words).
    run
        The run in flight, in words; empty: none.
    """

    campaign_id: str
    status: str
    message: str = ""
    done: int = 0
    total: int = 0
    remaining_s: float | None = None
    log: tuple[tuple[float, str], ...] = ()
    run: str = ""
    parts: tuple[LivePart, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.status in ENDED


class Launches:
    """The campaigns of a data folder, running or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._notes = settings.data / "launches"

    # ------------------------------------------------------------------ start and stop
    def start(self, name: str, toml: str) -> str:
        """Start measuring the experiment file ``toml`` in the background; return the campaign's id at once.

        Raises
        ------
        StoreError
            When the data folder cannot be written.
        """
        campaign_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{name}-{secrets.token_hex(2)}"
        file = self._notes / f"{campaign_id}.toml"
        with explained("keep the experiment", file):
            self._notes.mkdir(parents=True, exist_ok=True)
            write_whole(file, toml.encode())
        self._spawn(campaign_id, str(file), "--id", campaign_id)
        return campaign_id

    def resume(self, campaign_id: str) -> None:
        """Continue an ended campaign in the background where it stopped."""
        if not self.state(campaign_id).ended:
            raise BadInputError(f"Campaign {campaign_id} is still running.")
        with explained("start the measurement", self._notes):
            self._notes.mkdir(parents=True, exist_ok=True)
        self._spawn(campaign_id, "--resume", campaign_id)

    def _spawn(self, campaign_id: str, *arguments: str) -> None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "workbench",
            "run",
            *arguments,
            "--yes",
            "--data",
            str(self._settings.data),
        ]
        log = self._notes / f"{campaign_id}.log"
        earlier = _children.pop(campaign_id, None)
        if earlier is not None:  # its campaign has ended, so it is about to
            earlier.wait(_LEAVING_S)
        with explained("start the measurement", log), log.open("wb") as printed:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
                env=self._settings.child_environment(),
            )
            _children[campaign_id] = child
            write_whole(self._notes / f"{campaign_id}.pid", f"{child.pid}\n".encode())

    def stop(self, campaign_id: str) -> None:
        """Ask for an orderly stop: the present run is recorded as interrupted and everything is removed."""
        folder = self._folder(campaign_id)
        if is_held(folder):
            request_stop(folder)
            return
        pid = self._pid(campaign_id)
        if pid:  # it has no folder yet that could be asked
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    # ------------------------------------------------------------------ look
    def known(self) -> tuple[str, ...]:
        """Return the ids of all campaigns and of what is starting, the newest first."""
        recorded = {
            folder.name for folder in campaign_folders(self._settings.data) if (folder / CAMPAIGN_NAME).exists()
        }
        noted = {path.stem for path in self._notes.glob("*.pid")}
        return tuple(sorted(recorded | noted, reverse=True))

    def running(self) -> str:
        """Return the campaign that is running or starting; empty when none is."""
        return next((one for one in self.known() if self._alive(one)), "")

    def state(self, campaign_id: str) -> State:
        """Return how ``campaign_id`` stands now.

        Raises
        ------
        UnknownNameError
            When there is no such campaign.
        """
        child = _children.get(campaign_id)
        if child is not None and child.poll() is not None:
            del _children[campaign_id]
        folder = self._folder(campaign_id)
        if not (folder / CAMPAIGN_NAME).exists():
            return self._before(campaign_id)
        events = _events(folder)
        last = events[-1] if events else {}
        status, reason = self._status(campaign_id, folder)
        run, parts = _present(folder) if status == "running" else ("", ())
        return State(
            campaign_id=campaign_id,
            status=status,
            message=reason or str(last.get("message", "")),
            done=int(last.get("done", 0)),
            total=int(last.get("total", 0)),
            remaining_s=last.get("remaining_s") if status == "running" else None,
            log=tuple((float(one["time_s"]), str(one["message"])) for one in events),
            run=run,
            parts=parts,
        )

    def _before(self, campaign_id: str) -> State:
        """Return the state of what has no folder yet, or never got one."""
        log = self._notes / f"{campaign_id}.log"
        if not log.exists():
            raise UnknownNameError("campaign", campaign_id, self.known()[:20], str(self._settings.data))
        printed = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if self._pid(campaign_id):
            return State(campaign_id=campaign_id, status="starting", message="the lab is being prepared")
        faults = [line.removeprefix("workbench: ") for line in printed if line.startswith("workbench: ")]
        said = faults or printed[-1:] or ["it ended without a message"]
        return State(campaign_id=campaign_id, status="not started", message=" ".join(said))

    def _status(self, campaign_id: str, folder: Path) -> tuple[str, str]:
        if is_held(folder):
            return "running", ""
        try:
            campaign = read_campaign(folder)
        except StoreError as error:
            return "failed", str(error)
        if self._pid(campaign_id) and self._noted_s(campaign_id) > (campaign.ended_at_s or 0.0):
            return "starting", "it continues where it stopped"
        if campaign.status == "running":
            return "interrupted", "its process died; captured data is kept"
        return campaign.status, campaign.reason

    def _alive(self, campaign_id: str) -> bool:
        return is_held(self._folder(campaign_id)) or bool(self._pid(campaign_id))

    def _folder(self, campaign_id: str) -> Path:
        return runs_folder(self._settings.data) / campaign_id

    def _noted_s(self, campaign_id: str) -> float:
        return (self._notes / f"{campaign_id}.pid").stat().st_mtime

    def _pid(self, campaign_id: str) -> int:
        """Return the process that was started for ``campaign_id``; 0 when it has ended.

        A process id may belong to another by now: its command line must name the campaign.
        """
        try:
            pid = int((self._notes / f"{campaign_id}.pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if campaign_id.encode() in command else 0


def _events(folder: Path) -> list[dict[str, Any]]:
    """Return the last events of a campaign; half a line, as a reader may catch it, is passed over."""
    try:
        with (folder / EVENTS_NAME).open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
            lines = stream.read().split(b"\n")
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            event = json.loads(line)
            found.append({"time_s": event["time_s"], "message": event["message"], **event})
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _present(folder: Path) -> tuple[str, tuple[LivePart, ...]]:
    """Return the run in flight, in words, and what its parts consume; nothing between runs."""
    try:
        flying = [run for run in run_folders(folder) if (run / CAPTURE_NAME).exists()]
        if not flying:
            return "", ()
        header = read_document(flying[-1] / CAPTURE_HEADER_NAME, InFlight)
        parts = header.run.components
        records = read_capture(flying[-1] / CAPTURE_NAME, len(SAMPLE_COLUMNS), len(parts))
    except (WorkbenchError, OSError):
        return "", ()  # it has just been completed
    spec = header.run.spec
    run = f"{spec.mesh.label} at {spec.load.rate_per_s:,.10g} requests/s, block {spec.block}"
    shown = [(place, one) for place, one in enumerate(parts) if one.role not in SURROUNDING_ROLES]
    return run, tuple(_part(one.name, one.role, records[records[:, 1] == place]) for place, one in shown)


def _part(name: str, role: str, own: Any) -> LivePart:
    """Return the part whose capture records are ``own``, shape (readings, 2 + metrics)."""
    read = own[~np.isnan(own[:, COLUMN["cpu_time_s"]])][-_HISTORY:]
    times, cpu = read[:, 0], read[:, COLUMN["cpu_time_s"]]
    history = tuple(float(one) for one in np.diff(cpu) / np.maximum(np.diff(times), 1e-6))
    lately = times >= times[-1] - _LATELY_S if len(times) else times > 0
    span = float(times[lately][-1] - times[lately][0]) if lately.any() else 0.0
    cores = float(cpu[lately][-1] - cpu[lately][0]) / span if span > 0 else None
    memory = own[:, COLUMN["mem_pss_bytes"]]
    known = memory[~np.isnan(memory)]
    return LivePart(
        name=name, role=role, cores=cores, mem_bytes=float(known[-1]) if len(known) else None, history=history
    )
