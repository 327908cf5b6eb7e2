"""What is up on a cluster for one deployment, and what its pods reserve: from the pods as the API server holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.environments.kubernetes.attribution import lasting, reservations, role_of
from workbench.environments.kubernetes.client import Object
from workbench.environments.kubernetes.complaints import statuses
from workbench.model.cluster_steps import ClusterApplication, PartRule
from workbench.model.lab_steps import Role
from workbench.model.records import Placed, Reserved


def inventory(pods: Sequence[Object], application: ClusterApplication, parts: Sequence[PartRule]) -> tuple[Placed, ...]:
    """Return every lasting container that is charged to the application or the mesh, sorted by role and name."""
    client = application.client["spec"]["selector"]["matchLabels"]
    found = []
    for pod in pods:
        reserved = reservations(pod)
        ready = {one["name"]: bool(one.get("ready")) for one in statuses(pod)}
        for container in lasting(pod["spec"]):
            role = role_of(pod, container["name"], application.namespace, client, parts)
            if role != "system":
                found.append(
                    _placed(
                        pod, container, role, reserved[container["name"]], ready=ready.get(container["name"], False)
                    )
                )
    return tuple(sorted(found, key=lambda one: (one.role, one.component)))


def _placed(pod: Object, container: Mapping[str, Any], role: Role, reserved: Reserved, *, ready: bool) -> Placed:
    meta = pod["metadata"]
    return Placed(
        component=f"{meta['name']}/{container['name']}",
        role=role,
        where=f"{pod['spec'].get('nodeName', 'no node')}, {meta['namespace']}",
        program=str(container.get("image", "")),
        ready=ready,
        requested_cores=reserved.cpu_request_cores,
        requested_bytes=reserved.memory_request_bytes,
        limit_cores=reserved.cpu_limit_cores,
        limit_bytes=reserved.memory_limit_bytes,
    )
