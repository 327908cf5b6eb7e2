"""What every mesh of a cluster must keep, with no cluster: what it describes is complete, exact, and can be undone."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace

import pydantic_core
import pytest
from cluster_cases import MESHES, PROFILES, REMAKE, application, described, golden, manifests
from kubernetes_objects import complaints

from workbench import adapters
from workbench.environments.kubernetes.objects import is_ours, labelled, labels
from workbench.errors import BadInputError, UnknownNameError
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    Delete,
    HasProxy,
    HelmRelease,
    InterfaceMoved,
    Manifest,
    MetricMoved,
    PodSays,
    TrustAnchor,
    Uninstall,
    Wait,
)
from workbench.model.experiment import MeshSpec

REAL = [name for name in MESHES if name != "baseline"]
LINUX_NODE_FOLDERS = ("/run/spire/", "/var/lib/networkservicemesh", "/var/lib/kubelet", "/sys/fs/cgroup", "/dev/vfio")


@pytest.fixture(params=[(*case, workload) for case in PROFILES for workload in ("echo", "chain")], ids="/".join)
def case(request):
    name, profile, workload = request.param
    return adapters.load("meshes", name), MeshSpec(name=name, profile=profile), application(workload, fan_out=2)


def test_the_four_meshes_and_the_baseline_are_there():
    assert {"baseline", "istio", "linkerd", "consul", "nsm"} <= set(MESHES)


def test_same_spec_same_description(case):
    mesh, spec, app = case
    for say in (mesh.install, mesh.enrol, mesh.gates, mesh.remove):
        assert say(spec, app) == say(copy.deepcopy(spec), copy.deepcopy(app))
    assert mesh.parts(spec) == mesh.parts(spec)
    assert mesh.facts(spec) == mesh.facts(spec)


def test_enrol_leaves_its_argument_alone_and_keeps_the_application_in_its_namespace(case):
    mesh, spec, app = case
    before = copy.deepcopy(app)
    enrolled = mesh.enrol(spec, app)
    assert app == before
    assert isinstance(enrolled, ClusterApplication)
    assert {one["metadata"].get("namespace") for one in (*enrolled.objects, enrolled.client)} == {app.namespace}
    kinds = {(one["kind"], one["metadata"]["name"]) for one in app.objects}
    assert kinds <= {(one["kind"], one["metadata"]["name"]) for one in enrolled.objects}
    names = [(one["kind"], one["metadata"]["name"]) for one in enrolled.objects]
    assert len(set(names)) == len(names)


def test_every_object_would_be_taken_by_an_api_server(case):
    mesh, spec, app = case
    enrolled = mesh.enrol(spec, app)
    found = [line for one in manifests(mesh.install(spec, app)) for line in complaints(one)]
    found += [line for one in (*enrolled.objects, enrolled.client) for line in complaints(one)]
    named = {"name": "x", **enrolled.namespace_metadata}
    found += complaints({"apiVersion": "v1", "kind": "Namespace", "metadata": named})
    assert not found


def test_everything_that_would_be_made_bears_the_runs_labels_and_keeps_its_own(case):
    mesh, spec, app = case
    enrolled = mesh.enrol(spec, app)
    for one in (*manifests(mesh.install(spec, app)), *enrolled.objects, enrolled.client):
        made = labelled(one, "wb-1")
        own = one["metadata"].get("labels") or {}
        assert is_ours(made, "wb-1")
        assert made["metadata"]["labels"] == {**own, **labels("wb-1")}
        if one["kind"] in ("Deployment", "DaemonSet", "StatefulSet"):
            template = made["spec"]["template"]["metadata"]["labels"]
            assert template == {**one["spec"]["template"]["metadata"]["labels"], **labels("wb-1")}
            assert made["spec"]["selector"] == one["spec"]["selector"], "so that pods are found as the mesh finds them"


def test_the_check_of_objects_finds_what_is_wrong():
    app = application()
    wrong = copy.deepcopy(dict(app.client))
    wrong["metadata"]["name"] = "Client_1"
    wrong["spec"]["template"]["spec"]["containers"][0] |= {"image": "fortio", "volumemounts": [], "ports": {}}
    wrong["spec"]["template"]["metadata"]["labels"] = {"a b": "c"}
    assert len(complaints(wrong)) >= 6


def test_steps_are_plain_data_without_secrets(case):
    mesh, spec, app = case
    text = pydantic_core.to_json([mesh.install(spec, app), mesh.remove(spec, app)]).decode()
    assert json.loads(text)
    assert "BEGIN " not in text
    made = {step.name for step in mesh.install(spec, app) if isinstance(step, TrustAnchor)}
    assert set(re.findall(r"\$\{trust\.([a-z]+)\.(?:ca|crt|key)\}", text)) == made
    assert len(re.findall(r"\$\{", text)) == 3 * len(made), "no placeholder that nobody fills in"


def test_versions_are_exact_and_the_one_asked_for_reaches_every_chart_and_image(case):
    mesh, spec, app = case
    asked = replace(spec, version="v9.8.7" if spec.name == "nsm" else "9.8.7")
    for step in mesh.install(spec, app):
        if isinstance(step, HelmRelease):
            assert re.fullmatch(r"\d+\.\d+\.\d+", step.version)
    if spec.name == "baseline":
        return
    assert "9.8.7" in mesh.facts(asked).title
    releases = [step.version for step in mesh.install(asked, app) if isinstance(step, HelmRelease)]
    assert set(releases) <= {"9.8.7"}
    if spec.name == "nsm":
        text = json.dumps([list(manifests(mesh.install(asked, app))), mesh.enrol(asked, app).objects])
        assert set(re.findall(r"networkservicemesh/cmd-[a-z0-9-]+:([^\",\\]+)", text)) == {"v9.8.7"}
    for bad in ("latest", "", "1.2 3", "../1"):
        with pytest.raises(BadInputError, match="must be exact"):
            mesh.install(replace(spec, version=bad), app)


def test_a_protocol_that_is_not_carried_is_refused_before_any_step(case):
    mesh, spec, app = case
    if spec.name == "baseline":
        return
    odd = replace(app, url="udp://server:8078")
    for say in (mesh.install, mesh.enrol, mesh.gates):
        with pytest.raises(BadInputError, match="'udp'"):
            say(spec, odd)


def test_consul_told_http_refuses_tcp_and_told_nothing_takes_it():
    mesh, app = adapters.load("meshes", "consul"), replace(application(), url="tcp://server:8080")
    assert mesh.install(MeshSpec(name="consul"), app)
    with pytest.raises(BadInputError, match="only http"):
        mesh.install(MeshSpec(name="consul", profile="http"), app)


def test_gates_prove_the_answer_the_crossing_and_what_the_facts_promise(case):
    mesh, spec, app = case
    facts, gates = mesh.facts(spec), mesh.gates(spec, mesh.enrol(spec, app))
    assert isinstance(gates[0], Answers)
    assert len({gate.name for gate in gates}) == len(gates)
    assert facts.label == spec.label
    assert not facts.archetype
    if facts.data_plane == "none":
        assert len(gates) == 1
        return
    assert any(isinstance(gate, MetricMoved | InterfaceMoved) for gate in gates), "that the call crossed it is proven"
    assert facts.features, "what is on, and what was switched off, is said"
    if facts.data_plane == "sidecar":
        assert any(isinstance(gate, HasProxy) and not gate.labels for gate in gates), "every pod has its proxy"
        assert any(isinstance(gate, PodSays) for gate in gates)
    security = ("mutual_tls", "true")
    proofs = [gate for gate in gates if isinstance(gate, MetricMoved)]
    seen = any(set(security) & set(gate.labels.values()) or "ssl_handshake" in gate.metric for gate in proofs)
    assert seen == facts.mtls
    for gate in proofs:
        assert gate.part in mesh.parts(spec), "the pods asked are pods that are charged"
        assert gate.deadline_s > 5, "Envoy shows its counters 5 s late"
        assert gate.labels or "ssl_handshake" in gate.metric, "the kubelet's probes must not pass for the call"
    for gate in gates:
        assert not isinstance(gate, InterfaceMoved) or gate.payload_bytes, "nor a liveness ping"


def test_waits_come_after_what_they_wait_for_and_webhooks_are_waited_for(case):
    mesh, spec, app = case
    steps = mesh.install(spec, app)
    made = 0
    for step in steps:
        made += isinstance(step, HelmRelease | Manifest)
        assert made or not isinstance(step, Wait) or step.condition == "established"
    if spec.name != "baseline":
        conditions = [step.condition for step in steps if isinstance(step, Wait)]
        assert "available" in conditions
        assert "webhooks" in conditions


def _removed(mesh, spec, app):
    return [
        (one["kind"], one["metadata"].get("name", ""), one["metadata"].get("namespace", ""))
        for step in mesh.remove(spec, app)
        if isinstance(step, Delete)
        for one in step.objects
    ]


def test_remove_undoes_install(case):
    mesh, spec, app = case
    removed = _removed(mesh, spec, app)
    gone = {(kind, name) for kind, name, _ in removed}
    for one in manifests(mesh.install(spec, app)):
        if "namespace" not in one["metadata"]:
            assert (one["kind"], one["metadata"]["name"]) in gone
        else:
            assert ("Namespace", one["metadata"]["namespace"]) in gone
    installed = [step for step in mesh.install(spec, app) if isinstance(step, HelmRelease)]
    uninstalled = [step for step in mesh.remove(spec, app) if isinstance(step, Uninstall)]
    assert {(step.name, step.namespace) for step in installed} == {(one.release, one.namespace) for one in uninstalled}
    if len(installed) == 2:
        assert [one.release for one in uninstalled] == [step.name for step in reversed(installed)]
    for step in mesh.install(spec, app):
        if isinstance(step, HelmRelease | TrustAnchor):
            assert ("Namespace", step.namespace) in gone
        if isinstance(step, Wait) and step.condition == "webhooks":
            assert set(step.names) <= {name for kind, name in gone if kind.endswith("WebhookConfiguration")}
        if isinstance(step, Wait) and step.condition == "established":
            assert set(step.names) <= {name for kind, name in gone if kind == "CustomResourceDefinition"} | {
                name for name in step.names if name.endswith(".gateway.networking.k8s.io")
            }


def test_remove_touches_nothing_that_others_need(case):
    mesh, spec, app = case
    for step in mesh.remove(spec, app):
        for one in getattr(step, "objects", ()):
            name = one["metadata"].get("name", "")
            assert name or one["metadata"]["labels"], "never all of a kind"
            assert one["metadata"].get("namespace") not in ("kube-system", "default")
            assert not (one["kind"] == "Namespace" and name in ("kube-system", "default", "kube-public"))
            assert not name.endswith(".gateway.networking.k8s.io"), "the Gateway API's CRDs are shared"
            if one["metadata"].get("namespace") == "*":
                assert name in ("istio-ca-root-cert", "istio-ca-crl")


LEFT = {
    "istio": {
        ("MutatingWebhookConfiguration", "istio-sidecar-injector"),
        ("ValidatingWebhookConfiguration", "istiod-default-validator"),
        ("ValidatingWebhookConfiguration", "istio-validator-istio-system"),
        ("ConfigMap", "istio-ca-root-cert"),
        ("ConfigMap", "istio-ca-crl"),
        ("Namespace", "istio-system"),
        *(("GatewayClass", name) for name in ("istio", "istio-remote", "istio-waypoint", "istio-east-west")),
    },
    "linkerd": {
        ("MutatingWebhookConfiguration", "linkerd-proxy-injector-webhook-config"),
        ("ValidatingWebhookConfiguration", "linkerd-sp-validator-webhook-config"),
        ("ValidatingWebhookConfiguration", "linkerd-policy-validator-webhook-config"),
        ("Namespace", "linkerd"),
    },
    "consul": {
        ("MutatingWebhookConfiguration", "consul-connect-injector"),
        ("ValidatingWebhookConfiguration", "consul-connect-injector"),
        ("PersistentVolumeClaim", ""),
        ("Secret", ""),
        ("Job", ""),
        ("CustomResourceDefinition", ""),
        ("Namespace", "consul"),
    },
    "nsm": {
        ("MutatingWebhookConfiguration", "nsm-mutating-webhook"),
        ("ValidatingWebhookConfiguration", "spire-controller-manager-webhook"),
        ("Namespace", "nsm-system"),
        ("Namespace", "spire"),
    },
}
CRDS = {"istio": 15, "linkerd": 10, "nsm": 6}
"""Named one by one; Consul's 24 are found by their label."""


@pytest.mark.parametrize("name", REAL)
def test_every_known_left_over_is_removed(name):
    removed = {
        (kind, one) for kind, one, _ in _removed(adapters.load("meshes", name), MeshSpec(name=name), application())
    }
    assert LEFT[name] <= removed
    if name in CRDS:
        assert len([one for kind, one in removed if kind == "CustomResourceDefinition"]) == CRDS[name]


def test_webhooks_that_fail_closed_go_before_what_they_would_block():
    for name in ("istio", "nsm"):
        order = [kind for kind, _, _ in _removed(adapters.load("meshes", name), MeshSpec(name=name), application())]
        assert order.index("MutatingWebhookConfiguration") < order.index("Namespace")
    order = _removed(adapters.load("meshes", "nsm"), MeshSpec(name="nsm"), application())
    hook = ("ValidatingWebhookConfiguration", "spire-controller-manager-webhook", "")
    assert order.index(hook) < order.index(("Namespace", "spire", ""))


def test_finalizers_are_cleared_where_their_controller_goes():
    steps = adapters.load("meshes", "consul").remove(MeshSpec(name="consul", profile="http"), application())
    assert isinstance(steps[0], Delete)
    assert steps[0].strip_finalizers
    assert isinstance(steps[1], Uninstall), "entries go while their controller lives"


def test_privileges_and_folders_of_the_node_are_nsms_alone(case):
    mesh, spec, app = case
    text = json.dumps([list(manifests(mesh.install(spec, app))), mesh.enrol(spec, app).objects])
    assert ('"privileged": true' in text) == (spec.name == "nsm")
    folders = set(re.findall(r'"hostPath": {"path": "([^"]+)"', text))
    assert all(folder.startswith((*LINUX_NODE_FOLDERS, "/run/spire", "/var/run/vpp")) for folder in folders)
    assert bool(folders) == (spec.name == "nsm")


def test_unknown_profiles_options_and_charts_are_refused_by_name(case):
    mesh, spec, app = case
    with pytest.raises(UnknownNameError, match="profile"):
        mesh.install(replace(spec, profile="nonesuch"), app)
    with pytest.raises(UnknownNameError, match="option"):
        mesh.install(replace(spec, options={"nonesuch": 1}), app)
    with pytest.raises(BadInputError, match="one of spread, same-node, across-nodes"):
        mesh.enrol(replace(spec, options={"placement": "moon"}), app)
    if "values" in mesh.options:
        with pytest.raises(UnknownNameError, match="chart"):
            mesh.install(replace(spec, options={"values": {"nonesuch": {}}}), app)
        with pytest.raises(BadInputError, match="must be a table"):
            chart = {"istio": "istiod", "linkerd": "linkerd-crds"}.get(spec.name, spec.name)
            mesh.install(replace(spec, options={"values": {chart: 1}}), app)


@pytest.mark.parametrize(("name", "profile"), PROFILES, ids="-".join)
def test_what_is_said_is_what_was_said(name, profile):
    """The golden files change with a description, and the change is read before it is committed."""
    path, text = golden(name, profile)
    assert path.exists(), f"make it with: {REMAKE}"
    assert path.read_text(encoding="utf-8") == text, f"read the difference, then remake the golden files: {REMAKE}"


def test_describing_takes_everything_from_the_spec():
    one, other = described("linkerd", "equal"), described("linkerd", "equal")
    assert pydantic_core.to_json(one) == pydantic_core.to_json(other)
