"""Steps and gates for clusters, which only an environment with an API server can execute.

As in `workbench.model.lab_steps`, these are descriptions without effects. Everything an environment creates from them
carries the run's labels, and removal deletes by that label only.

Text in `HelmRelease.values` may contain placeholders that the environment fills in when it acts, so that no plan, log
or record ever contains a key:

====================  ====================================================================================
``${trust.NAME.ca}``   certificate of the authority that the step `TrustAnchor` NAME made, as PEM
``${trust.NAME.crt}``  certificate of the issuer below it
``${trust.NAME.key}``  the issuer's private key
====================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.model.lab_steps import Role

KubernetesObject = Mapping[str, Any]
"""A Kubernetes object, as in its manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Objects to apply, server-side, in order.

    Attributes
    ----------
    name
        Name of the objects, for people: ``"Gateway API CRDs"``.
    objects
        Complete manifests; the environment adds its labels and nothing else.
    source
        Path or URL of a YAML file whose objects are read when the step runs and applied after `objects`, for
        objects that are too large or not ours. Empty: none.
    shared
        True: it may exist already, is then left alone, and is removed only if this run created it.
    """

    name: str
    objects: tuple[KubernetesObject, ...] = ()
    source: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """An authority and an issuer below it, for a chart that must be given its own.

    The environment makes them once and keeps them in the Secret `secret` of `namespace` (entries ``ca.crt``,
    ``tls.crt``, ``tls.key``; the authority's own key is thrown away); if that Secret exists, its content is used
    again, because running proxies would not trust a new authority. Both keys are EC P-256, signatures ECDSA-SHA256,
    the subject's CN is also the one DNS name, path length 1 for the authority and 0 for the issuer, key usage
    keyCertSign and cRLSign, basic constraints and key usage critical, validity backdated by 5 minutes.

    Attributes
    ----------
    name
        The name by which later steps refer to it, as in ``${trust.NAME.ca}``.
    root, issuer
        DNS names of both.
    lifetime_s
        Validity of both certificates.
    """

    name: str
    namespace: str
    secret: str
    root: str
    issuer: str
    lifetime_s: float = 365 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmRelease:
    """A chart to install and later to uninstall.

    Attributes
    ----------
    name, namespace
        Name and namespace of the release; the namespace is created if missing.
    repository, chart, version
        Where the chart comes from, exactly: a repository and a name, or (repository empty) a local path or an OCI
        reference as `chart`.
    values
        Values that override the chart's own.
    deadline_s
        Time limit of the installation, hooks included.
    """

    name: str
    namespace: str
    repository: str
    chart: str
    version: str
    values: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A condition to watch for.

    Attributes
    ----------
    condition
        ``"available"``: every Deployment, DaemonSet and StatefulSet of `namespace` that matches `selector` is fully
        available; ``"webhooks"``: every webhook of the configurations called `names` has a CA bundle;
        ``"established"``: the CRDs called `names` are served; ``"ready"``: the pods of `namespace` that match
        `selector` are ready, and there is one at least; ``"synced"``: the status of every object of `objects` has the
        condition Synced=True.
    objects
        apiVersion, kind, metadata.name and namespace of the objects to wait for.
    """

    condition: Literal["available", "webhooks", "established", "ready", "synced"]
    namespace: str = ""
    selector: str = ""
    names: tuple[str, ...] = ()
    objects: tuple[KubernetesObject, ...] = ()
    deadline_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Objects to delete and to wait for, in order: what a chart leaves behind or what would block its removal.

    `objects` need only apiVersion, kind, metadata.name and namespace; or metadata.labels to mean all of that kind with
    these labels. The namespace ``"*"`` means every namespace. Missing objects, and kinds that the cluster does not
    serve, are fine. With `strip_finalizers`, finalizers of remaining objects are cleared.
    """

    name: str
    objects: tuple[KubernetesObject, ...]
    strip_finalizers: bool = False
    deadline_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninstall:
    """A Helm release to uninstall at its place in a mesh's `remove`; a missing one is fine.

    The order matters. Delete before it what needs the running mesh (resources whose finalizers its controller clears,
    waypoints that it made). Delete after it what contains the release's record (its namespace) or what controllers
    recreate until the last one is gone.

    Its hooks run; when one of them fails or outlives the deadline, its Jobs are deleted and the release is uninstalled
    without hooks.
    """

    release: str
    namespace: str
    deadline_s: float = 180.0


ClusterStep = Manifest | TrustAnchor | HelmRelease | Wait | Delete | Uninstall


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRule:
    """The role that a container's consumption is charged to.

    A container belongs to the first part that matches; init containers that keep running count as containers.

    Attributes
    ----------
    namespace
        Namespace of the pod; empty: the application's. Proxies in other pods do not handle its requests.
    labels
        Labels of the pod.
    containers
        Names of containers; empty: all of the pod.
    """

    role: Role
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HasProxy:
    """A gate: every pod of the application, the client's too, runs this container, and it is ready.

    With `labels`, every pod that has them; there must be one.
    """

    name: str
    container: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSays:
    """A gate: every pod of the application has this label or annotation (with that value, unless empty)."""

    name: str
    where: Literal["label", "annotation"]
    key: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMoved:
    """A gate: one call to the application moves a counter of the data plane.

    Attributes
    ----------
    part
        The part whose pods are queried; for sidecars, only the application's, because the control plane may have some.
    port, path
        Where they serve Prometheus text.
    metric, labels
        The series to sum: exact name and required label values.
    deadline_s
        How long the counter may take to show the call: Envoy's statistics are flushed every 5 s.
    already
        True: the counter only needs to be above 0 after the call. For events once per connection, such as a TLS
        handshake, because the call may use an open connection.
    requests
        True: every request moves the counter. If the counter moved by far less, the load did not go through the data
        plane.
    """

    name: str
    part: PartRule
    port: int
    path: str
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = 30.0
    already: bool = False
    requests: bool = False

    @property
    def series(self) -> str:
        """The series to sum, as a Prometheus selector."""
        labels = ", ".join(f'{key}="{value}"' for key, value in sorted(self.labels.items()))
        return f"{self.metric}{{{labels}}}" if labels else self.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A gate: one call from the client's pod to the application's target gets the right answer."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceMoved:
    """A gate: one call moves the packet counters of this interface inside the client's pod.

    Attributes
    ----------
    container
        A container of that pod with shell tools to read them.
    payload_bytes
        Body of the call; the bytes sent must grow by at least as much, so that other traffic on the interface (a
        liveness ping) does not count as the call. 0: any growth is enough.
    """

    name: str
    interface: str
    container: str = ""
    payload_bytes: int = 0


ClusterGate = HasProxy | PodSays | MetricMoved | Answers | InterfaceMoved


GROUPS: Mapping[str, str] = {
    **dict.fromkeys(("Service", "ServiceAccount", "Namespace", "Pod"), ""),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps"),
}
"""Kind -> API group, for Kubernetes' own kinds in applications."""


def group_of(one: KubernetesObject) -> str:
    """Return the API group of an object; empty for the core's."""
    return str(one["apiVersion"]).rpartition("/")[0]


def is_one(one: KubernetesObject, *kinds: str) -> bool:
    """Whether an object is of one of these kinds of Kubernetes itself; other API groups have a Service too."""
    return one["kind"] in kinds and GROUPS.get(one["kind"]) == group_of(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterApplication:
    """The application on a cluster.

    Attributes
    ----------
    namespace
        The namespace of all its objects; created for the run.
    namespace_metadata
        Labels and annotations of that namespace, with which some meshes enrol it.
    objects
        Its manifests: Deployments, Services, ServiceAccounts ...
    client
        The Deployment manifest of the client, whose pod sends the load.
    url
        The URL that the client calls; its scheme is the protocol: http, https, h2c (HTTP/2 in plaintext), grpc, tcp.
    calls
        (caller, callee) of every call, the client's first: the names of the calling Deployment and the called
        Service; empty: only the client's call is known. For meshes whose callers must use another address.
    notes
        Properties that affect the measurement, in sentences; shown in the plan and stored with every run.
    """

    namespace: str
    namespace_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    objects: tuple[KubernetesObject, ...]
    client: KubernetesObject
    url: str
    calls: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
