"""What the descriptions of real meshes share: options, versions, chart sources, values laid over values.

A profile gives the values that make a comparison fair; whatever the experiment sets under `values` is laid over them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import BadInputError, UnknownNameError
from workbench.files.tables import merged
from workbench.model.cluster_steps import ClusterApplication, ClusterStep, HelmRelease, KubernetesObject, Manifest, Wait
from workbench.model.experiment import MeshSpec
from workbench.model.options import settings as checked
from workbench.model.protocols import Option

ENVIRONMENTS = ("kubernetes",)
SCHEMES = ("http", "https", "h2c", "grpc", "tcp")
"""Of the client's call: all that a path below HTTP carries."""

REQUESTS = ("http", "h2c", "grpc")
"""Those that a proxy of layer 7 sees as requests."""

PLACEMENTS = ("spread", "same-node", "across-nodes")

WORKERS = 2
"""Worker threads of every proxy in the ``equal`` profiles: what Istio's and Consul's Envoy have by default. Linkerd's
proxy has one by default."""

EQUAL_REQUESTS: Mapping[str, str] = {"cpu": "100m", "memory": "128Mi"}
EQUAL_LIMITS: Mapping[str, str] = {"cpu": str(WORKERS), "memory": "1Gi"}
"""Requests and limits of every proxy in the ``equal`` profiles: Istio's defaults, the largest of the four. A limit
below the number of worker threads would throttle the one that uses both."""

EQUAL_FEATURES = (
    f"{WORKERS} worker threads per proxy",
    f"a proxy requests {EQUAL_REQUESTS['cpu']} CPU, {EQUAL_REQUESTS['memory']} and may use {EQUAL_LIMITS['cpu']} CPUs, "
    f"{EQUAL_LIMITS['memory']}",
    "autoscaling off",
)
"""What the ``equal`` profiles of the proxies have in common, for `MeshFacts.features`."""

EQUAL_CONTROL_PLANE: Mapping[str, str] = {"cpu": "100m", "memory": "256Mi"}
"""Requests of every control plane in the ``equal`` profiles; small enough for a laptop's cluster."""

GATEWAY_API_CRDS = tuple(
    f"{plural}.gateway.networking.k8s.io" for plural in ("gatewayclasses", "gateways", "httproutes", "referencegrants")
)
"""Of the standard channel, those that a mesh here depends on."""

PRIVILEGED: Mapping[str, str] = {"pod-security.kubernetes.io/enforce": "privileged"}
"""Namespaces with pods that redirect traffic or use the node's folders say so: clusters may enforce less by default."""

PLACEMENT_OPTION: Mapping[str, Option] = {
    "placement": Option(
        help="Where the client's pod runs: on another node than the services where there is one, on theirs, or "
        "on another and nowhere else. Give the baseline the same.",
        default="spread",
        choices=PLACEMENTS,
    )
}
REGISTRY_OPTION: Mapping[str, Option] = {
    "registry": Option(
        help="Registry and path with copies of the mesh's images, for air-gapped networks; empty: the project's own.",
        default="",
    )
}
HELM_OPTIONS: Mapping[str, Option] = {
    **PLACEMENT_OPTION,
    **REGISTRY_OPTION,
    "charts": Option(
        help="Where the charts come from: a repository's URL, an oci:// prefix, or a folder with CHART-VERSION.tgz; "
        "empty: the project's own repository.",
        default="",
    ),
    "values": Option(
        help="Values by chart, which override the profile's: values.istiod.replicaCount = 2 in the experiment's file.",
        default={},
    ),
}
GATEWAY_API_OPTION: Mapping[str, Option] = {
    "gateway_api": Option(
        help="The Gateway API's CRDs, which meshes share: the path or URL of the standard channel's bundle (1.5.1 "
        "suits all); 'cluster': they are installed already; empty: none are installed (Istio's waypoints need them).",
        default="",
    )
}

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")


def settings(spec: MeshSpec, options: Mapping[str, Option], charts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the options of ``spec`` over their defaults; raises as `options.settings`, also for an unknown chart."""
    asked = checked(spec, options)
    for chart, values in asked.get("values", {}).items():
        if chart not in charts:
            raise UnknownNameError("chart", chart, charts, f"mesh {spec.name}, option values")
        if not isinstance(values, dict):
            raise BadInputError(f"Mesh {spec.name}: option values.{chart} must be a table of the chart's values.")
    return asked


def version_of(spec: MeshSpec, pinned: str) -> str:
    """Return the version asked for, or the pinned one.

    Raises
    ------
    BadInputError
        For what is not an exact version.
    """
    version = pinned if spec.version is None else spec.version
    if version == "latest" or not _VERSION.fullmatch(version):
        raise BadInputError(f"Mesh {spec.name}: version {version!r} must be exact, such as {pinned!r}.")
    return version


def check_scheme(spec: MeshSpec, application: ClusterApplication, known: tuple[str, ...]) -> str:
    """Return the protocol of the client's call.

    Raises
    ------
    BadInputError
        When this mesh, in this profile, cannot carry it.
    """
    scheme = urlsplit(application.url).scheme
    if scheme not in known:
        raise BadInputError(
            f"Mesh {spec.label} does not support {scheme or application.url!r} as described here, "
            f"only {', '.join(known)}: choose another protocol, profile or workload."
        )
    return scheme


def release(
    name: str,
    namespace: str,
    chart: str,
    version: str,
    repository: str,
    values: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> HelmRelease:
    """Describe a release of ``chart`` from ``repository`` or wherever `charts` says, with `values` laid over."""
    source = str(asked["charts"])
    if source.startswith("oci://"):
        repository, path = "", f"{source.rstrip('/')}/{chart}"
    elif source and "://" not in source:
        repository, path = "", f"{source.rstrip('/')}/{chart}-{version}.tgz"
    else:
        repository, path = source or repository, chart
    return HelmRelease(
        name=name,
        namespace=namespace,
        repository=repository,
        chart=path,
        version=version,
        values=merged(values, asked["values"].get(chart, {})),
    )


def namespace(
    name: str, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> Manifest:
    """Describe a mesh's own namespace, made before the chart so that its labels are on it from the start."""
    metadata: dict[str, Any] = {"name": name, "labels": {**PRIVILEGED, **(labels or {})}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return Manifest(
        name=f"namespace {name}", objects=({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},)
    )


def gateway_api(asked: Mapping[str, Any], needed: bool = False) -> tuple[ClusterStep, ...]:
    """Return what makes sure of the Gateway API's CRDs: nothing when the option is empty and they are not `needed`.

    The bundle is not ours to ship: it is read from the file or URL that the user names. It is shared: where its objects
    are there already they are left alone, then and at removal.
    """
    source = str(asked["gateway_api"])
    if not source and not needed:
        return ()
    wait = Wait(condition="established", names=GATEWAY_API_CRDS, deadline_s=30.0)
    if source in ("", "cluster"):
        return (wait,)
    return (Manifest(name="Gateway API CRDs, standard channel", source=source, shared=True), wait)


def crd(name: str) -> KubernetesObject:
    """Refer to a CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
    }


def webhook(kind: str, name: str) -> KubernetesObject:
    """Refer to a ``"Mutating"`` or ``"Validating"`` webhook configuration."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
    }


def named(api_version: str, kind: str, name: str, where: str = "") -> KubernetesObject:
    """Refer to an object by name, in the namespace ``where`` unless empty."""
    metadata = {"name": name, "namespace": where} if where else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def labelled(api_version: str, kind: str, labels: Mapping[str, str], where: str = "") -> KubernetesObject:
    """Refer to all objects of ``kind`` with these labels."""
    metadata: dict[str, Any] = {"labels": dict(labels)}
    if where:
        metadata["namespace"] = where
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
