"""What uninstalling Istio's charts leaves on a cluster; part of the description of its removal."""

from __future__ import annotations

from workbench.meshes import _cluster_options as cluster
from workbench.model.cluster_steps import KubernetesObject

_KINDS = {
    "extensions.istio.io": ("trafficextensions", "wasmplugins"),
    "networking.istio.io": (
        "destinationrules",
        "envoyfilters",
        "gateways",
        "proxyconfigs",
        "serviceentries",
        "sidecars",
        "virtualservices",
        "workloadentries",
        "workloadgroups",
    ),
    "security.istio.io": ("authorizationpolicies", "peerauthentications", "requestauthentications"),
    "telemetry.istio.io": ("telemetries",),
}
CRDS = tuple(f"{plural}.{group}" for group, plurals in _KINDS.items() for plural in plurals)
"""All 15 bear Helm's policy "keep", so they outlive the chart."""

_GATEWAY_CLASSES = ("istio", "istio-remote", "istio-waypoint", "istio-east-west")
_WEBHOOKS = (
    ("Mutating", "istio-sidecar-injector"),
    ("Validating", "istio-validator-istio-system"),
    ("Validating", "istiod-default-validator"),
)


def left_overs(namespace: str) -> tuple[KubernetesObject, ...]:
    """Return what is to be gone: webhooks first (one with policy Fail blocks every pod), the namespace last.

    istiod itself makes the GatewayClasses and, in every namespace, the ConfigMaps with its root certificate and, from
    1.31 on, with the list of revoked ones.
    """
    return (
        *(cluster.webhook(kind, name) for kind, name in _WEBHOOKS),
        *(cluster.named("gateway.networking.k8s.io/v1", "GatewayClass", name) for name in _GATEWAY_CLASSES),
        *(cluster.crd(name) for name in CRDS),
        cluster.named("v1", "ConfigMap", "istio-ca-root-cert", "*"),
        cluster.named("v1", "ConfigMap", "istio-ca-crl", "*"),
        cluster.named("v1", "Namespace", namespace),
    )
