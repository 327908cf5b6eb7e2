"""The kernel as the data plane: real calls through every profile, and gates that notice a detour."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import adapters
from workbench.environments import lab as lab_module
from workbench.environments.lab._topology import check
from workbench.environments.lab.namespaces import Namespaces, probe
from workbench.errors import BadInputError, UnknownNameError
from workbench.meshes.cross_connect import ADAPTER, CLIENT, placement, pod
from workbench.model.experiment import EnvironmentSpec, MeshSpec, Workload
from workbench.model.lab_steps import Application, Carried, Endpoint, Network, Process, Service

PROFILES = ("local", "remote", "veth")


def asked(profile):
    return MeshSpec(name="cross-connect", profile=profile)


def application(workload="echo", **settings):
    return adapters.load("workloads", workload).application(Workload(name=workload, **settings))


def network(profile, described):
    (step,) = ADAPTER.install(asked(profile), described)
    assert isinstance(step, Network)
    return step


def service(name, *calls):
    process = Process(name=name, role="application", program="python", arguments=(), ports=("http",))
    return Service(name=name, process=process, calls=calls)


def made_of(*services):
    edges = [("client", services[0].name)] + [(one.name, callee) for one in services for callee in one.calls]
    routes = {f"{caller}>{callee}": Endpoint(component=callee, port="http") for caller, callee in edges}
    return Application(services=services, entry=services[0].name, routes=routes)


@st.composite
def applications(draw):
    """Services in a row, of which each calls some of the later ones and is called by at least one earlier one."""
    count = draw(st.integers(1, 8))
    names = [f"s{number}" for number in range(count)]
    calls = {
        name: set(draw(st.lists(st.sampled_from(names[at + 1 :] or [""])))) - {""} for at, name in enumerate(names)
    }
    for at, name in enumerate(names[1:], start=1):
        calls[draw(st.sampled_from(names[:at]))].add(name)
    return made_of(*(service(name, *sorted(calls[name])) for name in names))


@pytest.mark.parametrize("profile", [*PROFILES, "default"])
@given(described=applications())
def test_every_application_gets_a_sound_network_and_stays_as_it_was(profile, described):
    before = copy.deepcopy(described)
    step = network(profile, described)
    assert step == network(profile, described)
    check(step)
    enrolled = ADAPTER.enrol(asked(profile), described)
    assert described == before
    assert enrolled.routes == described.routes
    places = [enrolled.client_namespace, *(one.process.namespace for one in enrolled.services)]
    assert len(set(places)) == len(places), "a namespace of its own for everyone"
    assert set(places) <= set(step.namespaces)
    assert set(places) - {CLIENT} <= set(step.addresses)
    assert len(set(step.addresses.values())) == len(step.addresses)
    watched = {gate.namespace for gate in ADAPTER.gates(asked(profile), enrolled) if isinstance(gate, Carried)}
    assert watched >= set(places) - {CLIENT}
    assert watched <= set(step.namespaces)


@given(applications())
def test_a_callee_stands_on_another_node_than_its_first_caller(described):
    placed = placement(described)
    first = {}
    for caller, callee in described.edges():
        first.setdefault(callee, caller)
    assert placed[CLIENT] != placed[pod(described.entry)]
    assert all(placed[pod(caller)] != placed[pod(callee)] for callee, caller in first.items())


def test_the_default_is_remote():
    assert network("default", application()) == network("remote", application())
    assert ADAPTER.facts(asked("default")).label == "cross-connect"
    assert ADAPTER.facts(asked("remote")).label == "cross-connect/remote"


@pytest.mark.parametrize("profile", PROFILES)
def test_facts_say_what_it_is_and_what_it_is_not(profile):
    facts = ADAPTER.facts(asked(profile))
    assert (facts.data_plane, facts.layer, facts.mtls, facts.archetype) == ("kernel", "L3", False, True)
    assert any("real NIC" in one for one in facts.lacks)
    assert (facts.shape_of == ("Network Service Mesh",)) == (profile != "veth")
    assert any("SPIFFE" in one for one in facts.lacks) == (profile != "veth")


def test_unknown_profiles_and_options_are_refused():
    with pytest.raises(UnknownNameError, match=r"profile 'locale'.*Did you mean 'local'"):
        ADAPTER.install(asked("locale"), application())
    with pytest.raises(UnknownNameError, match="option 'mtu'"):
        ADAPTER.install(MeshSpec(name="cross-connect", options={"mtu": 9000}), application())


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(BadInputError, match="No service calls 'idle'"):
        network("veth", made_of(service("server"), service("idle")))
    many = made_of(
        service("s0", *(f"s{number}" for number in range(1, 260))), *(service(f"s{n}") for n in range(1, 260))
    )
    for profile in PROFILES:
        with pytest.raises(BadInputError, match="at most 250"):
            network(profile, many)


def test_a_service_with_a_hostile_name_reaches_no_kernel():
    with pytest.raises(BadInputError, match="cannot be a namespace's name"):
        check(network("remote", made_of(service("x; reboot"))))


# On the real kernel, in the real lab. ------------------------------------------------------------------------------


@pytest.fixture
def lab():
    reason = probe()
    if reason:
        pytest.skip(reason)
    with lab_module.ADAPTER(EnvironmentSpec()) as opened:
        yield opened


@pytest.mark.lab
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("workload", ["echo", "chain"])
def test_calls_are_answered_and_cross_everything_between(lab, profile, workload):
    described = application(workload, fan_out=2)
    spec = asked(profile)
    enrolled = ADAPTER.enrol(spec, described)
    steps = ADAPTER.install(spec, described)
    assert lab.refuses(steps) == ""
    with lab.deploy(steps, enrolled) as deployment:
        results = deployment.check(ADAPTER.gates(spec, enrolled))
    assert [f"{gate.name}: {gate.evidence}" for gate in results if not gate.passed] == []
    assert len(results) == 1 + len(described.services) + {"local": 1, "remote": 2, "veth": 0}[profile]


@pytest.mark.lab
@pytest.mark.parametrize("profile", PROFILES)
def test_a_service_with_two_callers_is_reached_by_both_at_one_address(lab, tmp_path, profile):
    step = network(profile, made_of(service("a", "b", "c"), service("b", "c"), service("c")))
    with Namespaces.open(step, tmp_path) as namespaces, namespaces.open_socket("pod-c") as listening:
        listening.bind((namespaces.address("pod-c"), 0))
        listening.listen()
        for caller in ("pod-a", "pod-b"):
            with namespaces.open_socket(caller) as connection:
                connection.settimeout(3)
                connection.connect(listening.getsockname())


@pytest.mark.lab
@pytest.mark.parametrize("profile", PROFILES)
def test_a_large_payload_fits_through(lab, profile):
    described = application()
    enrolled = ADAPTER.enrol(asked(profile), described)
    payload = bytes(range(256)) * 2048
    with lab.deploy(ADAPTER.install(asked(profile), described), enrolled) as deployment:
        place = deployment.names.place(enrolled.target)
        with deployment.namespaces.open_socket(CLIENT) as connection:
            connection.settimeout(5)
            connection.connect((place.host, place.port))
            connection.sendall(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(payload) + payload)
            received = b""
            while not received.endswith(payload):
                part = connection.recv(1 << 20)
                assert part, f"closed after {len(received)} bytes"
                received += part
    assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.lab
def test_a_call_that_does_not_pass_a_namespace_fails_its_gate(lab):
    described = application()
    enrolled = ADAPTER.enrol(asked("remote"), described)
    beside = replace(enrolled, client_namespace=enrolled.services[0].process.namespace)
    with lab.deploy(ADAPTER.install(asked("remote"), described), beside) as deployment:
        results = deployment.check(ADAPTER.gates(asked("remote"), beside))
    assert [gate.passed for gate in results] == [True, False, False, False], "answered, but on its own loopback"
    assert all("moved by 0" in gate.evidence for gate in results[1:])


@pytest.mark.lab
def test_without_forwarding_the_gates_fail(lab, monkeypatch):
    monkeypatch.setattr("workbench.environments.lab.probes.TIMEOUT_S", 0.3)
    described = application()
    enrolled = ADAPTER.enrol(asked("local"), described)
    step = replace(network("local", described), forwarding=())
    with lab.deploy((step,), enrolled) as deployment:
        results = deployment.check(ADAPTER.gates(asked("local"), enrolled))
    assert not any(gate.passed for gate in results)
