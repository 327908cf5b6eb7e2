"""What a cluster holds, by name: taken before anything is done, compared after everything was removed.

Only what outlives namespaces is looked at, and ConfigMaps, which some meshes put into every namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.environments.kubernetes.client import Cluster

Snapshot = Mapping[str, Mapping[str, Any]]
"""Kind -> ``"namespace/name"`` (or name) -> what is compared: labels of namespaces, else nothing."""

LOOKED_AT = (
    ("v1", "Namespace"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("gateway.networking.k8s.io/v1", "GatewayClass"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolume"),
)
VOLUMES = LOOKED_AT[-1:]
"""What a cluster may go on removing by itself when everything else is gone."""
GOING = "(being deleted)"
"""In place of a kind: what somebody was deleting already, ``"Namespace shop"``; nobody is to blame when it goes."""

_OWN_CONFIG_MAPS = ("kube-root-ca.crt", "mesh-workbench")


def take(cluster: Cluster, kinds: Iterable[tuple[str, str]] = LOOKED_AT) -> dict[str, dict[str, Any]]:
    """Return what the cluster holds now, of these kinds (each an API version and a kind)."""
    found: dict[str, dict[str, Any]] = {GOING: {}}
    for api_version, kind in kinds:
        objects, _ = cluster.listed(api_version, kind)
        found[kind] = {}
        for one in objects:
            meta = one["metadata"]
            if kind == "ConfigMap" and meta["name"] in _OWN_CONFIG_MAPS:
                continue
            name = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
            found[kind][name] = dict(meta.get("labels") or {}) if kind == "Namespace" else None
            if "deletionTimestamp" in meta or _goes_by_itself(one):
                found[GOING][f"{kind} {name}"] = None
    return found


def _goes_by_itself(one: Mapping[str, Any]) -> bool:
    """Whether the cluster removes it a moment later: a volume whose claim is gone, where that is its policy."""
    policy = (one.get("spec") or {}).get("persistentVolumeReclaimPolicy")
    return policy == "Delete" and (one.get("status") or {}).get("phase") == "Released"


def _added(kind: str, before: Snapshot, after: Snapshot) -> list[str]:
    """Return the names of a kind that are there and were not."""
    return sorted(set(after.get(kind, {})) - set(before[kind]))


def only_volumes_going(before: Snapshot, after: Snapshot) -> bool:
    """Whether only volumes are there that were not, and the cluster is about to remove each of them."""
    new = [f"{kind} {name}" for kind in before if kind != GOING for name in _added(kind, before, after)]
    volumes = tuple(f"{kind} " for _, kind in VOLUMES)
    return bool(new) and all(one.startswith(volumes) and one in after.get(GOING, {}) for one in new)


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Return, for people, what is there now and was not, what is missing, and which namespaces' labels changed."""
    said: list[str] = []
    going = before.get(GOING, {})
    for kind, held in before.items():
        if kind != GOING:
            now = after.get(kind, {})
            said += [f"{kind} {name} is left behind" for name in _added(kind, before, after)]
            missing = sorted(name for name in set(held) - set(now) if f"{kind} {name}" not in going)
            said += [f"{kind} {name} is missing" for name in missing if not _went_with_its_namespace(name, going)]
    for name, borne in before.get("Namespace", {}).items():
        new = after.get("Namespace", {}).get(name)
        if new is not None and new != borne:
            changed = sorted(key for key in {*borne, *new} if borne.get(key) != new.get(key))
            said.append(f"Namespace {name} has other labels: {', '.join(changed)}")
    return tuple(said)


def _went_with_its_namespace(name: str, going: Mapping[str, Any]) -> bool:
    place, slash, _ = name.partition("/")
    return bool(slash) and f"Namespace {place}" in going


def was_there(before: Snapshot, found: Mapping[str, Any]) -> bool:
    """Whether the snapshot holds this object, so that it is not ours to remove."""
    meta = found["metadata"]
    name = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
    return name in before.get(found["kind"], {})
