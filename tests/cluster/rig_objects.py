"""Manifests that the tests of clusters deploy."""

from __future__ import annotations

from pathlib import Path

from workbench.model.cluster_steps import ClusterApplication, HelmRelease, Manifest

CHARTS = Path(__file__).parent / "charts"


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def workload(name, place, image="rig/plain:1", *, kind="Deployment", requests=None, replicas=1):
    container = {"name": "app", "image": image, "resources": {"requests": requests or {}}}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
    }
    if kind == "Deployment":
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": place}, "spec": spec}


def manifest(place, *objects, shared=False):
    return Manifest(name="things of the test", objects=(namespace(place), *objects), shared=shared)


def application(place="rig-app", image="rig/plain:1", labels=None):
    return ClusterApplication(
        namespace=place,
        namespace_metadata={"labels": labels or {}},
        objects=(workload("server", place, image),),
        client=workload("client", place),
        url="http://server:8080/echo",
    )


def release(chart="meshlike", version="1.2.3", *, deadline_s=20.0, **values):
    path = str(CHARTS / chart)
    return HelmRelease(
        name="meshy",
        namespace="meshlike",
        repository="",
        chart=path,
        version=version,
        values=values,
        deadline_s=deadline_s,
    )
