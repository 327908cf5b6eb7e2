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
from urllib.parse import urlencode

from workbench.protocols import Ask, SampleRow
from workbench.records import Component, SourceUse, Window
from workbench.telemetry._counters import CPU, Counters

METRICS = {
    "container_cpu_usage_seconds_total": CPU,
    "container_cpu_cfs_throttled_seconds_total": "cpu_throttled_s",
    "container_memory_working_set_bytes": "mem_working_set_bytes",
    "container_memory_rss": "mem_rss_bytes",
}
_SERVICES = {"kubelet": "kubelet", "containerd": "runtime", "crio": "runtime", "docker": "runtime"}
"""Unit of the node -> what it is called among the components."""

_NAMES = "|".join(METRICS)
_CONTAINERS = f'__name__=~"{_NAMES}",container!="",container!="POD"'
_NODES = f'__name__=~"{_NAMES}",id=~"/|/system.slice/({"|".join(_SERVICES)})[.]service"'
_NODE_LABELS = ("node", "kubernetes_io_hostname", "nodename", "instance")


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
        """Return the new readings in a reply; a damaged one gives none."""
        try:
            told = json.loads(page)
            if told["status"] != "success" or told["data"]["resultType"] != "matrix":
                return []
            together: dict[tuple[int, str], dict[float, tuple[float, str]]] = {}
            for one in told["data"]["result"]:
                for position, metric in self._recognised(one["metric"]):
                    samples = together.setdefault((position, metric), {})
                    for at, value in one["values"]:
                        samples.setdefault(float(at), (float(value), str(one["metric"].get("id", ""))))
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        return [row for key, samples in together.items() for row in self._readings(*key, samples)]

    def _recognised(self, labels: Mapping[str, str]) -> Iterator[tuple[int, str]]:
        """Yield (position, metric) of a series that is wanted."""
        metric = METRICS.get(labels["__name__"])
        names = tuple(labels.get(f"exported_{key}", labels.get(key, "")) for key in ("namespace", "pod", "container"))
        position = self._container.get(names) if names[2] else self._of_node(labels)
        if metric is not None and position is not None:
            yield position, metric

    def _of_node(self, labels: Mapping[str, str]) -> int | None:
        told = [labels.get(key, "") for key in _NODE_LABELS]
        known = [self._nodes[one] for one in (*told, told[-1].rpartition(":")[0]) if one in self._nodes]
        if not known and len(set(self._nodes.values())) == 1 and not any(told):
            known = list(self._nodes.values())
        unit = labels.get("id", "").rpartition("/")[2].removesuffix(".service")
        return self._position.get(f"{known[0]}/@{_SERVICES[unit]}" if unit else known[0]) if known else None

    def _readings(self, position: int, metric: str, samples: Mapping[float, tuple[float, str]]) -> Iterator[SampleRow]:
        for at in sorted(samples):
            value, token = samples[at]
            if math.isfinite(value) and self._counters.add(position, metric, at, value, token):
                yield at, position, {metric: value}

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
