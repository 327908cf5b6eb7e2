"""What a mesh carries goes into an experiment's deployment: merged into objects that are there, none of them twice."""

from __future__ import annotations

import pytest
from intent_cases import VALUES
from kubernetes_objects import complaints

from workbench import adapters
from workbench.environments.kubernetes.describing import configured, target_of
from workbench.errors import BadInputError
from workbench.intents import FEATURES, Intent, Mtls, Rendering, identity
from workbench.model.describing import intent_rendered
from workbench.model.experiment import MeshSpec, Workload
from workbench.playground import mesh_specs

VERSIONED = ("split",)
"""Needs versions of the service, which no workload of a cluster has behind the entry."""


def deployed(name, profile, **features):
    mesh, workload = adapters.load("meshes", name), Workload()
    spec = MeshSpec(name=name, profile=profile, intent=Intent(name="one", **features))
    application = adapters.load("workloads", "echo").cluster_application(workload)
    rendering = intent_rendered(mesh, spec, target_of(application, workload), "/")
    steps, enrolled = configured(mesh, spec, application, rendering)
    return rendering, steps, enrolled


@pytest.mark.parametrize("spec", mesh_specs(), ids=lambda spec: spec.label)
def test_each_feature_is_deployed_or_refused(spec):
    for feature in FEATURES:
        if feature in VERSIONED:
            continue
        try:
            rendering, _, enrolled = deployed(spec.name, spec.profile, **{feature: VALUES[feature]})
        except BadInputError as refusal:
            assert "cannot be measured" in str(refusal) or "comes from" in str(refusal)
            continue
        assert isinstance(rendering, Rendering)
        names = [identity(one) for one in (*enrolled.objects, enrolled.client)]
        assert len(set(names)) == len(names), "nothing is said twice"
        assert {identity(one) for one in rendering.objects} <= set(names)
        assert [line for one in enrolled.objects for line in complaints(one)] == []


def test_annotations_arrive_on_the_pods_of_both_ends():
    _, _, enrolled = deployed("consul", "http", proxy_threads=3)
    key = "consul.hashicorp.com/consul-envoy-proxy-concurrency"
    pods = [one for one in (*enrolled.objects, enrolled.client) if one["kind"] == "Deployment"]
    assert {one["spec"]["template"]["metadata"]["annotations"][key] for one in pods} == {"3"}


def test_values_arrive_in_the_charts():
    _, steps, _ = deployed("istio", "ambient-equal", proxy_threads=5)
    (release,) = (step for step in steps if getattr(step, "chart", "") == "ztunnel")
    assert release.values["env"] == {"ZTUNNEL_WORKER_THREADS": "5"}
    assert release.values["resources"], "what the profile says stays"


def test_istio_without_mtls_says_so_and_proves_plaintext():
    mesh, spec = (
        adapters.load("meshes", "istio"),
        MeshSpec(name="istio", intent=Intent(name="one", mtls=Mtls(mode="off"))),
    )
    _, _, enrolled = deployed("istio", "default", mtls=Mtls(mode="off"))
    facts = mesh.facts(spec)
    assert not facts.mtls
    assert "mTLS" not in facts.title
    assert facts.features[0] == "mTLS off"
    last = mesh.gates(spec, enrolled)[-1]
    assert last.labels["connection_security_policy"] == "none"
    strict = MeshSpec(name="istio", intent=Intent(name="one", mtls=Mtls(mode="strict")))
    assert mesh.gates(strict, enrolled)[-1].labels["connection_security_policy"] == "mutual_tls"
    assert mesh.facts(strict).features[0].startswith("mTLS, strict")


def test_what_enrolment_makes_too_is_made_once():
    _, _, enrolled = deployed("nsm", "default", mtls=Mtls(mode="off"))
    (service,) = (one for one in enrolled.objects if one["kind"] == "NetworkService")
    assert service["spec"] == {"payload": "ETHERNET"}
