"""Whom each container of a cluster is charged to, and what it reserves: pods as they run in, components out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.environments.kubernetes.client import Object
from workbench.environments.kubernetes.complaints import statuses
from workbench.environments.kubernetes.objects import quantity
from workbench.model.cluster_steps import PartRule
from workbench.model.lab_steps import Role
from workbench.model.records import Component, Reserved

DAEMONS = ("kubelet", "runtime")
"""What runs on a node outside its pods and is told apart by the kubelet itself."""


def components_of(
    pods: Sequence[Object], namespace: str, client: Mapping[str, str], parts: Sequence[PartRule], nodes: Sequence[str]
) -> tuple[Component, ...]:
    """Return every container on ``nodes``, then each node, its daemons, and what nobody is charged for on it.

    A container belongs to the first part that matches; else, in the application's namespace, to the load generator in
    the client's pods and to the application in others. Containers of other people's pods are the system's.
    """
    found: list[Component] = []
    for pod in pods:
        if pod["spec"].get("nodeName") in nodes:
            found += _of_pod(pod, namespace, client, parts)
    for node in nodes:
        daemons = (
            Component(name=f"{node}, {one}", role="system", instance=f"{node}/@{one}", node=node) for one in DAEMONS
        )
        found += [
            *daemons,
            Component(name=node, role="node", instance=node, node=node),
            Component(name=f"{node}, unattributed", role="unattributed", instance=f"{node}/", node=node),
        ]
    return tuple(found)


def _of_pod(pod: Object, namespace: str, client: Mapping[str, str], parts: Sequence[PartRule]) -> Iterator[Component]:
    meta, node = pod["metadata"], pod["spec"]["nodeName"]
    reserved = reservations(pod)
    for container in lasting(pod["spec"]):
        name = container["name"]
        role = role_of(pod, name, namespace, client, parts)
        place = f"{meta['namespace']}/" if role == "system" else ""
        yield Component(
            name=f"{place}{meta['name']}/{name}",
            role=role,
            instance=f"{node}/{meta['namespace']}/{meta['name']}/{name}",
            node=node,
            reserved=reserved[name],
        )


def lasting(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return a pod's containers that keep running: native sidecars (init containers that restart always) too."""
    native = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return (*native, *(spec.get("containers") or ()))


def role_of(pod: Object, container: str, namespace: str, client: Mapping[str, str], parts: Sequence[PartRule]) -> Role:
    """Return whom a container is charged to; what is neither the application's nor a part of the mesh: the system."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    for part in parts:
        named = not part.containers or container in part.containers
        if (part.namespace or namespace) == meta["namespace"] and part.labels.items() <= labels.items() and named:
            return part.role
    if meta["namespace"] != namespace:
        return "system"
    return "load-generator" if client.items() <= labels.items() else "application"


def reserved_by(container: Mapping[str, Any], status: Mapping[str, Any]) -> Reserved:
    """Return a container's own requests and limits: those in force, where its status tells them, else those asked for.

    What its whole pod reserves is not among them; see `reservations`.
    """
    resources = status.get("resources") or container.get("resources") or {}

    def told(kind: str, resource: str) -> float | None:
        return _told(resources, kind, resource)

    return Reserved(
        cpu_request_cores=told("requests", "cpu"),
        cpu_limit_cores=told("limits", "cpu"),
        memory_request_bytes=told("requests", "memory"),
        memory_limit_bytes=told("limits", "memory"),
    )


_WHOLE = {
    "cpu_request_cores": ("requests", "cpu"),
    "cpu_limit_cores": ("limits", "cpu"),
    "memory_request_bytes": ("requests", "memory"),
    "memory_limit_bytes": ("limits", "memory"),
}


def reservations(pod: Mapping[str, Any]) -> dict[str, Reserved]:
    """Return what each lasting container of a pod reserves.

    What is reserved for the pod as a whole (``spec.resources``, Kubernetes 1.34) is shared out, so that the containers
    add up to it: those that ask for something of their own keep it, the others have equal parts of the rest.
    """
    running = {one["name"]: one for one in statuses(pod)}
    own = {one["name"]: reserved_by(one, running.get(one["name"], {})) for one in lasting(pod["spec"])}
    whole = (pod.get("status") or {}).get("resources") or pod["spec"].get("resources") or {}
    for name, (kind, resource) in _WHOLE.items():
        total = _told(whole, kind, resource)
        if total is not None and own:
            shares = shared({key: getattr(one, name) for key, one in own.items()}, total)
            own = {key: replace(one, **{name: shares[key]}) for key, one in own.items()}
    return own


def shared(own: Mapping[str, float | None], total: float) -> dict[str, float]:
    """Return how much of a pod's ``total`` each container has; what some ask for more than there is, is cut alike."""
    asked = {key: value for key, value in own.items() if value is not None}
    taken = sum(asked.values())
    if taken > total:
        return {key: (asked.get(key, 0.0) * total / taken) for key in own}
    takers = [key for key in own if key not in asked] or list(own)
    return {key: asked.get(key, 0.0) + ((total - taken) / len(takers) if key in takers else 0.0) for key in own}


def _told(resources: Mapping[str, Any], kind: str, resource: str) -> float | None:
    text = (resources.get(kind) or {}).get(resource)
    return None if text is None else quantity(text)
