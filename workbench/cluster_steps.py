"""What is to be done on a cluster: the steps and gates that only an environment with an API server can carry out.

They stand beside `workbench.steps` and follow the same rule: descriptions, no effects. Everything an environment
creates from them carries the run's labels, and removal deletes by that label only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.steps import Role

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
    shared
        True: may be there already and then is left alone, and is removed only if this run created it.
    """

    name: str
    objects: tuple[KubernetesObject, ...]
    shared: bool = False


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
        `selector` are ready.
    """

    condition: Literal["available", "webhooks", "established", "ready"]
    namespace: str = ""
    selector: str = ""
    names: tuple[str, ...] = ()
    deadline_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Objects to delete and to see gone, in order, before anything else is removed: what a chart leaves or would block.

    `objects` need only apiVersion, kind, metadata.name and namespace; or metadata.labels to mean all of that kind with
    these labels. Missing ones are fine. With `strip_finalizers` their finalizers are cleared when they do not go.
    """

    name: str
    objects: tuple[KubernetesObject, ...]
    strip_finalizers: bool = False
    deadline_s: float = 120.0


ClusterStep = Manifest | HelmRelease | Wait | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Whom a container's consumption is charged to.

    A container belongs to the first part that matches; init containers that keep running count as containers.

    Attributes
    ----------
    namespace
        Namespace of the pod; empty: any.
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
    """A gate: every pod of the application runs this container, and it is ready."""

    name: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSays:
    """A gate: every pod of the application bears this label or annotation (with that value, unless empty)."""

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
        Whose pods are asked.
    port, path
        Where they show Prometheus text.
    metric, labels
        The series summed: exact name, and label values that must be there.
    """

    name: str
    part: Part
    port: int
    path: str
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A gate: one call from the client's pod to the application's target is answered 200."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceMoved:
    """A gate: one call moves the packet counters of this interface inside the client's pod."""

    name: str
    interface: str


ClusterGate = HasProxy | PodSays | MetricMoved | Answers | InterfaceMoved


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
        What the client calls.
    """

    namespace: str
    namespace_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    objects: tuple[KubernetesObject, ...]
    client: KubernetesObject
    url: str
