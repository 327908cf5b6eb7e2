"""The circumstances on a cluster that numbers depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from workbench.environments.kubernetes.client import MANAGER, Cluster, RefusedError
from workbench.environments.kubernetes.complaints import statuses
from workbench.environments.kubernetes.journal import NAMESPACE
from workbench.environments.kubernetes.objects import DESIGN, MANAGED
from workbench.model.records import Facts

_CNI_SIGNS = (
    "cni",
    "calico-node",
    "cilium",
    "flannel",
    "kindnet",
    "weave",
    "canal",
    "antrea",
    "aws-node",
    "kube-router",
)


ASKED_NODES = 8
"""Nodes whose kubelets are asked for their cgroup version: a page of hundreds of KB each."""


def cluster_facts(cluster: Cluster, run: str, helm: str, telemetry: Mapping[str, str] | None = None) -> Facts:
    """Return versions, nodes and the network plug-in; the fingerprint covers what numbers depend on.

    A node's cgroup version is None where its kubelet may not be asked, or is beyond the first `ASKED_NODES`.
    """
    served = cluster.version()
    nodes = [_node(one) for one in cluster.listed("v1", "Node")[0]]
    network = _network(cluster)
    decisive = {
        "kubernetes": served.get("gitVersion"),
        "network": network,
        "nodes": sorted(json.dumps({**one, "name": ""}, sort_keys=True) for one in nodes),
    }
    designs = designs_in_force(cluster)
    if designs:
        decisive["designs"] = designs
    fingerprint = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    details: dict[str, Any] = {
        "cluster": {
            "context": cluster.context,
            "server": cluster.server,
            "kubernetes": served.get("gitVersion"),
            "platform": served.get("platform"),
            "network": network,
            "run_label": run,
        },
        "nodes": [
            {**one, "cgroup": cgroup_version(cluster, one["name"]) if place < ASKED_NODES else None}
            for place, one in enumerate(nodes)
        ],
        "telemetry": dict(telemetry or {}),
        "software": {
            "workbench": _package("mesh-workbench"),
            "kubernetes-client": _package("kubernetes"),
            "helm": helm,
        },
    }
    if designs:
        details["designs"] = {"in_force": designs}
    return Facts(environment="kubernetes", fingerprint=fingerprint, details=details)


def designs_in_force(cluster: Cluster) -> list[str]:
    """Return the names of the playground's designs that change this cluster; none where we may not look."""
    try:
        found, _ = cluster.listed("v1", "ConfigMap", NAMESPACE, f"{MANAGED}={MANAGER},{DESIGN}")
    except RefusedError:
        return []
    return sorted(str(one["metadata"]["labels"][DESIGN]) for one in found)


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    meta, status = node["metadata"], node.get("status") or {}
    info, borne = status.get("nodeInfo") or {}, meta.get("labels") or {}
    return {
        "name": meta["name"],
        "type": borne.get("node.kubernetes.io/instance-type"),
        "zone": borne.get("topology.kubernetes.io/zone"),
        "cores": (status.get("capacity") or {}).get("cpu"),
        "memory": (status.get("capacity") or {}).get("memory"),
        "kubelet": info.get("kubeletVersion"),
        "kernel": info.get("kernelVersion"),
        "architecture": info.get("architecture"),
        "system": info.get("osImage"),
        "runtime": info.get("containerRuntimeVersion"),
    }


def _network(cluster: Cluster) -> list[str]:
    """Return the network plug-ins that show as DaemonSets, with their images."""
    found = []
    for one in cluster.listed("apps/v1", "DaemonSet")[0]:
        name = one["metadata"]["name"]
        if any(sign in name for sign in _CNI_SIGNS):
            containers = one["spec"]["template"]["spec"].get("containers") or [{}]
            found.append(f"{name} ({containers[0].get('image', '')})")
    return sorted(found)


def cgroup_version(cluster: Cluster, node: str) -> str | None:
    """Return a node's cgroup version as its kubelet tells it; None where we may not ask or it does not say."""
    text = cluster.page_once(f"/api/v1/nodes/{node}/proxy/metrics", 10.0) or b""
    for line in text.splitlines():
        if line.startswith(b"kubelet_cgroup_version"):
            return f"v{line.rsplit(b' ', 1)[-1][:20].decode(errors='replace')}"
    return None


def running(cluster: Cluster, namespaces: tuple[str, ...]) -> dict[str, Any]:
    """Return what really runs in these namespaces: image -> digest, and where each pod is, with restarts."""
    images: dict[str, str] = {}
    pods: list[dict[str, Any]] = []
    for place in namespaces:
        for pod in cluster.listed("v1", "Pod", place)[0]:
            containers = statuses(pod)
            images |= {str(one.get("image", "")): str(one.get("imageID", "")) for one in containers}
            pods.append(
                {
                    "namespace": place,
                    "name": pod["metadata"]["name"],
                    "node": pod["spec"].get("nodeName"),
                    "restarts": {one["name"]: one.get("restartCount", 0) for one in containers},
                }
            )
    return {"images": images, "pods": pods}
