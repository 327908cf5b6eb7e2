"""What a run may and must be able to do on a cluster, and whether the nodes are big enough: asked beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.environments.kubernetes.attribution import lasting
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.objects import pods_of, quantity

ALL = ("get", "list", "watch", "create", "update", "patch", "delete")

RULES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        "",
        ("namespaces", "serviceaccounts", "services", "configmaps", "secrets", "persistentvolumeclaims"),
        ALL,
        "deploy",
    ),
    ("apps", ("deployments", "daemonsets", "statefulsets"), ALL, "deploy"),
    ("batch", ("jobs",), ALL, "hooks of charts"),
    ("coordination.k8s.io", ("leases",), ALL, "one run at a time"),
    (
        "",
        ("pods", "events", "nodes", "persistentvolumes", "resourcequotas"),
        ("get", "list", "watch"),
        "wait and explain",
    ),
    ("", ("pods/log",), ("get",), "explain crashes"),
    ("", ("pods/proxy",), ("get", "create"), "drive the load and read the proxies' own counters"),
    ("", ("nodes/metrics", "nodes/stats"), ("get",), "read what containers consume"),
    (
        "rbac.authorization.k8s.io",
        ("clusterroles", "clusterrolebindings", "roles", "rolebindings"),
        ALL,
        "deploy meshes",
    ),
    ("rbac.authorization.k8s.io", ("clusterroles", "roles"), ("bind", "escalate"), "give meshes their own rights"),
    (
        "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        ALL,
        "deploy meshes",
    ),
    ("apiextensions.k8s.io", ("customresourcedefinitions",), ALL, "deploy meshes"),
    ("policy", ("poddisruptionbudgets",), ALL, "deploy meshes"),
    ("autoscaling", ("horizontalpodautoscalers",), ALL, "deploy meshes"),
    ("gateway.networking.k8s.io", ("*",), ALL, "deploy meshes"),
    ("apiregistration.k8s.io", ("apiservices",), ("get", "list", "watch"), "compare before and after"),
    ("scheduling.k8s.io", ("priorityclasses",), ("get", "list", "watch"), "compare before and after"),
)
"""(API group, resources, verbs, what for). Custom resources of each mesh come on top: its charts' own groups."""

STRONG = ("", ("nodes/proxy",), ("get",), "query the kubelets through the API server")
"""Spares the pod that asks them otherwise; but it also allows running commands in any container of a node."""

OPTIONAL: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    ("", ("serviceaccounts/token",), ("create",), "let a pod of the run query the kubelets"),
    ("", ("services/proxy",), ("get",), "query the cluster's Prometheus"),
    ("metrics.k8s.io", ("nodes", "pods"), ("get", "list"), "read averages if nothing better is available"),
)
"""What is used only where kubelets may not be asked; in the role, and not missed without it."""


def cluster_role(name: str = "mesh-workbench", *, metrics_only: bool = False) -> dict[str, Any]:
    """Return the ClusterRole that a run needs, as a manifest; ``metrics_only``: without `STRONG`."""
    rules = [
        {"apiGroups": [group], "resources": list(named), "verbs": list(verbs)}
        for group, named, verbs, _ in (*RULES, *(() if metrics_only else (STRONG,)), *OPTIONAL)
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }


def missing_rights(cluster: Cluster) -> tuple[str, ...]:
    """Ask the server about every verb that a run needs; return the ones it would refuse, with what they are for."""
    said = []
    for group, resources, verbs, purpose in RULES:
        for named in resources:
            resource, _, part = named.partition("/")
            lacking = [verb for verb in verbs if not cluster.may(verb, group, resource, subresource=part)]
            if lacking:
                place = f"{named}.{group}" if group else named
                said.append(f"{', '.join(lacking)} {place} ({purpose})")
    return tuple(said)


def requests_of(spec: Mapping[str, Any]) -> tuple[float, float]:
    """Return (cores, bytes) that a pod spec reserves; native sidecars count, other init containers do not add up.

    What is asked for the pod as a whole (``spec.resources``) stands in place of the sum.
    """
    cores = memory = 0.0
    for container in lasting(spec):
        asked = (container.get("resources") or {}).get("requests") or {}
        cores += quantity(asked.get("cpu", 0))
        memory += quantity(asked.get("memory", 0))
    resources = spec.get("resources") or {}
    whole = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    asked_for = resources.get("requests") or {}
    cores = quantity(whole["cpu"]) if "cpu" in asked_for or ("cpu" in whole and not cores) else cores
    memory = quantity(whole["memory"]) if "memory" in asked_for or ("memory" in whole and not memory) else memory
    return cores, memory


def free_on(nodes: Sequence[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return node -> (cores, bytes) that nobody has reserved, of the nodes that take pods."""
    free = {}
    for node in nodes:
        taints = (node.get("spec") or {}).get("taints") or ()
        if (node.get("spec") or {}).get("unschedulable") or any(
            one.get("effect") != "PreferNoSchedule" for one in taints
        ):
            continue
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        free[node["metadata"]["name"]] = (quantity(allocatable.get("cpu", 0)), quantity(allocatable.get("memory", 0)))
    for pod in pods:
        name = (pod.get("spec") or {}).get("nodeName")
        if name in free and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            cores, memory = requests_of(pod["spec"])
            free[name] = (free[name][0] - cores, free[name][1] - memory)
    return free


def too_small(manifests: Iterable[Mapping[str, Any]], free: Mapping[str, tuple[float, float]]) -> str:
    """Return why these manifests' pods do not fit, by what they request; empty when they may.

    Only what is certain is said: one pod larger than any node's free room, or all together more than all nodes'.
    """
    if not free:
        return "the cluster has no schedulable node"
    largest = (max(one[0] for one in free.values()), max(one[1] for one in free.values()))
    total = [0.0, 0.0]
    for manifest in manifests:
        spec = pods_of(manifest)
        if spec is None:
            continue
        asked = requests_of(spec)
        for part, (unit, divisor) in enumerate((("cores", 1.0), ("GiB", 2.0**30))):
            if asked[part] > largest[part]:
                return (
                    f"{manifest['kind']} {manifest['metadata']['name']} requests {asked[part] / divisor:.3g} {unit}, "
                    f"and no node has more than {max(0.0, largest[part]) / divisor:.3g} {unit} free"
                )
            replicas = len(free) if manifest["kind"] == "DaemonSet" else (manifest.get("spec") or {}).get("replicas", 1)
            total[part] += asked[part] * replicas
    for part, (unit, divisor) in enumerate((("cores", 1.0), ("GiB", 2.0**30))):
        room = sum(max(0.0, one[part]) for one in free.values())
        if total[part] > room:
            asked_for = f"{total[part] / divisor:.3g} {unit}"
            return f"its pods request {asked_for} together, and {room / divisor:.3g} {unit} are free"
    return ""
