"""``kubelet``: what containers and nodes consume, as kubelets tell it, each figure with its own time.

A kubelet reads its containers every 10 to 15 s, so a page holds figures of different ages; see `_counters`.

``/metrics/resource`` gives CPU of nodes and containers, ``/stats/summary`` their memory and the node's own daemons, and
``/metrics/cadvisor`` what both leave out: throttling, and (from Kubernetes 1.34, on cgroup v2) the pressure of a whole
node. The summary tells CPU too, from the same readings, but cuts their times to whole seconds, which costs a window of
8 s up to a tenth of its CPU; it is used where the first page says nothing. It also tells the pressure, in a unit on
which its documentation and the kernel disagree. Sources: kubernetes ``pkg/kubelet/server/stats`` and
``metrics/collectors/resource_metrics.go``, cadvisor ``metrics/prometheus.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from workbench.model.protocols import Ask, SampleRow
from workbench.model.records import Component, SourceUse, Window
from workbench.telemetry._counters import CPU, PRESSURE, TINY, Counters, figure
from workbench.text.prometheus import TextReader

SUMMARY, RESOURCE, CADVISOR = "stats/summary?only_cpu_and_memory=true", "metrics/resource", "metrics/cadvisor"

_START = "container_start_time_seconds"
_PRECISE = (_START, "container_cpu_usage_seconds_total", "node_cpu_usage_seconds_total")
"""In the order in which they are read: which start of a container a reading belongs to must be known before."""

_YOUNG_S = 30.0
_PRESSURE = "container_pressure_cpu_waiting_seconds_total"
_FAMILIES = {"container_cpu_cfs_throttled_seconds_total": "cpu_throttled_s", _PRESSURE: PRESSURE}
_ROOT = "/"
"""Id of the control group that holds everything on a node."""
_MEMORY = {"workingSetBytes": "mem_working_set_bytes", "rssBytes": "mem_anon_bytes"}
"""What Kubernetes calls rssBytes is the anonymous memory of the container's cgroup (v1: total_rss, v2: anon). It leaves
out the pages of files that a process's RSS counts: 3.5 MiB for a proxy whose RSS is 23 MB."""


Reading = tuple[str, float, float | None]
"""(family, value, time)."""

Instance = tuple[float | None, list[Reading]]
"""When an instance of a container was started, and what is told of it."""


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
        self._texts: dict[tuple[str, str], TextReader[tuple[int, str]]] = {}
        self._precise: set[int] = set()

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
        """Return the new readings in a summary; a damaged page gives none, a damaged part is passed over."""
        try:
            told = from_json(page)  # half as fast again as the standard library's
        except ValueError:
            return []
        rows: list[SampleRow] = []
        for instance, found in _newest(_told(node, told)).items():
            position = self._position.get(instance)
            if position is not None:
                rows += self._readings(position, found)
        return rows

    def _readings(self, position: int, found: Mapping[str, Any]) -> Iterator[SampleRow]:
        cpu, memory = _table(found.get("cpu")), _table(found.get("memory"))
        token = str(found.get("startTime", ""))
        used = figure(cpu.get("usageCoreNanoSeconds"))
        at = _time(cpu.get("time"))
        if position not in self._precise and used is not None and at is not None and _looked_at(used, at, _time(token)):
            value = used / 1e9
            if self._counters.add(position, CPU, at, value, token):
                yield at, position, {CPU: value}
        read = {name: figure(memory.get(key), least=TINY) for key, name in _MEMORY.items()}
        values = {name: value for name, value in read.items() if value is not None}
        if values and (at := _time(memory.get("time"))) is not None and self._counters.add(position, "memory", at, 0.0):
            yield at, position, values

    def resource(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/metrics/resource``; from then on these components' CPU is read here only."""
        rows: list[SampleRow] = []
        for position, (started, readings) in self._instances(node, RESOURCE, _PRECISE, page).items():
            for _, value, at in readings:
                if at is None or figure(value) is None or not _looked_at(value, at, started):
                    continue
                if position not in self._precise:
                    self._precise.add(position)
                    self._counters.forget(position, CPU)
                if self._counters.add(position, CPU, at, value, _token(started)):
                    rows.append((at, position, {CPU: value}))
        return rows

    def cadvisor(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in a page of cAdvisor's; a pressure of 0 means that the kernel measures none."""
        return [
            (at, position, {_FAMILIES[family]: value})
            for position, (started, readings) in self._instances(node, CADVISOR, (_START, *_FAMILIES), page).items()
            for family, value, at in readings
            if at is not None and figure(value, least=TINY if family == _PRESSURE else 0.0) is not None
            and self._counters.add(position, _FAMILIES[family], at, value, _token(started))
        ]  # fmt: skip

    def _instances(self, node: str, page: str, families: Iterable[str], text: bytes) -> dict[int, Instance]:
        """Return component -> its start and its readings; of several instances of one name those of the newest.

        They are told apart by their id, or, where a page tells none, by their order. Where that does not say which
        one lives, the component has no reading.
        """
        told: dict[int, dict[str, list[Reading]]] = {}
        seen: dict[tuple[int, str, str], int] = {}
        for family, (position, name), value, at in self._text(node, page, families).read(text):
            number = seen[position, name, family] = seen.get((position, name, family), -1) + 1
            told.setdefault(position, {}).setdefault(f"{name}#{number}", []).append((family, value, at))
        found: dict[int, Instance] = {}
        for position, instances in told.items():
            starts = {key: value for key, those in instances.items() for family, value, _ in those if family == _START}
            if len(instances) > 1 and (len(starts) < len(instances) or len(set(starts.values())) < len(starts)):
                continue
            newest = max(instances, key=lambda key: starts.get(key, 0.0))
            readings = [one for one in instances[newest] if one[0] != _START]
            found[position] = starts.get(newest), readings
        return found

    def _text(self, node: str, page: str, families: Iterable[str]) -> TextReader[tuple[int, str]]:
        """Return the reader of a node's page, which remembers its series."""
        if (node, page) not in self._texts:

            def recognise(family: str, labels: Mapping[str, str]) -> tuple[int, str] | None:
                if family.startswith("node_") or (family == _PRESSURE and labels.get("id") == _ROOT):
                    position = self._position.get(node)
                else:
                    names = (labels.get("namespace"), labels.get("pod"), labels.get("container"))
                    position = self._position.get("/".join((node, *map(str, names))))
                return None if position is None else (position, labels.get("id", ""))

            self._texts[node, page] = TextReader(families, recognise)
        return self._texts[node, page]


def _told(node: str, summary: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (instance, what is told of it) of a summary; what is not of its form is passed over."""
    told = _table(summary)
    whole = _table(told.get("node"))
    yield node, whole
    yield from ((f"{node}/@{one.get('name')}", one) for one in _tables(whole.get("systemContainers")))
    for pod in _tables(told.get("pods")):
        reference = _table(pod.get("podRef"))
        place = f"{node}/{reference.get('namespace')}/{reference.get('name')}"
        yield from ((f"{place}/{one.get('name')}", one) for one in _tables(pod.get("containers")))


def _newest(told: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Mapping[str, Any]]:
    """Return each instance once: a pod that was made anew is told beside its dead namesake for a while."""
    found: dict[str, Mapping[str, Any]] = {}
    for instance, one in told:
        known = found.get(instance)
        if known is None or (_time(one.get("startTime")) or 0.0) > (_time(known.get("startTime")) or 0.0):
            found[instance] = one
    return found


def _token(started: float | None) -> str:
    """Return what tells one start of a container from another; empty where it is not known."""
    return "" if started is None else str(started)


def _looked_at(used: float, at: float, started: float | None) -> bool:
    """Whether a CPU counter was read: what has run for a while has used some, so 0 means that nobody looked."""
    return used > 0.0 or started is None or at - started < _YOUNG_S


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


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
