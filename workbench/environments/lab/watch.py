"""Watch processes while a load runs: CPU at the window's exact edges and five times a second between.

The order of readings is part of the measurement. At the window's start CPU is read first, in one tight pass, and
memory after it; at its end likewise, so that the dear readings never fall between the two CPU readings of an edge.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.model.protocols import Query, SampleRow, SampleSink, TelemetrySource
from workbench.model.records import Component, Noise, Window

TICK_S = 0.2
SLOW_EVERY_S = 5.0
"""Memory costs 0.1 to 0.5 ms a process to read; once in five seconds that stays under 0.1 % of a core for ten."""


def epoch_offset_s() -> float:
    """Return what to add to CLOCK_MONOTONIC seconds to get seconds since the epoch."""
    return time.time() - time.monotonic()


class Watch:
    """Reads one list of components for one window."""

    def __init__(self, components: Sequence[Component], source: TelemetrySource, sink: SampleSink) -> None:
        self.components, self.source, self.sink = tuple(components), source, sink
        queries = source.queries(self.components)
        clocks = [query for query in queries if query.kind == "cpu-clock"]
        self._clocks = [(query, ((~int(query.target)) << 3) | 2) for query in clocks]
        self._fast = [_Reader(query) for query in queries if query.kind != "cpu-clock" and query.cadence == "fast"]
        self._slow = [query for query in queries if query.kind != "cpu-clock" and query.cadence != "fast"]
        self._offset_s = epoch_offset_s()
        self._next_slow = 0.0
        self.first: Mapping[int, Mapping[str, float]] = {}
        self.last: Mapping[int, Mapping[str, float]] = {}
        self.first_s = self.last_s = 0.0

    def tick(self, slow: bool | None = None) -> None:
        """Read everything that is due and hand it on; ``slow`` forces or forbids the dear readings."""
        now = time.monotonic()
        found: dict[int, dict[str, float]] = {}
        parse = self.source.parse
        for query, clock in self._clocks:
            try:
                found[query.component] = dict(parse(query, time.clock_gettime_ns(clock)))
            except OSError:
                continue  # the process is gone; whoever waits for it says so
        for reader in self._fast:
            found.setdefault(reader.query.component, {}).update(parse(reader.query, reader.read()))
        if slow or (slow is None and now >= self._next_slow):
            self._next_slow = now + SLOW_EVERY_S
            for query in self._slow:
                found.setdefault(query.component, {}).update(parse(query, _read(query)))
        self._note(now, found)
        rows: list[SampleRow] = [(now + self._offset_s, position, values) for position, values in found.items()]
        self.sink(self.components, rows)

    def _note(self, now: float, found: Mapping[int, Mapping[str, float]]) -> None:
        if not self.first:
            self.first, self.first_s = found, now
        self.last, self.last_s = found, now

    def close(self) -> None:
        """Close what was kept open."""
        for reader in self._fast:
            reader.close()

    def window(self) -> Window:
        """Return the time between the first and the last reading."""
        return Window(start_s=self.first_s + self._offset_s, end_s=self.last_s + self._offset_s)

    def used(self, position: int, metric: str) -> float | None:
        """Return by how much a cumulative metric of a component grew; None when it was not read at both edges."""
        before, after = self.first.get(position, {}).get(metric), self.last.get(position, {}).get(metric)
        return None if before is None or after is None else after - before

    def noise(self) -> Noise:
        """Return how disturbed the machine was between the first and the last reading."""
        cpus = os.cpu_count() or 1
        elapsed = self.last_s - self.first_s
        node = next((n for n, component in enumerate(self.components) if component.role == "node"), None)
        if node is None or elapsed <= 0:
            return Noise(cpus=cpus)
        own = [self.used(n, "cpu_time_s") for n in range(len(self.components)) if n != node]
        busy, steal, pressure = (self.used(node, name) for name in ("cpu_time_s", "steal_s", "psi_some_s"))
        foreign = None if busy is None else (busy - sum(value for value in own if value is not None)) / elapsed
        return Noise(
            psi_ratio=None if pressure is None else pressure / elapsed,
            steal_ratio=None if steal is None else steal / elapsed / cpus,
            foreign_cores=foreign,
            cpus=cpus,
        )


class _Reader:
    """Files kept open, because opening costs more than reading."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self._descriptors = []
        for path in query.target.split(":"):
            try:
                self._descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            except OSError:
                continue  # this kernel does not tell; the parser then finds nothing

    def read(self) -> bytes:
        """Return the files' present content, joined."""
        try:
            return b"".join(os.pread(descriptor, 65536, 0) for descriptor in self._descriptors)
        except OSError:
            return b""

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def _read(query: Query) -> bytes:
    if query.kind == "tasks":
        paths = [str(path / query.name) for path in Path(f"/proc/{query.target}/task").glob("*")]
    else:
        paths = query.target.split(":")
    parts = []
    for path in paths:
        try:
            parts.append(Path(path).read_bytes())
        except OSError:
            continue  # a thread that has just ended, or a file that we may not read
    return b"".join(parts)
