"""An application of the user's own: manifests read from a file or a folder, put into one namespace, else unchanged.

Reading is not acting: the files are part of what was asked, as the experiment's own file is, and the objects read are
stored with the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.cluster_steps import ClusterApplication
from workbench.errors import BadInput
from workbench.workloads._cluster import CLIENT, client

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "http/1.1": ("http", "https"),
    "http/2": ("http", "https", "h2c"),
    "grpc": ("grpc",),
    "tcp": ("tcp",),
}
"""Protocol of the load -> schemes of the URL that it may be asked for."""
_ENDINGS = (".yaml", ".yml", ".json")
_CLUSTER_WIDE = ("Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "StorageClass")


def own_application(
    manifests: str, url: str, protocol: str = "http/1.1", *, namespace: str, registry: str = ""
) -> ClusterApplication:
    """Describe the application in ``manifests`` and the client that calls ``url``.

    Every object is put into ``namespace``; what they say of another namespace is replaced.

    Raises
    ------
    BadInput
        When there is nothing to read, when it is no Kubernetes YAML, for objects that do not live in a namespace, and
        for a URL that is none or not of the load's protocol.
    """
    objects = tuple(_placed(one, where, namespace) for one, where in _read(manifests))
    url = _checked(url, protocol)
    if any(one["kind"] == "Deployment" and one["metadata"]["name"] == CLIENT for one in objects):
        raise BadInput(f"{manifests} holds a Deployment called {CLIENT!r}, the name of the load's own: rename it.")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": CLIENT, "namespace": namespace}}
    return ClusterApplication(
        namespace=namespace, objects=(account, *objects), client=client(namespace, registry), url=url
    )


def _checked(url: str, protocol: str) -> str:
    """Return the URL; of HTTP/2 in plaintext by its own scheme, by which meshes know it."""
    known = sorted({scheme for schemes in SCHEMES.values() for scheme in schemes})
    try:
        parts = urlsplit(url)
        usable = parts.scheme in known and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"The workload's url {url!r} must be like http://SERVICE:PORT/PATH ({', '.join(known)}).")
    if parts.scheme not in SCHEMES[protocol]:
        fitting = ", ".join(name for name, schemes in SCHEMES.items() if parts.scheme in schemes)
        raise BadInput(
            f"The workload's url {url!r} is not called in {protocol}: set protocol = {fitting!r} under [load], "
            f"or a url of {' or '.join(SCHEMES[protocol])}."
        )
    return f"h2c{url[len('http') :]}" if protocol == "http/2" and parts.scheme == "http" else url


def _read(manifests: str) -> Iterator[tuple[dict[str, Any], str]]:
    path = Path(manifests)
    if not manifests or not path.exists():
        raise BadInput(f"There are no manifests at {manifests!r}: give the workload a file or a folder of them.")
    files = sorted(one for one in path.rglob("*") if one.suffix in _ENDINGS) if path.is_dir() else [path]
    found = False
    for file in files:
        for one in _documents(file):
            found = True
            yield one, str(file)
    if not found:
        raise BadInput(f"{manifests} holds no Kubernetes object ({', '.join(_ENDINGS)}).")


def _documents(file: Path) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{file} cannot be read as YAML: {error}.") from error
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise BadInput(f"{file} holds something that is no Kubernetes object.")
        listed = document.get("kind") == "List"
        yield from (document.get("items") or []) if listed else [document]


def _placed(one: dict[str, Any], where: str, namespace: str) -> dict[str, Any]:
    metadata = one.get("metadata")
    if not one.get("apiVersion") or not one.get("kind") or not isinstance(metadata, dict) or not metadata.get("name"):
        raise BadInput(f"{where} holds an object without apiVersion, kind or metadata.name.")
    if one["kind"] in _CLUSTER_WIDE:
        raise BadInput(
            f"{where} holds the {one['kind']} {metadata['name']!r}, which does not live in a namespace: "
            "create it beforehand and leave it out here."
        )
    return {**one, "metadata": {**metadata, "namespace": namespace}}
