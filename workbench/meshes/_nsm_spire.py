"""SPIRE as NSM needs it: identities for the pods that bear its label, and for NSM's webhook.

Manifests of our own, after NSM's requirements (trust domain k8s.nsm, the agent's socket, the label by which SPIRE puts
its CA into NSM's webhook). They differ from the upstream examples where those are in the way of a measurement: SQLite
in the server's pod instead of PostgreSQL (whose image has no tag) and no volume claim; the agent starts after the
server, so that no helper image has to wait for it; role names of our own instead of ``manager-role``.
"""

from __future__ import annotations

import json
from typing import Any

from workbench.meshes import _cluster_options as cluster
from workbench.meshes._nsm_objects import (
    IDENTIFIED,
    NSM_NAMESPACE,
    SPIRE_NAMESPACE,
    SPIRE_SOCKETS,
    account,
    config_map,
    definition,
    host_paths,
    meta,
    mounts,
    rights,
    rule,
    service,
    workload,
)
from workbench.model.cluster_steps import ClusterStep, KubernetesObject, Manifest, Wait

VERSION, MANAGER_VERSION = "1.12.4", "0.6.2"
"""Of server and agent, and of the controller manager, as NSM 1.18 is tested with."""

REGISTRY = "ghcr.io/spiffe"
WEBHOOK = "spire-controller-manager-webhook"
TRUST_DOMAIN, _CLUSTER = "k8s.nsm", "k8s-nsm-cluster"
_GROUP = "spire.spiffe.io"
_KINDS = {
    "clusterspiffeids": "ClusterSPIFFEID",
    "clusterfederatedtrustdomains": "ClusterFederatedTrustDomain",
    "clusterstaticentries": "ClusterStaticEntry",
    "controllermanagerconfigs": "ControllerManagerConfig",
}
CRDS = tuple(f"{plural}.{_GROUP}" for plural in _KINDS)
ROLES = ("nsm-spire-server", "nsm-spire-agent", "nsm-spire-controller-manager")
IDENTITIES = ("nsm-workloads", "nsm-workloads-webhook")

_SERVER_CONFIG = f"""\
server {{
  bind_address = "0.0.0.0"
  bind_port = "8081"
  trust_domain = "{TRUST_DOMAIN}"
  data_dir = "/run/spire/data"
  ca_key_type = "rsa-2048"
  log_level = "INFO"
}}
plugins {{
  DataStore "sql" {{
    plugin_data {{
      database_type = "sqlite3"
      connection_string = "/run/spire/data/datastore.sqlite3"
    }}
  }}
  KeyManager "disk" {{ plugin_data {{ keys_path = "/run/spire/data/keys.json" }} }}
  NodeAttestor "k8s_psat" {{
    plugin_data {{
      clusters = {{ "{_CLUSTER}" = {{ service_account_allow_list = ["{SPIRE_NAMESPACE}:spire-agent"] }} }}
    }}
  }}
  Notifier "k8sbundle" {{ plugin_data {{ webhook_label = "spiffe.io/webhook" }} }}
}}
"""
_AGENT_CONFIG = f"""\
agent {{
  data_dir = "/run/spire"
  log_level = "INFO"
  server_address = "spire-server"
  server_port = "8081"
  socket_path = "{SPIRE_SOCKETS}/agent.sock"
  trust_bundle_path = "/run/spire/bundle/bundle.crt"
  trust_domain = "{TRUST_DOMAIN}"
}}
plugins {{
  NodeAttestor "k8s_psat" {{ plugin_data {{ cluster = "{_CLUSTER}" }} }}
  KeyManager "memory" {{ plugin_data {{ }} }}
  WorkloadAttestor "k8s" {{ plugin_data {{ skip_kubelet_verification = true }} }}
  WorkloadAttestor "unix" {{ plugin_data {{ }} }}
}}
"""
_MANAGER_CONFIG = {
    "apiVersion": f"{_GROUP}/v1alpha1",
    "kind": "ControllerManagerConfig",
    "metrics": {"bindAddress": "127.0.0.1:8082"},
    "health": {"healthProbeBindAddress": "127.0.0.1:8083"},
    "leaderElection": {"leaderElect": True, "resourceName": "nsm-spire", "resourceNamespace": SPIRE_NAMESPACE},
    "clusterName": _CLUSTER,
    "trustDomain": TRUST_DOMAIN,
    "spireServerSocketPath": f"{SPIRE_SOCKETS}/api.sock",
    "ignoreNamespaces": ["kube-system", "kube-public", SPIRE_NAMESPACE, "local-path-storage"],
}


def install(registry: str) -> tuple[ClusterStep, ...]:
    """Return SPIRE's steps: the server before the agents; identities once its webhook works, which fails closed."""
    images = registry or REGISTRY
    crds = tuple(
        definition(_GROUP, "v1alpha1", kind, plural, "Cluster", status=True) for plural, kind in _KINDS.items()
    )
    return (
        cluster.namespace(SPIRE_NAMESPACE),
        Manifest(name="SPIRE's CRDs", objects=crds),
        Wait(condition="established", names=CRDS),
        Manifest(name="SPIRE server", objects=(*_rights(), *_server(images))),
        Wait(condition="ready", namespace=SPIRE_NAMESPACE, selector="app=spire-server"),
        Manifest(name="SPIRE agents", objects=_agent(images)),
        Wait(condition="available", namespace=SPIRE_NAMESPACE),
        Wait(condition="webhooks", names=(WEBHOOK,)),
        Manifest(name="identities for NSM's pods", objects=_identities()),
    )


def _rights() -> tuple[KubernetesObject, ...]:
    look = ("get", "list", "watch")
    everything = (*look, "create", "update", "patch", "delete")
    configurations = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    hooks = rule("admissionregistration.k8s.io", configurations, (*look, "patch"))
    owned = [f"{plural}{sub}" for plural in _KINDS for sub in ("", "/status", "/finalizers")]
    server, agent, manager = ROLES
    names = ("spire-server", "spire-agent")
    return (
        *(account(name, SPIRE_NAMESPACE) for name in names),
        *rights(
            server,
            "spire-server",
            SPIRE_NAMESPACE,
            (
                rule("authentication.k8s.io", ("tokenreviews",), ("create", "get")),
                rule("", ("nodes", "pods"), look),
                hooks,
            ),
        ),
        *rights(agent, "spire-agent", SPIRE_NAMESPACE, (rule("", ("pods", "nodes", "nodes/proxy"), ("get", "list")),)),
        *rights(
            manager,
            "spire-server",
            SPIRE_NAMESPACE,
            (
                rule("", ("namespaces", "nodes", "pods", "endpoints"), look),
                rule(_GROUP, owned, everything),
            ),
        ),
        *rights(
            "spire-server",
            "spire-server",
            SPIRE_NAMESPACE,
            (
                rule("", ("configmaps", "events"), ("get", "create", "update", "patch")),
                rule("coordination.k8s.io", ("leases",), everything),
            ),
            within=SPIRE_NAMESPACE,
        ),
    )


def _server(images: str) -> tuple[KubernetesObject, ...]:
    program = "/opt/spire/bin/spire-server"
    server = {
        "name": "spire-server",
        "image": f"{images}/spire-server:{VERSION}",
        "args": ["-config", "/run/spire/config/server.conf"],
        "ports": [{"containerPort": 8081}],
        "readinessProbe": {"exec": {"command": [program, "healthcheck", "--shallow"]}, "periodSeconds": 5},
        "volumeMounts": mounts(
            {"config": "/run/spire/config", "data": "/run/spire/data", "api": "/tmp/spire-server/private"},  # noqa: S108
            ("config",),
        ),
    }
    manager = {
        "name": "spire-controller-manager",
        "image": f"{images}/spire-controller-manager:{MANAGER_VERSION}",
        "args": ["--config=/run/spire/manager/manager.json"],
        "ports": [{"containerPort": 9443}],
        "volumeMounts": mounts({"api": SPIRE_SOCKETS, "manager": "/run/spire/manager"}, ("api", "manager")),
    }
    pod: dict[str, Any] = {
        "serviceAccountName": "spire-server",
        "shareProcessNamespace": True,
        "containers": [server, manager],
        "volumes": [
            {"name": "config", "configMap": {"name": "spire-server"}},
            {"name": "manager", "configMap": {"name": "spire-controller-manager"}},
            {"name": "data", "emptyDir": {}},
            {"name": "api", "emptyDir": {}},
        ],
    }
    return (
        config_map("spire-bundle", SPIRE_NAMESPACE, {}),  # the server writes its certificate into it
        config_map("spire-server", SPIRE_NAMESPACE, {"server.conf": _SERVER_CONFIG}),
        config_map("spire-controller-manager", SPIRE_NAMESPACE, {"manager.json": json.dumps(_MANAGER_CONFIG)}),
        service("spire-server", SPIRE_NAMESPACE, "spire-server", 8081, 8081),
        service("spire-controller-manager-webhook-service", SPIRE_NAMESPACE, "spire-server", 443, 9443),
        _webhook(),
        workload("StatefulSet", "spire-server", SPIRE_NAMESPACE, pod),
    )


def _webhook() -> KubernetesObject:
    return {
        **cluster.webhook("Validating", WEBHOOK),
        "webhooks": [
            {
                "name": "clusterspiffeids.workbench.spiffe.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "name": "spire-controller-manager-webhook-service",
                        "namespace": SPIRE_NAMESPACE,
                        "path": "/validate-spire-spiffe-io-v1alpha1-clusterspiffeid",
                    }
                },
                "failurePolicy": "Fail",
                "rules": [
                    {
                        "apiGroups": [_GROUP],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["clusterspiffeids"],
                    }
                ],
                "sideEffects": "None",
            }
        ],
    }


def _agent(images: str) -> tuple[KubernetesObject, ...]:
    socket = f"{SPIRE_SOCKETS}/agent.sock"
    check = ["/opt/spire/bin/spire-agent", "healthcheck", "-socketPath", socket]
    agent = {
        "name": "spire-agent",
        "image": f"{images}/spire-agent:{VERSION}",
        "args": ["-config", "/run/spire/config/agent.conf"],
        "readinessProbe": {"exec": {"command": [*check, "--shallow"]}, "periodSeconds": 5},
        "volumeMounts": mounts(
            {
                "config": "/run/spire/config",
                "bundle": "/run/spire/bundle",
                "token": "/var/run/secrets/tokens",
                "sockets": SPIRE_SOCKETS,
            },
            ("config", "bundle", "token"),
        ),
    }
    token = {"path": "spire-agent", "expirationSeconds": 7200, "audience": "spire-server"}
    pod: dict[str, Any] = {
        "serviceAccountName": "spire-agent",
        "hostPID": True,  # it looks into /proc for who is asking
        "hostNetwork": True,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "containers": [agent],
        "volumes": [
            {"name": "config", "configMap": {"name": "spire-agent"}},
            {"name": "bundle", "configMap": {"name": "spire-bundle"}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
            *host_paths({"sockets": SPIRE_SOCKETS}),
        ],
    }
    return (
        config_map("spire-agent", SPIRE_NAMESPACE, {"agent.conf": _AGENT_CONFIG}),
        workload("DaemonSet", "spire-agent", SPIRE_NAMESPACE, pod),
    )


def _identities() -> tuple[KubernetesObject, ...]:
    template = "spiffe://{{ .TrustDomain }}/ns/{{ .PodMeta.Namespace }}/pod/{{ .PodMeta.Name }}"
    webhook = f"admission-webhook-svc.{NSM_NAMESPACE}"
    specs: tuple[dict[str, Any], ...] = (
        {"podSelector": {"matchLabels": dict(IDENTIFIED)}},
        {
            "podSelector": {"matchLabels": {"app": "admission-webhook-k8s"}},
            "dnsNameTemplates": [webhook, f"{webhook}.svc"],
        },
    )
    return tuple(
        {
            "apiVersion": f"{_GROUP}/v1alpha1",
            "kind": "ClusterSPIFFEID",
            "metadata": meta(name),
            "spec": {"spiffeIDTemplate": template, **spec},
        }
        for name, spec in zip(IDENTITIES, specs, strict=True)
    )
