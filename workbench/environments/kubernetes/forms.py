"""The form of Kubernetes' own objects, as far as it is read here: looked at once, when they come in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RESOURCES: Mapping[str, Any] = {"requests": {}, "limits": {}}
_CONTAINER: Mapping[str, Any] = {"name!": str, "image": str, "resources": _RESOURCES}
_STATE: Mapping[str, Any] = {"waiting": {}, "running": {}, "terminated": {}}
_STATUS: Mapping[str, Any] = {"name!": str, "state": _STATE, "lastState": _STATE, "resources": _RESOURCES}
_POD: Mapping[str, Any] = {"nodeName": str, "containers": [_CONTAINER], "initContainers": [_CONTAINER]}
_CONDITIONS: Mapping[str, Any] = {"conditions": [{"type": str, "status": str, "message": str, "reason": str}]}
_COUNTS = dict.fromkeys(
    ("replicas", "updatedReplicas", "availableReplicas", "observedGeneration", "numberAvailable"), int
)
_WORKLOAD: Mapping[str, Any] = {
    "spec!": {"template!": {"metadata": {"labels": {}}, "spec!": _POD}, "replicas": int},
    "status": {**_CONDITIONS, **_COUNTS},
}
_HOOKS: Mapping[str, Any] = {"webhooks": [{"name": str, "clientConfig!": {"service": {}, "caBundle": str}}]}
_STATUSES = {name: [_STATUS] for name in ("containerStatuses", "initContainerStatuses")}
_FORMS: Mapping[str, Mapping[str, Any]] = {
    "Pod": {"spec!": {**_POD, "containers!": [_CONTAINER]}, "status": {"phase": str, **_CONDITIONS, **_STATUSES}},
    "Node": {
        "spec": {"taints": [{"effect": str}]},
        "status": {
            "capacity": {},
            "allocatable": {},
            "nodeInfo": {},
            "addresses": [{"address!": str, "type": str}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": int}},
        },
    },
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet"), _WORKLOAD),
    "Service": {"spec!": {"ports": [{"port!": int, "name": str}]}},
    "Lease": {"spec!": {"holderIdentity": str, "renewTime": str, "acquireTime": str, "leaseDurationSeconds": int}},
    "ConfigMap": {"data": {}, "binaryData": {}},
    "Secret": {"data": {}},
    "Event": {"reason": str, "message": str, "type": str},
    **dict.fromkeys(("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"), _HOOKS),
    "CustomResourceDefinition": {"status": _CONDITIONS},
}
_METADATA: Mapping[str, Any] = {
    "name!": str, "namespace": str, "uid": str, "resourceVersion": str, "labels": {}, "annotations": {},
    "managedFields": [{}], "ownerReferences": [{}],
}  # fmt: skip
_WORDS = {str: "text", int: "a whole number"}


def misshapen(found: Any, kind: str = "") -> str:
    """Return what is wrong with an object; empty when nothing that is read here is.

    Parameters
    ----------
    kind
        One of Kubernetes' own; of others the metadata is looked at.
    """
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        return "an object without metadata"
    wrong = _wrong(found, {"metadata": _METADATA, **_FORMS.get(kind, {})}, "")
    return wrong and f"an object ({kind or 'of some kind'}) {wrong}"


def _wrong(value: Any, form: Any, place: str) -> str:
    if isinstance(form, list):
        if not isinstance(value, list):
            return f"whose {place} is not a list"
        return next(filter(None, (_wrong(one, form[0], place) for one in value)), "")
    if isinstance(form, Mapping):
        return _wrong_table(value, form, place) if isinstance(value, dict) else f"whose {place} is not a table"
    right = isinstance(value, form) and not isinstance(value, bool)
    return "" if right else f"whose {place} is not {_WORDS[form]}"


def _wrong_table(table: Mapping[str, Any], form: Mapping[str, Any], place: str) -> str:
    for key, inner in form.items():
        name = key.removesuffix("!")
        where = f"{place}.{name}".lstrip(".")
        value = table.get(name)
        if value is None:
            if key.endswith("!"):
                return f"without {where}"
        elif wrong := _wrong(value, inner, where):
            return wrong
    return ""
