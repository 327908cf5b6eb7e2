"""One execution of a load generator, watched from edge to edge of its window."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.environments.lab.supervisor import Child, wait_until
from workbench.environments.lab.watch import TICK_S, Watch, epoch_offset_s
from workbench.errors import DeadlineExceededError, RunFailedError
from workbench.model.lab_steps import Job
from workbench.model.protocols import JobOutput, SampleSink, TelemetrySource
from workbench.model.records import Component, Window

_ANNOUNCE_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A started generator and the processes that must outlive it."""

    job: Job
    generator: Child
    others: Sequence[Child]

    def watch(self, components: Sequence[Component], source: TelemetrySource, sink: SampleSink) -> JobOutput:
        """Watch until the generator has ended; return what it left.

        Raises
        ------
        RunFailedError
            When the generator fails, announces nonsense, or another part dies meanwhile.
        DeadlineExceededError
            When it does not end in time.
        """
        deadline = time.monotonic() + self.job.deadline_s
        start_s, end_s = self._announced() if self.job.announces else (time.monotonic(), None)
        watched = (
            Component(name="load-generator", role="load-generator", instance=str(self.generator.popen.pid)),
            *components,
        )
        watch = Watch(watched, source, sink)
        try:
            self._window(watch, start_s, end_s, deadline)
        finally:
            watch.close()
        self._wait_for_end(deadline)
        for child in self.others:
            child.check_alive()
        if end_s is None:
            window = watch.window()
        else:
            offset_s = epoch_offset_s()
            window = Window(start_s=start_s + offset_s, end_s=end_s + offset_s)
        return JobOutput(
            window=window,
            outputs=self._outputs(),
            stdout=self.generator.output(65_536),
            stderr="",
            cpu_s=watch.used(0, "cpu_time_s"),
            noise=watch.noise(),
        )

    def _announced(self) -> tuple[float, float]:
        path = self.generator.folder / "output"

        def said() -> bool:
            return b"\n" in path.read_bytes()

        wait_until(said, [self.generator], "the load generator announcing its window", _ANNOUNCE_DEADLINE_S)
        line = path.read_bytes().split(b"\n", 1)[0]
        try:
            told = json.loads(line)
            return told["window_start_ns"] / 1e9, told["window_end_ns"] / 1e9
        except (ValueError, KeyError, TypeError) as error:
            raise RunFailedError(f"The load generator printed {line[:200]!r} instead of its window.") from error

    def _window(self, watch: Watch, start_s: float, end_s: float | None, deadline: float) -> None:
        """Read at the start, every `TICK_S`, and at the end: of the window, or of the generator."""
        self._sleep_until(start_s, deadline)
        watch.tick(slow=True)
        while True:
            upcoming = time.monotonic() + TICK_S
            if end_s is not None and upcoming >= end_s - TICK_S / 4:
                break
            self._sleep_until(upcoming, deadline)
            if end_s is None and self.generator.popen.poll() is not None:
                return
            watch.tick()
        self._sleep_until(end_s if end_s is not None else upcoming, deadline)
        watch.tick(slow=True)

    def _sleep_until(self, moment: float, deadline: float) -> None:
        """Sleep until ``moment`` on CLOCK_MONOTONIC; the generator must not fail or overrun meanwhile."""
        while (left := moment - time.monotonic()) > 0:
            if time.monotonic() > deadline:
                raise self._overrun()
            code = self.generator.popen.poll()
            if code:
                self.generator.check_alive()
            time.sleep(min(left, TICK_S))

    def _wait_for_end(self, deadline: float) -> None:
        while self.generator.popen.poll() is None:
            if time.monotonic() > deadline:
                raise self._overrun()
            time.sleep(0.002)
        if self.generator.popen.returncode != 0:
            self.generator.check_alive()

    def _overrun(self) -> DeadlineExceededError:
        said = self.generator.output(400) or "nothing"
        return DeadlineExceededError(
            f"The load generator did not end within {self.job.deadline_s:g} s and was stopped. It printed last: {said}"
        )

    def _outputs(self) -> dict[str, bytes]:
        found = {}
        for name in self.job.outputs:
            try:
                found[name] = (self.generator.folder / name).read_bytes()
            except OSError as error:
                raise RunFailedError(
                    f"The load generator left no file {name!r}. "
                    f"It printed last: {self.generator.output(400) or 'nothing'}"
                ) from error
        return found
