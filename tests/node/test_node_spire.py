"""NSM's description of SPIRE on a real node: SPIRE's own server, agent and controller manager, built from its source.

The steps are those of ``nsm``, unchanged but for the registry and the version: the node can have no other than the one
whose source is built. Of NSM itself nothing runs here.
"""

from __future__ import annotations

import base64
import copy
import json
import os

import node_machine
import pytest
from cryptography import x509
from node_machine import until

from workbench import adapters
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.client import RefusedError
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster
from workbench.meshes import _nsm_manifests as nsm
from workbench.meshes import _nsm_spire as spire
from workbench.meshes._nsm_objects import AGENT_SOCKET, IDENTIFIED, SPIRE_SOCKETS, host_paths, mounts
from workbench.model.cluster_steps import ClusterApplication
from workbench.model.experiment import MeshSpec, Workload

pytestmark = pytest.mark.timeout(400)

REGISTRY, BUILT = "rig.test/spire", "1.13.3"
"""What is built, `scripts/control_plane/nsm/go.mod`; the pinned 1.12.4 is not to be had as source."""

PROGRAMS = {"spire-server": (BUILT, "1000:1000"), "spire-agent": (BUILT, ""), "spire-controller-manager": ("0.6.2", "")}
"""Program -> its version, and the user of the project's own image of it."""

IDENTITY = ("spire.spiffe.io/v1alpha1", "ClusterSPIFFEID")


@pytest.fixture(scope="module")
def built():
    """The folder with what ``scripts/control_plane/build --nsm`` makes."""
    reason, folder = node_machine.why_not(), node_machine.cache() / "nsm"
    if reason:
        pytest.skip(reason)
    if not all(os.access(folder / name, os.X_OK) for name in PROGRAMS):
        pytest.skip(
            "no SPIRE built: run scripts/control_plane/build --nsm (needs Go and a C compiler; six minutes, once)"
        )
    return folder


@pytest.fixture(scope="module")
def standing(built, machine, real):
    """SPIRE installed as NSM's description says, with an application; what was there before; what stays behind."""
    for name, (version, user) in PROGRAMS.items():
        manager = name == "spire-controller-manager"
        place = f"/{name}" if manager else f"/opt/spire/bin/{name}"
        begin = [place] if manager else [place, "run"]
        machine.add_image(f"{REGISTRY}/{name}:{version}", {place: built / name}, begin, user)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spire, "VERSION", BUILT)
        steps = spire.install(REGISTRY)
    mesh, spec = adapters.load("meshes", "nsm"), MeshSpec(name="nsm")
    plain: ClusterApplication = adapters.load("workloads", "echo").cluster_application(Workload(name="echo"))
    opened = OpenCluster(Options(kubeconfig=str(machine.kubeconfig)))
    before = snapshot.take(real)
    with opened, opened.deploy(steps, plain, removal=mesh.remove(spec, plain)) as up:
        yield up
    assert opened.left_behind == ()
    assert snapshot.differences(before, snapshot.take(real)) == ()


def test_a_labelled_pod_gets_its_identity_and_the_webhooks_pod_its_names_too(standing, real):
    place, hook = standing.application.namespace, "admission-webhook-svc.nsm-system"
    ask(real, place, "labelled", IDENTIFIED)
    ask(real, place, "webhook", {"app": "admission-webhook-k8s"})
    authority = x509.load_pem_x509_certificate(bundle(real).encode())
    for name, names in (("labelled", []), ("webhook", [hook, f"{hook}.svc"])):
        until(lambda name=name: phase(real, place, name) == "Succeeded", f"{name} gets no identity", lambda: "", 150)
        (one,) = json.loads(said(real, place, name))["svids"]
        held = x509.load_der_x509_certificate(base64.b64decode(one["x509_svid"]))
        borne = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert borne.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://k8s.nsm/ns/{place}/pod/{name}"]
        assert borne.get_values_for_type(x509.DNSName) == names
        held.verify_directly_issued_by(authority)
    for name in spire.IDENTITIES:
        counted = real.get(*IDENTITY, name)["status"]["stats"]
        assert counted["entryFailures"] == counted["podEntryRenderFailures"] == 0


def test_a_pod_without_the_label_gets_no_identity(standing, real):
    """It asks again once a labelled pod that came later has its own: then an entry for it would have arrived too."""
    place = standing.application.namespace
    ask(real, place, "plain", {})
    until(lambda: refusals(real, place, "plain"), "the pod is not refused", lambda: "", 150)
    ask(real, place, "later", IDENTIFIED)
    until(lambda: phase(real, place, "later") == "Succeeded", "a labelled pod gets no identity", lambda: "", 150)
    asked = refusals(real, place, "plain")
    until(
        lambda: refusals(real, place, "plain") > asked or phase(real, place, "plain") == "Succeeded",
        "the pod does not ask again",
        lambda: "",
        300,
    )
    assert phase(real, place, "plain") != "Succeeded"
    assert "no identity issued" in said(real, place, "plain")


def test_spires_own_webhook_refuses_an_identity_that_cannot_be_rendered(standing, real):
    good = real.get(*IDENTITY, spire.IDENTITIES[0])
    made = {"apiVersion": IDENTITY[0], "kind": IDENTITY[1], "metadata": {"name": "tried"}, "spec": good["spec"]}
    real.apply(made, dry_run=True)
    wrong = {**made["spec"], "spiffeIDTemplate": "{{ .NoSuchThing"}
    with pytest.raises(RefusedError, match="denied the request"):
        real.apply({**made, "spec": wrong}, dry_run=True)


def test_spire_writes_its_certificate_into_nsms_webhook(standing, real):
    """The webhook as NSM's description has it, but for no namespace: what should answer it does not run here."""
    described = copy.deepcopy(dict(nsm._webhook()))
    described["webhooks"][0]["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "of-nobody"}}
    real.apply(described)
    kind = (described["apiVersion"], described["kind"], described["metadata"]["name"])

    def written():
        return base64.b64decode(real.get(*kind)["webhooks"][0]["clientConfig"].get("caBundle", "")).decode()

    try:
        until(lambda: written() == bundle(real), "SPIRE does not write its certificate", written)
    finally:
        real.delete(described)


def ask(real, place, name, labels):
    """Start a pod that asks the agent's socket for its identity until it has one: the entry takes a moment."""
    socket = AGENT_SOCKET.removeprefix("unix://")
    container = {
        "name": "ask",
        "image": f"{REGISTRY}/spire-agent:{BUILT}",
        "command": ["/opt/spire/bin/spire-agent", "api", "fetch", "x509", "-output", "json", "-socketPath", socket],
        "volumeMounts": mounts({"socket": SPIRE_SOCKETS}, ("socket",)),
    }
    spec = {
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": host_paths({"socket": SPIRE_SOCKETS}, "Directory"),
    }
    metadata = {"name": name, "namespace": place, "labels": dict(labels)}
    real.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def phase(real, place, name):
    return real.get("v1", "Pod", name, place)["status"].get("phase")


def refusals(real, place, name):
    """How many attempts of the pod's container have ended, none of them well."""
    (held,) = real.get("v1", "Pod", name, place)["status"].get("containerStatuses") or ({},)
    state = held.get("state") or {}
    ended = "terminated" in state or (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    return held.get("restartCount", 0) + ended


def said(real, place, name):
    return real.page(f"/api/v1/namespaces/{place}/pods/{name}/log").decode()


def bundle(real):
    """The certificate of SPIRE's authority, as the server published it for its agents."""
    return real.get("v1", "ConfigMap", "spire-bundle", "spire")["data"]["bundle.crt"]
