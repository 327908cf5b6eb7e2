"""Every protocol through every mesh and profile of a cluster: carried and proven by what it is, or refused at once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cluster_cases import PROFILES
from kubernetes_objects import complaints

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.cluster_steps import InterfaceMoved, Manifest, MetricMoved
from workbench.model.experiment import PROTOCOLS, MeshSpec, Workload
from workbench.workloads._cluster import SPEECH

REFUSED = {("consul", "http", "tcp"), ("consul", "equal", "tcp")}
L4 = {("istio", "ambient"), ("istio", "ambient-equal"), ("consul", "default"), ("consul", "tcp-equal")}
"""Profiles whose proof counts connections, whatever they carry."""


def echo(protocol):
    return adapters.load("workloads", "echo").cluster_application(Workload(payload_bytes=0), protocol)


CARRIED = [(*case, protocol) for case in PROFILES for protocol in PROTOCOLS if (*case, protocol) not in REFUSED]


@pytest.fixture(params=CARRIED, ids="-".join)
def case(request):
    name, profile, protocol = request.param
    return adapters.load("meshes", name), MeshSpec(name=name, profile=profile), protocol


def test_the_service_says_what_it_speaks_and_the_url_too():
    for protocol in PROTOCOLS:
        app, speech = echo(protocol), SPEECH[protocol]
        (service,) = [one for one in app.objects if one["kind"] == "Service"]
        (port,) = service["spec"]["ports"]
        assert (port["name"], port["appProtocol"]) == (speech.port, speech.app_protocol)
        assert app.url.startswith({"http/1.1": "http", "http/2": "h2c"}.get(protocol, protocol) + "://server:8080")


def test_carried_with_objects_that_an_api_server_would_take(case):
    mesh, spec, protocol = case
    app = echo(protocol)
    enrolled = mesh.enrol(spec, app)
    assert mesh.install(spec, app) == mesh.install(spec, echo("http/1.1")) or spec.profile in ("http", "equal")
    assert not [line for one in (*enrolled.objects, enrolled.client) for line in complaints(one)]
    assert enrolled.url.split(":")[0] == app.url.split(":")[0], "no mesh changes what is spoken"


def test_the_proof_counts_what_crosses(case):
    mesh, spec, protocol = case
    gates = mesh.gates(spec, mesh.enrol(spec, echo(protocol)))
    moved = [gate for gate in gates if isinstance(gate, MetricMoved | InterfaceMoved)]
    assert bool(moved) == (spec.name != "baseline")
    names = {gate.metric for gate in moved if isinstance(gate, MetricMoved)}
    by_request = {name for name in names if name.endswith(("requests_total", "response_total", "rq_total"))}
    if spec.name in ("baseline", "nsm"):
        assert not names
    elif protocol == "tcp" or (spec.name, spec.profile) in L4:
        assert not by_request, "no request is seen, so none may be waited for"
    else:
        assert by_request


@pytest.mark.parametrize(("name", "profile", "protocol"), sorted(REFUSED))
def test_what_cannot_be_carried_is_refused_before_any_step(name, profile, protocol):
    mesh, spec = adapters.load("meshes", name), MeshSpec(name=name, profile=profile)
    for say in (mesh.install, mesh.enrol, mesh.gates):
        with pytest.raises(BadInputError, match=r"'tcp'.*only http, h2c, grpc: choose another protocol"):
            say(spec, echo(protocol))


def test_linkerd_is_told_that_a_tcp_port_is_opaque_on_both_sides():
    mesh, spec = adapters.load("meshes", "linkerd"), MeshSpec(name="linkerd")
    key = "config.linkerd.io/opaque-ports"
    enrolled = mesh.enrol(spec, echo("tcp"))
    service, server = (one for one in enrolled.objects if one["metadata"]["name"] == "server" and "spec" in one)
    assert service["metadata"]["annotations"] == {key: "8080"}
    assert server["spec"]["template"]["metadata"]["annotations"] == {key: "8080"}
    assert key not in json.dumps(enrolled.client)
    assert key not in json.dumps([mesh.enrol(spec, echo("grpc")).objects, mesh.enrol(spec, echo("http/2")).objects])


@pytest.mark.parametrize(("protocol", "named"), [("http/1.1", "http"), ("http/2", "http2"), ("grpc", "grpc")])
def test_consul_is_told_what_is_spoken_for_all_and_what_else_for_each(protocol, named):
    mesh, spec = adapters.load("meshes", "consul"), MeshSpec(name="consul", profile="http")
    app = echo(protocol)
    told = [one for step in mesh.install(spec, app) if isinstance(step, Manifest) for one in step.objects]
    assert [one["spec"] for one in told if one["kind"] == "ProxyDefaults"] == [{"config": {"protocol": named}}]
    assert not [one for one in mesh.enrol(spec, app).objects if one["kind"] == "ServiceDefaults"]
    port = {"port": 6379, "name": "tcp-redis"}
    store = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "store", "namespace": app.namespace},
        "spec": {"ports": [port]},
    }
    both = mesh.enrol(spec, replace(app, objects=(*app.objects, store)))
    entries = {one["metadata"]["name"]: one["spec"] for one in both.objects if one["kind"] == "ServiceDefaults"}
    assert entries == {"store": {"protocol": "tcp"}}
    as_tcp = mesh.enrol(MeshSpec(name="consul"), replace(app, objects=(*app.objects, store)))
    assert not [one for one in as_tcp.objects if one["kind"] == "ServiceDefaults"]
