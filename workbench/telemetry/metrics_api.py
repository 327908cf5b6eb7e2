"""``metrics-api``: CPU and memory as ``metrics.k8s.io`` tells them, where nothing better may be asked. Coarse.

metrics-server answers with averages over windows of its own (15 to 60 s, at its own times) in place of counters. Here
they are added up to counters again: each average over the time since the one before it. So a change of load within one
of its windows is smeared over it, and there is no throttling, no resident memory and no figure for a node's daemons.
Source: kubernetes/metrics ``pkg/apis/metrics/v1beta1/types.go``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.model.protocols import Ask, SampleRow
from workbench.model.records import Component, SourceUse, Window
from workbench.telemetry._counters import CPU, Counters

NODES, PODS = "/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/pods"

_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
          "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}  # fmt: skip
_QUANTITY = re.compile(r"(\d+\.?\d*(?:[eE][+-]?\d+)?)([a-zA-Z]*)")
_DURATION = re.compile(r"([\d.]+)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}


class Reader:
    """Reads the answers about one list of components; instances as `workbench.telemetry.kubelet.Reader` has them."""

    settle_s = 75.0
    """How long to wait for a reading after the window: metrics-server looks once a minute at the slowest."""

    def __init__(self, components: Sequence[Component]) -> None:
        self.components = tuple(components)
        self._position = {one.instance: position for position, one in enumerate(self.components) if one.instance}
        self._node = {tuple(one.instance.split("/")[1:3]): one.node for one in self.components if "/" in one.instance}
        self._counters = Counters(self.components)
        self._last: dict[int, tuple[float, float]] = {}

    def during(self) -> tuple[Ask, ...]:
        """Return the two lists, of nodes and of pods."""
        return Ask(via="api", path=NODES), Ask(via="api", path=PODS)

    def after(self, window: Window) -> tuple[Ask, ...]:
        """Return the same: a reading after the window's end is needed."""
        return self.during()

    def take(self, ask: Ask, page: bytes) -> list[SampleRow]:
        """Return the new readings in an answer; a damaged one gives none, a damaged part is passed over."""
        try:
            told = json.loads(page)
        except (ValueError, RecursionError):
            return []
        items = told.get("items") if isinstance(told, dict) else None
        rows: list[SampleRow] = []
        for one in items if isinstance(items, list) else ():
            try:
                at, width = datetime.fromisoformat(one["timestamp"]).timestamp(), _seconds(one["window"])
                usages = list(self._usages(one))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            for position, usage in usages:
                rows += self._readings(position, at, width, usage)
        return rows

    def _usages(self, one: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        name, place = one["metadata"]["name"], one["metadata"].get("namespace")
        if place is None:
            found = [(name, one.get("usage"))]
        else:
            node = self._node.get((place, name))
            found = [(f"{node}/{place}/{name}/{part['name']}", part.get("usage")) for part in one["containers"]]
        for instance, usage in found:
            if (position := self._position.get(instance)) is not None and isinstance(usage, dict):
                yield position, usage

    def _readings(self, position: int, at: float, width: float, usage: Mapping[str, Any]) -> Iterator[SampleRow]:
        before, value = self._last.get(position, (at - width, 0.0))
        cores, memory = _quantity(usage.get("cpu")), _quantity(usage.get("memory"))
        known = {"mem_working_set_bytes": memory} if memory else {}
        if at <= before:
            return
        if cores is None:
            if known:
                yield at, position, known
            return
        if position not in self._last:
            self._counters.add(position, CPU, before, 0.0)
            yield before, position, {CPU: 0.0}
        value += cores * (at - before)
        self._last[position] = at, value
        self._counters.add(position, CPU, at, value)
        yield at, position, {CPU: value, **known}

    def edges(self, moments: Sequence[float]) -> list[SampleRow]:
        """Return counters at these moments; see `Counters.edges`."""
        return self._counters.edges(moments)

    def used(self, window: Window) -> tuple[SourceUse, ...]:
        """Return how well each node was read."""
        return self._counters.used(ADAPTER.name, window, coarse=True)


def _quantity(text: Any) -> float | None:
    """Return a quantity of Kubernetes' as a number; None for what is none."""
    found = _QUANTITY.fullmatch(str(text))
    return float(found[1]) * _UNITS[found[2]] if found and found[2] in _UNITS else None


def _seconds(text: str) -> float:
    """Return a duration of Go's in seconds: ``"15.04s"``, ``"1m0s"``."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


class MetricsApi:
    """The adapter."""

    name = "metrics-api"

    def reader(self, components: Sequence[Component], addresses: Mapping[str, str] | None = None) -> Reader:
        """Return what reads answers about ``components``."""
        return Reader(components)


ADAPTER = MetricsApi()
