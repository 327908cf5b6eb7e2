"""Network Service Mesh itself: manager and forwarder on every node, registry, and the webhook that adds clients.

There is no chart; these manifests are our own, after the components' documented settings. All images bear NSM's
version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.meshes import _cluster_options as cluster
from workbench.meshes._nsm_objects import (
    AGENT_SOCKET,
    IDENTIFIED,
    MANAGER_SOCKET,
    NSM_NAMESPACE,
    NSM_SOCKETS,
    SPIRE_NAMESPACE,
    SPIRE_SOCKETS,
    account,
    definition,
    env,
    host_paths,
    mounts,
    resources,
    rights,
    rule,
    service,
    workload,
)
from workbench.model.cluster_steps import ClusterStep, KubernetesObject, Manifest, Wait

REGISTRY = "ghcr.io/networkservicemesh"
ANNOTATION = "networkservicemesh.io"
WEBHOOK = "nsm-mutating-webhook"
_GROUP = "networkservicemesh.io"
CRDS = (f"networkservices.{_GROUP}", f"networkserviceendpoints.{_GROUP}")
ROLES = ("nsmgr-binding-role", "registry-k8s-role", "admission-webhook-role")
FORWARDER_CPU = "525m"
"""CPU limit of the forwarder as shipped; it caps the throughput, and NSM's own performance suite takes it away."""

_LOG = {"NSM_LOG_LEVEL": "INFO"}
_SOCKETS = {"spire-agent-socket": SPIRE_SOCKETS, "nsm-socket": NSM_SOCKETS}


def install(images: str, version: str, equal: bool) -> tuple[ClusterStep, ...]:
    """Return NSM's steps. The webhook comes last: it covers every other namespace and fails closed.

    Parameters
    ----------
    equal
        Without the forwarder's CPU limit and without the clients' liveness ping.
    """

    def image(component: str) -> str:
        return f"{images or REGISTRY}/{component}:{version}"

    crds = (
        definition(_GROUP, "v1", "NetworkService", "networkservices", "Namespaced"),
        definition(_GROUP, "v1", "NetworkServiceEndpoint", "networkserviceendpoints", "Namespaced"),
    )
    return (
        cluster.namespace(NSM_NAMESPACE),
        Manifest(name="NSM's CRDs", objects=crds),
        Wait(condition="established", names=CRDS),
        Manifest(
            name="NSM's registry, managers and forwarders",
            objects=(
                *_rights(),
                service("registry", NSM_NAMESPACE, "registry", 5002, 5002),
                _registry(image("cmd-registry-k8s")),
                _manager(image("cmd-nsmgr"), image("cmd-exclude-prefixes-k8s")),
                _forwarder(image("cmd-forwarder-vpp"), equal),
            ),
        ),
        Wait(condition="available", namespace=NSM_NAMESPACE, deadline_s=300.0),
        Manifest(
            name="NSM's webhook",
            objects=(
                service("admission-webhook-svc", NSM_NAMESPACE, "admission-webhook-k8s", 443, 443),
                _admission(image("cmd-admission-webhook-k8s"), image("cmd-nsc"), image("cmd-nsc-init"), equal),
            ),
        ),
        Wait(condition="ready", namespace=NSM_NAMESPACE, selector="app=admission-webhook-k8s"),
        Manifest(name="NSM's webhook, in force", objects=(_webhook(),)),
        Wait(condition="webhooks", names=(WEBHOOK,)),
    )


def _rights() -> tuple[KubernetesObject, ...]:
    look = ("get", "list", "watch")
    manager, registry, webhook = ROLES
    return (
        *(account(name, NSM_NAMESPACE) for name in ("nsmgr-sa", "registry-k8s-sa", "admission-webhook-sa")),
        # exclude-prefixes reads the pod and service networks and writes what it found into a ConfigMap
        *rights(
            manager,
            "nsmgr-sa",
            NSM_NAMESPACE,
            (rule("", ("configmaps",), (*look, "patch")), rule("", ("nodes", "services"), look)),
        ),
        *rights(
            registry,
            "registry-k8s-sa",
            NSM_NAMESPACE,
            (rule(_GROUP, ("networkservices", "networkserviceendpoints"), ("*",)),),
        ),
        *rights(
            webhook,
            "admission-webhook-sa",
            NSM_NAMESPACE,
            (
                rule("", ("namespaces",), ("get",)),
                rule("admissionregistration.k8s.io", ("mutatingwebhookconfigurations",), look),
            ),
        ),
    )


def _health(address: str) -> dict[str, Any]:
    command = ["/bin/grpc-health-probe", "-spiffe", f"-addr={address}"]
    return {"exec": {"command": command}, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 120}


def _volumes() -> list[dict[str, Any]]:
    return [
        *host_paths({"spire-agent-socket": SPIRE_SOCKETS}, "Directory"),
        *host_paths({"nsm-socket": NSM_SOCKETS}),
    ]


def _manager(image: str, prefixes_image: str) -> KubernetesObject:
    prefixes = {"exclude-prefixes": f"{NSM_SOCKETS}/config/"}
    listen = f"{MANAGER_SOCKET},tcp://:5001"  # every address of the pod: of either family, without brackets
    manager = {
        "name": "nsmgr",
        "image": image,
        "ports": [{"containerPort": 5001, "hostPort": 5001}],
        "env": env(
            {
                **_LOG,
                "SPIFFE_ENDPOINT_SOCKET": AGENT_SOCKET,
                "NSM_REGISTRY_URL": "registry:5002",
                "NSM_LISTEN_ON": listen,
            },
            {"NSM_NAME": "metadata.name", "POD_IP": "status.podIP", "NODE_NAME": "spec.nodeName"},
        ),
        "readinessProbe": _health(MANAGER_SOCKET),
        "resources": resources("200m", "100Mi", "400m", "200Mi"),
        "volumeMounts": mounts({**_SOCKETS, **prefixes}, ("spire-agent-socket",)),
    }
    exclude = {
        "name": "exclude-prefixes",
        "image": prefixes_image,
        "env": env(_LOG),
        "resources": resources("", "", "75m", "40Mi"),
        "volumeMounts": mounts(prefixes),
    }
    pod = {
        "serviceAccountName": "nsmgr-sa",
        "containers": [manager, exclude],
        "volumes": [*_volumes(), {"name": "exclude-prefixes", "emptyDir": {}}],
    }
    return workload("DaemonSet", "nsmgr", NSM_NAMESPACE, pod, IDENTIFIED)


def _forwarder(image: str, equal: bool) -> KubernetesObject:
    """Describe VPP on every node; privileged, in the host's network and process namespaces."""
    listen = "unix:///listen.on.sock"
    on_node = {"kubelet": "/var/lib/kubelet", "cgroup": "/sys/fs/cgroup", "vfio": "/dev/vfio", "vpp": "/var/run/vpp"}
    inside = {
        "kubelet": "/var/lib/kubelet",
        "cgroup": "/host/sys/fs/cgroup",
        "vfio": "/host/dev/vfio",
        "vpp": "/var/run/vpp/external",
    }
    forwarder = {
        "name": "forwarder-vpp",
        "image": image,
        "securityContext": {"privileged": True},
        "env": env(
            {
                **_LOG,
                "SPIFFE_ENDPOINT_SOCKET": AGENT_SOCKET,
                "NSM_CONNECT_TO": MANAGER_SOCKET,
                "NSM_LISTEN_ON": listen,
                "NSM_CGROUP_PATH": "/host/sys/fs/cgroup",
            },
            {"NSM_NAME": "metadata.name", "NSM_TUNNEL_IP": "status.podIP"},
        ),
        "readinessProbe": _health(listen),
        "resources": resources("150m", "", "" if equal else FORWARDER_CPU, "500Mi"),
        "volumeMounts": mounts({**_SOCKETS, **inside}, ("spire-agent-socket",)),
    }
    pod = {
        "hostPID": True,
        "hostNetwork": True,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "containers": [forwarder],
        "volumes": [*_volumes(), *host_paths(on_node)],
    }
    return workload("DaemonSet", "forwarder-vpp", NSM_NAMESPACE, pod, IDENTIFIED)


def _registry(image: str) -> KubernetesObject:
    registry = {
        "name": "registry",
        "image": image,
        "ports": [{"containerPort": 5002, "hostPort": 5002}],
        "env": env(
            {**_LOG, "SPIFFE_ENDPOINT_SOCKET": AGENT_SOCKET, "NSM_LISTEN_ON": "tcp://:5002"},
            {"NSM_NAMESPACE": "metadata.namespace"},
        ),
        "resources": resources("100m", "100Mi", "200m", "260Mi"),
        "volumeMounts": mounts({"spire-agent-socket": SPIRE_SOCKETS}, ("spire-agent-socket",)),
    }
    pod = {
        "serviceAccountName": "registry-k8s-sa",
        "containers": [registry],
        "volumes": host_paths({"spire-agent-socket": SPIRE_SOCKETS}, "Directory"),
    }
    described = workload("Deployment", "registry", NSM_NAMESPACE, pod, IDENTIFIED)
    return {**described, "metadata": {**described["metadata"], "name": "registry-k8s"}}


def client_settings(equal: bool) -> Mapping[str, str]:
    """Return what every client's container is told; the webhook says it to all of them alike."""
    return {**_LOG, **({"NSM_LIVENESS_CHECK_ENABLED": "false"} if equal else {})}


def _admission(image: str, client: str, init: str, equal: bool) -> KubernetesObject:
    told = ",".join(f"{key}={value}" for key, value in client_settings(equal).items())
    label, value = next(iter(IDENTIFIED.items()))
    webhook = {
        "name": "admission-webhook-k8s",
        "image": image,
        "ports": [{"containerPort": 443}],
        "env": env(
            {
                "SPIFFE_ENDPOINT_SOCKET": AGENT_SOCKET,
                "NSM_SERVICE_NAME": "admission-webhook-svc",
                "NSM_ANNOTATION": ANNOTATION,
                "NSM_CONTAINER_IMAGES": client,
                "NSM_INIT_CONTAINER_IMAGES": init,
                "NSM_LABELS": f"{label}:{value}",
                "NSM_ENVS": told,
            },
            {"NSM_NAME": "metadata.name", "NSM_NAMESPACE": "metadata.namespace"},
        ),
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 443, "scheme": "HTTPS"}, "periodSeconds": 2},
        "volumeMounts": mounts({"spire-agent-socket": SPIRE_SOCKETS}, ("spire-agent-socket",)),
    }
    pod = {
        "serviceAccountName": "admission-webhook-sa",
        "containers": [webhook],
        "volumes": host_paths({"spire-agent-socket": SPIRE_SOCKETS}, "Directory"),
    }
    return workload("Deployment", "admission-webhook-k8s", NSM_NAMESPACE, pod)


def _webhook() -> KubernetesObject:
    """Describe the webhook for pods alone: our clients bear the annotation on their template.

    SPIRE finds it by its label and writes the CA bundle.
    """
    described = cluster.webhook("Mutating", WEBHOOK)
    outside = ["kube-system", SPIRE_NAMESPACE, NSM_NAMESPACE]
    return {
        **described,
        "metadata": {**described["metadata"], "labels": {"spiffe.io/webhook": "true"}},
        "webhooks": [
            {
                "name": "pods.workbench.networkservicemesh.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "name": "admission-webhook-svc",
                        "namespace": NSM_NAMESPACE,
                        "path": "/mutate",
                        "port": 443,
                    }
                },
                "failurePolicy": "Fail",
                "namespaceSelector": {
                    "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": outside}]
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "sideEffects": "None",
                "timeoutSeconds": 10,
            }
        ],
    }
