"""Work that takes seconds, beside a kernel that goes on answering: one act at a time, its end told to the widget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from workbench.errors import WorkbenchError


class Background:
    """Does one thing at a time in a thread; without a running kernel, in tests and scripts, at once.

    Parameters
    ----------
    busy
        Told True when an act begins and False when it has ended.
    failed
        Told what went wrong, in words.
    """

    def __init__(self, busy: Callable[[bool], None], failed: Callable[[str], None]) -> None:
        self._busy, self._failed = busy, failed
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def working(self) -> bool:
        """Whether an act is under way."""
        return self._task is not None and not self._task.done()

    def meanwhile(self, show: Callable[[], None]) -> None:
        """Show something from within an act that goes on: on the kernel's own thread, where widgets live."""
        if self._loop is None:
            show()
        else:
            self._loop.call_soon_threadsafe(show)

    def do(self, act: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Carry ``act`` out and give what it returns to ``then``; nothing when another act is under way."""
        if self.working:
            return
        self._busy(True)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
            self._now(act, then)
        else:
            self._loop = loop
            self._task = loop.create_task(self._beside(act, then))

    def _now(self, act: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            then(act())
        except WorkbenchError as error:
            self._failed(str(error))
        finally:
            self._busy(False)

    async def _beside(self, act: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            then(await asyncio.to_thread(act))
        except WorkbenchError as error:
            self._failed(str(error))
        finally:
            self._busy(False)
