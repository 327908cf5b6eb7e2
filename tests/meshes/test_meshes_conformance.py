"""What every mesh adapter of the lab must keep, with nothing running; for clusters: test_cluster_meshes.py."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from workbench import adapters
from workbench.errors import BadInputError, UnknownNameError
from workbench.model.experiment import MeshSpec, Workload
from workbench.model.lab_steps import DATA_PLANE_ROLES, Certificates, Network, Probe, Process

PRODUCTS = ("istio", "linkerd", "consul", "nsm", "cilium", "ambient", "ztunnel", "network service mesh")


def _of_the_lab(group):
    return [name for name in adapters.names(group) if "lab" in adapters.load(group, name).environments]


CASES = [
    (name, profile, workload)
    for name in _of_the_lab("meshes")
    for profile in adapters.load("meshes", name).profiles
    for workload in _of_the_lab("workloads")
]


@pytest.fixture(params=CASES, ids="/".join)
def case(request):
    name, profile, workload = request.param
    application = adapters.load("workloads", workload).application(Workload(name=workload, fan_out=2))
    return adapters.load("meshes", name), MeshSpec(name=name, profile=profile), application


def test_same_spec_same_steps(case):
    mesh, spec, application = case
    assert mesh.install(spec, application) == mesh.install(spec, application)
    assert mesh.gates(spec, application) == mesh.gates(spec, application)


def test_enrol_leaves_its_argument_alone_and_routes_every_call(case):
    mesh, spec, application = case
    before = copy.deepcopy(application)
    enrolled = mesh.enrol(spec, application)
    assert application == before
    assert set(enrolled.routes) == {f"{caller}>{callee}" for caller, callee in application.edges()}


def test_every_route_leads_to_a_port_that_a_process_binds(case):
    mesh, spec, application = case
    enrolled = mesh.enrol(spec, application)
    processes = [step for step in mesh.install(spec, application) if isinstance(step, Process)]
    processes += [service.process for service in enrolled.services]
    names = [process.name for process in processes]
    assert len(set(names)) == len(names)
    ports = {(process.name, port) for process in processes for port in process.ports}
    for endpoint in enrolled.routes.values():
        assert (endpoint.component, endpoint.port) in ports


def test_data_plane_processes_are_charged_to_the_data_plane(case):
    mesh, spec, application = case
    facts = mesh.facts(spec)
    roles = {step.role for step in mesh.install(spec, application) if isinstance(step, Process)}
    assert roles == ({facts.data_plane} if facts.data_plane in DATA_PLANE_ROLES else set())
    assert (facts.data_plane == "kernel") == any(isinstance(s, Network) for s in mesh.install(spec, application))


def test_gates_prove_the_answer_and_what_the_facts_promise(case):
    mesh, spec, application = case
    enrolled = mesh.enrol(spec, application)
    gates = mesh.gates(spec, enrolled)
    assert isinstance(gates[0], Probe)
    assert gates[0].expect == "answer"
    assert gates[0].target == enrolled.target
    refused = [gate for gate in gates if isinstance(gate, Probe) and gate.expect == "refused"]
    assert bool(refused) == mesh.facts(spec).mtls
    if refused:
        assert {gate.identity is None for gate in refused} == {True, False}, "plaintext and a wrong identity"
        answered = {gate.target for gate in gates if isinstance(gate, Probe) and gate.expect == "answer"}
        assert {gate.target for gate in refused} <= answered, "each refusal has its positive control"
    if mesh.facts(spec).data_plane != "none":
        assert any(not isinstance(gate, Probe) for gate in gates), "that the data plane was crossed is proven"


def test_an_archetype_bears_no_products_name_but_says_whose_shape_it_is(case):
    mesh, spec, application = case
    facts = mesh.facts(spec)
    assert facts.label == spec.label
    own = json.dumps([facts.label, facts.title, mesh.name, [str(gate) for gate in mesh.gates(spec, application)]])
    assert not [product for product in PRODUCTS if product in own.lower()]
    if facts.archetype:
        assert facts.shape_of
        assert facts.lacks


def test_unknown_profiles_and_options_are_refused_by_name(case):
    mesh, spec, application = case
    with pytest.raises(UnknownNameError, match="profile"):
        mesh.install(replace(spec, profile="nonesuch"), application)
    if mesh.options:
        with pytest.raises(UnknownNameError, match="option"):
            mesh.install(replace(spec, options={"nonesuch": 1}), application)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "out of range"),
        ({"concurrency": "two"}, "must be a whole number"),
        ({"concurrency": True}, "must be a whole number"),
        ({"mtls": 1}, "one of True, False"),
        ({"services": 10**9}, "out of range"),
    ],
)
def test_option_values_out_of_range_are_refused(options, words):
    application = adapters.load("workloads", "echo").application(Workload())
    with pytest.raises(BadInputError, match=words):
        adapters.load("meshes", "l7-sidecars").install(MeshSpec(name="l7-sidecars", options=options), application)


def test_options_change_what_is_installed():
    application = adapters.load("workloads", "echo").application(Workload())
    mesh = adapters.load("meshes", "l7-sidecars")

    def steps(**options):
        return mesh.install(MeshSpec(name="l7-sidecars", options=options), application)

    plain = steps()
    assert steps(concurrency=2)[1].arguments != plain[1].arguments
    assert len(steps(services=10)[1].files["envoy.json"]) > len(plain[1].files["envoy.json"]) + 1000
    assert "access.log" in steps(access_log=True)[1].files["envoy.json"]
    assert "tls" not in steps(mtls=False)[1].files["envoy.json"]


def test_identities_cover_every_pod_and_a_stranger():
    application = adapters.load("workloads", "chain").application(Workload(name="chain"))
    for name in ("l4-sidecars", "l7-sidecars", "node-tunnel"):
        certificates = adapters.load("meshes", name).install(MeshSpec(name=name), application)[0]
        assert isinstance(certificates, Certificates)
        assert certificates.identities == ("client", "frontend", "backend", "stranger")
