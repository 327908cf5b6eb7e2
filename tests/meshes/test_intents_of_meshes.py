"""What every mesh keeps when it answers an intent, in the lab and on clusters, and the four meshes' own objects."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intent_cases import GOLDEN, OTHER_VALUES, REMAKE, TARGET, VALUES, alone, designs, golden, rendered, together
from intent_strategies import DESIGNS
from kubernetes_objects import complaints

from workbench import adapters
from workbench.environments.kubernetes.describing import target_of
from workbench.errors import UnknownNameError
from workbench.intents import FEATURES, Design, Intent, Target, identity, patched
from workbench.model.experiment import MeshSpec
from workbench.playground import mesh_specs

ON_CLUSTERS = mesh_specs()
EVERYWHERE = tuple(
    {spec.label: spec for environment in ("lab", "kubernetes") for spec in mesh_specs(environment)}.values()
)
SECRETS = re.compile(r"PRIVATE KEY|password|token:", re.IGNORECASE)


def label(spec: MeshSpec) -> str:
    return spec.label


def test_every_mesh_answers_intents():
    assert [name for name in adapters.names("meshes") if not hasattr(adapters.load("meshes", name), "configure")] == []


def check(spec, design):
    """Hold one rendering to what all must keep."""
    before = copy.deepcopy((spec, design))
    one = rendered(spec, design)
    assert (spec, design) == before
    assert rendered(spec, design) == one, "same in, same out"
    assert one.mesh == spec.label
    assert tuple(answer.feature for answer in one.answers) == design.intent.asked
    for answer in one.answers:
        assert answer.says.endswith("."), answer
        assert answer.support != "supported" or answer.nearest == "", answer
    assert not _nulls([one.objects, one.patches, one.values])
    assert not SECRETS.search(json.dumps([one.objects, one.patches, one.values]))
    for manifest in one.objects:
        assert complaints(manifest) == []
        assert len(manifest["metadata"]["name"]) <= 63
        assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
        assert "labels" not in manifest["metadata"], "the environment adds them"
    for manifest in (*one.objects, *one.patches):
        identity(manifest)
    names = [identity(manifest) for manifest in (*one.objects, *one.patches)]
    assert len(set(names)) == len(names), "one object, one manifest"
    return one


def _nulls(value):
    if isinstance(value, dict):
        return any(_nulls(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_nulls(one) for one in value)
    return value is None or value == {}


@pytest.mark.parametrize("spec", EVERYWHERE, ids=label)
def test_each_feature_alone_and_all_together(spec):
    for design in designs():
        check(spec, design)


@given(st.sampled_from(EVERYWHERE), DESIGNS)
@settings(max_examples=150)
def test_whatever_is_asked_is_answered(spec, design):
    check(spec, design)


@pytest.mark.parametrize("spec", ON_CLUSTERS, ids=label)
def test_what_is_not_carried_gives_nothing(spec):
    for feature in FEATURES:
        for value in (VALUES[feature], *OTHER_VALUES.get(feature, ())):
            one = rendered(spec, Design(intent=Intent(name="one", **{feature: value}), target=TARGET))
            if one.answers[0].support == "unsupported":
                assert (one.objects, one.patches, one.values) == ((), (), {})


@given(st.sampled_from(ON_CLUSTERS), DESIGNS)
@settings(max_examples=100)
def test_a_feature_adds_to_what_the_others_give_and_takes_nothing_away(spec, design):
    """The objects of an intent are those of its features alone, put together."""
    together = {identity(one) for one in (*rendered(spec, design).objects, *rendered(spec, design).patches)}
    for feature in design.intent.asked:
        intent = Intent(name=design.intent.name, **{feature: getattr(design.intent, feature)})
        one = rendered(spec, Design(intent=intent, target=design.target))
        mine = {identity(manifest) for manifest in one.objects}
        assert mine <= together


@pytest.mark.parametrize("spec", ON_CLUSTERS, ids=label)
def test_names_stay_names_however_long_they_are(spec):
    target = Target(namespace="n" * 40, service="s" * 40, caller="c" * 40, versions=("v" * 39 + "1", "v" * 39 + "2"))
    shares = tuple(
        type(share)(version=version, weight=share.weight)
        for share, version in zip(VALUES["split"], target.versions, strict=True)
    )
    check(spec, Design(intent=Intent(name="i" * 40, **{**VALUES, "split": shares}), target=target))


@pytest.mark.parametrize("spec", ON_CLUSTERS, ids=label)
def test_patches_name_what_an_application_has(spec):
    application = adapters.load("workloads", "echo").cluster_application(_workload(versions=2))
    target = Target()
    one = adapters.load("meshes", spec.name).configure(spec, Intent(name="all", **VALUES), target)
    _, left = patched((*application.objects, application.client), one.patches)
    assert left == ()


@pytest.mark.parametrize(
    ("given", "intent", "wanted"),
    [
        ((), {}, {"reviews", "web"}),
        ((), {"split": VALUES["split"]}, {"reviews", "reviews-v2", "web"}),
        (("reviews-a", "reviews-b", "reviews-c"), {}, {"reviews-a", "reviews-b", "reviews-c", "web"}),
    ],
)
@pytest.mark.parametrize("name", ["consul", "istio", "linkerd"])
def test_every_version_has_proxies_of_the_asked_size(name, given, intent, wanted):
    asked = Intent(name="one", proxy_resources=VALUES["proxy_resources"], **intent)
    target = replace(TARGET, deployments=given)
    one = adapters.load("meshes", name).configure(MeshSpec(name=name), asked, target)
    annotated = [patch for patch in one.patches if patch["kind"] == "Deployment"]
    assert {patch["metadata"]["name"] for patch in annotated} == wanted
    assert len({str(patch["spec"]["template"]) for patch in annotated}) == 1


@pytest.mark.parametrize("versions", [1, 2, 3])
def test_in_an_experiment_it_is_every_deployment_behind_the_service(versions):
    workload = _workload(versions=versions)
    application = adapters.load("workloads", "chain").cluster_application(workload)
    target = target_of(application, workload)
    assert target.service == "frontend"
    assert target.deployments == ("frontend", "frontend-v2", "frontend-v3")[:versions]


def _workload(**more):
    from workbench.model.experiment import Workload

    return Workload(**more)


@pytest.mark.parametrize("spec", ON_CLUSTERS, ids=label)
def test_values_are_of_charts_that_the_mesh_installs(spec):
    application = adapters.load("workloads", "echo").cluster_application(_workload())
    mesh = adapters.load("meshes", spec.name)
    charts = {step.chart for step in mesh.install(spec, application) if hasattr(step, "chart")}
    for design in designs():
        assert set(rendered(spec, design).values) <= charts


def test_unknown_profiles_are_refused_by_name():
    for spec in EVERYWHERE:
        with pytest.raises(UnknownNameError, match="profile"):
            adapters.load("meshes", spec.name).configure(
                MeshSpec(name=spec.name, profile="nonesuch"), alone("timeout").intent, TARGET
            )


def test_what_is_rendered_is_what_was_rendered():
    """The golden files change with a rendering, and the change is read before it is committed."""
    wanted = golden()
    assert {path.name for path in GOLDEN.iterdir()} == set(wanted), f"make them with: {REMAKE}"
    for name, text in wanted.items():
        assert (GOLDEN / name).read_text(encoding="utf-8") == text, f"{name}: read the difference, then: {REMAKE}"


def objects(name, feature, value=None, profile="default", target=TARGET, **more):
    intent = Intent(name="one", **{feature: VALUES[feature] if value is None else value, **more})
    one = rendered(MeshSpec(name=name, profile=profile), Design(intent=intent, target=target))
    return {manifest["kind"]: manifest["spec"] for manifest in one.objects}, one


def test_istio_one_route_holds_split_retries_timeout_and_faults():
    spec = MeshSpec(name="istio")
    (service,) = [one for one in rendered(spec, together()).objects if one["kind"] == "VirtualService"]
    (route,) = service["spec"]["http"]
    assert set(route) == {"route", "retries", "timeout", "fault"}
    assert [share["weight"] for share in route["route"]] == [90, 10]
    assert route["retries"] == {
        "attempts": 2,
        "retryOn": "5xx,connect-failure,refused-stream",
        "perTryTimeout": "0.25s",
    }
    assert route["fault"]["delay"] == {"percentage": {"value": 12.5}, "fixedDelay": "0.3s"}


def test_istio_faults_take_retries_and_timeouts_away_and_it_says_so():
    _, one = objects("istio", "retries", timeout=VALUES["timeout"], abort=VALUES["abort"])
    standings = {answer.feature: answer.support for answer in one.answers}
    assert standings == {"retries": "partial", "timeout": "partial", "abort": "supported"}


def test_istio_mtls_off_is_said_to_both_ends():
    from workbench.intents import Mtls

    made, _ = objects("istio", "mtls", Mtls(mode="off"))
    assert made["PeerAuthentication"]["mtls"] == {"mode": "DISABLE"}
    assert made["DestinationRule"]["trafficPolicy"]["tls"] == {"mode": "DISABLE"}
    for profile in ("ambient", "waypoint"):
        assert objects("istio", "mtls", Mtls(mode="off"), profile)[1].refused


def test_istio_ambient_never_names_methods_or_paths_to_ztunnel():
    made, one = objects("istio", "authorization", profile="ambient")
    assert one.answers[0].support == "partial"
    assert made["AuthorizationPolicy"]["rules"] == [
        {"from": [{"source": {"principals": [f"cluster.local/ns/shop/sa/{who}" for who in ("client", "other")]}}]}
    ]
    made, _ = objects("istio", "authorization", profile="waypoint")
    assert made["AuthorizationPolicy"]["targetRefs"] == [{"kind": "Service", "group": "", "name": "reviews"}]


def test_linkerd_splits_among_services_of_the_versions():
    one = rendered(MeshSpec(name="linkerd"), together())
    services = {
        manifest["metadata"]["name"]: manifest["spec"]["selector"]
        for manifest in one.objects
        if manifest["kind"] == "Service"
    }
    assert services == {f"reviews-{v}": {"app": "reviews", "version": v} for v in ("v1", "v2")}
    route = next(
        manifest
        for manifest in one.objects
        if manifest["metadata"]["name"] == "all-reviews" and manifest["kind"] == "HTTPRoute"
    )
    assert route["metadata"]["annotations"]["retry.linkerd.io/limit"] == "2"
    assert not [patch for patch in one.patches if "retry.linkerd.io/limit" in json.dumps(patch)], "said once"


def test_linkerd_without_a_split_tells_callers_on_the_service():
    _, one = objects("linkerd", "timeout")
    (patch,) = one.patches
    assert patch["kind"] == "Service"
    assert patch["metadata"]["annotations"] == {"timeout.linkerd.io/request": "1500ms"}


def test_linkerd_one_server_serves_authorization_and_rate_limit_and_lets_in_no_more_than_mtls_does():
    from workbench.intents import Authorization, Mtls

    limited, _ = objects("linkerd", "rate_limit", mtls=Mtls(mode="strict"))
    assert limited["Server"]["accessPolicy"] == "all-authenticated"
    both, _ = objects("linkerd", "rate_limit", authorization=Authorization(callers=("web",)))
    assert both["Server"]["accessPolicy"] == "deny"
    assert both["MeshTLSAuthentication"]["identityRefs"] == [{"kind": "ServiceAccount", "name": "web"}]


def test_linkerd_threads_follow_the_cpu_limit():
    from workbench.intents import ProxyResources

    _, one = objects("linkerd", "proxy_threads", 2, proxy_resources=ProxyResources(cpu_limit=1))
    assert [answer.support for answer in one.answers] == ["partial", "supported"]
    _, one = objects("linkerd", "proxy_threads", 2, proxy_resources=ProxyResources(cpu_limit=1.5))
    assert [answer.support for answer in one.answers] == ["supported", "supported"]


def test_consul_says_http_before_anything_that_works_on_requests():
    for feature, one in FEATURES.items():
        _, rendering = objects("consul", feature)
        if one.layer == "request" and rendering.objects:
            assert any(
                manifest["metadata"]["name"] == "reviews" and manifest["spec"].get("protocol") == "http"
                for manifest in rendering.objects
            )


def test_consul_limits_stand_with_the_caller():
    one = rendered(MeshSpec(name="consul"), together())
    caller = next(manifest["spec"] for manifest in one.objects if manifest["metadata"]["name"] == "web")
    (upstream,) = caller["upstreamConfig"]["overrides"]
    assert upstream["name"] == "reviews"
    assert set(upstream) == {"name", "limits", "passiveHealthCheck"}


def test_consul_intentions_end_with_a_refusal():
    made, _ = objects("consul", "authorization")
    *named, everybody = made["ServiceIntentions"]["sources"]
    assert everybody == {"name": "*", "action": "deny"}
    for source in named:
        assert source["permissions"][-1] == {"action": "deny", "http": {"pathPrefix": "/"}}
    assert named[0]["permissions"][1]["http"] == {"pathPrefix": "/api/", "methods": ["GET", "POST"]}


def test_consul_keeps_the_protocol_that_its_profile_set():
    made, _ = objects("consul", "access_log", profile="http")
    assert made["ProxyDefaults"] == {"config": {"protocol": "http"}, "accessLogs": {"enabled": True}}


def test_nsm_carries_no_requests_and_encrypts_between_nodes_only():
    made, one = objects("nsm", "mtls")
    assert made == {"NetworkService": {"payload": "IP"}}
    assert one.answers[0].support == "partial"
    for feature, described in FEATURES.items():
        if described.layer == "request":
            assert objects("nsm", feature)[1].refused


@pytest.mark.parametrize("name", ["istio", "linkerd", "consul"])
def test_no_retries_is_said_or_true(name):
    from workbench.intents import Retries

    made, one = objects(name, "retries", Retries(attempts=0))
    assert one.answers[0].support == "supported"
    if name == "istio":
        assert made["VirtualService"]["http"][0]["retries"] == {"attempts": 0}
