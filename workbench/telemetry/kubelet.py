"""``kubelet``: what containers and nodes consume, as kubelets tell it, each figure with its own time.

A kubelet reads its containers every 10 to 15 s, so a page holds figures of different ages; see `_counters`.

``/metrics/resource`` gives CPU of nodes and containers, ``/stats/summary`` their memory and the node's own daemons,
``/metrics/cadvisor`` what both leave out (throttling). The summary tells CPU too, from the same readings, but cuts
their times to whole seconds, which costs a window of 8 s up to a tenth of its CPU; it is used where the first page says
nothing. Sources: kubernetes ``pkg/kubelet/server/stats`` and ``metrics/collectors/resource_metrics.go``, cadvisor
``metrics/prometheus.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from workbench.prometheus_text import TextReader
from workbench.protocols import Ask, SampleRow
from workbench.records import Component, SourceUse, Window
from workbench.telemetry._counters import CPU, Counters

SUMMARY, RESOURCE, CADVISOR = "stats/summary?only_cpu_and_memory=true", "metrics/resource", "metrics/cadvisor"

_START = "container_start_time_seconds"
_PRECISE = (_START, "container_cpu_usage_seconds_total", "node_cpu_usage_seconds_total")
"""In the order in which they are read: which start of a container a reading belongs to must be known before."""

_FAMILIES = {"container_cpu_cfs_throttled_seconds_total": "cpu_throttled_s"}
_MEMORY = {"workingSetBytes": "mem_working_set_bytes", "rssBytes": "mem_rss_bytes"}


class Reader:
    """Reads kubelets' pages for one list of components and remembers what it has read.

    A container's `Component.instance` is ``NODE/NAMESPACE/POD/CONTAINER``, a node's ``NODE``, and ``NODE/@NAME`` that
    of a node's daemon: ``kubelet``, ``runtime``.
    """

    settle_s = 20.0
    """How long to wait for a reading after the window: every 10 to 15 s, with jitter."""

    def __init__(self, components: Sequence[Component]) -> None:
        self.components = tuple(components)
        self._position = {one.instance: position for position, one in enumerate(self.components) if one.instance}
        self._counters = Counters(self.components)
        self._texts: dict[tuple[str, str], TextReader[int]] = {}
        self._precise: set[int] = set()
        self._started: dict[int, str] = {}

    def during(self) -> tuple[Ask, ...]:
        """Return the three pages of every node."""
        nodes = [one.node for one in self.components if one.role == "node"]
        return tuple(
            Ask(via="kubelet", node=node, path=path) for node in nodes for path in (RESOURCE, SUMMARY, CADVISOR)
        )

    def after(self, window: Window) -> tuple[Ask, ...]:
        """Return the same: a reading after the window's end is needed."""
        return self.during()

    def take(self, ask: Ask, page: bytes) -> list[SampleRow]:
        """Return the new readings in a page; a damaged one gives none."""
        read = {RESOURCE: self.resource, SUMMARY: self.summary, CADVISOR: self.cadvisor}
        return read[ask.path](ask.node, page)

    def edges(self, moments: Sequence[float]) -> list[SampleRow]:
        """Return counters at these moments; see `Counters.edges`."""
        return self._counters.edges(moments)

    def used(self, window: Window) -> tuple[SourceUse, ...]:
        """Return how well each node was read."""
        return self._counters.used(ADAPTER.name, window)

    def summary(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in a summary; a damaged page gives none."""
        rows: list[SampleRow] = []
        try:
            told = from_json(page)  # half as fast again as the standard library's
            daemons = ((f"{node}/@{one['name']}", one) for one in told["node"].get("systemContainers") or ())
            for instance, found in ((node, told["node"]), *daemons, *_containers(node, told.get("pods") or ())):
                position = self._position.get(instance)
                if position is not None:
                    rows += self._readings(position, found)
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        return rows

    def _readings(self, position: int, found: Mapping[str, Any]) -> Iterator[SampleRow]:
        cpu, memory = found.get("cpu") or {}, found.get("memory") or {}
        token = str(found.get("startTime", ""))
        precise = position in self._precise
        if not precise and "usageCoreNanoSeconds" in cpu and (at := _time(cpu.get("time"))) is not None:
            value = cpu["usageCoreNanoSeconds"] / 1e9
            if self._counters.add(position, CPU, at, value, token):
                yield at, position, {CPU: value}
        values = {name: float(memory[key]) for key, name in _MEMORY.items() if key in memory}
        if values and (at := _time(memory.get("time"))) is not None and self._counters.add(position, "memory", at, 0.0):
            yield at, position, values

    def resource(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/metrics/resource``; from then on these components' CPU is read here only."""
        rows: list[SampleRow] = []
        for family, position, value, at in self._text(node, RESOURCE, _PRECISE).read(page):
            if family == _START:
                self._started[position] = str(value)
                continue
            if position not in self._precise:
                self._precise.add(position)
                self._counters.forget(position, CPU)
            if at is not None and self._counters.add(position, CPU, at, value, self._started.get(position, "")):
                rows.append((at, position, {CPU: value}))
        return rows

    def cadvisor(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in a page of cAdvisor's."""
        return [
            (at, position, {_FAMILIES[family]: value})
            for family, position, value, at in self._text(node, CADVISOR, _FAMILIES).read(page)
            if at is not None and self._counters.add(position, _FAMILIES[family], at, value)
        ]

    def _text(self, node: str, page: str, families: Iterable[str]) -> TextReader[int]:
        """Return the reader of a node's page, which remembers its series."""
        if (node, page) not in self._texts:

            def recognise(family: str, labels: Mapping[str, str]) -> int | None:
                if family.startswith("node_"):
                    return self._position.get(node)
                names = (labels.get("namespace"), labels.get("pod"), labels.get("container"))
                return self._position.get("/".join((node, *map(str, names))))

            self._texts[node, page] = TextReader(families, recognise)
        return self._texts[node, page]


def _containers(node: str, pods: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for pod in pods:
        reference = pod["podRef"]
        for container in pod.get("containers") or ():
            yield f"{node}/{reference['namespace']}/{reference['name']}/{container['name']}", container


def _time(text: Any) -> float | None:
    try:
        return _moment(text)
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _moment(text: str) -> float:
    """Return a time as seconds since the epoch; whole seconds, as a summary's are, recur in hundreds of containers."""
    return datetime.fromisoformat(text).timestamp()


class Kubelet:
    """The adapter."""

    name = "kubelet"

    def reader(self, components: Sequence[Component], addresses: Mapping[str, str] | None = None) -> Reader:
        """Return what reads pages about ``components``."""
        return Reader(components)


ADAPTER = Kubelet()
