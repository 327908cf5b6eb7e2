"""Charts on a real API server with real Helm: installed, waited for, proven, removed with what they keep.

What differs between Helm's program and the package in its place is tried with both.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import control_plane
import pytest
from cryptography import x509
from injector import Injector
from rig_objects import application, manifest, release, workload

from workbench.environments.kubernetes import helm_sdk
from workbench.environments.kubernetes.acting import digest
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster
from workbench.errors import BadInputError, RunFailedError
from workbench.model.cluster_steps import Delete, HasProxy, HelmRelease, PodSays, TrustAnchor, Uninstall, Wait

SECRET = "s3cr3t-mesh-token-0123456789"


BOTH = pytest.mark.parametrize("options", ["program", "package"], indirect=True)


@pytest.fixture
def options(request, plane, monkeypatch):
    """Whose Helm it is: the program's, unless the test asks for the package, which is used where no program is."""
    if getattr(request, "param", "program") == "program":
        request.getfixturevalue("needs_helm")
        return Options(kubeconfig=str(plane.kubeconfig), helm=control_plane.helm())
    if not helm_sdk.is_there():
        pytest.skip("no helm-python-sdk: pip install 'mesh-workbench[helm]'")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return Options(kubeconfig=str(plane.kubeconfig))


@pytest.fixture
def injector(tmp_path):
    made = Injector(tmp_path)
    yield made
    made.stop()


def mesh(injector, **more):
    return (
        release(webhookUrl=injector.url, caBundle=injector.ca, token=SECRET, **more),
        Wait(condition="established", names=("widgets.meshlike.test",), deadline_s=20),
        Wait(condition="webhooks", names=("meshy-injector",), deadline_s=20),
        Wait(condition="available", namespace="meshlike", deadline_s=20),
    )


@BOTH
def test_a_chart_is_installed_proven_and_removed_with_the_crd_it_keeps(opened, cluster, injector):
    steps = mesh(injector)
    assert opened.refuses(steps) == ""
    meshed = application(labels={"meshlike": "enabled"})
    gates = (
        HasProxy(name="a proxy in every pod", container="proxy"),
        PodSays(name="injected", where="annotation", key="meshlike/status", value="injected"),
        PodSays(name="another", where="label", key="nothing"),
    )
    with opened.deploy(steps, meshed) as deployment:
        proxy, injected, other = deployment.check(gates)
        assert proxy.passed and "proxy is ready in client-" in proxy.evidence
        assert injected.passed
        assert not other.passed and "label nothing is missing" in other.evidence
        told = digest(deployment.acting.rendered).decode()
        assert SECRET not in told and "widgets.meshlike.test" in told
        assert "meshlike/status" not in told
    assert opened.left_behind == ()
    assert cluster.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.meshlike.test") is None


def test_an_unmeshed_pod_fails_its_gate_loudly(opened, injector):
    with opened.deploy(mesh(injector), application()) as deployment:
        (proxy,) = deployment.check((HasProxy(name="a proxy in every pod", container="proxy"),))
        assert not proxy.passed
        assert "these pods are not meshed" in proxy.evidence


def test_custom_resources_with_finalizers_go_before_the_chart(opened, cluster, injector):
    widget = {
        "apiVersion": "meshlike.test/v1",
        "kind": "Widget",
        "metadata": {"name": "one", "namespace": "meshlike", "finalizers": ["meshlike.test/held"]},
    }
    removal = (Delete(name="widgets", objects=(widget,), strip_finalizers=True, deadline_s=2),)
    removal = (*removal, Uninstall(release="meshy", namespace="meshlike"), Uninstall(release="none", namespace="none"))
    with opened.deploy(mesh(injector), application(), removal=removal):
        cluster.apply(widget)
    assert opened.left_behind == ()


@BOTH
def test_a_chart_version_that_does_not_exist(opened):
    missing = HelmRelease(
        name="meshy", namespace="meshlike", repository="http://127.0.0.1:9/charts", chart="mesh", version="9.9.9"
    )
    with (
        pytest.raises(RunFailedError, match=r"helm install meshy failed: .*127.0.0.1:9"),
        opened.deploy((missing,), application()),
    ):
        pass
    assert opened.left_behind == ()
    nowhere = HelmRelease(name="meshy", namespace="meshlike", repository="", chart="./no/such/chart", version="1.0.0")
    with (
        pytest.raises(RunFailedError, match=r"There is no chart at \./no/such/chart"),
        opened.deploy((nowhere,), application()),
    ):
        pass
    assert opened.left_behind == ()


def test_a_local_chart_of_another_version_is_refused(opened):
    """A number must not bear the name of a version that did not produce it."""
    with (
        pytest.raises(RunFailedError, match=r"meshlike is version 1.2.3, not 9.9.9 as the release meshy needs it"),
        opened.deploy((release(version="9.9.9"),), application()),
    ):
        pass
    assert opened.left_behind == ()


@BOTH
def test_which_helm_it_was_stands_in_the_facts(opened, options):
    told = opened.facts().details["software"]["helm"]
    assert told.startswith("v")
    assert ("helm-python-sdk" in told) == (not options.helm)


@BOTH
def test_a_hook_that_fails_at_removal_does_not_keep_the_release(opened, cluster, injector):
    """The package knows no removal without hooks; what it made goes all the same, and the record with it."""
    removal = (Uninstall(release="meshy", namespace="meshlike", deadline_s=2),)
    with opened.deploy(mesh(injector, farewellImage="rig/nosuch-farewell:1"), application(), removal=removal):
        assert cluster.get("v1", "Secret", "sh.helm.release.v1.meshy.v1", "meshlike") is not None
    assert opened.left_behind == ()
    assert cluster.get("v1", "Namespace", "meshlike") is None


@BOTH
def test_a_hook_that_cannot_start_says_what_its_pod_says(opened):
    with (
        pytest.raises(RunFailedError) as caught,
        opened.deploy((release(hookImage="rig/nosuch-hook:1", deadline_s=2),), application()),
    ):
        pass
    assert "the image rig/nosuch-hook:1 cannot be pulled" in str(caught.value)
    assert opened.left_behind == ()


def test_a_mesh_that_is_there_already_is_refused_or_used_as_it_stands(agent, options, cluster, injector):
    from workbench.environments.kubernetes.client import Cluster
    from workbench.environments.kubernetes.helm import find_helm

    theirs: Any = find_helm(Cluster.connect(kubeconfig=options.kubeconfig), options.helm)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshlike"}})
    foreign = release(webhookUrl=injector.url, caBundle=injector.ca)
    place = ["--namespace", "meshlike"]
    theirs._call(
        ["install", "meshy", foreign.chart, *place, "--set", f"webhookUrl={injector.url},caBundle={injector.ca}"], 20
    )
    try:
        with OpenCluster(options) as environment:
            assert "the Helm release meshlike/meshy exists already" in environment.refuses(mesh(injector))
            hooked = (Wait(condition="webhooks", names=("meshy-injector",)),)
            assert "the webhook configuration meshy-injector" in environment.refuses(hooked)
            assert environment.refuses(mesh(injector), existing=True) == ""
        with OpenCluster(options) as environment:
            named = Delete(
                name="its CRD", objects=({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshlike"}},)
            )
            with environment.deploy(
                mesh(injector), application(labels={"meshlike": "enabled"}), removal=(named,), existing=True
            ) as up:
                assert up.check((HasProxy(name="proxy", container="proxy"),))[0].passed
            assert environment.left_behind == ()
        assert cluster.get("apps/v1", "Deployment", "meshy-control", "meshlike") is not None
    finally:
        theirs.uninstall("meshy", "meshlike")
        cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshlike"}})
        crd = cluster.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.meshlike.test")
        cluster.delete(crd)


def test_a_registry_of_copies_is_used_for_our_own_manifests(agent, options, cluster):
    with OpenCluster(replace(options, registry="mirror.test/all")) as environment:
        steps = (manifest("rig-mirror", workload("web", "rig-mirror", "docker.io/rig/plain:1")),)
        with environment.deploy(steps, application()):
            made = cluster.get("apps/v1", "Deployment", "web", "rig-mirror")
            assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.test/all/rig/plain:1"


def test_a_trust_anchor_reaches_the_chart_and_nothing_that_is_stored(opened, cluster):
    anchor = TrustAnchor(name="mesh", namespace="meshlike", secret="anchor", root="root.test", issuer="issuer.test")
    steps = (
        anchor,
        release(token="${trust.mesh.key}"),
        Wait(condition="available", namespace="meshlike", deadline_s=20),
    )
    with opened.deploy(steps, application()) as deployment:
        held = cluster.get("v1", "Secret", "anchor", "meshlike")["data"]
        given = cluster.get("v1", "Secret", "meshy-token", "meshlike")["data"]["token"]
        assert base64.b64decode(given) == base64.b64decode(held["tls.key"]).strip() or given == held["tls.key"]
        issuer = x509.load_pem_x509_certificate(base64.b64decode(held["tls.crt"]))
        root = x509.load_pem_x509_certificate(base64.b64decode(held["ca.crt"]))
        issuer.verify_directly_issued_by(root)
        stored = deployment.deployed()
        for secret in (held["tls.key"], base64.b64decode(held["tls.key"]).decode().splitlines()[1]):
            assert secret.encode() not in stored
        assert b"meshy-token" in stored
    assert opened.left_behind == ()
    assert SECRET.encode() not in stored


def test_a_value_that_asks_for_an_unknown_anchor_is_refused(opened):
    steps = (release(token="${trust.nobody.key}"),)
    with pytest.raises(BadInputError, match="no step has made the trust anchor"), opened.deploy(steps, application()):
        pass
    assert opened.left_behind == ()
