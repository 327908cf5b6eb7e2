"""Pods in, components out: whom a container is charged to, what it reserves, and what is said where it does not."""

from __future__ import annotations

import pytest

from workbench.environments.kubernetes import sources
from workbench.environments.kubernetes.attribution import components_of, reserved_by
from workbench.environments.kubernetes.client import RefusedError
from workbench.environments.kubernetes.collecting import kubelets
from workbench.environments.kubernetes.proxies import Counted
from workbench.errors import BadInputError, UnsupportedError
from workbench.model.cluster_steps import MetricMoved, PartRule
from workbench.model.records import Reserved

PARTS = (
    PartRule(role="node-proxy", namespace="mesh", labels={"app": "ztunnel"}),
    PartRule(role="control-plane", namespace="mesh"),
    PartRule(role="sidecar", containers=("proxy",)),
)


def pod(name, namespace="shop", node="n1", containers=("app",), native=(), **labels):
    def container(one):
        return {"name": one, "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1"}}}

    init = [{"name": "setup"}, *({**container(one), "restartPolicy": "Always"} for one in native)]
    spec = {"nodeName": node, "containers": [container(one) for one in containers], "initContainers": init}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}


def roles(*pods, nodes=("n1",)):
    found = components_of(pods, "shop", {"app": "client"}, PARTS, nodes)
    return {one.instance: one.role for one in found}


def test_native_sidecars_are_charged_like_containers_and_other_init_containers_are_not_there():
    found = roles(pod("server", native=("proxy",)))
    assert found["n1/shop/server/proxy"] == "sidecar"
    assert found["n1/shop/server/app"] == "application"
    assert "n1/shop/server/setup" not in found


def test_everything_on_a_node_is_charged_to_somebody():
    found = roles(
        pod("client", containers=("fortio", "proxy"), app="client"),
        pod("ztunnel-x", namespace="mesh", containers=("proxy",), app="ztunnel"),
        pod("istiod", namespace="mesh"),
        pod("dns", namespace="kube-system"),
        pod("elsewhere", node="n2"),
    )
    assert found == {
        "n1/shop/client/fortio": "load-generator",
        "n1/shop/client/proxy": "sidecar",
        "n1/mesh/ztunnel-x/proxy": "node-proxy",
        "n1/mesh/istiod/app": "control-plane",
        "n1/kube-system/dns/app": "system",
        "n1/@kubelet": "system",
        "n1/@runtime": "system",
        "n1": "node",
        "n1/": "unattributed",
    }


def test_proxies_in_the_pods_of_others_are_no_part_of_the_measured_data_plane():
    found = roles(pod("shop-of-others", namespace="others", containers=("app", "proxy")))
    assert found["n1/others/shop-of-others/proxy"] == "system"


def test_what_is_not_set_is_none_and_what_is_in_force_goes_before_what_was_asked_for():
    asked = {"resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}}
    assert reserved_by(asked, {}) == Reserved(cpu_request_cores=0.25, memory_limit_bytes=2**30)
    assert reserved_by({}, {}) == Reserved()
    resized = {"resources": {"requests": {"cpu": "2"}}}
    assert reserved_by(asked, resized) == Reserved(cpu_request_cores=2.0)


class Rig:
    """A cluster as far as `sources.choose` asks it."""

    def __init__(self, *, kubelets=False, services=(), metrics=False, lacks=("token",)):
        self.kubelets, self.services, self.metrics, self.lacks = kubelets, services, metrics, lacks

    def may(self, verb, group, resource, subresource=""):
        if (verb, group, resource, subresource) == ("get", "", "nodes", "proxy"):
            return self.kubelets
        return not {verb, resource, subresource} & set(self.lacks)

    def listed(self, version, kind, selector=""):
        if self.services is None:
            raise RefusedError("no", 403)
        return [one for one in self.services if kind == "Service" and selector], ""

    def page_once(self, path, timeout_s):
        return b"{}" if self.metrics and path == sources.METRICS_API else None


SERVICE = {"metadata": {"name": "prometheus-k8s", "namespace": "monitoring"}, "spec": {"ports": [{"port": 9090}]}}


def test_the_best_source_that_may_be_used_is_chosen_and_why_is_said():
    assert sources.choose(Rig(kubelets=True, services=[SERVICE]), "", "").name == "kubelet"
    found = sources.choose(Rig(services=[SERVICE], metrics=True), "", "")
    assert (found.name, found.prometheus) == ("prometheus", "monitoring/prometheus-k8s:9090")
    assert found.why == "this user may not get nodes/proxy"
    assert sources.choose(Rig(services=None, metrics=True), "", "").name == "metrics-api"
    assert "no CPU and no memory" in sources.choose(Rig(), "", "").why


def test_a_pod_of_the_runs_own_asks_where_it_may_be_made_and_given_its_rights():
    found = sources.choose(Rig(services=[SERVICE], lacks=()), "", "")
    assert (found.name, found.collector, found.why) == ("kubelet", True, "this user may not get nodes/proxy")
    assert sources.choose(Rig(lacks=("escalate",)), "", "").collector, "who has the rights may give them"
    assert sources.choose(Rig(lacks=("metrics",)), "", "").collector, "and who may give rights that he has not"
    for lacking in (("escalate", "stats"), ("clusterrolebindings",), ("deployments",), ("proxy",)):
        assert sources.choose(Rig(services=[SERVICE], lacks=lacking), "", "").name == "prometheus"
    assert sources.choose(Rig(lacks=()), "", "m/p:9090").name == "prometheus", "which was named"
    assert not sources.choose(Rig(kubelets=True, lacks=()), "", "").collector
    assert sources.choose(Rig(kubelets=True, lacks=()), "collector", "").why == ""
    with pytest.raises(UnsupportedError, match="rbac --metrics-only"):
        sources.choose(Rig(kubelets=True), "collector", "")


def test_kubelets_are_found_where_their_nodes_say():
    def node(name, *addresses, **status):
        told = [{"type": kind, "address": address} for kind, address in addresses]
        return {"metadata": {"name": name}, "status": {"addresses": told, **status}}

    other = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 10350}}}
    nodes = [
        node("a", ("Hostname", "a"), ("InternalIP", "192.0.2.1"), ("InternalIP", "2001:db8::1")),
        node("b", ("InternalIP", "2001:db8::2"), **other),
        node("c", ("ExternalIP", "203.0.113.1")),
    ]
    assert kubelets(nodes) == {"a": "192.0.2.1:10250", "b": "[2001:db8::2]:10350"}


def test_a_source_that_is_asked_for_is_used_or_refused():
    assert sources.choose(Rig(kubelets=True), "prometheus", "m/p:9090").prometheus == "m/p:9090"
    assert sources.choose(Rig(kubelets=True, metrics=True), "metrics-api", "").why == ""
    with pytest.raises(UnsupportedError, match="set the address of its Prometheus"):
        sources.choose(Rig(kubelets=True), "prometheus", "")
    with pytest.raises(UnsupportedError, match="install metrics-server"):
        sources.choose(Rig(kubelets=True), "metrics-api", "")
    for telemetry, prometheus in (("graphite", ""), ("", "../../etc"), ("", "m/p")):
        with pytest.raises(BadInputError, match="cannot be"):
            sources.choose(Rig(kubelets=True), telemetry, prometheus)


GATE = MetricMoved(
    name="requests pass the proxy", part=PartRule(role="sidecar"), port=1, path="/m", metric="requests_total"
)


def counted(monkeypatch, *readings):
    monkeypatch.setattr("workbench.environments.kubernetes.proxies.FLUSH_S", 0.0)
    told = iter(readings)
    counters = Counted((GATE,), lambda _: next(told))
    counters.before()
    return counters.after(0.0)


def test_proxies_counters_around_the_load_are_kept_and_judged(monkeypatch):
    evidence = counted(monkeypatch, {"a": 5.0, "b": 7.0}, {"a": 105.0, "b": 3.0, "new": 9.0})
    (gate,) = evidence.gates
    assert gate.passed and "moved by 103" in gate.evidence, "b was restarted and counts from 0 again"
    assert b'"moved": 103.0' in evidence.outputs["proxies.json"]
    assert not counted(monkeypatch, {"a": 5.0}, {"a": 5.0}).gates[0].passed
    assert counted(monkeypatch, {"a": None}, {"a": 5.0}).gates == (), "what could not be read proves nothing"
