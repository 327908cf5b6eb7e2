"""What a Kubernetes API server would refuse, found without one: names, labels, and fields that no type has.

Fields are checked against the types of the Kubernetes client, which are made from the API's own specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes import client

_DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_IMAGE = re.compile(r"[^\s:@]+(:\d+)?/[^\s:@]+:(?P<tag>[^\s:@]+)")
_SIMPLE: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float)}
_GROUPS = {
    "v1": "V1",
    "apps/v1": "V1",
    "rbac.authorization.k8s.io/v1": "V1",
    "apiextensions.k8s.io/v1": "V1",
    "admissionregistration.k8s.io/v1": "V1",
    "batch/v1": "V1",
}


def complaints(one: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a complete manifest."""
    where = f"{one.get('kind')} {one.get('metadata', {}).get('name')}"
    found = [f"{where}: no {key}" for key in ("apiVersion", "kind", "metadata") if not one.get(key)]
    metadata = one.get("metadata", {})
    for key in ("name", "namespace"):
        if key in metadata and not (_DNS.fullmatch(metadata[key]) and len(metadata[key]) <= 253):
            found.append(f"{where}: {key} {metadata[key]!r}")
    found += [f"{where}: {line}" for line in _bad_keys(metadata)]
    model = getattr(client, f"{_GROUPS.get(one['apiVersion'], '?')}{one['kind']}", None)
    if model:
        found += [f"{where}: {line}" for line in _unknown(one, model.__name__, "")]
    if template := one.get("spec", {}).get("template"):
        found += [f"{where}: {line}" for line in _pod(one, template)]
    return found


def _bad_keys(metadata: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        for key, value in (metadata.get(kind) or {}).items():
            prefix, _, name = key.rpartition("/")
            if (prefix and not _DNS.fullmatch(prefix)) or not name or not _LABEL.fullmatch(name) or len(name) > 63:
                yield f"{kind}: key {key!r}"
            if not isinstance(value, str):
                yield f"{kind}: {key} is not text"
            elif kind == "labels" and (not _LABEL.fullmatch(value) or len(value) > 63):
                yield f"label {key}: value {value!r}"


def _unknown(value: Any, kind: str, path: str) -> Iterator[str]:
    """Yield every field of ``value`` that the client's type ``kind`` does not have, and values of the wrong type."""
    if inner := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        if not isinstance(value, list | tuple):
            yield f"{path} is not a list"
            return
        for place, item in enumerate(value):
            yield from _unknown(item, inner[1], f"{path}[{place}]")
    elif inner := re.fullmatch(r"[Dd]ict[(\[]str, (.+)[)\]]", kind):
        for key, item in value.items():
            yield from _unknown(item, inner[1], f"{path}.{key}")
    elif kind in _SIMPLE:
        if not isinstance(value, _SIMPLE[kind]):
            yield f"{path} = {value!r} is no {kind}"
    elif hasattr(client, kind):
        yield from _unknown_fields(value, getattr(client, kind), path)


def _unknown_fields(value: Mapping[str, Any], model: Any, path: str) -> Iterator[str]:
    known = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    for key, item in value.items():
        if key not in known:
            yield f"{path}.{key} is no field of {model.__name__}"
        else:
            yield from _unknown(item, known[key], f"{path}.{key}")


def _pod(one: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[str]:
    labels = template.get("metadata", {}).get("labels", {})
    if not one["spec"]["selector"]["matchLabels"].items() <= labels.items():
        yield "the selector does not match its own pods"
    yield from _bad_keys(template.get("metadata", {}))
    volumes = [volume["name"] for volume in template["spec"].get("volumes", [])]
    if len(set(volumes)) < len(volumes):
        yield "two volumes of one name"
    containers = [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]
    if len({container["name"] for container in containers}) < len(containers):
        yield "two containers of one name"
    for container in containers:
        image = _IMAGE.fullmatch(container["image"])
        if not image or image["tag"] == "latest":
            yield f"image {container['image']!r} has no registry or no exact tag"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{container['name']} mounts {mount['name']!r}, which is no volume"
        names = [variable["name"] for variable in container.get("env", [])]
        if len(set(names)) < len(names):
            yield f"{container['name']} has a variable twice"
