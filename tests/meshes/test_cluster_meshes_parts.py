"""Whom the containers of each mesh are charged to: the pods as the projects' own charts and webhooks make them."""

from __future__ import annotations

import pytest

from workbench import adapters
from workbench.model.cluster_steps import PartRule
from workbench.model.experiment import MeshSpec

APP = "workbench-app"
APPLICATION = "application"
"""What no part of a mesh claims in the application's namespace; the environment knows those pods itself."""

ISTIO_SIDECAR = {"app": "server", "security.istio.io/tlsMode": "istio"}
LINKERD_SIDECAR = {"app": "server", "linkerd.io/control-plane-ns": "linkerd", "linkerd.io/workload-ns": APP}
CONSUL_SIDECAR = {"app": "server", "consul.hashicorp.com/connect-inject-status": "injected"}
GATEWAY = "gateway.networking.k8s.io/gateway-name"

SIDECARS = {
    "istio": [
        ("istio-system", {"app": "istiod"}, "discovery", "control-plane"),
        (APP, ISTIO_SIDECAR, "istio-proxy", "sidecar"),
        (APP, ISTIO_SIDECAR, "istio-init", "sidecar"),
        (APP, ISTIO_SIDECAR, "app", APPLICATION),
    ],
    "ambient": [
        ("istio-system", {"app": "istiod"}, "discovery", "control-plane"),
        ("istio-system", {"k8s-app": "istio-cni-node"}, "install-cni", "node-agent"),
        ("istio-system", {"app": "ztunnel"}, "istio-proxy", "node-proxy"),
        (APP, {"app": "server"}, "app", APPLICATION),
    ],
    "waypoint": [
        ("istio-system", {"app": "istiod"}, "discovery", "control-plane"),
        ("istio-system", {"k8s-app": "istio-cni-node"}, "install-cni", "node-agent"),
        ("istio-system", {"app": "ztunnel"}, "istio-proxy", "node-proxy"),
        (APP, {GATEWAY: "waypoint", "gateway.istio.io/managed": "istio.io-mesh-controller"}, "istio-proxy", "waypoint"),
        (APP, {"app": "server"}, "app", APPLICATION),
    ],
    "linkerd": [
        ("linkerd", {"linkerd.io/control-plane-component": "destination"}, "policy", "control-plane"),
        (
            "linkerd",
            {"linkerd.io/control-plane-component": "identity", "linkerd.io/control-plane-ns": "linkerd"},
            "linkerd-proxy",
            "control-plane",
        ),
        (APP, LINKERD_SIDECAR, "linkerd-proxy", "sidecar"),
        (APP, LINKERD_SIDECAR, "app", APPLICATION),
    ],
    "consul": [
        ("consul", {"app": "consul", "component": "server"}, "consul", "control-plane"),
        ("consul", {"component": "connect-injector"}, "sidecar-injector", "control-plane"),
        (APP, CONSUL_SIDECAR, "consul-dataplane", "sidecar"),
        (APP, CONSUL_SIDECAR, "app", APPLICATION),
    ],
    "nsm": [
        ("nsm-system", {"app": "nsmgr"}, "nsmgr", "node-proxy"),
        ("nsm-system", {"app": "nsmgr"}, "exclude-prefixes", "node-proxy"),
        ("nsm-system", {"app": "forwarder-vpp"}, "forwarder-vpp", "node-proxy"),
        ("nsm-system", {"app": "registry"}, "registry", "control-plane"),
        ("nsm-system", {"app": "admission-webhook-k8s"}, "admission-webhook-k8s", "control-plane"),
        ("spire", {"app": "spire-server"}, "spire-controller-manager", "control-plane"),
        ("spire", {"app": "spire-agent"}, "spire-agent", "node-agent"),
        (APP, {"app": "client"}, "cmd-nsc", "sidecar"),
        (APP, {"app": "server"}, "nse", "sidecar"),
        (APP, {"app": "server"}, "app", APPLICATION),
    ],
}
MESH = {"ambient": ("istio", "ambient-equal"), "waypoint": ("istio", "waypoint")}
CASES = [(which, *row) for which, rows in SIDECARS.items() for row in rows]


def matches(part: PartRule, namespace: str, labels: dict[str, str], container: str) -> bool:
    return (
        part.namespace in ("", namespace)
        and part.labels.items() <= labels.items()
        and (not part.containers or container in part.containers)
    )


def parts_of(which: str) -> tuple[PartRule, ...]:
    name, profile = MESH.get(which, (which, "default"))
    return adapters.load("meshes", name).parts(MeshSpec(name=name, profile=profile))


@pytest.mark.parametrize(("which", "namespace", "labels", "container", "role"), CASES)
def test_every_container_is_charged_to_whom_it_belongs(which, namespace, labels, container, role):
    found = [part for part in parts_of(which) if matches(part, namespace, labels, container)]
    assert (found[0].role if found else APPLICATION) == role


@pytest.mark.parametrize("which", SIDECARS)
def test_where_two_parts_match_the_first_is_the_narrower_one(which):
    """First match wins; nothing may hang on that except a part that stands out of a wider one."""
    parts = parts_of(which)
    for namespace, labels, container, _ in SIDECARS[which]:
        found = [part for part in parts if matches(part, namespace, labels, container)]
        assert len(found) <= 2
        if len(found) == 2 and found[0].role != found[1].role:
            first, second = found
            assert first.namespace, "a part of any namespace is tried last"
            assert first.namespace == second.namespace or not second.namespace
            assert len(first.labels) >= len(second.labels) or not second.namespace


@pytest.mark.parametrize("which", SIDECARS)
def test_no_part_is_in_vain(which):
    parts = parts_of(which)
    used = set()
    for namespace, labels, container, _ in SIDECARS[which]:
        used |= {next((n for n, p in enumerate(parts) if matches(p, namespace, labels, container)), None)}
    assert used - {None} >= set(range(len(parts)))


def test_the_baseline_charges_nothing_to_a_mesh():
    assert adapters.load("meshes", "baseline").parts(MeshSpec(name="baseline")) == ()
