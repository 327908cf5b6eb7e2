"""The campaign's lock: who carries it out, as long as that process lives.

``flock`` on the file ``lock`` in the campaign's folder. The kernel lets go of it when the holder dies in
whatever way, so a campaign whose lock nobody holds is over, finished or cut off. The file itself is never
removed: two processes could then hold locks on two files of one name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from workbench.store.disk import read_regular
from workbench.store.layout import LOCK_NAME

_TRIES = 5
_PAUSE_S = 0.02
"""A reader that looks whether the lock is held takes it, shared, for an instant; takers therefore try a few
times."""


class CampaignLock:
    """An exclusive lock on a campaign's folder, held until `release` or the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def take(cls, folder: Path) -> CampaignLock | None:
        """Lock ``folder``; None when another process (or another writer in this one) holds it."""
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        for attempt in range(_TRIES):
            if _flock(handle, fcntl.LOCK_EX):
                _sign(handle)
                return cls(handle)
            time.sleep(_PAUSE_S * (attempt + 1 < _TRIES))
        os.close(handle)
        return None

    def release(self) -> None:
        """Let go; doing so twice is harmless."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(folder: Path) -> bool:
    """Whether a living process carries out the campaign in ``folder``; False where there is no lock file."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO would block
    except OSError:
        return False
    try:
        return not _flock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def holder(folder: Path) -> str:
    """Return the process id that took the lock last, as text; empty when unknown."""
    try:
        return read_regular(folder / LOCK_NAME).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _sign(handle: int) -> None:
    """Leave the holder's process id for messages; a full disk must not keep anybody from the lock."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)


def _flock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
