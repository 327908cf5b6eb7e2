"""Which mesh and which machines a document names."""

from __future__ import annotations

import pytest

from workbench import adapters
from workbench.interchange.smp.messages import MeshType, ServiceMesh
from workbench.interchange.smp.naming import mesh_label, mesh_type
from workbench.interchange.smp.surroundings import kubernetes_version, nodes_of, quantity, surrounding_labels
from workbench.model.records import Facts


@pytest.mark.parametrize(
    ("name", "number"),
    [("istio", 3), ("Linkerd", 5), ("consul", 2), ("nsm", 8), ("network-service-mesh", 8), ("cilium", 12), ("kuma", 4)],
)
def test_meshes_have_the_specifications_names(name, number):
    assert int(mesh_type(name)) == number


def test_lab_archetypes_have_none_and_bear_no_products():
    named = {name: mesh_type(name) for name in adapters.names("meshes")}
    assert {name for name, kind in named.items() if kind} == {"istio", "linkerd", "consul", "nsm"}
    assert mesh_type("") is MeshType.INVALID_MESH


def test_a_documents_mesh_gets_a_label():
    assert mesh_label(ServiceMesh(type=MeshType.TRAEFIK_MESH, version="1")) == "traefik-mesh 1"
    assert mesh_label(ServiceMesh(labels={"name": "l7"})) == "l7"
    assert mesh_label(ServiceMesh()) == mesh_label(None) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [("4", 4), ("3920m", 3.92), ("16384Ki", 2**24), ("2Gi", 2**31), ("1.5G", 1.5e9), ("x", None), (None, None)],
)
def test_quantities(text, value):
    assert quantity(text) == value


def test_a_clusters_nodes_are_listed():
    nodes = [
        {"name": "a", "type": "m5.large", "cores": "2", "memory": "8000000Ki", "kernel": "6.1"},
        {"name": "b", "type": None, "cores": "3920m", "memory": None},
    ]
    facts = Facts(
        environment="kubernetes",
        fingerprint="f",
        details={"cluster": {"kubernetes": "v1.33.1", "network": "cilium", "server": "s"}, "nodes": nodes},
    )
    found = nodes_of(facts)
    assert [(one.type, one.cores, one.mem_mb) for one in found] == [("m5.large", 2, 8192), ("", 4, 0)]
    assert kubernetes_version(facts) == "v1.33.1"
    labels = surrounding_labels(facts)
    assert labels["machine.kernel"] == "6.1" and labels["cluster.network"] == "cilium" and "s" not in labels.values()
