"""Changed copies of an application on a cluster: labels and annotations on its pods, the client's placement.

Enrolment into a real mesh is metadata, most of the time. Every function returns a copy; what it is given stays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import BadInputError
from workbench.files.tables import merged
from workbench.model.cluster_steps import ClusterApplication, KubernetesObject, is_one

WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")

Change = Callable[[dict[str, Any]], None]
"""Changes a workload object in place; it is given a copy."""


def enrolled_by_namespace(
    application: ClusterApplication,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> ClusterApplication:
    """Return a copy whose namespace has these labels and annotations."""
    added = {key: value for key, value in (("labels", labels), ("annotations", annotations)) if value}
    return replace(application, namespace_metadata=merged(application.namespace_metadata, added))


def workloads(application: ClusterApplication) -> Iterator[KubernetesObject]:
    """Yield the objects that make the application's pods, without the client."""
    return (one for one in application.objects if is_one(one, *WORKLOAD_KINDS))


def changed(application: ClusterApplication, change: Change) -> ClusterApplication:
    """Return a copy in which ``change`` was done to every workload of the application and to the client."""
    objects = tuple(_done(one, change) if is_one(one, *WORKLOAD_KINDS) else one for one in application.objects)
    return replace(application, objects=objects, client=_done(application.client, change))


def client_changed(application: ClusterApplication, change: Change) -> ClusterApplication:
    """Return a copy in which ``change`` was done to the client alone."""
    return replace(application, client=_done(application.client, change))


def _done(one: KubernetesObject, change: Change) -> dict[str, Any]:
    result = copy.deepcopy(dict(one))
    change(result)
    return result


def annotate(one: dict[str, Any], annotations: Mapping[str, str]) -> None:
    """Put ``annotations`` on the pods that ``one`` makes."""
    metadata = one["spec"]["template"].setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}


def label(one: dict[str, Any], labels: Mapping[str, str]) -> None:
    """Put ``labels`` on the pods that ``one`` makes."""
    metadata = one["spec"]["template"].setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}


def pod_labels(one: KubernetesObject) -> Mapping[str, str]:
    """Return the labels of the pods that ``one`` makes."""
    labels: Mapping[str, str] = one["spec"]["template"].get("metadata", {}).get("labels") or {}
    return labels


def services_of(application: ClusterApplication, one: KubernetesObject) -> tuple[KubernetesObject, ...]:
    """Return the Services that select the pods that ``one`` makes."""
    borne = pod_labels(one)
    return tuple(
        service
        for service in application.objects
        if is_one(service, "Service")
        and (wanted := service.get("spec", {}).get("selector"))
        and all(borne.get(key) == value for key, value in wanted.items())
    )


def target_port(service: KubernetesObject, one: KubernetesObject, port: int | None = None) -> int:
    """Return the container's port behind ``service``'s port number ``port``, or behind its first.

    Raises
    ------
    BadInputError
        When there is none.
    """
    for offered in service["spec"].get("ports", ()):
        if port in (None, offered["port"]):
            wanted = offered.get("targetPort", offered["port"])
            numbers = {
                declared.get("name"): declared["containerPort"]
                for container in one["spec"]["template"]["spec"]["containers"]
                for declared in container.get("ports", ())
            }
            if isinstance(wanted, int) or wanted in numbers:
                return wanted if isinstance(wanted, int) else int(numbers[wanted])
    raise BadInputError(
        f"The Service {service['metadata']['name']!r} has no port {port or ''} that leads into its pods."
    )


SPOKEN = {"http": "http", "http2": "http2", "h2c": "http2", "kubernetes.io/h2c": "http2", "grpc": "grpc", "tcp": "tcp"}


def spoken(service: KubernetesObject) -> str:
    """Return what the first port of ``service`` says that it speaks: http, http2, grpc or tcp; empty when it does not.

    It says so by appProtocol or, without one, by the beginning of its name.
    """
    port: Mapping[str, Any] = next(iter(service["spec"].get("ports") or ()), {})
    said = port.get("appProtocol") or str(port.get("name", "")).split("-")[0]
    return SPOKEN.get(said, "")


def client_port(application: ClusterApplication) -> str:
    """Return the port through which the load is started, which is not a call of the application's."""
    return str(application.client["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"])


def entry(application: ClusterApplication) -> tuple[str, int]:
    """Return the host that the client calls, without its domain, and the port."""
    parts = urlsplit(application.url)
    return (parts.hostname or "").split(".")[0], parts.port or {"https": 443}.get(parts.scheme, 80)


def placed(application: ClusterApplication, placement: str) -> ClusterApplication:
    """Return a copy whose client must run on the services' node, or on another; ``"spread"``: as it was.

    The client comes with the wish to be away from the services; it becomes a condition or is turned round.
    """
    if placement == "spread":
        return application

    def place(one: dict[str, Any]) -> None:
        pod = one["spec"]["template"]["spec"]
        wishes = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        kind = "podAffinity" if placement == "same-node" else "podAntiAffinity"
        terms = [wish["podAffinityTerm"] for wish in wishes]
        pod["affinity"] = {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}

    return client_changed(application, place)
