"""The load on a cluster, driven by its generator in the client's pod, and what everything consumes read meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from workbench.environments.kubernetes.options import POLL_S
from workbench.errors import DeadlineExceededError
from workbench.model.cluster_load import ClusterLoad, PodCall, PodRun
from workbench.model.lab_steps import Role
from workbench.model.protocols import Ask, ClusterReader, JobOutput, SampleRow, SampleSink
from workbench.model.records import Component, Noise, SourceUse, Window

FEWEST_READINGS = 3
_STEP_S = 0.05
"""Between two questions whether a run has ended: until the next begins there is no load, and counters stand."""

_SLACK_S = 30.0


@dataclass(slots=True, kw_only=True)
class Loading:
    """One load being driven and watched."""

    ask: Callable[[PodCall], bytes]
    url: str
    load: ClusterLoad
    reader: ClusterReader
    fetch: Callable[[Ask], bytes | None]
    components: tuple[Component, ...]
    sink: SampleSink
    cpus: int
    poll_s: float = POLL_S
    _next: float = 0.0
    _took_s: float = 0.0

    def drive(self) -> JobOutput:
        """Drive the runs one after the other while the source is asked; return the measured one's result.

        Raises
        ------
        RunFailedError
            When the generator does not start a run or leaves no result.
        DeadlineExceededError
            When a run does not end.
        """
        results = [self._one(run) for run in self.load.runs]
        measured = results[1]
        start_s = self.load.driver.began_s(measured) + self.load.head_s
        window = Window(start_s=start_s, end_s=start_s + self.load.duration_s)
        self._wait_for_readings(window)
        edges = self.reader.edges((window.start_s, window.end_s))
        self.sink(self.components, edges)
        foreign = self._used(edges, "system")  # what nobody is charged for is the kernel's work for the run, mostly
        return JobOutput(
            window=window,
            outputs={self.load.driver.result_name: measured},
            stdout="",
            stderr="",
            cpu_s=self._used(edges, "load-generator"),
            noise=Noise(
                psi_ratio=self._pressure(edges, window),
                foreign_cores=None if foreign is None else foreign / window.duration_s,
                cpus=self.cpus,
            ),
            sources=tuple(self._doubted(one) for one in self.reader.used(window)),
        )

    def _doubted(self, use: SourceUse) -> SourceUse:
        """Say where readings rest on time in which the load no longer ran, or are too few."""
        if use.reach_s is None:
            return replace(use, doubt="no readings before and after the window: this node's CPU is unknown")
        lasts_s = min(self.load.head_s + self.load.runs[0].lasts_s, self.load.runs[-1].lasts_s)
        if use.reach_s > lasts_s:
            return replace(
                use,
                doubt=f"readings up to {use.reach_s:.0f} s outside the window were used, and the load lasts "
                f"{lasts_s:.0f} s beyond it: set edge_s = {math.ceil(use.reach_s) + 5}",
            )
        if use.readings < FEWEST_READINGS:
            return replace(
                use,
                doubt=f"{use.readings} readings are in the window, fewer than the required {FEWEST_READINGS}: "
                "measure for 60 s or more",
            )
        return use

    def _pressure(self, edges: Sequence[SampleRow], window: Window) -> float | None:
        """Return the share of the window in which tasks waited for a CPU, of the worst node; None: no node tells."""
        known = []
        for position, one in enumerate(self.components):
            values = [row[2]["psi_some_s"] for row in edges if row[1] == position and "psi_some_s" in row[2]]
            if one.role == "node" and len(values) == 2:
                known.append((values[1] - values[0]) / window.duration_s)
        return max(known, default=None)

    def _used(self, edges: Sequence[SampleRow], role: Role) -> float | None:
        total, known = 0.0, False
        for position, one in enumerate(self.components):
            values = [row[2]["cpu_time_s"] for row in edges if row[1] == position and "cpu_time_s" in row[2]]
            if one.role == role and len(values) == 2:
                total, known = total + values[1] - values[0], True
        return total if known else None

    def _one(self, run: PodRun) -> bytes:
        """Start one run, watch until it has ended, and return its result."""
        driver = self.load.driver
        started = driver.begun(self.ask(driver.start(run, self.url)))
        end = time.monotonic() + run.lasts_s
        deadline = end + run.timeout_s + _SLACK_S
        while True:
            self._read_when_due(end)
            time.sleep(max(_STEP_S, min(end - time.monotonic(), self.poll_s)))
            if time.monotonic() >= end and (result := driver.result(started, self.ask)) is not None:
                return result
            if time.monotonic() > deadline:
                raise DeadlineExceededError(
                    f"The load generator in the client's pod did not end a run of {run.lasts_s:.0f} s within "
                    f"{run.lasts_s + run.timeout_s + _SLACK_S:.0f} s."
                )

    def _wait_for_readings(self, window: Window) -> None:
        """Ask until every counter known at the window's start has a reading after its end, or long enough.

        Each container is read at a time of its own, and the bill of a node needs them all.
        """
        deadline = time.monotonic() + self.reader.settle_s
        while time.monotonic() < deadline:
            self._read(self.reader.after(window))
            first, last = ({row[1] for row in self.reader.edges((one,))} for one in (window.start_s, window.end_s))
            if first and first <= last:
                return
            time.sleep(min(1.0, self.poll_s))

    def _read_when_due(self, end: float) -> None:
        """Ask now and then, but not when the run would be over before the answers are there."""
        now = time.monotonic()
        if self._next <= now < end - min(self._took_s, self.poll_s):
            self._next = now + self.poll_s
            self._read(self.reader.during())
            self._took_s = time.monotonic() - now

    def _read(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            page = self.fetch(ask)
            if page is not None:
                self.sink(self.components, self.reader.take(ask, page))
        if not asks:
            self.sink(self.components, ())  # it is also asked whether to stop
