"""The lab's own folder: sockets, configurations, keys and logs of one environment in use.

Its path is short, because a socket's may not exceed 107 bytes. A janitor process removes it however the owner ends;
should the janitor have been killed too, the next start removes every folder whose lock nobody holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from workbench.files import scratch

_PREFIX = "wb-run-"
_LONGEST = 60


def sweep() -> list[Path]:
    """Remove folders that a killed program left behind; return them."""
    return scratch.sweep(_PREFIX, scratch.parent(_LONGEST))


class LabFolder:
    """A private folder that outlives nobody; use as a context manager."""

    def __init__(self) -> None:
        self.path = Path()
        self._descriptor = -1
        self._janitor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LabFolder:
        sweep()
        self.path, self._descriptor = scratch.fresh(_PREFIX, scratch.parent(_LONGEST))
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
