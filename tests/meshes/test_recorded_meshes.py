"""Gates and parts of the real meshes, held to what their own programs told under load."""

from __future__ import annotations

import json
import time

import pytest
from cluster_cases import application
from recorded import FOLDER, NAMESPACE, content, deployment, pods, seconds_between

from workbench import adapters
from workbench.campaigns.runner import ENOUGH_RATIO, held_against
from workbench.environments.kubernetes import proxies, snapshot
from workbench.environments.kubernetes.acting import Acting
from workbench.environments.kubernetes.attribution import components_of
from workbench.environments.kubernetes.designs.effects import Promise, judged
from workbench.environments.kubernetes.proxies import Counted
from workbench.intents import Intent, RateLimit, Target
from workbench.model.cluster_steps import MetricMoved, PartRule
from workbench.model.experiment import MeshSpec, Workload
from workbench.model.protocols import Ask
from workbench.model.records import Component, GateResult
from workbench.text.prometheus import total

RECORDED = {"istio": ("ambient-equal", 200), "linkerd": ("equal", 200), "consul": ("equal", 100)}
"""Mesh -> (profile, requests per second of the recorded load)."""


def gates(mesh):
    spec = MeshSpec(name=mesh, profile=RECORDED[mesh][0])
    found = adapters.load("meshes", mesh).gates(spec, application("echo"))
    return [one for one in found if isinstance(one, MetricMoved)]


def counted(up, *named):
    """Return what these gates prove of the time between the two moments."""
    around = Counted(named, up._by_pod)
    around.before()
    up.cluster.moment = 2
    return around.after(time.time() - proxies.FLUSH_S)


@pytest.mark.parametrize("mesh", RECORDED)
def test_the_counters_of_the_gates_are_read_from_the_application_s_own_proxies(mesh):
    up = deployment(mesh)
    evidence = counted(up, *gates(mesh))
    for one in json.loads(evidence.outputs[proxies.FILE]):
        assert any(value is not None for value in one["before"]["by_pod"].values()), one["gate"]
    assert {path.split("/")[4] for path in up.cluster.asked} == {"istio-system" if mesh == "istio" else NAMESPACE}
    for result in evidence.gates:
        if result.counted is not None:
            sent = RECORDED[mesh][1] * seconds_between(mesh)
            assert result.counted == pytest.approx(sent, rel=0.15), result
            assert result.passed


def test_a_control_plane_s_own_proxies_prove_nothing():
    """Linkerd's have the labels of every other, and count calls over mTLS of their own."""
    (gate,) = gates("linkerd")
    elsewhere = deployment("linkerd", namespace="somewhere-else")
    assert elsewhere._by_pod(gate) == {}
    theirs = PartRule(role="control-plane", namespace="linkerd", containers=("linkerd-proxy",))
    alone = MetricMoved(**{**{name: getattr(gate, name) for name in gate.__slots__}, "part": theirs})
    moving = elsewhere._by_pod(alone)
    assert len(moving) == 3 and sum(value for value in moving.values() if value) > 0


def test_evidence_names_the_series_with_its_labels():
    evidence = counted(deployment("linkerd"), *gates("linkerd"))
    assert 'response_total{direction="inbound", tls="true"}' in evidence.gates[0].evidence


@pytest.mark.parametrize(("moved", "passed"), [(3, False), (719, False), (720, True), (2400, True)])
def test_a_counter_that_moved_by_far_less_than_was_sent_fails_the_gate(moved, passed):
    assert ENOUGH_RATIO == 0.9
    of_requests = GateResult(name="over mTLS", passed=True, evidence="it moved", counted=moved)
    of_connections = GateResult(name="carried", passed=True, evidence="it moved")
    first, second = held_against((of_requests, of_connections), 800)
    assert first.passed is passed and second == of_connections
    assert passed or "800 requests" in first.evidence


def test_linkerd_has_two_workers_and_istio_no_access_log_where_profiles_are_equal():
    linkerd = pods("linkerd")
    cores = {
        one["value"]
        for pod in linkerd
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
        if container["name"] == "linkerd-proxy"
        for one in container["env"]
        if one["name"] == "LINKERD2_PROXY_CORES_MIN"
    }
    values = adapters.load("meshes", "linkerd").install(MeshSpec(name="linkerd", profile="equal"), application("echo"))
    (chart,) = [step for step in values if getattr(step, "chart", "").endswith("linkerd-control-plane")]
    assert {str(chart.values["proxy"]["runtime"]["workers"]["minimum"])} == cores == {"2"}
    steps = adapters.load("meshes", "istio").install(
        MeshSpec(name="istio", profile="ambient-equal"), application("echo")
    )
    (ztunnel,) = [step for step in steps if getattr(step, "chart", "").endswith("ztunnel")]
    assert ztunnel.values["logLevel"] == "info,access=off"


@pytest.mark.parametrize(
    ("mesh", "profile", "expected"),
    [
        (
            "istio",
            "ambient-equal",
            {"node-proxy": 1, "control-plane": 1, "node-agent": 1, "application": 1, "load-generator": 1},
        ),
        ("linkerd", "equal", {"sidecar": 2, "control-plane": 8, "application": 1, "load-generator": 1}),
        ("consul", "equal", {"sidecar": 2, "control-plane": 3, "application": 1, "load-generator": 1}),
        (
            "nsm",
            "equal",
            {"node-proxy": 3, "control-plane": 4, "node-agent": 1, "application": 1, "load-generator": 1, "sidecar": 2},
        ),
    ],
)
def test_every_container_has_a_role(mesh, profile, expected):
    rules = adapters.load("meshes", mesh).parts(MeshSpec(name=mesh, profile=profile))
    found = components_of(pods(mesh), NAMESPACE, {"app": "client"}, rules, ["node-real"])
    roles = [one.role for one in found if one.role not in ("system", "node", "unattributed")]
    assert {role: roles.count(role) for role in set(roles)} == expected


def test_totals_of_recorded_pages_are_what_they_say():
    page = content("linkerd", 1, "proxy-workbench-app-server.prom")
    assert total(page, "response_total", {"direction": "inbound", "tls": "true"}) == 819


# ---------------------------------------------------------------------- what the real programs showed
@pytest.mark.parametrize(
    ("name", "state", "named"),
    [
        ("authorizationpolicy", "in-effect", "ZtunnelAccepted"),
        ("authorizationpolicy-at-once", "in-effect", "ZtunnelAccepted"),
        ("authorizationpolicy-layer-7", "failed", "HTTP attributes"),
    ],
)
def test_istiod_s_own_condition_and_its_generation_in_text_are_understood(name, state, named):
    policy = json.loads((FOLDER / "istio" / f"{name}.json").read_text())
    found = judged(policy, Promise(), patient=True)
    assert found.state == state and named in found.sentence
    later = {**policy, "metadata": {**policy["metadata"], "generation": 2}}
    assert judged(later, Promise()).state == "waiting", "it has looked at generation 1 only"


def test_a_volume_that_goes_by_itself_is_waited_for():
    volume = {
        "metadata": {"name": "pvc-1"},
        "spec": {"persistentVolumeReclaimPolicy": "Delete"},
        "status": {"phase": "Released"},
    }

    class Held:
        def __init__(self, *volumes, looks=10**6):
            self.volumes, self.looks, self.asked = volumes, looks, []

        def listed(self, version, kind):
            self.asked.append(kind)
            there = kind == "PersistentVolume" and self.asked.count(kind) <= self.looks
            return (list(self.volumes) if there else []), ""

    before, after = snapshot.take(Held()), snapshot.take(Held(volume))
    assert snapshot.only_volumes_going(before, after)
    kept = {**volume, "spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    assert not snapshot.only_volumes_going(before, snapshot.take(Held(kept)))
    assert snapshot.differences(before, snapshot.take(Held(kept))) == ("PersistentVolume pvc-1 is left behind",)
    assert not snapshot.only_volumes_going(before, before)
    waiting = Held(volume, looks=2)
    assert Acting(cluster=waiting, run="x", before=before, helm=None).left_behind() == ()
    assert waiting.asked.count("PersistentVolume") == 3 and waiting.asked.count("ConfigMap") == 1


@pytest.mark.parametrize("workload", ["emojivoto", "online-boutique", "echo"])
def test_linkerd_parses_what_grpc_services_say_that_they_speak(workload):
    plain = adapters.load("workloads", workload).cluster_application(
        Workload(name=workload, payload_bytes=0), "grpc" if workload == "echo" else "http/1.1"
    )
    services = [one for one in plain.objects if one["kind"] == "Service"]
    assert "grpc" in {port.get("appProtocol") for one in services for port in one["spec"]["ports"]}
    enrolled = adapters.load("meshes", "linkerd").enrol(MeshSpec(name="linkerd"), plain)
    ports = [port for one in enrolled.objects if one["kind"] == "Service" for port in one["spec"]["ports"]]
    known = {"http", "kubernetes.io/h2c", "linkerd.io/tcp", "linkerd.io/opaque", "tcp"}
    assert {port.get("appProtocol") for port in ports} <= known
    assert any("kubernetes.io/h2c" in note for note in enrolled.notes)
    istio = adapters.load("meshes", "istio").enrol(MeshSpec(name="istio"), plain)
    services = [one for one in istio.objects if one["kind"] == "Service"]
    assert "grpc" in {port["appProtocol"] for one in services for port in one["spec"]["ports"]}


@pytest.mark.parametrize("workload", ["echo", "chain", "emojivoto", "online-boutique", "bookinfo", "httpbin"])
def test_no_pod_is_probed_in_a_way_that_strict_mtls_refuses(workload):
    asked = Workload(name=workload, payload_bytes=0)
    found = adapters.load("workloads", workload).cluster_application(asked, "http/1.1")
    probes = [
        container["readinessProbe"]
        for one in (*found.objects, found.client)
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
        if "readinessProbe" in container
    ]
    assert probes and all("tcpSocket" in one for one in probes)


def test_consul_s_community_edition_limits_no_rates():
    mesh, spec = adapters.load("meshes", "consul"), MeshSpec(name="consul", profile="http")
    target = Target(namespace="shop", service="web", deployments=("web",), port=80, protocol="http")
    intent = Intent(name="slow", rate_limit=RateLimit(requests_per_s=5, burst=5))
    (answer,) = mesh.configure(spec, intent, target).answers
    assert answer.support == "unsupported" and "Enterprise" in answer.says


def test_nsm_s_manager_listens_on_addresses_of_either_family():
    steps = adapters.load("meshes", "nsm").install(MeshSpec(name="nsm"), application("echo"))
    (listen,) = {
        one["value"]
        for step in steps
        for thing in getattr(step, "objects", ())
        if thing["kind"] == "DaemonSet"
        for container in thing["spec"]["template"]["spec"]["containers"]
        for one in container.get("env", ())
        if one["name"] == "NSM_LISTEN_ON" and "tcp" in one["value"]
    } - {None}
    assert "[" not in listen and listen.endswith("tcp://:5001")


def pressure_of(values):
    """Return what is read of a node's pressure where cAdvisor's pages tell these totals, some seconds apart."""
    reader = adapters.load("telemetry", "kubelet").reader([Component(name="n", role="node", instance="n", node="n")])
    for at_s, value in enumerate(values, start=1):
        labels = 'container="",id="/",image="",name="",namespace="",pod=""'
        other = labels.replace('id="/"', 'id="/kubepods"')
        text = "".join(
            f"container_pressure_cpu_waiting_seconds_total{{{one}}} {told} {at_s * 1000}\n"
            for one, told in ((labels, value), (other, 99.0))
        )
        reader.take(Ask(via="kubelet", path="metrics/cadvisor", node="n"), text.encode())
    return [row[2].get("psi_some_s") for row in reader.edges((1.0, float(len(values))))]


def test_pressure_of_a_node_is_its_root_s_and_zero_means_that_it_is_not_measured():
    assert pressure_of([1.5, 1.75, 2.5]) == [1.5, 2.5]
    assert pressure_of([0.0, 0.0, 0.0]) == []


@pytest.mark.parametrize("mesh", ["istio", "linkerd", "consul", "nsm"])
def test_a_node_of_cgroup_v1_tells_no_pressure(mesh):
    reader = adapters.load("telemetry", "kubelet").reader(
        [Component(name="node-real", role="node", instance="node-real", node="node-real")]
    )
    for moment in (1, 2):
        page = content(mesh, moment, "metrics-cadvisor.prom")
        assert b"container_pressure_cpu_waiting_seconds_total" in page
        rows = reader.take(Ask(via="kubelet", path="metrics/cadvisor", node="node-real"), page)
        assert not [row for row in rows if "psi_some_s" in row[2]]
