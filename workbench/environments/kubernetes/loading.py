"""The load on a cluster, driven through the client's Fortio, and the kubelets' accounts read meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from workbench.cluster_steps import ClusterLoad, Part
from workbench.environments.kubernetes.calling import asked_of
from workbench.environments.kubernetes.client import Cluster, Object, Refused
from workbench.errors import DeadlineExceeded, RunFailed
from workbench.protocols import SampleRow, SampleSink
from workbench.records import Component, JobOutput, Noise, Window
from workbench.steps import Role

RESULT = "fortio.json"
EDGE_S = 20.0
"""How long to wait for a reading after the window: a kubelet reads a container every 10 to 15 s, with jitter."""

POLL_S = 5.0
_STEP_S = 0.2
_SLACK_S = 30.0
_PAGE_S = 5.0


class PageReader(Protocol):
    """What a source of telemetry reads kubelets' pages with; see `workbench.telemetry.kubelet.Reader`."""

    def summary(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/stats/summary``."""
        ...

    def resource(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/metrics/resource``."""
        ...

    def cadvisor(self, node: str, page: bytes) -> list[SampleRow]:
        """Return the new readings in ``/metrics/cadvisor``."""
        ...

    def edges(self, moments: Sequence[float]) -> list[SampleRow]:
        """Return counters at these moments."""
        ...


def components_of(
    pods: Sequence[Object], namespace: str, client: Mapping[str, str], parts: Sequence[Part], nodes: Sequence[str]
) -> tuple[Component, ...]:
    """Return every container that is charged to somebody, then each node and what nobody is charged for on it.

    A container belongs to the first part that matches; else, in the application's namespace, to the load generator in
    the client's pods and to the application in others. Containers of other people's pods stay with the node.
    """
    found = []
    for pod in pods:
        meta, spec = pod["metadata"], pod["spec"]
        lasting = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
        for container in (*lasting, *spec["containers"]):
            role = role_of(pod, container["name"], namespace, client, parts)
            if role is not None and spec.get("nodeName"):
                instance = f"{spec['nodeName']}/{meta['namespace']}/{meta['name']}/{container['name']}"
                found.append(Component(name=f"{meta['name']}/{container['name']}", role=role, instance=instance))
    for node in nodes:
        found.append(Component(name=node, role="node", instance=node))
        found.append(Component(name=f"{node}, unattributed", role="unattributed", instance=f"{node}/"))
    return tuple(found)


def role_of(
    pod: Object, container: str, namespace: str, client: Mapping[str, str], parts: Sequence[Part]
) -> Role | None:
    """Return whom a container is charged to; None: nobody, it stays with the node."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    for part in parts:
        named = not part.containers or container in part.containers
        if part.namespace in ("", meta["namespace"]) and part.labels.items() <= labels.items() and named:
            return part.role
    if meta["namespace"] != namespace:
        return None
    return "load-generator" if client.items() <= labels.items() else "application"


@dataclass(slots=True, kw_only=True)
class Loading:
    """One load being driven and watched."""

    cluster: Cluster
    ask: Callable[[str, Mapping[str, str] | None], bytes]
    url: str
    load: ClusterLoad
    reader: PageReader
    components: tuple[Component, ...]
    sink: SampleSink
    cpus: int
    poll_s: float = POLL_S
    wait_s: float = EDGE_S
    _next: float = 0.0
    _nodes: tuple[str, ...] = field(default=())

    def drive(self) -> JobOutput:
        """Drive the three runs one after the other while the kubelets are asked; return the middle one's result.

        Raises
        ------
        RunFailed
            When Fortio's run cannot be started or leaves no result.
        DeadlineExceeded
            When a run does not end.
        """
        self._nodes = tuple(one.instance for one in self.components if one.role == "node")
        results = [self._one(body) for body in self.load.bodies]
        told = json.loads(results[1])
        start_s = datetime.fromisoformat(told["StartTime"]).timestamp() + self.load.head_s
        window = Window(start_s=start_s, end_s=start_s + self.load.duration_s)
        self._wait_for_readings(window.end_s)
        edges = self.reader.edges((window.start_s, window.end_s))
        self.sink(self.components, edges)
        cpu_s = {role: self._used(edges, role) for role in ("load-generator", "unattributed")}
        foreign = cpu_s["unattributed"]
        return JobOutput(
            window=window,
            outputs={RESULT: results[1]},
            stdout="",
            stderr="",
            cpu_s=cpu_s["load-generator"],
            noise=Noise(foreign_cores=None if foreign is None else foreign / window.duration_s, cpus=self.cpus),
        )

    def _used(self, edges: Sequence[SampleRow], role: Role) -> float | None:
        total, known = 0.0, False
        for position, one in enumerate(self.components):
            values = [row[2]["cpu_time_s"] for row in edges if row[1] == position and "cpu_time_s" in row[2]]
            if one.role == role and len(values) == 2:
                total, known = total + values[1] - values[0], True
        return total if known else None

    def _one(self, body: Mapping[str, str]) -> bytes:
        """Start one run, watch until it has ended, and return its result."""
        started = json.loads(self.ask("rest/run", {**body, **asked_of(self.url)}))
        if "RunID" not in started or "ResultID" not in started:
            raise RunFailed(f"The client's Fortio did not start the load: {str(started)[:300]}")
        run, name = started["RunID"], started["ResultID"]
        deadline = time.monotonic() + float(body["t"].rstrip("s")) + float(body["timeout"].rstrip("s")) + _SLACK_S
        end = time.monotonic() + float(body["t"].rstrip("s"))
        while True:
            self._read_when_due()
            time.sleep(max(_STEP_S, min(end - time.monotonic(), self.poll_s)))
            if time.monotonic() >= end and (result := self._result(run, name)) is not None:
                return result
            if time.monotonic() > deadline:
                raise DeadlineExceeded(
                    f"The client's Fortio did not end its run within {body['t']} and {_SLACK_S:g} s."
                )

    def _result(self, run: int, name: str) -> bytes | None:
        """Return a run's result, or None while it goes on; the API server may be away meanwhile."""
        status = json.loads(self.ask(f"rest/status?runid={run}", None))
        if str(run) in (status.get("Statuses") or {}):
            return None
        try:
            result = self.ask(f"data/{name}.json", None)
        except Refused as error:
            raise RunFailed(f"The client's Fortio ended its run and left no result: {error}") from error
        return result

    def _wait_for_readings(self, end_s: float) -> None:
        """Ask until every node's own counter has a reading after the window, or long enough."""
        deadline = time.monotonic() + self.wait_s
        positions = [position for position, one in enumerate(self.components) if one.role == "node"]
        while time.monotonic() < deadline:
            self._read()
            known = {position for _, position, _ in self.reader.edges((end_s,))}
            if set(positions) <= known:
                return
            time.sleep(min(1.0, self.poll_s))

    def _read_when_due(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self.poll_s
            self._read()

    def _read(self) -> None:
        for node in self._nodes:
            rows: list[SampleRow] = []
            for path, read in (
                ("metrics/resource", self.reader.resource),
                ("stats/summary?only_cpu_and_memory=true", self.reader.summary),
                ("metrics/cadvisor", self.reader.cadvisor),
            ):
                page = self.cluster.page_once(f"/api/v1/nodes/{node}/proxy/{path}", _PAGE_S)
                rows += read(node, page) if page is not None else []
            self.sink(self.components, rows)
