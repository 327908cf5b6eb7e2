"""An application of the user's own: its objects checked as far as meshes read them, put into one namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from workbench.cluster_steps import ClusterApplication
from workbench.errors import BadInput
from workbench.workloads import _shapes
from workbench.workloads._cluster import CLIENT, account, client
from workbench.workloads._manifests import read

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "http/1.1": ("http", "https"),
    "http/2": ("http", "https", "h2c"),
    "grpc": ("grpc",),
    "tcp": ("tcp",),
}
"""Protocol of the load -> schemes of the URL that it may be asked for."""

_CLUSTER_WIDE = (
    *("Namespace", "Node", "PersistentVolume", "StorageClass", "PriorityClass", "RuntimeClass", "IngressClass"),
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
    BadInput
        When there is nothing to read, when it is no Kubernetes YAML, for objects that do not live in a namespace, for
        objects twice, and for a URL that is none, not of the load's protocol, or leads to none of the Services.
    """
    objects: dict[tuple[str, str], dict[str, Any]] = {}
    for found, where in read(manifests):
        one = _placed(found, where, namespace)
        key = one["kind"], one["metadata"]["name"]
        if key in objects:
            raise BadInput(f"{where} holds the {key[0]} {key[1]!r}, which {manifests} holds twice.")
        if key[0] in _OURS and key[1] == CLIENT:
            raise BadInput(f"{where} holds a {key[0]} called {CLIENT!r}, the name of the load's own: rename it.")
        objects[key] = one
    parts = _parts(url, protocol)
    _check_target(parts, objects, namespace)
    return ClusterApplication(
        namespace=namespace,
        objects=(account(CLIENT, namespace), *objects.values()),
        client=client(namespace, registry),
        url=f"h2c{url[len('http') :]}" if protocol == "http/2" and parts.scheme == "http" else url,
    )


def _parts(url: str, protocol: str) -> SplitResult:
    known = sorted({scheme for schemes in SCHEMES.values() for scheme in schemes})
    try:
        parts = urlsplit(url)
        usable = parts.scheme in known and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in url:
        raise BadInput(f"The workload's url {url!r} must be like http://SERVICE:PORT/PATH ({', '.join(known)}).")
    if "@" in parts.netloc:
        raise BadInput("The workload's url names a user, and would be stored with every run: leave the user out.")
    if parts.scheme not in SCHEMES[protocol]:
        fitting = " or ".join(repr(name) for name, schemes in SCHEMES.items() if parts.scheme in schemes)
        raise BadInput(
            f"The workload's url {url!r} is not called in {protocol}: set protocol = {fitting} under [load], "
            f"or give a url of {' or '.join(SCHEMES[protocol])}."
        )
    return parts


def _check_target(parts: SplitResult, objects: Mapping[tuple[str, str], Mapping[str, Any]], namespace: str) -> None:
    """Refuse a URL that leads elsewhere than to a port of one of the Services: what answers must be what is meshed."""
    services = {name: one for (kind, name), one in objects.items() if kind == "Service"}
    name, _, domain = (parts.hostname or "").partition(".")
    if name not in services or domain not in ("", namespace, f"{namespace}.svc", f"{namespace}.svc.cluster.local"):
        raise BadInput(
            f"The workload's url leads to {parts.hostname!r}, but its manifests hold "
            f"{'the Services ' + ', '.join(services) if services else 'no Service'}: call one of them by its name."
        )
    if parts.scheme in ("grpc", "tcp", "h2c") and parts.port is None:
        raise BadInput(f"The workload's url {parts.geturl()!r} needs a port.")
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    offered = [one["port"] for one in services[name]["spec"].get("ports", ())]
    if port not in offered:
        raise BadInput(
            f"The workload's url calls port {port} of the Service {name!r}, which offers "
            f"{', '.join(map(str, offered)) or 'none'}."
        )


def _placed(found: Mapping[str, Any], where: str, namespace: str) -> dict[str, Any]:
    one = _shapes.without_nulls(found)
    metadata = one.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str) and metadata["name"]
    if not named or not all(isinstance(one.get(key), str) and one[key] for key in ("apiVersion", "kind")):
        raise BadInput(f"{where} holds an object without apiVersion, kind or metadata.name.")
    if one["kind"] in _CLUSTER_WIDE:
        raise BadInput(
            f"{where} holds the {one['kind']} {metadata['name']!r}, which does not live in a namespace: "
            "create it beforehand and leave it out here."
        )
    wrong = _shapes.wrong_with(one)
    if wrong:
        raise BadInput(f"{where}: the {one['kind']} {metadata['name']!r} is not as Kubernetes wants it: {wrong}.")
    return {**one, "metadata": {**metadata, "namespace": namespace}}
