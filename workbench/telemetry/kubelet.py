"""``kubelet``: what containers and nodes consume, as kubelets tell it, each figure with its own time.

A kubelet reads its containers every 10 to 15 s, so a page holds figures of different ages. CPU is a cumulative counter;
between two of its readings it is taken to grow evenly, which a steady load makes true, so that its value at a window's
edge is interpolated between the readings around it. For that the load lasts beyond the window at both ends.

``/metrics/resource`` gives CPU of nodes and containers, ``/stats/summary`` their memory, ``/metrics/cadvisor`` what
both leave out (throttling). The summary tells CPU too, from the same readings, but cuts their times to whole seconds,
which costs a window of 8 s up to a tenth of its CPU; it is used where the first page says nothing. Sources: kubernetes
``pkg/kubelet/server/stats`` and ``metrics/collectors/resource_metrics.go``, cadvisor ``metrics/prometheus.go``.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.prometheus_text import TextReader
from workbench.protocols import SampleRow
from workbench.records import Component

SUMMARY, RESOURCE, CADVISOR = "stats/summary", "metrics/resource", "metrics/cadvisor"
RESIDUAL_RATIO = 0.10
"""Share of a node's CPU that may stay unattributed before the bill is flagged."""

_PRECISE = ("container_cpu_usage_seconds_total", "node_cpu_usage_seconds_total")
_FAMILIES = {"container_cpu_cfs_throttled_seconds_total": "cpu_throttled_s"}
_MEMORY = {"workingSetBytes": "mem_working_set_bytes", "rssBytes": "mem_rss_bytes"}
_CUMULATIVE = ("cpu_time_s", "cpu_throttled_s")


class Reader:
    """Reads kubelets' pages for one list of components and remembers what it has read.

    A container's `Component.instance` is ``NODE/NAMESPACE/POD/CONTAINER``, a node's ``NODE``.
    """

    def __init__(self, components: Sequence[Component]) -> None:
        self.components = tuple(components)
        self._position = {one.instance: position for position, one in enumerate(self.components) if one.instance}
        self._series: dict[tuple[int, str], list[tuple[float, float]]] = {}
        self._texts: dict[tuple[str, str], TextReader[int]] = {}
        self._precise: set[int] = set()

    def summary(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in a summary; a damaged page gives none."""
        rows: list[SampleRow] = []
        try:
            told = json.loads(page)
            for instance, found in ((node, told["node"]), *_containers(node, told.get("pods") or ())):
                position = self._position.get(instance)
                if position is not None:
                    rows += self._readings(position, found)
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        return rows

    def _readings(self, position: int, found: Mapping[str, Any]) -> Iterator[SampleRow]:
        cpu, memory = found.get("cpu") or {}, found.get("memory") or {}
        if (
            position not in self._precise
            and "usageCoreNanoSeconds" in cpu
            and (at := _time(cpu.get("time"))) is not None
        ):
            value = cpu["usageCoreNanoSeconds"] / 1e9
            if self._is_new(position, "cpu_time_s", at, value):
                yield at, position, {"cpu_time_s": value}
        values = {name: float(memory[key]) for key, name in _MEMORY.items() if key in memory}
        if values and (at := _time(memory.get("time"))) is not None and self._is_new(position, "memory", at, 0.0):
            yield at, position, values

    def resource(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/metrics/resource``; from then on these components' CPU is read here only."""
        rows: list[SampleRow] = []
        for _, position, value, at in self._text(node, RESOURCE, _PRECISE).read(page):
            if position not in self._precise:
                self._precise.add(position)
                self._series.pop((position, "cpu_time_s"), None)
            if at is not None and self._is_new(position, "cpu_time_s", at, value):
                rows.append((at, position, {"cpu_time_s": value}))
        return rows

    def cadvisor(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in a page of cAdvisor's."""
        return [
            (at, position, {_FAMILIES[family]: value})
            for family, position, value, at in self._text(node, CADVISOR, _FAMILIES).read(page)
            if at is not None and self._is_new(position, _FAMILIES[family], at, value)
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

    def _is_new(self, position: int, metric: str, at: float, value: float) -> bool:
        """Remember a reading; False when its time has not moved, or went back."""
        series = self._series.setdefault((position, metric), [])
        if series and at <= series[-1][0]:
            return False
        series.append((at, value))
        return True

    def edges(self, moments: Iterable[float]) -> list[SampleRow]:
        """Return the cumulative counters at these moments, interpolated between the readings around each.

        A component of role ``unattributed``, with a node's instance plus ``/``, gets what its node used and none of the
        node's components did. Without readings on both sides, or with a restart between them, there is no row.
        """
        rows: list[SampleRow] = []
        for moment in moments:
            at: dict[int, dict[str, float]] = {}
            for (position, metric), series in self._series.items():
                value = interpolated(series, moment) if metric in _CUMULATIVE else None
                if value is not None:
                    at.setdefault(position, {})[metric] = value
            for position, one in enumerate(self.components):
                if one.role == "unattributed":
                    left = self._left(one.instance.rstrip("/"), at)
                    if left is not None:
                        at[position] = {"cpu_time_s": left}
            rows += [(moment, position, values) for position, values in sorted(at.items())]
        return rows

    def _left(self, node: str, at: Mapping[int, Mapping[str, float]]) -> float | None:
        """Return the node's CPU less its components'; None when one of them is unknown."""
        left = at.get(self._position[node], {}).get("cpu_time_s")
        for instance, position in self._position.items():
            if left is not None and instance.startswith(f"{node}/") and instance != f"{node}/":
                used = at.get(position, {}).get("cpu_time_s")
                left = None if used is None else left - used
        return left


def interpolated(series: Sequence[tuple[float, float]], moment: float) -> float | None:
    """Return a counter's value at ``moment``; None outside its readings, or where it was reset between two."""
    place = bisect_left(series, (moment, float("-inf")))
    if place < len(series) and series[place][0] == moment:
        return series[place][1]
    if place in (0, len(series)):
        return None
    (t0, v0), (t1, v1) = series[place - 1], series[place]
    return None if v1 < v0 else v0 + (v1 - v0) * (moment - t0) / (t1 - t0)


def _containers(node: str, pods: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for pod in pods:
        reference = pod["podRef"]
        for container in pod.get("containers") or ():
            yield f"{node}/{reference['namespace']}/{reference['name']}/{container['name']}", container


def _time(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None


class Kubelet:
    """The adapter."""

    name = "kubelet"

    def reader(self, components: Sequence[Component]) -> Reader:
        """Return what reads pages about ``components``."""
        return Reader(components)


ADAPTER = Kubelet()
