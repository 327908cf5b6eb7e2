"""The shape of Kubernetes objects as far as meshes read them: pods of workloads, ports of Services. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.model.cluster_steps import is_one

_TEXTS: Mapping[str, Any] = {"*": str}
_METADATA: Mapping[str, Any] = {"labels": _TEXTS, "annotations": _TEXTS}
_CONTAINER: Mapping[str, Any] = {
    "name!": str,
    "image": str,
    "args": [str],
    "command": [str],
    "env": [{"name!": str}],
    "ports": [{"containerPort!": int, "name": str}],
    "volumeMounts": [{"name!": str}],
}
_POD: Mapping[str, Any] = {
    "containers!": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [{"name!": str}],
    "affinity": {},
}
_WORKLOAD: Mapping[str, Any] = {
    "metadata!": _METADATA,
    "spec!": {"template!": {"metadata": _METADATA, "spec!": _POD}, "selector!": {"matchLabels": _TEXTS}},
}
_SERVICE: Mapping[str, Any] = {
    "metadata!": _METADATA,
    "spec!": {
        "selector": _TEXTS,
        "ports": [{"port!": int, "name": str, "appProtocol": str, "targetPort": (int, str)}],
    },
}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), _WORKLOAD),
    "Service": _SERVICE,
}
_WORDS = {str: "text", int: "a whole number", dict: "a table", list: "a list"}


def without_nulls(value: Any) -> Any:
    """Return a copy without keys that have no value, which Kubernetes takes as absent."""
    if isinstance(value, Mapping):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def wrong_with(one: Mapping[str, Any]) -> str:
    """Return the first thing that is wrong with an object, with its place; empty when nothing that meshes read is."""
    known = is_one(one, *_SHAPES)
    wrong = _check(one, _SHAPES[one["kind"]] if known else {"metadata!": _METADATA}, "")
    if not wrong and known and one["kind"] != "Service":
        wrong = "" if one["spec"]["template"]["spec"]["containers"] else "spec.template.spec.containers is empty"
    return wrong


def _check(value: Any, shape: Any, place: str) -> str:
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _not(place, list)
        found = (_check(one, shape[0], f"{place}[{number}]") for number, one in enumerate(value))
        return next(filter(None, found), "")
    if isinstance(shape, Mapping):
        return _check_table(value, shape, place) if isinstance(value, dict) else _not(place, dict)
    kinds = shape if isinstance(shape, tuple) else (shape,)
    right = isinstance(value, kinds) and not isinstance(value, bool)
    return "" if right else _not(place, *kinds)


def _check_table(value: Mapping[Any, Any], shape: Mapping[str, Any], place: str) -> str:
    if "*" in shape:
        wanted = {str(key): shape["*"] for key in value}
        present = {str(key): one for key, one in value.items()}
    else:
        wanted = {key.removesuffix("!"): inner for key, inner in shape.items()}
        present = dict(value)
    for key, inner in wanted.items():
        where = f"{place}.{key}".lstrip(".")
        if key not in present:
            if f"{key}!" in shape:
                return f"{where} is missing"
            continue
        wrong = _check(present[key], inner, where)
        if wrong:
            return wrong
    return ""


def _not(place: str, *kinds: type) -> str:
    return f"{place} must be {' or '.join(_WORDS[kind] for kind in kinds)}"
