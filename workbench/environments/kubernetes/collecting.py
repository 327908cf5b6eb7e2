"""Asking kubelets straight, where nobody may ask them by way of the API server.

A pod of the run's own hands requests on: the load generator's image, which every run pulls anyway, as a plain HTTP
proxy (Fortio's `fetch2`). It holds no token. Each request carries one that the API server issues to a ServiceAccount
with no other rights than ``nodes/metrics`` and ``nodes/stats``; it is kept in memory, and travels in bodies, which no
log keeps.

The pod trusts whom the cluster tells every pod to trust, ``kube-root-ca.crt``. Whether that authority signed a
kubelet's certificate is tried before the first token goes there; one that it did not sign is taken as it is, and the
run says so.
Source: Fortio 1.75.2 ``fhttp/http_utils.go`` (``CommonHTTPOptionsFromForm``), ``fhttp/http_forwarder.go``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.objects import namespace
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import ClusterStep, Manifest, Wait

NAME = "workbench-collector"
"""Of the namespace and everything in it, and of the ClusterRole."""

PORT = 8080
READY_S = 120.0
_TOKEN_S = 3600
"""How long a token is asked for; the API server may give a shorter one. It is renewed when 4/5 are over."""

ONLY_WHERE = "this user may not get nodes/proxy and may create these"
"""What about a cluster decides whether the pod is made, where the options leave the source open; see `sources`."""

_ROOTS, _TRUSTED = "kube-root-ca.crt", "/workbench-collector"
"""The ConfigMap that Kubernetes puts into every namespace, and where the pod finds it."""

_UNTRUSTED = re.compile(r"x509: ([^\n]+)")
"""How Go begins the sentence that says why a certificate is not trusted."""

_ANSWERED = (200, 401, 403)
"""With what a kubelet answers who shows no token; each comes after its certificate was found right."""

_LISTENERS = ("grpc", "tcp", "udp", "redirect")
_GROUP = "rbac.authorization.k8s.io"
_RIGHTS = [{"apiGroups": [""], "resources": ["nodes/metrics", "nodes/stats"], "verbs": ["get"]}]


def image_of(client: Mapping[str, Any]) -> str:
    """Return the image of an application's client, which the pod runs too."""
    return str(client["spec"]["template"]["spec"]["containers"][0]["image"])


def steps(image: str) -> tuple[ClusterStep, ...]:
    """Return how the pod and its rights come up; ``image`` is the load generator's."""
    meta, label = {"name": NAME, "namespace": NAME}, {"app": NAME}
    container = {
        "name": "collector",
        "image": image,
        "args": [
            *("server", "-http-port", str(PORT), "-cacert", f"{_TRUSTED}/ca.crt"),
            *(f"-{one}-port=disabled" for one in _LISTENERS),
        ],
        "volumeMounts": [{"name": "trusted", "mountPath": _TRUSTED, "readOnly": True}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "trusted", "configMap": {"name": _ROOTS}}],
    }
    objects: tuple[Object, ...] = (
        namespace(NAME),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{_GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": _RIGHTS},
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**meta, "labels": label},
            "spec": {
                "selector": {"matchLabels": label},
                "template": {"metadata": {"labels": label}, "spec": pod},
            },
        },
    )
    return (
        Manifest(name="the pod that queries the kubelets", objects=objects),
        Wait(condition="available", namespace=NAME, deadline_s=READY_S),
    )


@dataclass(slots=True)
class Collector:
    """Fetches the kubelets' pages through the pod that `steps` brought up."""

    cluster: Cluster
    _kubelets: dict[str, str] = field(default_factory=dict)
    _doubts: dict[str, str] = field(default_factory=dict)
    _pod: str = ""
    _token: str = field(default="", repr=False)
    _renew_at: float = 0.0

    def start(self) -> None:
        """Find the pod and get a token, so that what is missing is said before anything is measured.

        Raises
        ------
        RunFailedError
            With what the API server refuses.
        """
        self._find()
        self._bearer()

    def page(self, node: str, path: str, timeout_s: float) -> bytes | None:
        """Return one page of a node's kubelet; None when it cannot be had just now: telemetry must not wait."""
        try:
            doubt = self._doubt(node, timeout_s)
            if doubt is None:
                return None
            insecure = {"https-insecure": "on"} if doubt else {}
            asked = {**insecure, "H": f"Authorization: Bearer {self._bearer()}"}
            status, said = self._asked(node, path, asked, timeout_s)
        except (RunFailedError, UnsupportedError):
            return None
        return said if status == 200 else None

    def trust(self, node: str) -> str:
        """Say whether the certificate of a node's kubelet was checked; empty while it has not answered."""
        doubt = self._doubts.get(node)
        if doubt is None:
            return ""
        return f"its certificate was not checked: {doubt}" if doubt else "its certificate checked with the cluster's CA"

    def _doubt(self, node: str, timeout_s: float) -> str | None:
        """Return why the certificate of a node's kubelet cannot be checked, empty where it can; tried once, no token.

        None where it does not answer just now.
        """
        if node not in self._doubts:
            status, said = self._asked(node, "healthz", {}, timeout_s)
            untrusted = _UNTRUSTED.search(said.decode(errors="replace")) if status == 400 else None
            if untrusted:
                self._doubts[node] = untrusted[1].strip()
            elif status in _ANSWERED:
                self._doubts[node] = ""
        return self._doubts.get(node)

    def _asked(self, node: str, path: str, fields: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        """Let the pod ask a node's kubelet; return what came of it, as `Cluster.form_once`."""
        place = f"/api/v1/namespaces/{NAME}/pods/{self._pod or self._find()}:{PORT}/proxy/fortio/fetch2/"
        url = quote(f"https://{self._kubelet(node)}/{path}", safe="")
        status, said = self.cluster.form_once(f"{place}?url={url}", fields, timeout_s)
        if status == 0 or status >= 500:
            self._pod = ""  # it may be another one by now
        return status, said

    def _find(self) -> str:
        pods, _ = self.cluster.listed("v1", "Pod", NAME, f"app={NAME}", "status.phase=Running")
        if not pods:
            raise RunFailedError(f"The pod that queries the kubelets is missing (namespace {NAME}).")
        self._pod = str(pods[0]["metadata"]["name"])
        return self._pod

    def _bearer(self) -> str:
        if time.monotonic() > self._renew_at:
            path = f"/api/v1/namespaces/{NAME}/serviceaccounts/{NAME}/token"
            made = self.cluster.json("post", path, {"spec": {"expirationSeconds": _TOKEN_S}})
            self._token = made["status"]["token"]
            self._renew_at = time.monotonic() + 0.8 * float(made["spec"].get("expirationSeconds") or _TOKEN_S)
        return self._token

    def _kubelet(self, node: str) -> str:
        """Return where a node's kubelet listens."""
        if node not in self._kubelets:
            self._kubelets |= kubelets(self.cluster.listed("v1", "Node")[0])
        if node not in self._kubelets:
            raise RunFailedError(f"The cluster has no address for {node}.")
        return self._kubelets[node]


def kubelets(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return node -> ``ADDRESS:PORT`` of its kubelet, by its internal address; IPv6 in brackets."""
    found = {}
    for one in nodes:
        status = one.get("status") or {}
        told = [each["address"] for each in status.get("addresses") or () if each.get("type") == "InternalIP"]
        port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port") or 10250
        if told:
            host = f"[{told[0]}]" if ":" in told[0] else told[0]
            found[one["metadata"]["name"]] = f"{host}:{port}"
    return found


def may_collect(cluster: Cluster) -> bool:
    """Whether this user may bring the pod up, give it its rights, and ask it."""
    group = "rbac.authorization.k8s.io"
    wanted = (
        ("create", "", "serviceaccounts", "token"),
        ("create", "", "pods", "proxy"),
        ("create", "apps", "deployments", ""),
        ("create", group, "clusterroles", ""),
        ("create", group, "clusterrolebindings", ""),
    )
    if not all(cluster.may(verb, group, resource, subresource=part) for verb, group, resource, part in wanted):
        return False
    own = all(cluster.may("get", "", "nodes", subresource=part) for part in ("metrics", "stats"))
    return own or cluster.may("escalate", group, "clusterroles")
