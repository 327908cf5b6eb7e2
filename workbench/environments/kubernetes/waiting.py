"""Waits: each is a watch with a deadline, and a failure tells what pods, workloads and events say.

A list gives the present state, a watch from there the changes, and every change asks the condition again. Nothing is
polled: between two events this program sleeps in the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.environments.kubernetes import complaints
from workbench.environments.kubernetes.client import Cluster, Object, RefusedError
from workbench.environments.kubernetes.objects import name_of
from workbench.errors import DeadlineExceededError, RunFailedError
from workbench.model.cluster_steps import Wait

Judge = Callable[[Sequence[Object]], str]
"""Says what is still missing from these objects; empty when nothing is."""

WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")
_TURN_S = 20.0
"""A watch is opened anew after so long, so that a connection that died silently costs no more than this."""


def follow(
    cluster: Cluster,
    api_version: str,
    kind: str,
    judge: Judge,
    deadline: float,
    *,
    namespace: str = "",
    selector: str = "",
) -> str:
    """Watch until ``judge`` finds nothing missing, or the deadline (on the monotonic clock); return what is missing."""
    while True:
        found, version = cluster.listed(api_version, kind, namespace, selector)
        state = {_key(one): one for one in found}
        missing = judge(list(state.values()))
        left = deadline - time.monotonic()
        if not missing or left <= 0:
            return missing
        if not version:  # the kind itself is not served yet
            time.sleep(min(left, 0.5))
            continue
        where = cluster.kind(api_version, kind)
        for event in cluster.watch(where, namespace, selector, version, min(left, _TURN_S)):
            one = event["object"]
            if event["type"] == "DELETED":
                state.pop(_key(one), None)
            elif event["type"] != "BOOKMARK":
                state[_key(one)] = {**one, "apiVersion": api_version, "kind": kind}
            missing = judge(list(state.values()))
            if not missing or time.monotonic() > deadline:
                break
        if not missing:
            return ""


def _key(found: Mapping[str, Any]) -> tuple[str, str]:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


def wait(cluster: Cluster, asked: Wait) -> None:
    """Wait for a condition.

    Raises
    ------
    DeadlineExceededError
        With what the cluster itself says about it.
    """
    deadline = time.monotonic() + asked.deadline_s
    missing = _CONDITIONS[asked.condition](cluster, asked, deadline)
    if missing:
        raise DeadlineExceededError(f"{missing} (waited {asked.deadline_s:g} s).")


def awaited(asked: Wait) -> str:
    """Return what is waited for, for people."""
    named = ", ".join(asked.names)
    match asked.condition:
        case "webhooks":
            return f"the webhooks of {named} have their certificates"
        case "established":
            return f"{len(asked.names)} CRDs are served"
        case "synced":
            return f"{', '.join(map(name_of, asked.objects))} is synced"
        case _:
            return f"{asked.namespace} is {asked.condition}"


def _available(cluster: Cluster, asked: Wait, deadline: float) -> str:
    total = 0

    def judge(found: Sequence[Object]) -> str:
        nonlocal total
        total = len(found)
        return "; ".join(one for one in map(unavailable, found) if one)

    seen = 0
    for kind in WORKLOADS:
        place = {"namespace": asked.namespace, "selector": asked.selector}
        missing = follow(cluster, "apps/v1", kind, judge, deadline, **place)
        seen += total
        if missing:
            return f"{missing}: {explain(cluster, asked.namespace, asked.selector)}"
    if not seen:
        return f"there is no workload in namespace {asked.namespace} that matches {asked.selector or 'anything'}"
    return ""


def unavailable(found: Mapping[str, Any]) -> str:
    """Return what a Deployment, DaemonSet or StatefulSet lacks; empty when it is fully available."""
    status, generation = found.get("status") or {}, found["metadata"].get("generation", 0)
    name = name_of(found)
    if status.get("observedGeneration", 0) < generation:
        return f"{name} has not been processed by its controller yet"
    if found["kind"] == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, updated = (found.get("spec") or {}).get("replicas", 1), status.get("updatedReplicas", 0)
        ready = status.get("availableReplicas", 0)
    return "" if min(ready, updated) >= wanted else f"{name} has {ready} of {wanted} pods available"


def _ready(cluster: Cluster, asked: Wait, deadline: float) -> str:
    def judge(found: Sequence[Object]) -> str:
        if not found:
            return f"there is no pod in namespace {asked.namespace} that matches {asked.selector or 'anything'}"
        waiting = [one["metadata"]["name"] for one in found if not is_ready(one)]
        return f"{len(waiting)} of {len(found)} pods in namespace {asked.namespace} are not ready" if waiting else ""

    missing = follow(cluster, "v1", "Pod", judge, deadline, namespace=asked.namespace, selector=asked.selector)
    return missing and f"{missing}: {explain(cluster, asked.namespace, asked.selector)}"


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is ready, or has done its work."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    done = (pod.get("status") or {}).get("phase") == "Succeeded"
    return done or complaints.condition(pod, "Ready").get("status") == "True"


def _webhooks(cluster: Cluster, asked: Wait, deadline: float) -> str:
    present: set[str] = set()

    def judge(found: Sequence[Object]) -> str:
        for one in found:
            hooks = one.get("webhooks") or ()
            if one["metadata"]["name"] in asked.names and all(hook["clientConfig"].get("caBundle") for hook in hooks):
                present.add(one["metadata"]["name"])
        lacking = [name for name in asked.names if name not in present]
        return f"the webhook configuration {', '.join(lacking)} has no CA bundle yet" if lacking else ""

    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        # A name is one of either kind; a first look at both tells which, and only then is it worth waiting.
        judge(cluster.listed("admissionregistration.k8s.io/v1", kind)[0])
    kinds = _webhook_kinds(cluster, [name for name in asked.names if name not in present])
    missing = ""
    for kind in kinds:
        missing = follow(cluster, "admissionregistration.k8s.io/v1", kind, judge, deadline)
    if not missing:
        return ""
    places = [asked.namespace] if asked.namespace else _served_from(cluster, asked.names)
    why = "; ".join(explain(cluster, place, "") for place in places) or "nothing has created it"
    return f"{missing}, so pods may not be injected: {why}"


def _served_from(cluster: Cluster, names: Sequence[str]) -> list[str]:
    """Return the namespaces of the Services behind the webhooks of these configurations."""
    found = set()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for one in cluster.listed("admissionregistration.k8s.io/v1", kind)[0]:
            if one["metadata"]["name"] in names:
                services = [hook["clientConfig"].get("service") or {} for hook in one.get("webhooks") or ()]
                found |= {str(service["namespace"]) for service in services if service.get("namespace")}
    return sorted(found)


def _webhook_kinds(cluster: Cluster, names: Sequence[str]) -> list[str]:
    """Return the kinds to watch for these names: a missing object is taken to be a mutating one, as injectors are."""
    if not names:
        return []
    validating = {
        one["metadata"]["name"]
        for one in cluster.listed("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")[0]
    }
    kinds = {
        "ValidatingWebhookConfiguration" if name in validating else "MutatingWebhookConfiguration" for name in names
    }
    return sorted(kinds, reverse=True)


def _established(cluster: Cluster, asked: Wait, deadline: float) -> str:
    def judge(found: Sequence[Object]) -> str:
        served = {
            one["metadata"]["name"] for one in found if complaints.condition(one, "Established").get("status") == "True"
        }
        lacking = [name for name in asked.names if name not in served]
        return f"the CRDs {', '.join(lacking)} are not served" if lacking else ""

    return follow(cluster, "apiextensions.k8s.io/v1", "CustomResourceDefinition", judge, deadline)


def _synced(cluster: Cluster, asked: Wait, deadline: float) -> str:
    for wanted in asked.objects:

        def judge(found: Sequence[Object], wanted: Mapping[str, Any] = wanted) -> str:
            one = next((one for one in found if _key(one) == _key(wanted)), None)
            told = complaints.condition(one, "Synced") if one else {}
            if told.get("status") == "True":
                return ""
            return f"{name_of(wanted)} is not synced" + (f": {told['message']}" if told.get("message") else "")

        place = wanted["metadata"].get("namespace", "")
        missing = follow(cluster, wanted["apiVersion"], wanted["kind"], judge, deadline, namespace=place)
        if missing:
            return missing
    return ""


_CONDITIONS = {
    "available": _available,
    "ready": _ready,
    "webhooks": _webhooks,
    "established": _established,
    "synced": _synced,
}


def gone(cluster: Cluster, found: Mapping[str, Any], deadline: float) -> bool:
    """Watch until an object is gone; False when it is still there at the deadline."""
    namespace, name = _key(found)

    def judge(present: Sequence[Object]) -> str:
        return "it is there" if any(_key(one) == (namespace, name) for one in present) else ""

    return not follow(cluster, found["apiVersion"], found["kind"], judge, deadline, namespace=namespace)


# ---------------------------------------------------------------------- why not
def explain(cluster: Cluster, namespace: str, selector: str) -> str:
    """Return what the workloads, pods and events of a namespace say, as one clause."""
    if not namespace:
        return "no namespace was named to look for its pods"
    said: list[str] = []
    for kind in WORKLOADS:
        said += [complaints.about_workload(one) for one in cluster.listed("apps/v1", kind, namespace, selector)[0]]
    pods, _ = cluster.listed("v1", "Pod", namespace, selector)
    told = [about(cluster, pod) for pod in pods]
    if not any(told) and not any(said):
        events, _ = cluster.listed("v1", "Event", namespace)
        said += complaints.about_events(events)
    return complaints.joined([*told, *said])


def about(cluster: Cluster, pod: Mapping[str, Any]) -> str:
    """Return why a pod is not ready, with the last lines of a container that crashed, or its newest warning."""
    if is_ready(pod):
        return ""
    container = complaints.crashed(pod)
    log = log_of(cluster, pod, container) if container else ""
    meta = pod["metadata"]
    events, _ = cluster.listed("v1", "Event", meta["namespace"], fields=f"involvedObject.uid={meta['uid']}")
    return complaints.about_pod(pod, log, events)


_NO_LOG = "unable to retrieve container logs"
"""How a kubelet answers, with status 200, where a container's log is gone already."""


def log_of(cluster: Cluster, pod: Mapping[str, Any], container: str, lines: int = 20) -> str:
    """Return the end of a container's log, of its last life where it has crashed; empty when there is none."""
    base = f"{cluster.path_of({**pod, 'apiVersion': 'v1', 'kind': 'Pod'})}/log?container={container}&tailLines={lines}"
    for more in ("&previous=true", ""):
        try:
            text = cluster.page(base + more).decode(errors="replace").strip()
        except (RefusedError, RunFailedError):
            continue
        if text and not text.startswith(_NO_LOG):
            return text
    return ""
