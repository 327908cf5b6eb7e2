"""An application of the user's own: its objects checked as far as meshes read them, put into one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from workbench.errors import BadInputError
from workbench.model.cluster_steps import ClusterApplication, group_of, is_one
from workbench.workloads import _shapes
from workbench.workloads._cluster import CLIENT, account, client
from workbench.workloads._manifests import read
from workbench.workloads._notes import notes

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "http/1.1": ("http", "https"),
    "http/2": ("http", "https", "h2c"),
    "grpc": ("grpc",),
    "tcp": ("tcp",),
}
"""Protocol of the load -> schemes of the URL that it may be asked for."""

_CLUSTER_WIDE = (
    *("Node", "PersistentVolume", "StorageClass", "PriorityClass", "RuntimeClass", "IngressClass"),
    *("CustomResourceDefinition", "APIService", "ClusterRole", "ClusterRoleBinding", "GatewayClass", "CSIDriver"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CertificateSigningRequest"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"),
)
_OURS = ("Deployment", "Service", "ServiceAccount")


def own_application(
    manifests: str, url: str, protocol: str = "http/1.1", *, namespace: str, registry: str = ""
) -> ClusterApplication:
    """Describe the application in ``manifests`` and the client that calls ``url``.

    Every object is put into ``namespace``; what they say of another namespace is replaced.

    Raises
    ------
    BadInputError
        When there is nothing to read, when it is not Kubernetes YAML, for objects that do not live in a namespace, for
        objects twice, and for a URL that is none, not of the load's protocol, or leads to none of the Services.
    """
    objects: dict[tuple[str, str, str], dict[str, Any]] = {}
    places: set[str] = set()
    for found, where in read(manifests):
        one = _placed(found, where, namespace)
        kind, name = one["kind"], one["metadata"]["name"]
        key = group_of(one), kind, name
        if key in objects:
            raise BadInputError(f"{where} contains the {kind} {name!r}, which {manifests} contains twice.")
        if is_one(one, *_OURS) and name == CLIENT:
            raise BadInputError(
                f"{where} contains a {kind} called {CLIENT!r}, a name reserved for the load's client: rename it."
            )
        places.add(str(found["metadata"].get("namespace") or ""))
        objects[key] = one
    parts = _parts(url, protocol)
    _check_target(parts, objects.values(), namespace)
    return ClusterApplication(
        namespace=namespace,
        objects=(account(CLIENT, namespace), *objects.values()),
        client=client(namespace, registry),
        url=f"h2c{url[len('http') :]}" if protocol == "http/2" and parts.scheme == "http" else url,
        notes=notes(objects.values(), namespace, places - {"", namespace}),
    )


def _parts(url: str, protocol: str) -> SplitResult:
    known = sorted({scheme for schemes in SCHEMES.values() for scheme in schemes})
    try:
        parts = urlsplit(url)
        usable = parts.scheme in known and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in url:
        raise BadInputError(f"The workload's url {url!r} must be like http://SERVICE:PORT/PATH ({', '.join(known)}).")
    if "@" in parts.netloc:
        raise BadInputError(
            "The workload's url contains a user, which would be stored with every run: leave out the user."
        )
    if parts.scheme not in SCHEMES[protocol]:
        fitting = " or ".join(repr(name) for name, schemes in SCHEMES.items() if parts.scheme in schemes)
        raise BadInputError(
            f"The workload's url {url!r} does not match the protocol {protocol}: set "
            f"protocol = {fitting} under [load], "
            f"or use a url of {' or '.join(SCHEMES[protocol])}."
        )
    return parts


def _check_target(parts: SplitResult, objects: Iterable[Mapping[str, Any]], namespace: str) -> None:
    """Refuse a URL that leads elsewhere than to a port of one of the Services: what answers must be what is meshed."""
    services = {str(one["metadata"]["name"]): one for one in objects if is_one(one, "Service")}
    name, _, domain = (parts.hostname or "").partition(".")
    if name not in services or domain not in ("", namespace, f"{namespace}.svc", f"{namespace}.svc.cluster.local"):
        raise BadInputError(
            f"The workload's url leads to {parts.hostname!r}, but its manifests contain "
            f"{'the Services ' + ', '.join(services) if services else 'no Service'}: call one of them by its name."
        )
    if parts.scheme in ("grpc", "tcp", "h2c") and parts.port is None:
        raise BadInputError(f"The workload's url {parts.geturl()!r} needs a port.")
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    offered = [one["port"] for one in services[name]["spec"].get("ports", ())]
    if port not in offered:
        raise BadInputError(
            f"The workload's url calls port {port} of the Service {name!r}, which offers "
            f"{', '.join(map(str, offered)) or 'none'}."
        )


def _placed(found: Mapping[str, Any], where: str, namespace: str) -> dict[str, Any]:
    one = _shapes.without_nulls(found)
    metadata = one.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str) and metadata["name"]
    lacking = [key for key in ("apiVersion", "kind") if not isinstance(one.get(key), str) or not one[key]]
    lacking += [] if named else ["metadata.name"]
    if lacking:
        raise BadInputError(
            f"{where} contains an object without {' and '.join(lacking)} (as text): use "
            "only files of Kubernetes objects."
        )
    if is_one(one, "Namespace"):
        raise BadInputError(
            f"{where} contains the Namespace {metadata['name']!r}: leave it out. Everything goes into the namespace "
            f"{namespace}, which each run creates and removes."
        )
    if one["kind"] in _CLUSTER_WIDE and _of_kubernetes(group_of(one)):
        raise BadInputError(
            f"{where} contains the {one['kind']} {metadata['name']!r}, which is cluster-scoped: "
            "create it beforehand and leave it out here."
        )
    wrong = _shapes.wrong_with(one)
    if wrong:
        raise BadInputError(f"{where}: the {one['kind']} {metadata['name']!r} is not valid in Kubernetes: {wrong}.")
    return {**one, "metadata": {**metadata, "namespace": namespace}}


def _of_kubernetes(group: str) -> bool:
    """Whether an API group is Kubernetes' own: others may have kinds of the same names that live in a namespace."""
    return "." not in group or group.endswith(".k8s.io")
