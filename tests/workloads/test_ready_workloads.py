"""Ready entries: whole applications of others, as data; through every mesh, and as an API server would take them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.cluster_steps import HasProxy
from workbench.model.experiment import MeshSpec, Workload

NAMES = [name for name in adapters.names("workloads") if hasattr(adapters.load("workloads", name), "units")]
MESHES = [name for name in adapters.names("meshes") if "kubernetes" in adapters.load("meshes", name).environments]
SEVERAL_CALLERS = {"bookinfo": "ratings", "online-boutique": "productcatalogservice"}


def application(name, **settings):
    return adapters.load("workloads", name).cluster_application(Workload(name=name, **{"payload_bytes": 0, **settings}))


def by_kind(app, kind):
    return {one["metadata"]["name"]: one for one in app.objects if one["kind"] == kind}


def test_the_promised_ones_are_there():
    assert {"bookinfo", "emojivoto", "httpbin", "online-boutique"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_call_leads_from_a_deployment_to_a_service_and_the_clients_is_the_url(name):
    app = application(name)
    services, deployments = by_kind(app, "Service"), by_kind(app, "Deployment")
    entry, port = re.fullmatch(r"http://([a-z-]+):(\d+)/.*", app.url).groups()
    assert app.calls[0] == ("client", entry)
    assert services[entry]["spec"]["ports"][0]["port"] == int(port)
    assert {callee for _, callee in app.calls} == set(services), "nothing is deployed that nobody calls"
    assert {caller for caller, _ in app.calls} - {"client"} <= set(deployments)
    for service in services.values():
        selected = [
            one
            for one in deployments.values()
            if service["spec"]["selector"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert selected, "every Service has pods"


@pytest.mark.parametrize("name", NAMES)
def test_images_are_pinned_accounts_are_made_and_ports_say_what_they_speak(name):
    app = application(name)
    accounts = by_kind(app, "ServiceAccount")
    for one in by_kind(app, "Deployment").values():
        pod = one["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] in accounts
        (container,) = pod["containers"]
        assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/_-]+:v?\d+(\.\d+)*(-[a-z]+)?", container["image"])
        assert "limits" not in container["resources"], "a CPU limit would throttle what is measured"
        assert container["readinessProbe"]
    for service in by_kind(app, "Service").values():
        (port,) = service["spec"]["ports"]
        assert port["name"] == port["appProtocol"] in ("http", "grpc", "tcp")


@pytest.mark.parametrize("name", NAMES)
def test_addresses_in_the_environment_are_services_that_are_there(name):
    app = application(name)
    known = {f"{one}:{service['spec']['ports'][0]['port']}" for one, service in by_kind(app, "Service").items()}
    told = {
        variable["value"]
        for one in by_kind(app, "Deployment").values()
        for variable in one["spec"]["template"]["spec"]["containers"][0].get("env", ())
        if re.fullmatch(r"[a-z-]+:\d+", variable["value"])
    }
    assert told - known <= {"shoppingassistantservice:80"}, "Google's assistant is asked for and not deployed"


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("name", NAMES)
def test_through_every_mesh_and_profile(name, mesh):
    adapter, app = adapters.load("meshes", mesh), application(name)
    for profile in adapter.profiles:
        spec = MeshSpec(name=mesh, profile=profile)
        if mesh == "nsm" and name in SEVERAL_CALLERS:
            with pytest.raises(BadInputError, match=f"{SEVERAL_CALLERS[name]!r} has several .*joins = 'entry'"):
                adapter.enrol(spec, app)
            spec = replace(spec, options={"joins": "entry"})
            assert any("between the services" in one for one in adapter.facts(spec).lacks)
        enrolled = adapter.enrol(spec, app)
        assert adapter.install(spec, app) is not None
        assert adapter.gates(spec, enrolled)
        assert set(by_kind(app, "Deployment")) <= set(by_kind(enrolled, "Deployment"))


def test_consul_learns_which_services_speak_something_else_than_the_client():
    enrolled = adapters.load("meshes", "consul").enrol(
        MeshSpec(name="consul", profile="http"), application("online-boutique")
    )
    told = {name: one["spec"]["protocol"] for name, one in by_kind(enrolled, "ServiceDefaults").items()}
    assert told.pop("redis-cart") == "tcp"
    assert set(told.values()) == {"grpc"} and len(told) == 9
    assert "frontend" not in told


def test_nsm_joins_every_call_of_emojivoto_and_redirects_addresses_in_the_environment():
    mesh = adapters.load("meshes", "nsm")
    spec = MeshSpec(name="nsm")
    enrolled = mesh.enrol(spec, application("emojivoto"))
    assert enrolled.url == "http://172.16.1.100:8080/api/vote?choice=:joy:"
    web = by_kind(enrolled, "Deployment")["web"]["spec"]["template"]
    told = {one["name"]: one["value"] for one in web["spec"]["containers"][0]["env"]}
    assert told["EMOJISVC_HOST"] == "172.16.1.102:8080"
    assert told["VOTINGSVC_HOST"] == "172.16.1.104:8080"
    assert web["metadata"]["annotations"]["networkservicemesh.io"] == "kernel://emoji/nsm-1,kernel://voting/nsm-2"
    assert len([gate for gate in mesh.gates(spec, enrolled) if isinstance(gate, HasProxy)]) == 4


def test_httpbin_takes_a_payload_and_waits():
    assert application("httpbin", payload_bytes=2048).url == "http://httpbin:8000/anything"
    assert application("httpbin", server_delay_s=0.25).url == "http://httpbin:8000/delay/0.25"


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_say_nothing_are_refused_and_so_is_the_lab(name):
    for settings in ({"fan_out": 2}, {"url": "http://x/"}, {"manifests": "x"}):
        with pytest.raises(BadInputError, match=f"{name!r} does not support {next(iter(settings))}"):
            application(name, **settings)
    if name != "httpbin":
        with pytest.raises(BadInputError, match="payload_bytes = 1024: set payload_bytes = 0"):
            adapters.load("workloads", name).cluster_application(Workload(name=name))
    with pytest.raises(BadInputError, match="on clusters only"):
        adapters.load("workloads", name).application(Workload(name=name))


@pytest.mark.parametrize("name", NAMES)
def test_namespace_and_registry_are_the_environments(name):
    app = adapters.load("workloads", name).cluster_application(
        Workload(name=name, payload_bytes=0), namespace="ours", registry="mirror.example/copies"
    )
    assert {one["metadata"]["namespace"] for one in (*app.objects, app.client)} == {"ours"}
    images = re.findall(r"'image': '([^']+)'", str((app.objects, app.client)))
    assert all(image.startswith("mirror.example/copies/") for image in images)
    assert len(set(images)) == len({unit.image for unit in adapters.load("workloads", name).units}) + 1
