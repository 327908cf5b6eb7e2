"""The lab's own folder: sockets, configurations, keys and logs of one environment in use.

Its path is short, because a socket's may not exceed 107 bytes. A janitor process removes it however the owner ends;
should the janitor have been killed too, the next start removes every folder whose lock nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

_PREFIX = "wb-lab-"
_LONGEST = 60


def _parent() -> Path:
    preferred = Path(tempfile.gettempdir())
    return preferred if len(str(preferred)) <= _LONGEST else Path("/tmp")  # noqa: S108 - mkdtemp makes it private


def _lock(folder: Path) -> int | None:
    """Take the folder's lock and return its descriptor; None when somebody holds it or it is not ours."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def sweep() -> list[Path]:
    """Remove folders that a killed program left behind; return them."""
    removed = []
    for folder in _parent().glob(f"{_PREFIX}*"):
        if not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        descriptor = _lock(folder)
        if descriptor is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
            removed.append(folder)
    return removed


class LabFolder:
    """A private folder that outlives nobody; use as a context manager."""

    def __init__(self) -> None:
        self.path = Path()
        self._descriptor = -1
        self._janitor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LabFolder:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent()))
        self._descriptor = _lock(self.path) or -1
        script = Path(__file__).with_name("_janitor.py")
        self._janitor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._janitor is not None and self._janitor.stdin is not None:
            self._janitor.stdin.close()
            self._janitor.wait(timeout=10)
        if self._descriptor >= 0:
            os.close(self._descriptor)
