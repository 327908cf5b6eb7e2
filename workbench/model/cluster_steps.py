"""What is to be done on a cluster: the steps and gates that only an environment with an API server can carry out.

As in `workbench.model.lab_steps`, these are descriptions without effects. Everything an environment creates from them
carries the run's labels, and removal deletes by that label only.

Text in `HelmRelease.values` may hold placeholders that the environment fills in when it acts, so that no plan, log or
record ever holds a key:

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
"""A Kubernetes object as its manifest says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Objects to apply, server-side, in order.

    Attributes
    ----------
    name
        What they are, for people: ``"Gateway API CRDs"``.
    objects
        Complete manifests; the environment adds its labels and nothing else.
    source
        Path or URL of a YAML file whose objects are read when the step is carried out and applied after `objects`:
        what is too large, or not ours, to be described here. Empty: none.
    shared
        True: may be there already and then is left alone, and is removed only if this run created it.
    """

    name: str
    objects: tuple[KubernetesObject, ...] = ()
    source: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """An authority and an issuer below it, for a chart that must be given its own.

    The environment makes them once and keeps them in the Secret `secret` of `namespace` (entries ``ca.crt``,
    ``tls.crt``, ``tls.key``; the authority's own key is thrown away); where that Secret is there, its content is used
    again, because proxies that run would not trust a new authority. Both keys are EC P-256, signatures ECDSA-SHA256,
    the subject's CN is also the one DNS name, path length 1 for the authority and 0 for the issuer, key usage
    keyCertSign and cRLSign, basic constraints and key usage critical, validity backdated by 5 minutes.

    Attributes
    ----------
    name
        By which later steps refer to it: ``${trust.NAME.ca}`` and its like.
    root, issuer
        DNS names of both.
    lifetime_s
        Of both certificates.
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
        Of the release; the namespace is created when missing.
    repository, chart, version
        Where the chart comes from, exactly: a repository and a name, or (repository empty) a local path or an OCI
        reference as `chart`.
    values
        What overrides the chart's own.
    deadline_s
        Of the installation, hooks included.
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
        apiVersion, kind, metadata.name and namespace of what is waited for.
    """

    condition: Literal["available", "webhooks", "established", "ready", "synced"]
    namespace: str = ""
    selector: str = ""
    names: tuple[str, ...] = ()
    objects: tuple[KubernetesObject, ...] = ()
    deadline_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Objects to delete and to see gone, in order: what a chart leaves behind or what would block its removal.

    `objects` need only apiVersion, kind, metadata.name and namespace; or metadata.labels to mean all of that kind with
    these labels. The namespace ``"*"`` means every namespace. Missing objects, and kinds that the cluster does not
    serve, are fine. With `strip_finalizers` their finalizers are cleared when they do not go.
    """

    name: str
    objects: tuple[KubernetesObject, ...]
    strip_finalizers: bool = False
    deadline_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninstall:
    """A Helm release to uninstall where it stands in a mesh's `remove`; a missing one is fine.

    The order counts: what is deleted before it needs the mesh alive (resources whose finalizers its controller clears,
    waypoints that it made); what is deleted after it would take the release's own record away (its namespace) or comes
    into being until the last controller is gone.

    Its hooks run; when one of them fails or outlives the deadline, its Jobs are deleted and the release is uninstalled
    without hooks.
    """

    release: str
    namespace: str
    deadline_s: float = 180.0


ClusterStep = Manifest | TrustAnchor | HelmRelease | Wait | Delete | Uninstall


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRule:
    """Whom a container's consumption is charged to.

    A container belongs to the first part that matches; init containers that keep running count as containers.

    Attributes
    ----------
    namespace
        Namespace of the pod; empty: the application's. A proxy in the pods of others carries none of its requests.
    labels
        Labels that the pod bears.
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

    With `labels`, every pod that bears them; there must be one.
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
        Whose pods are asked; of sidecars, only those of the application: the control plane may have some too.
    port, path
        Where they show Prometheus text.
    metric, labels
        The series summed: exact name, and label values that must be there.
    deadline_s
        How long after the call the counter may take to show it: Envoy's statistics are flushed every 5 s.
    already
        True: it is enough that the counter stands above 0 after the call. For what happens once a connection, such as a
        TLS handshake, where the call may use a connection that is open already.
    requests
        True: every request moves the counter. A load whose counter moved by far less did not go through the data plane.
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
        """The series that are summed, as Prometheus writes a selector."""
        labels = ", ".join(f'{key}="{value}"' for key, value in sorted(self.labels.items()))
        return f"{self.metric}{{{labels}}}" if labels else self.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A gate: one call from the client's pod to the application's target is answered rightly."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceMoved:
    """A gate: one call moves the packet counters of this interface inside the client's pod.

    Attributes
    ----------
    container
        One of that pod that has a shell's tools to read them with.
    payload_bytes
        Body that the call carries; what was sent must grow by as much, so that what crosses the interface anyway (a
        liveness ping) does not pass for the call. 0: any growth will do.
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
"""Kind -> API group, of Kubernetes' own kinds that applications are made of."""


def group_of(one: KubernetesObject) -> str:
    """Return the API group of an object; empty for the core's."""
    return str(one["apiVersion"]).rpartition("/")[0]


def is_one(one: KubernetesObject, *kinds: str) -> bool:
    """Whether an object is of one of these kinds of Kubernetes' own: other API groups have a Service of theirs."""
    return one["kind"] in kinds and GROUPS.get(one["kind"]) == group_of(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterApplication:
    """The services that answer, on a cluster.

    Attributes
    ----------
    namespace
        Where everything of it lives; made for the run.
    namespace_metadata
        Labels and annotations of that namespace, which is how some meshes enrol.
    objects
        Its manifests: Deployments, Services, ServiceAccounts ...
    client
        The pod template of the client, from whose pod the load is sent, as a Deployment manifest.
    url
        What the client calls; its scheme is the protocol: http, https, h2c (HTTP/2 in plaintext), grpc, tcp.
    calls
        (caller, callee) of every call, the client's first: the name of the calling Deployment and of the Service that
        is called; empty: not known beyond the client's own call. For meshes whose callers must dial another address.
    notes
        What about it changes what is measured, in sentences; said by the plan and kept with every run.
    """

    namespace: str
    namespace_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    objects: tuple[KubernetesObject, ...]
    client: KubernetesObject
    url: str
    calls: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
