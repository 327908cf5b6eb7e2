"""Progress: one live line with a bar on a terminal, a line for each step elsewhere.

It is drawn at most four times a second, because drawing takes CPU away from the measurement.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workbench.cli.show import duration, note
from workbench.text.plain import escaped

if TYPE_CHECKING:
    from rich.progress import Progress


_LONGEST = 300
_TOLD = ("step", "run-ended", "gate", "note", "campaign-ended")
"""Kinds of events that are worth a line where there is no bar; only clusters tell steps, where each takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Progress of something: the current activity, done and total, seconds left (None: unknown)."""

    message: str
    done: int
    total: int
    remaining_s: float | None
    worth_a_line: bool = True


class EventTail:
    """Reads a campaign's ``events.jsonl`` as it grows; the file may not be there yet."""

    def __init__(self, file: Path) -> None:
        self._file, self._offset, self._rest = file, 0, b""

    def steps(self) -> list[Step]:
        """Return what was appended since the last call. Incomplete lines wait, damaged ones are skipped."""
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._offset)
                fresh = stream.read()
        except OSError:
            return []
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [step for step in map(_step, lines) if step is not None]


def _step(line: bytes) -> Step | None:
    try:
        event: dict[str, Any] = json.loads(line)
        return Step(
            message=event["message"],
            done=event["done"],
            total=event["total"],
            remaining_s=event["remaining_s"],
            worth_a_line=event["kind"] in _TOLD,
        )
    except (ValueError, KeyError, TypeError):
        return None


class Meter:
    """Shows steps on standard error. A context manager; ``step`` may be called any number of times a second."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title, self._quiet = title, quiet
        self._bar: Progress | None = None
        self._last = Step(message="starting ...", done=0, total=0, remaining_s=None)
        self._said_at = time.monotonic()

    def __enter__(self) -> Meter:
        if sys.stderr.isatty() and not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[left]}", markup=False),
                TextColumn("{task.fields[message]}", style="dim", markup=False),
                console=Console(stderr=True),
                auto_refresh=False,
                transient=True,
            )
            self._task = self._bar.add_task(escaped(self._title), total=None, left="", message="starting ...")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, step: Step) -> None:
        """Record ``step``."""
        self._last, self._said_at = step, time.monotonic()
        if self._bar is None and not self._quiet and step.worth_a_line:
            place = f"[{step.done}/{step.total}] " if step.total else ""
            note(f"{place}{_short(step.message)}{self._left()}")

    def draw(self) -> None:
        """Update the bar, on a terminal only."""
        if self._bar is not None:
            last = self._last
            place = f"{last.done}/{last.total}" if last.total else ""
            self._bar.update(
                self._task,
                total=last.total or None,
                completed=last.done,
                left=place + self._left(),
                message=_short(last.message),
            )
            self._bar.refresh()

    def _left(self) -> str:
        remaining = self._last.remaining_s
        if remaining is None or (self._last.total and self._last.done >= self._last.total):
            return ""
        return f", about {duration(remaining - (time.monotonic() - self._said_at))} left"


def _short(message: str) -> str:
    """Return ``message`` on one line, its end cut; the run's record has all of it."""
    flat = escaped(" ".join(message.split()))
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
