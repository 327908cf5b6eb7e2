"""A notebook under way: its progress is drawn, and a signal stops it in good order.

The first Ctrl-C (or SIGTERM) asks it to stop and waits; a second one, or the end of the patience, interrupts its
kernel; then the kernel is ended. What was captured is kept each time.
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
    """Counts the wishes to stop."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, number: int, frame: Any) -> None:
        self.count += 1


@contextlib.contextmanager
def signals() -> Iterator[_Signals]:
    """Count SIGINT, SIGTERM and SIGHUP instead of dying of them."""
    taken = _Signals()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, taken.take) for number in numbers}
    try:
        yield taken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def see_through(execution: Execution, meter: Meter, *, stop: Callable[[], bool], events: Path | None = None) -> Path:
    """Start an execution unless it was, wait for it, drawing its progress, and return the executed copy.

    Parameters
    ----------
    stop
        Asks for an orderly stop; returns whether anybody heard it. Otherwise it is asked again, and the kernel is
        interrupted.
    events
        The campaign's events file, when it carries one out.

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
        if taken.count and type(error) is WorkbenchError:  # a cell that was cut short fails in ways of its own
            raise StoppedError(f"{execution.notebook.name} was stopped.") from error
        raise


def record_of(folder: Path, name: str) -> Path:
    """Return where the executed copy of notebook ``name`` goes in a campaign's folder; earlier ones stay."""
    place = folder / "notebooks"
    turns = sum(1 for _ in place.glob(f"{name}*.ipynb"))
    return place / (f"{name}.ipynb" if not turns else f"{name}-{turns + 1}.ipynb")


class _CellTail:
    """Tells how far a notebook is by its cells, for one that reports no events."""

    def __init__(self, execution: Execution) -> None:
        self._execution, self._began, self._told = execution, time.monotonic(), 0

    def steps(self) -> list[Step]:
        """Return a step when a cell has ended since the last call."""
        done, total = self._execution.progress
        if done == self._told:
            return []
        self._told = done
        remaining = (time.monotonic() - self._began) / done * (total - done)
        message = f"{self._execution.notebook.name}, cell by cell"
        return [Step(message=message, done=done, total=total, remaining_s=remaining, worth_a_line=False)]


class _Stopping:
    """Grows more insistent with time and with every further signal.

    A kernel that is starting hears nothing, and a campaign that has no folder yet cannot be asked: hence the asking
    again at every look until somebody has heard.
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
