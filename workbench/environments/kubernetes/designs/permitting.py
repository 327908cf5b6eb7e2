"""What a design may and must be able to do on a cluster: exactly the rights that its objects take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.environments.kubernetes.client import Cluster, Object, RefusedError
from workbench.environments.kubernetes.journal import NAMESPACE

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")

_ALWAYS = {
    ("", "configmaps"): ("what was there before", VERBS),
    ("coordination.k8s.io", "leases"): ("not while a run works on the cluster", VERBS),
    ("", "namespaces"): ("whether they are there", ("get", "list", "watch")),
    ("apiextensions.k8s.io", "customresourcedefinitions"): ("what a kind reports", ("get",)),
    ("", "pods"): ("why a rollout does not come up", ("get", "list", "watch")),
    ("", "events"): ("why a rollout does not come up", ("get", "list", "watch")),
}
"""(API group, resource) -> (what for, verbs) whatever the design holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a design takes.

    Attributes
    ----------
    role
        A ClusterRole with these rights and no others, as a manifest.
    missing
        The ones that the server would refuse us, each with what it is for.
    """

    role: Object
    missing: tuple[str, ...]


def rights(cluster: Cluster, objects: Iterable[Mapping[str, Any]], name: str) -> Rights:
    """Return the rights that a design of these objects takes, and which of them are missing; changes nothing."""
    wanted = dict(_ALWAYS)
    places: dict[tuple[str, str], set[str]] = {}
    for one in objects:
        try:
            kind = cluster.kind(one["apiVersion"], one["kind"])
        except RefusedError:
            continue  # not served: nobody has rights to it
        key = (kind.group, kind.plural)
        wanted[key] = ("the design's objects", VERBS)
        places.setdefault(key, set()).add(str(one["metadata"].get("namespace") or "") if kind.namespaced else "")
    missing = [
        f"{', '.join(lacking)} {resource}{f'.{group}' if group else ''}{f' in {place}' if place else ''} ({purpose})"
        for (group, resource), (purpose, verbs) in wanted.items()
        for place in sorted(places.get((group, resource), {_place_of(resource)}))
        if (lacking := [verb for verb in verbs if not cluster.may(verb, group, resource, place)])
    ]
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
        for (group, resource), (_, verbs) in wanted.items()
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"mesh-workbench-design-{name}"},
        "rules": rules,
    }
    return Rights(role=role, missing=tuple(missing))


def _place_of(resource: str) -> str:
    """Return where we ask about a right: what we keep is in one namespace, all else anywhere."""
    return NAMESPACE if resource in ("configmaps", "leases") else ""
