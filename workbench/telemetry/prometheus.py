"""``prometheus``: what a Prometheus has kept of the kubelets' counters, where a cluster has one.

It is asked once, when the window is over: an instant query of a range (``metric[RANGE]``) gives the samples that were
really scraped with the times that they really have, where a range query would give values of other moments. Several
jobs may scrape the same kubelet, and several servers behind one name hold the same: a container's samples are put
together and each time counts once. Sources: Prometheus' HTTP API, cadvisor ``docs/storage/prometheus.md``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from workbench.model.protocols import Ask, SampleRow
from workbench.model.records import Component, SourceUse, Window
from workbench.telemetry._counters import CPU, TINY, Counters, figure

_THROTTLED = "cpu_throttled_s"
METRICS = {
    "container_cpu_usage_seconds_total": CPU,
    "container_cpu_cfs_throttled_seconds_total": _THROTTLED,
    "container_memory_working_set_bytes": "mem_working_set_bytes",
    "container_memory_rss": "mem_anon_bytes",  # see the kubelet's rssBytes
}
_SERVICES = {"kubelet": "kubelet", "containerd": "runtime", "crio": "runtime", "docker": "runtime"}
"""Unit of the node -> what it is called among the components."""

_NAMES = "|".join(METRICS)
_CONTAINERS = f'__name__=~"{_NAMES}",container!="",container!="POD"'
_NODES = f'__name__=~"{_NAMES}",id=~"/|/system.slice/({"|".join(_SERVICES)})[.]service"'
_NODE_LABELS = ("node", "kubernetes_io_hostname", "nodename", "instance")


Samples = dict[float, float]
"""Time -> value."""


def _samples(values: Any, least: float) -> Iterator[tuple[float, float]]:
    """Yield (time, value) of a series; what is not a figure, or less than `least`, is passed over."""
    for pair in values if isinstance(values, list) else ():
        try:
            at, value = figure(float(pair[0])), figure(float(pair[1]), least=least)
        except (TypeError, ValueError, IndexError, KeyError):
            continue
        if at is not None and value is not None:
            yield at, value


def living(instances: Mapping[str, Mapping[str, Samples]]) -> list[tuple[str, float, float]]:
    """Return which instance of a container lived when: (instance, from, until), one after the other.

    A container that was started anew is told under another id, and its dead twin for some minutes more, at the same
    times, with figures that stand. Whoever came later lives from its first sample on, unless the earlier one still
    moves after it: then both are names of the same container, and the earlier one is kept.
    """
    known = []
    for instance, metrics in instances.items():
        times = [at for samples in metrics.values() for at in samples]
        if times:
            known.append((min(times), _moved(metrics), instance))
    found: list[tuple[str, float, float]] = []
    moves = -math.inf
    for first, moved, instance in sorted(known):
        if found and moves > first:
            continue
        if found and found[-1][1] == first and moves == moved == -math.inf:
            return []  # told from the same moment on, and neither moves: nobody knows which one lives
        if found:
            found[-1] = (*found[-1][:2], first)
        found.append((instance, first, math.inf))
        moves = moved
    return found


def _moved(metrics: Mapping[str, Samples]) -> float:
    """Return when the CPU counter last moved, without one any figure; minus infinity where none ever did.

    What is left of a dead container's memory may still shrink.
    """
    last = -math.inf
    for samples in [metrics[CPU]] if len(metrics.get(CPU, ())) > 1 else metrics.values():
        for before, at in pairwise(sorted(samples)):
            if samples[at] != samples[before]:
                last = max(last, at)
    return last


class Reader:
    """Reads replies about one list of components; instances as `workbench.telemetry.kubelet.Reader` has them."""

    settle_s = 75.0
    """How long to wait for a sample after the window, and how far before it to begin: one scrape a minute."""

    def __init__(self, components: Sequence[Component], addresses: Mapping[str, str]) -> None:
        self.components = tuple(components)
        self._position = {one.instance: position for position, one in enumerate(self.components) if one.instance}
        self._container = {
            tuple(one.instance.split("/")[1:]): position
            for position, one in enumerate(self.components)
            if one.instance.count("/") == 3
        }
        nodes = [one.node for one in self.components if one.role == "node"]
        self._nodes = {**{node: node for node in nodes}, **{addresses[one]: one for one in nodes if one in addresses}}
        self._counters = Counters(self.components)

    def during(self) -> tuple[Ask, ...]:
        """Return nothing: what was scraped can be asked for afterwards."""
        return ()

    def after(self, window: Window) -> tuple[Ask, ...]:
        """Return two queries for the samples in the window and around it: of containers, and of whole nodes."""
        reach = math.ceil(window.duration_s + 2 * self.settle_s)
        queries = (f"{{{one}}}[{reach}s]" for one in (_CONTAINERS, _NODES))
        at = f"{window.end_s + self.settle_s:.3f}"
        return tuple(
            Ask(via="prometheus", path="api/v1/query?" + urlencode({"query": one, "time": at})) for one in queries
        )

    def take(self, ask: Ask, page: bytes) -> list[SampleRow]:
        """Return the new readings in a reply; a damaged one gives none, a damaged series or value is passed over."""
        try:
            told = json.loads(page)
            if told["status"] != "success" or told["data"]["resultType"] != "matrix":
                return []
            series = list(told["data"]["result"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return []
        found: dict[int, dict[str, dict[str, Samples]]] = {}
        for one in series:
            labels = one.get("metric") if isinstance(one, dict) else None
            if isinstance(labels, dict):
                for position, metric in self._recognised(labels):
                    instance = str(labels.get("id") or labels.get("name") or "")
                    kept = found.setdefault(position, {}).setdefault(instance, {}).setdefault(metric, {})
                    for at, value in _samples(one.get("values"), 0.0 if metric == _THROTTLED else TINY):
                        kept.setdefault(at, value)
        return [row for position, instances in found.items() for row in self._readings(position, instances)]

    def _recognised(self, labels: Mapping[str, str]) -> Iterator[tuple[int, str]]:
        """Yield (position, metric) of a series that is wanted."""
        metric = METRICS.get(labels.get("__name__", ""))
        names = tuple(labels.get(f"exported_{key}", labels.get(key, "")) for key in ("namespace", "pod", "container"))
        position = self._container.get(names) if names[2] else self._of_node(labels)
        if metric is None or position is None:
            return
        if names[2] and labels.get("node", self.components[position].node) != self.components[position].node:
            return  # a pod of this name that was on another node
        yield position, metric

    def _of_node(self, labels: Mapping[str, str]) -> int | None:
        told = [labels.get(key, "") for key in _NODE_LABELS]
        known = [self._nodes[one] for one in (*told, told[-1].rpartition(":")[0]) if one in self._nodes]
        if not known and len(set(self._nodes.values())) == 1 and not any(told):
            known = list(self._nodes.values())
        unit = labels.get("id", "").rpartition("/")[2].removesuffix(".service")
        return self._position.get(f"{known[0]}/@{_SERVICES[unit]}" if unit else known[0]) if known else None

    def _readings(self, position: int, instances: Mapping[str, Mapping[str, Samples]]) -> Iterator[SampleRow]:
        """Yield the readings of one container out of what is told of every instance of it."""
        for instance, begin, end in living(instances):
            for metric, samples in instances[instance].items():
                for at in sorted(samples):
                    if begin <= at < end and self._counters.add(position, metric, at, samples[at], instance):
                        yield at, position, {metric: samples[at]}

    def edges(self, moments: Sequence[float]) -> list[SampleRow]:
        """Return counters at these moments; see `Counters.edges`."""
        return self._counters.edges(moments)

    def used(self, window: Window) -> tuple[SourceUse, ...]:
        """Return how well each node was read."""
        return self._counters.used(ADAPTER.name, window)


class Prometheus:
    """The adapter."""

    name = "prometheus"

    def reader(self, components: Sequence[Component], addresses: Mapping[str, str] | None = None) -> Reader:
        """Return what reads replies about ``components``; ``addresses``: node -> address, as a job may call it."""
        return Reader(components, addresses or {})


ADAPTER = Prometheus()
