"""What is up on a cluster for one deployment, and what its pods reserve: from the pods as the API server holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.cluster_steps import ClusterApplication, Part
from workbench.environments.kubernetes.client import Object
from workbench.environments.kubernetes.complaints import statuses
from workbench.environments.kubernetes.loading import role_of
from workbench.environments.kubernetes.objects import quantity
from workbench.records import Placed
from workbench.steps import Role


def inventory(pods: Sequence[Object], application: ClusterApplication, parts: Sequence[Part]) -> tuple[Placed, ...]:
    """Return every lasting container that is charged to the application or the mesh, sorted by role and name."""
    client = application.client["spec"]["selector"]["matchLabels"]
    found = []
    for pod in pods:
        ready = {one["name"]: bool(one.get("ready")) for one in statuses(pod)}
        spec = pod["spec"]
        lasting = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
        for container in (*lasting, *spec["containers"]):
            role = role_of(pod, container["name"], application.namespace, client, parts)
            if role is not None:
                found.append(_placed(pod, container, role, ready.get(container["name"], False)))
    return tuple(sorted(found, key=lambda one: (one.role, one.component)))


def _placed(pod: Object, container: Mapping[str, Any], role: Role, ready: bool) -> Placed:
    meta, held = pod["metadata"], container.get("resources") or {}
    requests, limits = held.get("requests") or {}, held.get("limits") or {}
    return Placed(
        component=f"{meta['name']}/{container['name']}",
        role=role,
        where=f"{pod['spec'].get('nodeName', 'no node')}, {meta['namespace']}",
        program=str(container.get("image", "")),
        ready=ready,
        requested_cores=_amount(requests, "cpu"),
        requested_bytes=_amount(requests, "memory"),
        limit_cores=_amount(limits, "cpu"),
        limit_bytes=_amount(limits, "memory"),
    )


def _amount(table: Mapping[str, Any], name: str) -> float | None:
    return quantity(table[name]) if name in table else None
