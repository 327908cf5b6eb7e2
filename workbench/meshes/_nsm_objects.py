"""Short forms of the Kubernetes objects that NSM and SPIRE are made of, shared by their two descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.model.cluster_steps import KubernetesObject

SPIRE_NAMESPACE, NSM_NAMESPACE = "spire", "nsm-system"
SPIRE_SOCKETS, NSM_SOCKETS = "/run/spire/sockets", "/var/lib/networkservicemesh"
AGENT_SOCKET = f"unix://{SPIRE_SOCKETS}/agent.sock"
MANAGER_SOCKET = f"unix://{NSM_SOCKETS}/nsm.io.sock"
IDENTIFIED: Mapping[str, str] = {"spiffe.io/spiffe-id": "true"}
"""The label of the pods that SPIRE gives an identity."""

_RBAC = "rbac.authorization.k8s.io"


def meta(name: str, namespace: str = "", labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return metadata."""
    made: dict[str, Any] = {"name": name}
    if namespace:
        made["namespace"] = namespace
    if labels:
        made["labels"] = dict(labels)
    return made


def account(name: str, namespace: str) -> KubernetesObject:
    """Describe a ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, namespace)}


def config_map(name: str, namespace: str, data: Mapping[str, str]) -> KubernetesObject:
    """Describe a ConfigMap; without data one that a program fills."""
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, namespace)}
    return {**made, "data": dict(data)} if data else made


def service(name: str, namespace: str, app: str, port: int, target: int) -> KubernetesObject:
    """Describe a Service of the pods labelled app=``app``."""
    ports = [{"port": port, "targetPort": target, "protocol": "TCP"}]
    spec = {"selector": {"app": app}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, namespace), "spec": spec}


def rights(
    name: str, account_name: str, namespace: str, rules: Sequence[Mapping[str, Any]], within: str = ""
) -> tuple[KubernetesObject, KubernetesObject]:
    """Describe a ClusterRole and its binding to an account; ``within``: a Role of that namespace instead."""
    kind = "Role" if within else "ClusterRole"
    metadata = meta(name, within)
    return (
        {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": [dict(rule) for rule in rules]},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account_name, "namespace": namespace}],
        },
    )


def rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    """Return one rule of a role."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def definition(group: str, version: str, kind: str, plural: str, scope: str, status: bool = False) -> KubernetesObject:
    """Describe a CRD that takes anything: what is in it, the programs that use it check."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served: dict[str, Any] = {"name": version, "served": True, "storage": True, "schema": schema}
    if status:
        served["subresources"] = {"status": {}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta(f"{plural}.{group}"),
        "spec": {"group": group, "names": names, "scope": scope, "versions": [served]},
    }


def workload(
    kind: str, name: str, namespace: str, pod: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Describe a Deployment, DaemonSet or StatefulSet whose pods bear app=``name`` and ``labels``."""
    selector = {"app": name}
    template = {"metadata": {"labels": {**selector, **(labels or {})}}, "spec": dict(pod)}
    spec: dict[str, Any] = {"selector": {"matchLabels": selector}, "template": template}
    if kind != "DaemonSet":
        spec["replicas"] = 1
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name, namespace, selector), "spec": spec}


def env(values: Mapping[str, str], fields: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return environment variables: those from the pod's own ``fields`` first, as others may refer to them."""
    from_fields = [
        {"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in (fields or {}).items()
    ]
    return [*from_fields, *({"name": key, "value": value} for key, value in values.items())]


def host_paths(paths: Mapping[str, str], kind: str = "DirectoryOrCreate") -> list[dict[str, Any]]:
    """Return volumes of the node's folders: name -> path."""
    return [{"name": name, "hostPath": {"path": path, "type": kind}} for name, path in paths.items()]


def mounts(paths: Mapping[str, str], read_only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return mounts: volume name -> path in the container."""
    return [
        {"name": name, "mountPath": path, **({"readOnly": True} if name in read_only else {})}
        for name, path in paths.items()
    ]


def resources(cpu: str, memory: str, cpu_limit: str, memory_limit: str) -> dict[str, Any]:
    """Return requests and limits; an empty limit is none, an empty request the limit's."""
    limits = {key: value for key, value in (("cpu", cpu_limit), ("memory", memory_limit)) if value}
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"limits": limits, **({"requests": requests} if requests else {})}
