"""What the cluster of a context can do, asked without changing anything; and the removal of what a run left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.acting import labelled_objects, sweep, uninstall, way_back
from workbench.environments.kubernetes.answers import described, sense
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.facts import cgroup_version, cluster_facts, designs_in_force
from workbench.environments.kubernetes.helm import Helm, find_helm, releases
from workbench.environments.kubernetes.objects import MANAGED, RUN
from workbench.environments.kubernetes.rights import free_on, missing_rights
from workbench.environments.kubernetes.sources import choose
from workbench.environments.kubernetes.waiting import WORKLOADS
from workbench.errors import RunFailedError, UnsupportedError, WorkbenchError
from workbench.model.cluster_steps import ClusterStep, Delete, Uninstall
from workbench.model.records import GateResult

if TYPE_CHECKING:
    from workbench.environments.kubernetes.options import Options

_PATIENCE_S = 5.0
_SHOWN = 6


def _found(name: str, passed: bool, evidence: str) -> GateResult:
    return GateResult(name=name, passed=passed, evidence=evidence)


def diagnose(options: Options) -> tuple[GateResult, ...]:
    """Say what the cluster can do and why not."""
    cluster = Cluster.connect(options.context, options.kubeconfig)
    cluster.patience_s = _PATIENCE_S
    said = [_found("a kubeconfig", True, f"context {cluster.context}, server {cluster.server}")]
    if cluster.anonymous:
        said.append(_found("credentials", False, f"{cluster.anonymous}: requests are anonymous; log in"))
    try:
        with sense(cluster.who):
            facts = cluster_facts(cluster, "", "").details
            nodes = cluster.listed("v1", "Node")[0]
        said.append(_found("an API server", True, f"Kubernetes {facts['cluster']['kubernetes']}, {len(nodes)} nodes"))
    except (UnsupportedError, RunFailedError) as error:
        return (*said, _found("an API server", False, str(error)))
    node = str(nodes[0]["metadata"]["name"]) if nodes else ""
    source, collected = _source(cluster, options)
    rows: tuple[tuple[str, Callable[[], list[GateResult]]], ...] = (
        ("Helm", lambda: [_helm(cluster, options)]),
        ("the rights a run needs", lambda: [_rights(cluster)]),
        ("room for a mesh", lambda: [_room(cluster)]),
        ("a node for the load", lambda: [_two_nodes(len(nodes))]),
        ("the kubelets' accounts", lambda: [_kubelet(cluster, node, collected)]),
        ("a source of telemetry", lambda: [source]),
        ("nobody else's run", lambda: _left(cluster)),
    )
    return (*said, *(one for name, ask in rows for one in _tried(cluster, name, ask)))


def _tried(cluster: Cluster, name: str, ask: Callable[[], list[GateResult]]) -> list[GateResult]:
    """Return what a question found; where the answer is none, that is what was found."""
    try:
        with sense(cluster.who):
            return ask()
    except WorkbenchError as error:
        return [_found(name, False, str(error))]


def _left(cluster: Cluster) -> list[GateResult]:
    """Say who works on the cluster, and what was left on it."""
    holder, (left, _) = journal.holder_of(cluster), journal.read(cluster)
    said = [_found("nobody else's run", not holder, holder or "no run works on this cluster")]
    if left and not holder:
        said.append(_found("nothing left behind", False, f"run {left} was interrupted; remove it: workbench clean"))
    if designs := designs_in_force(cluster):
        evidence = f"{', '.join(designs)} would be measured too; undo it with: workbench design revert NAME"
        said.append(_found("no design in force", False, evidence))
    return said


def _helm(cluster: Cluster, options: Options) -> GateResult:
    try:
        return _found("Helm", True, find_helm(cluster, options.helm, options.charts).version())
    except UnsupportedError as error:
        return _found("Helm", False, str(error))


def _rights(cluster: Cluster) -> GateResult:
    if cluster.anonymous:
        return _found("the rights a run needs", False, f"{cluster.anonymous}: log in first")
    lacking = missing_rights(cluster)
    if not lacking:
        return _found("the rights a run needs", True, "the server would allow all of them")
    more = f"; and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    evidence = f"missing: {'; '.join(lacking[:_SHOWN])}{more}. Ask for the ClusterRole that `workbench rbac` prints"
    return _found("the rights a run needs", False, evidence)


def _room(cluster: Cluster) -> GateResult:
    free = free_on(cluster.listed("v1", "Node")[0], cluster.listed("v1", "Pod")[0])
    cores, memory = sum(one[0] for one in free.values()), sum(one[1] for one in free.values()) / 2**30
    enough = cores >= 2 and memory >= 4
    advice = (
        ""
        if enough
        else "; with default settings, meshes request about 1 core and 3 GiB in addition to the application"
    )
    return _found("room for a mesh", enough, f"{cores:.3g} cores and {memory:.3g} GiB are unreserved{advice}")


def _two_nodes(count: int) -> GateResult:
    evidence = f"{count} nodes" if count > 1 else "one node: the load generator shares it with the application"
    return _found("a node for the load", count > 1, evidence)


def _kubelet(cluster: Cluster, node: str, collected: bool) -> GateResult:
    if collected:
        return _found("the kubelets' accounts", True, "a pod of each run would query the kubelets; not tried here")
    page = (
        cluster.page_once(f"/api/v1/nodes/{node}/proxy/stats/summary?only_cpu_and_memory=true", 10.0) if node else None
    )
    if page is None:
        return _found("the kubelets' accounts", False, "nodes/proxy cannot be read; consumption would be unknown")
    try:
        pods = len(json.loads(page).get("pods") or ())
    except (ValueError, AttributeError, TypeError, RecursionError):
        return _found("the kubelets' accounts", False, f"the kubelet of {node} answers with {described(page)}")
    version = cgroup_version(cluster, node)
    return _found("the kubelets' accounts", True, f"{pods} pods on {node}" + (f", cgroup {version}" if version else ""))


def _source(cluster: Cluster, options: Options) -> tuple[GateResult, bool]:
    """Say which source of telemetry a run here would use, and whether that is a pod of its own."""
    try:
        with sense(cluster.who):
            found = choose(cluster, options.telemetry, options.prometheus)
    except WorkbenchError as error:
        return _found("a source of telemetry", False, str(error)), False
    why = f", because {found.why}" if found.why else ""
    evidence = f"{found.name}: {found.place}{why}"
    return _found("a source of telemetry", "no CPU" not in found.why, evidence), found.collector


def clean(options: Options, *, force: bool = False, say: Callable[[str], None] = lambda _: None) -> tuple[str, ...]:
    """Remove everything that interrupted runs left, from whatever machine; return what is different from before.

    Parameters
    ----------
    force
        Also when the run still seems alive: its Lease has not run out.

    Raises
    ------
    UnsupportedError
        When a run is alive.
    """
    cluster = Cluster.connect(options.context, options.kubeconfig)
    with sense(cluster.who):
        return _clean(cluster, options, force=force, say=say)


def _clean(cluster: Cluster, options: Options, *, force: bool, say: Callable[[str], None]) -> tuple[str, ...]:
    cluster.version()
    say(f"cleaning the cluster of context {cluster.context}, server {cluster.server}")
    run, noted = journal.read(cluster)
    holding = journal.Holding(cluster, run or "clean", f"workbench clean of {run or 'left-overs'}")
    holding.take(over=force)
    troubles: list[str] = []
    before = noted.get("before") or {}
    try:
        helm = partial(find_helm, cluster, options.helm, options.charts)
        removal = [_step(one) for one in noted.get("removal") or ()]
        acts: list[tuple[str, Callable[[], None]]] = [("removing our pods", partial(_workloads, cluster))]
        acts += [(_said(one), partial(way_back, cluster, one, before, helm)) for one in removal]
        acts.append(("uninstalling our releases", partial(_releases, cluster, helm, before)))
        acts.append(("removing objects with our labels", partial(_sweep, cluster)))
        again = [one for one in removal if isinstance(one, Delete)]
        acts += [(f"{_said(one)}, once more", partial(way_back, cluster, one, before, helm)) for one in again]
        for said, act in acts:
            say(said)
            try:
                act()
            except (RunFailedError, UnsupportedError) as error:
                troubles.append(str(error))
        if before:
            troubles += snapshot.differences(before, snapshot.take(cluster))
        if not troubles:
            journal.forget(cluster)
    finally:
        holding.give_back()
    return tuple(dict.fromkeys(troubles))


def _said(step: ClusterStep) -> str:
    if isinstance(step, Uninstall):
        return f"uninstalling {step.namespace}/{step.release}"
    return f"removing {step.name}" if isinstance(step, Delete) else type(step).__name__


def _step(noted: Mapping[str, Any]) -> ClusterStep:
    """Return a step of a removal as the journal holds it."""
    values = {key: value for key, value in noted.items() if key != "step"}
    if noted["step"] == "Uninstall":
        return Uninstall(**values)
    return Delete(**{**values, "objects": tuple(values["objects"])})


def _workloads(cluster: Cluster) -> None:
    """Remove our pods first, while their mesh lives."""
    for one in labelled_objects(cluster):
        if one["kind"] in WORKLOADS:
            cluster.delete(one)


def _releases(cluster: Cluster, helm: Callable[[], Helm], before: snapshot.Snapshot) -> None:
    for name, place, _ in reversed(releases(cluster, f"{MANAGED}=mesh-workbench,{RUN}")):
        uninstall(cluster, helm(), name, place, before)


def _sweep(cluster: Cluster) -> None:
    left = sweep(cluster)
    if left:
        raise RunFailedError("these could not be removed: " + ", ".join(left))
