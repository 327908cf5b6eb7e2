"""Execute a notebook: draw its progress, and stop it cleanly on a signal.

The first Ctrl-C (or SIGTERM) requests a stop and waits; a second one, or a timeout, interrupts the
kernel; then the kernel is killed. Captured data is kept each time.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.progress import EventTail, Meter, Step
from workbench.cli.show import note
from workbench.errors import StoppedError, WorkbenchError

if TYPE_CHECKING:
    from workbench.notebooks import Execution

PATIENCE_S = 20.0
"""Seconds given to a run to record itself and remove its data plane; it takes one or two."""

INTERRUPTED_S = 5.0
"""Seconds given to an interrupted kernel before it is ended."""

_AGAIN_S = 1.0
"""Seconds between interrupts."""

_TICK_S = 0.25


class _Signals:
    """Counts stop requests."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, number: int, frame: Any) -> None:
        self.count += 1


@contextlib.contextmanager
def signals() -> Iterator[_Signals]:
    """Count SIGINT, SIGTERM and SIGHUP instead of being killed by them."""
    taken = _Signals()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, taken.take) for number in numbers}
    try:
        yield taken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def see_through(execution: Execution, meter: Meter, *, stop: Callable[[], bool], events: Path | None = None) -> Path:
    """Start an execution if necessary, wait for it, draw its progress, and return the executed copy.

    Parameters
    ----------
    stop
        Requests a clean stop; returns whether a campaign accepted it. Otherwise it is called again, and the kernel is
        interrupted.
    events
        The campaign's events file, if the notebook runs one.

    Raises
    ------
    WorkbenchError
        See `workbench.notebooks.Execution.result`.
    """
    tail = EventTail(events) if events else _CellTail(execution)
    stopping = _Stopping(execution, stop)
    with signals() as taken:
        execution.start()
        while not execution.wait(_TICK_S):
            for step in tail.steps():
                meter.step(step)
            meter.draw()
            stopping.look(taken.count)
    for step in tail.steps():
        meter.step(step)
    try:
        return execution.result()
    except WorkbenchError as error:
        if taken.count and type(error) is WorkbenchError:  # an interrupted cell can fail in other ways
            raise StoppedError(f"{execution.notebook.name} was stopped.") from error
        raise


def record_of(folder: Path, name: str) -> Path:
    """Return where the executed copy of notebook ``name`` goes in a campaign's folder; earlier ones stay."""
    place = folder / "notebooks"
    turns = sum(1 for _ in place.glob(f"{name}*.ipynb"))
    return place / (f"{name}.ipynb" if not turns else f"{name}-{turns + 1}.ipynb")


class _CellTail:
    """Reports a notebook's progress by its cells, for notebooks without events."""

    def __init__(self, execution: Execution) -> None:
        self._execution, self._began, self._told = execution, time.monotonic(), 0

    def steps(self) -> list[Step]:
        """Return a step if a cell has ended since the last call."""
        done, total = self._execution.progress
        if done == self._told:
            return []
        self._told = done
        remaining = (time.monotonic() - self._began) / done * (total - done)
        message = f"{self._execution.notebook.name}, cell by cell"
        return [Step(message=message, done=done, total=total, remaining_s=remaining, worth_a_line=False)]


class _Stopping:
    """Escalates with time and with every further signal.

    A starting kernel ignores signals, and a campaign without a folder cannot be stopped, so the request is
    repeated until it is accepted.
    """

    def __init__(self, execution: Execution, stop: Callable[[], bool]) -> None:
        self._execution, self._stop = execution, stop
        self._heard = self._killed = False
        self._asked_at = self._insisting_since = self._interrupted_at = 0.0

    def look(self, wishes: int) -> None:
        """Do what ``wishes`` (signals so far) and the time since the first one call for."""
        if not wishes or self._killed:
            return
        now = time.monotonic()
        if not self._asked_at:
            self._asked_at = now
            note("\nStopping; captured data is kept. Press Ctrl-C again to force.")
        if not self._heard and self._stop():
            self._heard, self._asked_at, self._insisting_since = True, now, 0.0
        if wishes > 1 or not self._heard or now - self._asked_at > PATIENCE_S:
            self._insist(wishes, now)

    def _insist(self, wishes: int, now: float) -> None:
        if not self._insisting_since:
            self._insisting_since = now
        if wishes > 2 or now - self._insisting_since > INTERRUPTED_S:
            self._killed = True
            self._execution.kill()
        elif now - self._interrupted_at > _AGAIN_S:
            self._interrupted_at = now
            self._execution.interrupt()
