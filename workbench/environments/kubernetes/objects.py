"""Manifests as data: whose they are, what they are called, what must not be told. Pure.

Everything that the environment creates bears two labels: who made it and for which run. Removal selects by them only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import urllib3

from workbench.environments.kubernetes.client import MANAGER, Object
from workbench.errors import BadInputError, UnsupportedError
from workbench.files.yaml_text import load_all, unfolded
from workbench.text import redaction
from workbench.text.decoding import content_of

MANAGED = "app.kubernetes.io/managed-by"
RUN = "mesh-workbench/run"
DESIGN = "mesh-workbench/design"
"""Label of everything that a design of the playground applied; its value is the design's name."""

_FETCH_S = 60.0

redacted, redacted_text = redaction.redacted, redaction.redacted_text
"""For all code that handles manifests; see `workbench.text.redaction`."""


def labels(run: str) -> dict[str, str]:
    """Return the labels of everything made for ``run``."""
    return {MANAGED: MANAGER, RUN: run}


def is_ours(found: Mapping[str, Any], run: str = "") -> bool:
    """Whether we made this object, for ``run`` or (empty) for any."""
    borne = found["metadata"].get("labels") or {}
    return borne.get(MANAGED) == MANAGER and (not run or borne.get(RUN) == run)


def labelled(manifest: Mapping[str, Any], run: str) -> Object:
    """Return a copy with our labels, on pod templates too, so that pods can be told from others'."""
    copy = dict(manifest)
    copy["metadata"] = _with_labels(manifest["metadata"], run)
    spec = manifest.get("spec")
    if isinstance(spec, Mapping) and isinstance(spec.get("template"), Mapping) and "selector" in spec:
        template = dict(spec["template"])
        template["metadata"] = _with_labels(template.get("metadata") or {}, run)
        copy["spec"] = {**spec, "template": template}
    return copy


def _with_labels(metadata: Mapping[str, Any], run: str) -> dict[str, Any]:
    return {**metadata, "labels": {**(metadata.get("labels") or {}), **labels(run)}}


def namespace(name: str, metadata: Mapping[str, Mapping[str, str]] | None = None) -> Object:
    """Return the manifest of a namespace with these labels and annotations."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **(metadata or {})}}


def name_of(found: Mapping[str, Any]) -> str:
    """Return what an object is called, for people: ``"Deployment shop/server"``."""
    meta = found["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{found['kind']} {place}{meta['name']}"


def read_source(source: str) -> tuple[Object, ...]:
    """Return the objects in a YAML file or behind a URL; none when ``source`` is empty.

    Raises
    ------
    UnsupportedError
        When it cannot be read.
    """
    if not source:
        return ()
    try:
        if source.startswith(("https://", "http://")):
            answer = urllib3.request("GET", source, timeout=_FETCH_S)
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
            text = bytes(answer.data)
        else:
            text = content_of(source)
        found = [one for part in load_all(text, source) for one in unfolded(part) if isinstance(one, dict)]
    except (OSError, ValueError, BadInputError, urllib3.exceptions.HTTPError) as error:
        raise UnsupportedError(
            f"The manifests at {source} cannot be read ({error}); use the path of a local copy."
        ) from error
    if not found or not all(map(_is_object, found)):
        raise UnsupportedError(
            f"{source} contains something other than Kubernetes objects; use the path of a local copy."
        )
    return tuple(found)


def _is_object(found: Mapping[str, Any]) -> bool:
    meta = found.get("metadata")
    named = isinstance(meta, Mapping) and isinstance(meta.get("name"), str)
    return named and all(isinstance(found.get(key), str) for key in ("apiVersion", "kind"))


def pods_of(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the pod spec in a manifest of a Pod or of anything with a pod template; None without one."""
    if manifest["kind"] == "Pod":
        return manifest["spec"]  # type: ignore[no-any-return]
    template = (manifest.get("spec") or {}).get("template") or {}
    spec = template.get("spec") if isinstance(template, Mapping) else None
    return spec if isinstance(spec, Mapping) and "containers" in spec else None


def mirrored(manifest: Mapping[str, Any], registry: str) -> Object:
    """Return a copy whose images come from ``registry``: ``docker.io/a/b:1`` becomes ``REGISTRY/a/b:1``.

    Those too that a container is told in its environment, in variables called ...IMAGE..., as a webhook is told what to
    put into pods.
    """
    return {key: _mirror(value, registry) for key, value in manifest.items()}


def _mirror(value: Any, registry: str) -> Any:
    if isinstance(value, Mapping):
        named = {"image"} | ({"value"} if "IMAGE" in str(value.get("name", "")) else set())
        return {
            key: ",".join(mirrored_image(image, registry) for image in one.split(","))
            if key in named and isinstance(one, str)
            else _mirror(one, registry)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mirror(one, registry) for one in value]
    return value


def mirrored_image(image: str, registry: str) -> str:
    """Return the image's name at ``registry``."""
    first, slash, rest = image.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return f"{registry.rstrip('/')}/{rest if has_host else image}"


def images(manifests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the images that these manifests' pods would run, sorted."""
    found = set()
    for manifest in manifests:
        spec = pods_of(manifest) or {}
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            found.add(str(container.get("image", "")))
    return tuple(sorted(found - {""}))


_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}


def quantity(text: Any) -> float:
    """Return a Kubernetes quantity as a number: ``"250m"`` is 0.25, ``"1Gi"`` is 2**30; 0 for what is none."""
    found = re.fullmatch(r"([\d.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)", str(text))
    return float(found[1]) * _FACTORS.get(found[2], 0.0) if found else 0.0
