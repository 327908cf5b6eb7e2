"""What a profile and an option change in what is installed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cluster_cases import application, manifests

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.cluster_steps import HelmRelease, Manifest, TrustAnchor, Wait
from workbench.model.experiment import MeshSpec, Workload

APP = application()


def releases(name, profile="default", version=None, **options):
    spec = MeshSpec(name=name, profile=profile, version=version, options=options)
    steps = adapters.load("meshes", name).install(spec, APP)
    return {step.name: step for step in steps if isinstance(step, HelmRelease)}


def steps(name, profile="default", **options):
    return adapters.load("meshes", name).install(MeshSpec(name=name, profile=profile, options=options), APP)


def test_as_shipped_means_no_values_but_those_that_are_needed():
    shipped = {name: release.values for name, release in releases("istio").items()}
    assert shipped == {"istio-base": {}, "istiod": {}}
    assert set(releases("linkerd")["linkerd-control-plane"].values) == {
        "identityTrustAnchorsPEM",
        "identity",
        "disableHeartBeat",
    }


def test_equal_means_the_same_threads_and_the_same_requests_and_limits_for_every_proxy():
    istio = releases("istio", "equal")["istiod"].values
    linkerd = releases("linkerd", "equal")["linkerd-control-plane"].values
    consul = releases("consul", "equal")["consul"].values
    ztunnel = releases("istio", "ambient-equal")["ztunnel"].values
    sizes = istio["global"]["proxy"]["resources"]
    assert sizes == consul["connectInject"]["sidecarProxy"]["resources"] == ztunnel["resources"]
    assert sizes == istio["global"]["waypoint"]["resources"]
    for resource in ("cpu", "memory"):
        own = linkerd["proxy"]["resources"][resource]
        assert own == {"request": sizes["requests"][resource], "limit": sizes["limits"][resource]}
    threads = istio["meshConfig"]["defaultConfig"]["concurrency"]
    assert threads == consul["connectInject"]["sidecarProxy"]["concurrency"] == int(sizes["limits"]["cpu"])
    assert ztunnel["env"] == {"ZTUNNEL_WORKER_THREADS": str(threads)}


def test_equal_means_retries_access_log_and_autoscaling_off():
    values = releases("istio", "equal")["istiod"].values
    assert values["meshConfig"]["defaultHttpRetryPolicy"] == {"attempts": 0}
    assert values["meshConfig"]["accessLogFile"] == ""
    assert values["autoscaleEnabled"] is False


def test_equal_takes_the_ping_and_the_cpu_limit_of_nsm_away():
    def parts(profile):
        objects = {(one["kind"], one["metadata"]["name"]): one for one in manifests(steps("nsm", profile))}
        forwarder = objects["DaemonSet", "forwarder-vpp"]["spec"]["template"]["spec"]["containers"][0]
        webhook = objects["Deployment", "admission-webhook-k8s"]["spec"]["template"]["spec"]["containers"][0]
        told = {one["name"]: one.get("value") for one in webhook["env"]}["NSM_ENVS"]
        return forwarder["resources"]["limits"].get("cpu"), told

    assert parts("default") == ("525m", "NSM_LOG_LEVEL=INFO")
    assert parts("equal") == (None, "NSM_LOG_LEVEL=INFO,NSM_LIVENESS_CHECK_ENABLED=false")
    assert parts("ip-equal") == parts("equal")


def test_values_of_the_experiment_lie_over_those_of_the_profile():
    plain = releases("istio", "equal")["istiod"].values
    asked = releases("istio", "equal", values={"istiod": {"replicaCount": 3, "meshConfig": {"enableTracing": True}}})
    values = asked["istiod"].values
    assert values["replicaCount"] == 3
    assert values["meshConfig"] == {**plain["meshConfig"], "enableTracing": True}
    assert releases("istio", "equal")["istiod"].values == plain, "nothing is shared between descriptions"


@pytest.mark.parametrize("name", ["istio", "linkerd", "consul"])
def test_charts_come_from_where_the_experiment_says(name):
    for release in releases(name).values():
        assert release.repository.startswith("https://")
    for release in releases(name, charts="oci://mirror.example/charts/").values():
        assert (release.repository, release.chart.rpartition("/")[0]) == ("", "oci://mirror.example/charts")
    for release in releases(name, charts="downloads").values():
        assert release.repository == ""
        assert release.chart.startswith("downloads/")
        assert release.chart.endswith(f"-{release.version}.tgz")
    for release in releases(name, charts="https://mirror.example/charts").values():
        assert release.repository == "https://mirror.example/charts"


@pytest.mark.parametrize("name", ["istio", "linkerd", "consul", "nsm"])
def test_images_come_from_where_the_experiment_says(name):
    assert "mirror.example" not in json.dumps([str(step) for step in steps(name)])
    profile = "ambient" if name == "istio" else "default"
    said = json.dumps([str(step) for step in steps(name, profile, registry="mirror.example/copies")])
    assert "mirror.example/copies" in said
    if name == "istio":
        for chart in ("istiod", "istio-cni", "ztunnel"):
            values = releases("istio", "ambient", registry="mirror.example/copies")[chart].values
            assert values["global"]["hub"] == "mirror.example/copies"
    if name == "nsm":
        said = json.dumps(
            [str(one) for one in steps("nsm", registry="mirror.example/a", spire_registry="mirror.example/b")]
        )
        assert "ghcr.io" not in said


def test_a_registry_for_an_old_consul_is_refused_because_its_images_bear_other_versions():
    with pytest.raises(BadInputError, match="several versions"):
        releases("consul", version="1.9.11", registry="mirror.example")
    assert releases("consul", version="1.9.11")["consul"].version == "1.9.11"


def test_linkerds_chart_bears_the_edge_releases_date():
    assert {one.version for one in releases("linkerd", version="edge-25.10.7").values()} == {"2025.10.7"}
    assert {one.version for one in releases("linkerd").values()} == {"2026.8.3"}


def test_linkerds_keys_are_made_when_acted_on():
    order = [type(step).__name__ for step in steps("linkerd")]
    assert order.index("TrustAnchor") < order.index("HelmRelease")
    assert [step.name for step in steps("linkerd") if isinstance(step, TrustAnchor)] == ["linkerd"]


def test_the_gateway_apis_crds_are_shared_named_by_the_user_or_there():
    assert not [step for step in steps("linkerd") if isinstance(step, Manifest) and (step.source or step.shared)]
    (bundle,) = [
        step for step in steps("linkerd", gateway_api="bundle.yaml") if isinstance(step, Manifest) and step.source
    ]
    assert (bundle.source, bundle.shared, bundle.objects) == ("bundle.yaml", True, ())
    for asked in ("", "cluster"):
        found = steps("istio", "waypoint", gateway_api=asked)
        assert isinstance(found[0], Wait)
        assert "gateways.gateway.networking.k8s.io" in found[0].names
        assert not [step for step in found if isinstance(step, Manifest) and step.source]


def test_consul_brings_gateway_api_crds_only_where_nobody_else_does():
    assert "crds" not in releases("consul")["consul"].values["global"]
    values = releases("consul", gateway_api="cluster")["consul"].values
    assert values["global"]["crds"] == {"enableTcpRoute": False}
    assert values["connectInject"]["apiGateway"] == {"manageExternalCRDs": False}


def test_placement_becomes_a_condition_for_the_client():
    mesh = adapters.load("meshes", "baseline")

    def affinity(**options):
        client = mesh.enrol(MeshSpec(name="baseline", options=options), APP).client
        return client["spec"]["template"]["spec"]["affinity"]

    required = "requiredDuringSchedulingIgnoredDuringExecution"
    assert "preferredDuringSchedulingIgnoredDuringExecution" in affinity()["podAntiAffinity"]
    assert set(affinity(placement="same-node")) == {"podAffinity"}
    assert set(affinity(placement="across-nodes")["podAntiAffinity"]) == {required}
    nsm = adapters.load("meshes", "nsm").enrol(MeshSpec(name="nsm", profile="ip-same-node"), APP).client
    assert nsm["spec"]["template"]["spec"]["affinity"] == affinity(placement="same-node")
    with pytest.raises(BadInputError, match="profile sets where the client runs"):
        steps("nsm", "ip-same-node", placement="across-nodes")


def test_a_placement_in_the_lab_is_refused():
    lab = adapters.load("workloads", "echo").application(Workload())
    with pytest.raises(BadInputError, match="the lab has one machine"):
        adapters.load("meshes", "baseline").enrol(MeshSpec(name="baseline", options={"placement": "spread"}), lab)


def test_the_load_starts_outside_the_proxies():
    for name, key in {
        "istio": "traffic.sidecar.istio.io/excludeInboundPorts",
        "linkerd": "config.linkerd.io/skip-inbound-ports",
        "consul": "consul.hashicorp.com/transparent-proxy-exclude-inbound-ports",
    }.items():
        enrolled = adapters.load("meshes", name).enrol(MeshSpec(name=name), APP)
        assert enrolled.client["spec"]["template"]["metadata"]["annotations"][key] == "8080"
        assert key not in json.dumps(enrolled.objects), "the services' own ports are the mesh's"


def test_consul_knows_every_pod_through_one_service_and_its_port():
    chain = application("chain")
    enrolled = adapters.load("meshes", "consul").enrol(MeshSpec(name="consul"), chain)
    services = {one["metadata"]["name"] for one in enrolled.objects if one["kind"] == "Service"}
    workloads = [one for one in enrolled.objects if one["kind"] == "Deployment"] + [enrolled.client]
    for one in workloads:
        annotations = one["spec"]["template"]["metadata"]["annotations"]
        assert annotations["consul.hashicorp.com/kubernetes-service"] in services
        assert annotations["consul.hashicorp.com/connect-service-port"] == "8080"
    alone = replace(chain, objects=tuple(one for one in chain.objects if one["kind"] != "Service"))
    with pytest.raises(BadInputError, match="selected by none"):
        adapters.load("meshes", "consul").enrol(MeshSpec(name="consul"), alone)


def test_nsm_gives_each_call_a_pair_of_addresses_and_the_caller_dials_it():
    chain = application("chain", fan_out=2)
    enrolled = adapters.load("meshes", "nsm").enrol(MeshSpec(name="nsm", options={"network": "10.9.8.0/24"}), chain)
    assert enrolled.url == "http://10.9.8.100:8080/echo"
    pods = {one["metadata"]["name"]: one["spec"]["template"] for one in enrolled.objects if one["kind"] == "Deployment"}
    assert pods["frontend"]["spec"]["containers"][0]["args"][-1] == "8080 http://10.9.8.102:8080 http://10.9.8.102:8080"
    assert pods["frontend"]["metadata"]["annotations"] == {"networkservicemesh.io": "kernel://backend/nsm-1"}
    client = enrolled.client["spec"]["template"]["metadata"]["annotations"]
    assert client == {"networkservicemesh.io": "kernel://frontend/nsm-1"}
    for name, pair in {"frontend": "10.9.8.100/31", "backend": "10.9.8.102/31"}.items():
        told = {one["name"]: one.get("value") for one in pods[name]["spec"]["containers"][1]["env"]}
        assert told["NSM_CIDR_PREFIX"] == pair
        assert told["NSM_SERVICE_NAMES"] == name


def test_nsm_refuses_a_callee_with_two_callers_and_a_network_that_is_none():
    chain = application("chain")
    shared = replace(chain, calls=(*chain.calls, ("client", "backend")))
    with pytest.raises(BadInputError, match="several"):
        adapters.load("meshes", "nsm").enrol(MeshSpec(name="nsm"), shared)
    for network in ("10.0.0.0/8", "10.9.8.1/24", "here"):
        with pytest.raises(BadInputError, match="option network"):
            steps("nsm", network=network)


def experiment(text):
    from workbench.model.experiment import experiment_from_toml

    head = 'name = "x"\nenvironment = {name = "kubernetes"}\n'
    return experiment_from_toml(head + text + '[load]\nrates_per_s = [100]\ngenerator = "fortio"\n')


UPGRADES = {
    "istio": ("1.30.3", "1.31.0", {"1.31.0"}),
    "linkerd": ("edge-26.8.3", "edge-26.9.1", {"2026.9.1"}),
    "consul": ("2.0.3", "1.9.11", {"1.9.11"}),
}


@pytest.mark.parametrize("name", UPGRADES)
def test_the_same_mesh_in_two_versions_is_two_meshes_of_one_experiment(name):
    from workbench.campaigns.deployments import deployments
    from workbench.model.plan import make_plan

    before, after, charts = UPGRADES[name]
    asked = experiment("".join(f'[[meshes]]\nname = "{name}"\nversion = "{one}"\n' for one in (before, after)))
    described = {one.facts.label: one for one in deployments(make_plan(asked))}
    assert set(described) == {"baseline", f"{name} {before}", f"{name} {after}"}
    newer = described[f"{name} {after}"]
    assert {step.version for step in newer.steps if isinstance(step, HelmRelease)} == charts
    assert after in newer.facts.title and after not in described[f"{name} {before}"].facts.title
    assert newer.application == described[f"{name} {before}"].application, "the same application goes into both"


def test_any_value_of_any_chart_can_be_set_and_is_a_factor():
    from workbench.campaigns.deployments import deployments
    from workbench.model.plan import make_plan

    one = 'options.values.istiod = {meshConfig = {defaultConfig = {concurrency = 4}}, deep = {er = ["x"]}}'
    asked = experiment(f'[[meshes]]\nname = "istio"\n[[meshes]]\nname = "istio"\n{one}\n')
    label = "istio values.istiod.deep.er=['x'] values.istiod.meshConfig.defaultConfig.concurrency=4"
    described = {one.facts.label: one for one in deployments(make_plan(asked))}
    assert set(described) == {"baseline", "istio", label}
    (istiod,) = (step for step in described[label].steps if getattr(step, "name", "") == "istiod")
    assert istiod.values == {"meshConfig": {"defaultConfig": {"concurrency": 4}}, "deep": {"er": ["x"]}}
    twice = f'[[meshes]]\nname = "istio"\n{one}\n' * 2
    with pytest.raises(BadInputError, match="twice"):
        experiment(twice)
