"""What each mesh makes of each shipped design, on a real API server: applied to a real application, and gone again.

Kubernetes' own kinds are judged by their real schemas. The meshes' CRDs come with their charts, which cannot be had
here, so stand-ins without a schema take their objects: this proves the way there and back, not that the meshes' schemas
agree.
"""

from __future__ import annotations

import time

import pytest

from workbench import adapters
from workbench.environments.kubernetes.designs.configuring import Configuration, open_configuration
from workbench.environments.kubernetes.designs.differing import pruned
from workbench.environments.kubernetes.waiting import gone, wait
from workbench.files import shipped
from workbench.intents import identity, read_design
from workbench.model.cluster_steps import Wait
from workbench.model.experiment import EnvironmentSpec, Workload
from workbench.playground import distinct, render_all
from workbench.settings import Settings
from workbench.widgets.cluster_panel import ClusterPanel
from workbench.widgets.playing import Playground

DESIGNS = {path.stem: read_design(path) for path in sorted((shipped.home() / "data" / "designs").glob("*.toml"))}
RENDERINGS = {name: distinct(render_all(design)) for name, design in DESIGNS.items()}


def every_object():
    for renderings in RENDERINGS.values():
        for one in renderings:
            yield from (*one.objects, *one.patches)


def definition(group, kind, versions, namespaced):
    """A definition that lets anything through."""
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = [
        {"name": one, "served": True, "storage": one == versions[0], "schema": schema, "subresources": {"status": {}}}
        for one in versions
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of the tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": served,
        },
    }


def stand_ins(cluster):
    wanted = {}
    for one in every_object():
        group, _, version = one["apiVersion"].rpartition("/")
        if "." in group and not any(kind.kind == one["kind"] for kind in cluster.kinds_of(one["apiVersion"])):
            versions, spaces = wanted.setdefault((group, one["kind"]), (set(), set()))
            versions.add(version)
            spaces.add("namespace" in one["metadata"])
    assert all(len(spaces) == 1 for _, spaces in wanted.values())
    return [
        definition(group, kind, sorted(versions), True in spaces)
        for (group, kind), (versions, spaces) in wanted.items()
    ]


@pytest.fixture(scope="module")
def application(cluster):
    """The application that the shipped designs speak of, with two versions, and stand-ins for the meshes' kinds."""
    crds = stand_ins(cluster)
    for one in crds:
        cluster.apply(one)
    wait(cluster, Wait(condition="established", names=tuple(one["metadata"]["name"] for one in crds), deadline_s=30))
    workload = Workload(name="echo", versions=2)
    made = adapters.load("workloads", "echo").cluster_application(workload)
    places = {one["metadata"]["namespace"] for one in every_object() if "namespace" in one["metadata"]}
    names = sorted({made.namespace, *places})
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    objects = [*made.objects, made.client]
    for one in (*namespaces, *objects):
        cluster.apply(one)
    yield objects
    for one in (*objects, *namespaces, *crds):
        cluster.delete(one)
    for one in (*namespaces, *crds):
        assert gone(cluster, one, time.monotonic() + 60)


def content(cluster, objects):
    found = []
    for api_version, kind, namespace, name in map(identity, objects):
        one = cluster.get(api_version, kind, name, namespace)
        found.append(pruned(one) if one else None)
    return found


@pytest.mark.parametrize("name", list(DESIGNS))
def test_what_each_mesh_makes_of_a_design_comes_and_goes(application, cluster, plane, name):
    spec = EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(plane.kubeconfig)})
    tried = 0
    with open_configuration(spec) as here:
        for one in RENDERINGS[name]:
            if not one.objects and not one.patches:
                continue
            touched = (*one.objects, *one.patches)
            before = content(cluster, (*application, *touched))
            # the application was applied by another manager, as a user's is; only what it sets itself can be in the way
            refused = [told.sentence for told in here.check(one.objects, one.patches) if not told.passed]
            assert refused == [], f"{one.mesh}, {name}"
            applied = here.apply(name, one.objects, one.patches)
            assert len(applied.objects) == len(touched)
            assert all(content(cluster, touched))
            assert here.revert(name).as_before, f"{one.mesh}, {name}"
            assert content(cluster, (*application, *touched)) == before, f"{one.mesh}, {name}"
            tried += 1
    assert tried


def test_the_panel_checks_compares_applies_watches_and_reverts(application, cluster, plane, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    monkeypatch.setattr(Configuration.watch, "__defaults__", (4.0,))
    panel = ClusterPanel()
    panel.show(Playground(Settings.resolve(data=tmp_path)).look(DESIGNS["lean-proxy"]), "istio")
    said = []
    panel._said.observe(lambda change: said.append(change["new"]), names="value")
    before = content(cluster, application)

    def click(title):
        next(button for button in panel._buttons if button.description == title).click()
        assert "Context <b>rig</b>" in panel._said.value
        return panel._said.value

    assert click("Check").count("✓") == 4
    assert "Deployment workbench-app/server</b>: changed, its pods are replaced" in click("Compare")
    applied = click("Apply")
    assert "Applied as <b>lean-proxy</b>" in applied and "no controller reports on it" in applied
    assert any("…" in one and "No controller has reported anything yet" in one for one in said), "not shown as it goes"
    assert "lean-proxy" in click("In force")
    assert "deleted" in click("Revert")
    assert "This design is not in force there" in click("Revert")
    assert content(cluster, application) == before
