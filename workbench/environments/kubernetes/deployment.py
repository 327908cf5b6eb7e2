"""A mesh and an application that are up on a cluster: their gates, and the load while everything is watched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from workbench.environments.kubernetes.acting import Acting
from workbench.environments.kubernetes.attribution import components_of
from workbench.environments.kubernetes.calling import answered, one_call
from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.collecting import Collector
from workbench.environments.kubernetes.complaints import statuses
from workbench.environments.kubernetes.facts import running
from workbench.environments.kubernetes.inventory import inventory
from workbench.environments.kubernetes.loading import Loading
from workbench.environments.kubernetes.objects import quantity
from workbench.environments.kubernetes.options import POLL_S
from workbench.environments.kubernetes.proxies import Counted
from workbench.environments.kubernetes.sources import Choice, addresses, page, place_of
from workbench.environments.kubernetes.waiting import about
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_load import ClusterLoad, PodCall
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    HasProxy,
    InterfaceMoved,
    MetricMoved,
    PartRule,
    PodSays,
)
from workbench.model.fortio_rest import PORT, RUN_PATH
from workbench.model.protocols import Ask, ClusterSource, JobOutput, SampleSink
from workbench.model.records import Component, GateResult, Placed
from workbench.text.prometheus import total

_INTERFACE_S = 45.0
"""The kubelet reads interfaces every 10 to 15 s."""

_REACH_S = 10.0
"""How long a ready pod's address may take to be reachable: proxies and routes follow readiness by a second or two."""

_PAUSE_S = 1.0


@dataclass(slots=True, kw_only=True)
class ClusterDeployment:
    """What `OpenCluster.deploy` yields."""

    cluster: Cluster
    application: ClusterApplication
    parts: tuple[PartRule, ...]
    acting: Acting
    choice: Choice
    collector: Collector | None = None
    poll_s: float = POLL_S
    _watched: tuple[MetricMoved, ...] = ()

    # ------------------------------------------------------------------ pods
    def pods(self) -> list[Object]:
        """Return the application's pods, the client's among them, without those that are going."""
        found, _ = self.cluster.listed("v1", "Pod", self.application.namespace)
        return [one for one in found if "deletionTimestamp" not in one["metadata"] and not _done(one)]

    def inventory(self) -> tuple[Placed, ...]:
        """Return every part that is up, with what is reserved for it."""
        pods, _ = self.cluster.listed("v1", "Pod")
        lasting = [one for one in pods if not _done(one) and "deletionTimestamp" not in one["metadata"]]
        return inventory(lasting, self.application, self.parts)

    def client(self) -> Object:
        """Return the client's pod.

        Raises
        ------
        RunFailedError
            When there is none, with what the cluster says.
        """
        wanted = self.application.client["spec"]["selector"]["matchLabels"]
        found = [one for one in self.pods() if wanted.items() <= (one["metadata"].get("labels") or {}).items()]
        if not found:
            raise RunFailedError(f"There is no client pod in namespace {self.application.namespace}.")
        return found[0]

    def ask(self, call: PodCall, timeout_s: float = 30.0) -> bytes:
        """Ask the client's pod through the API server."""
        pod = self.client()["metadata"]
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}:{call.port}/proxy/{call.path}"
        if call.body is None:
            return self.cluster.page(path)
        return bytes(self.cluster.request("post", path, dict(call.body), _request_timeout=timeout_s).data)

    def call(self, payload_bytes: int = 0) -> tuple[bool, str]:
        """Let the client call the application once; return whether it was answered rightly, and the evidence."""
        asked = one_call(self.application.url, payload_bytes)
        deadline = time.monotonic() + _REACH_S
        while True:
            try:
                said = json.loads(self.ask(PodCall(port=PORT, path=RUN_PATH, body=asked)))
                right = answered(self.application.url, said)
                calls = "one call" if asked["n"] == "1" else f"{asked['n']} calls"
                evidence = f"{calls} to {self.application.url}, answered {said.get('RetCodes') or said}"
            except (RunFailedError, UnsupportedError, ValueError, AttributeError, TypeError) as error:
                right, evidence = False, f"the client's pod could not make the call: {error}"
            if right or time.monotonic() > deadline:
                return right, evidence
            time.sleep(_PAUSE_S)

    # ------------------------------------------------------------------ load
    def run(self, job: ClusterLoad, source: ClusterSource, sink: SampleSink) -> JobOutput:
        """Drive the load from the client's pod while everything is watched; see `loading`.

        The proxies' own counters are read before the first request and after the last one, never in between.
        """
        nodes, _ = self.cluster.listed("v1", "Node")
        components = self._components()
        used = [one.node for one in components if one.role == "node"]
        reader = source.reader(components, addresses(nodes))
        counted = Counted(self._watched, self._by_pod)
        counted.before()
        output = Loading(
            ask=self.ask,
            url=self.application.url,
            load=job,
            reader=reader,
            fetch=partial(page, self.cluster, self.choice, self.collector),
            components=components,
            sink=sink,
            cpus=round(
                sum(quantity(one["status"]["capacity"]["cpu"]) for one in nodes if one["metadata"]["name"] in used)
            ),
            poll_s=self.poll_s,
        ).drive()
        evidence = counted.after(time.time())
        return replace(
            output,
            outputs={**output.outputs, "deployed.json": self.deployed(), **evidence.outputs},
            sources=tuple(
                replace(one, place=place_of(self.choice, self.collector, one.node), why=self.choice.why)
                for one in output.sources
            ),
            gates=evidence.gates,
        )

    def _components(self) -> tuple[Component, ...]:
        """Return what to watch: everything on the nodes where the application or a control plane runs."""
        pods, _ = self.cluster.listed("v1", "Pod")
        lasting = [one for one in pods if not _done(one) and "deletionTimestamp" not in one["metadata"]]
        client = self.application.client["spec"]["selector"]["matchLabels"]
        places = sorted({one["spec"]["nodeName"] for one in lasting if one["spec"].get("nodeName")})
        every = components_of(lasting, self.application.namespace, client, self.parts, places)
        used = {one.node for one in every if one.role not in ("system", "node-proxy", "node", "unattributed")}
        return tuple(one for one in every if one.node in used)

    def deployed(self) -> bytes:
        """Return what was deployed, without secrets: manifests, Helm's values, and what really runs where."""
        places = {one["metadata"].get("namespace", "") for one in self.acting.rendered} - {""}
        told = {
            "run_label": self.acting.run,
            "manifests": self.acting.rendered,
            "releases": self.acting.releases(),
            **running(self.cluster, tuple(sorted(places))),
        }
        return json.dumps(told, indent=1, sort_keys=True, default=str).encode()

    # ------------------------------------------------------------------ gates
    def check(self, gates: Sequence[ClusterGate]) -> tuple[GateResult, ...]:
        """Try every gate and return the evidence."""
        self._watched = tuple(gate for gate in gates if isinstance(gate, MetricMoved))
        return tuple(self._check(gate) for gate in gates)

    def _check(self, gate: ClusterGate) -> GateResult:
        try:
            match gate:
                case HasProxy():
                    passed, evidence = self._has_proxy(gate)
                case PodSays():
                    passed, evidence = self._pod_says(gate)
                case MetricMoved():
                    passed, evidence = self._metric_moved(gate)
                case InterfaceMoved():
                    passed, evidence = self._interface_moved(gate)
                case Answers():
                    passed, evidence = self.call()
        except (RunFailedError, UnsupportedError) as error:
            passed, evidence = False, f"it could not be tried: {error}"
        return GateResult(name=gate.name, passed=passed, evidence=evidence)

    def _has_proxy(self, gate: HasProxy) -> tuple[bool, str]:
        lacking, unready, having = [], [], []
        for pod in self._labelled(gate.labels) if gate.labels else self.pods():
            proxy = next((one for one in statuses(pod) if one["name"] == gate.container), None)
            name = pod["metadata"]["name"]
            if proxy is None:
                lacking.append(name)
            elif not proxy.get("ready"):
                unready.append(about(self.cluster, pod) or name)
            else:
                having.append(name)
        if lacking:
            return False, f"no container {gate.container} in {', '.join(lacking)}: these pods are not meshed"
        if unready or not having:
            return False, f"{gate.container} is not ready: {'; '.join(unready) or 'there is no pod'}"
        return True, f"{gate.container} is ready in {', '.join(having)}"

    def _pod_says(self, gate: PodSays) -> tuple[bool, str]:
        pods = self.pods()
        silent = []
        for pod in pods:
            said = (pod["metadata"].get(f"{gate.where}s") or {}).get(gate.key)
            if said is None or (gate.value and said != gate.value):
                silent.append(f"{pod['metadata']['name']} says {said!r}")
        wanted = f"{gate.where} {gate.key}" + (f"={gate.value}" if gate.value else "")
        if silent or not pods:
            return False, f"{wanted} is missing: {'; '.join(silent) or 'there is no pod'}"
        return True, f"all {len(pods)} pods have the {wanted}"

    def _labelled(self, wanted: Mapping[str, str]) -> list[Object]:
        selector = ",".join(f"{key}={value}" for key, value in wanted.items())
        return [one for one in self.cluster.listed("v1", "Pod", selector=selector)[0] if not _done(one)]

    def _metric_moved(self, gate: MetricMoved) -> tuple[bool, str]:
        what = f"{gate.series} of {_of(gate.part)}"
        if lacking := self._without(gate.part):
            return False, f"{what} cannot be read: no container {_of(gate.part)} in {', '.join(lacking)}"
        if not gate.already:
            return self._moved(lambda: self._metric(gate), what, gate.deadline_s)
        answered, evidence = self.call()
        deadline = time.monotonic() + gate.deadline_s
        while not (value := self._metric(gate) or 0.0) and answered and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        return answered and value > 0, f"{what} is {value:g}; {evidence}"

    def _interface_moved(self, gate: InterfaceMoved) -> tuple[bool, str]:
        what = f"the bytes sent through {gate.interface} in the client's pod"
        return self._moved(partial(self._interface, gate.interface), what, _INTERFACE_S, gate.payload_bytes)

    def _moved(
        self, read: Callable[[], float | None], what: str, deadline_s: float, payload_bytes: int = 0
    ) -> tuple[bool, str]:
        before = read()
        answered, evidence = self.call(payload_bytes)
        deadline = time.monotonic() + deadline_s
        while True:
            after = read()
            moved = (after or 0.0) - (before or 0.0)
            if moved > payload_bytes or not answered or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE_S)
        said = "cannot be read" if after is None else f"moved by {moved:g}"
        return answered and after is not None and moved > payload_bytes, f"{what} {said}; {evidence}"

    def _metric(self, gate: MetricMoved) -> float | None:
        known = [value for value in self._by_pod(gate).values() if value is not None]
        return sum(known) if known else None

    def _by_pod(self, gate: MetricMoved) -> dict[str, float | None]:
        """Return pod -> the counter that a gate names; None where it cannot be read."""
        values: dict[str, float | None] = {}
        for pod in self._pods_of(gate.part):
            meta = pod["metadata"]
            place = (
                f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}:{gate.port}/proxy/{gate.path.lstrip('/')}"
            )
            told = self.cluster.page_once(place, 10.0)
            values[meta["name"]] = total(told, gate.metric, gate.labels) if told is not None else None
        return values

    def _pods_of(self, part: PartRule) -> list[Object]:
        if not part.namespace and not part.labels:
            found = self.pods()
        else:
            selector = ",".join(f"{key}={value}" for key, value in part.labels.items())
            # a control plane has sidecars too, and what they count is none of the application's traffic
            place = part.namespace or (self.application.namespace if part.role == "sidecar" else "")
            found, _ = self.cluster.listed("v1", "Pod", place, selector)
        return [pod for pod in found if not part.containers or containers(pod) & set(part.containers)]

    def _without(self, part: PartRule) -> list[str]:
        """Return the pods without any of a part's containers, where not one has them: nothing is worth waiting for."""
        if not part.containers or self._pods_of(part):
            return []
        return [str(pod["metadata"]["name"]) for pod in self._pods_of(replace(part, containers=()))] or ["any pod"]

    def _interface(self, name: str) -> float | None:
        pod = self.client()
        ask = Ask(via="kubelet", path="stats/summary", node=pod["spec"]["nodeName"])
        told = page(self.cluster, self.choice, self.collector, ask)
        return None if told is None else _sent(told, str(pod["metadata"]["uid"]), name)


def _sent(summary: bytes, uid: str, name: str) -> float | None:
    """Return the bytes that a pod has sent through an interface, as its kubelet tells it; None where it does not."""
    try:
        pods = [one for one in json.loads(summary)["pods"] if one["podRef"].get("uid") == uid]
        sent = [one.get("txBytes") for pod in pods for one in pod["network"]["interfaces"] if one.get("name") == name]
        return float(sent[0]) if sent and sent[0] is not None else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _done(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _of(part: PartRule) -> str:
    return ", ".join(part.containers) or ", ".join(f"{k}={v}" for k, v in part.labels.items()) or part.role


def containers(pod: Mapping[str, Any]) -> set[str]:
    """Return the names of a pod's containers, init containers too: a proxy may be one."""
    spec = pod["spec"]
    return {one["name"] for one in (*(spec.get("initContainers") or ()), *spec["containers"])}
