"""``consul``: stock Envoy and an agent of its own beside every pod, configured by a Consul server.

Services are TCP to Consul until a config entry says http, http2 or grpc; the profiles ``http`` and ``equal`` say
for all what the client speaks, and for each service whose port says something else, that. Metrics are off as shipped
and on here in every profile: without them nothing proves that a call went through the proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.errors import BadInputError
from workbench.files.tables import merged
from workbench.intents import Intent, Rendering, Target
from workbench.meshes import _cluster_options as cluster
from workbench.meshes import _cluster_pods as pods
from workbench.meshes import _consul_intent
from workbench.meshes._intent_parts import Asked, rendered
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    Delete,
    HasProxy,
    KubernetesObject,
    Manifest,
    MetricMoved,
    PartRule,
    PodSays,
    Uninstall,
    Wait,
    is_one,
)
from workbench.model.experiment import MeshSpec
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

VERSION = "2.0.3"
"""Of the chart; 1.9.11 is maintained beside it. Which Kubernetes 2.0 supports was not found."""

NAMESPACE = "consul"
RELEASE = "consul"
_CHARTS = "https://helm.releases.hashicorp.com"
_L7 = ("http", "equal")
_NAMES = {"http": "http", "h2c": "http2", "grpc": "grpc"}
"""Scheme of the client's call -> Consul's name of the protocol."""

_PROXY = "consul-dataplane"
_ANNOTATION = "consul.hashicorp.com/"
_API = "consul.hashicorp.com/v1alpha1"

_SIDECARS = PartRule(
    role="sidecar",
    labels={f"{_ANNOTATION}connect-inject-status": "injected"},
    containers=(_PROXY, "consul-connect-inject-init"),
)
_PROXY_DEFAULTS = cluster.named(_API, "ProxyDefaults", "global", NAMESPACE)
_WEBHOOKS = ("consul-connect-injector",)


class Consul:
    """TCP as shipped, HTTP, and both made equal (``equal`` is the one with HTTP)."""

    name = "consul"
    environments: tuple[str, ...] = cluster.ENVIRONMENTS
    profiles: tuple[str, ...] = ("default", "http", "equal", "tcp-equal")
    options: Mapping[str, Option] = {**cluster.HELM_OPTIONS, **cluster.GATEWAY_API_OPTION}

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        self._asked(spec)
        version = cluster.version_of(spec, VERSION)
        l7 = spec.profile in _L7
        does = "parses and routes every request" if l7 else "carries connections"
        telemetry = "telemetry of requests (off by default)" if l7 else "telemetry of connections (off by default)"
        equal = (*cluster.EQUAL_FEATURES, "the server may use 1 CPU (100m by default)")
        return MeshFacts(
            label=spec.label,
            title=f"Consul: an Envoy with an agent next to each pod {does} over mTLS (chart {version})",
            data_plane="sidecar",
            layer="L7" if l7 else "L4",
            mtls=True,
            archetype=False,
            features=(
                "mTLS, always on",
                telemetry,
                "retries off",
                "access log off",
                *(equal if _equal(spec) else (f"{cluster.WORKERS} worker threads per proxy",)),
            ),
        )

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the chart, the waits, and for HTTP the config entry that says so."""
        asked = self._asked(spec)
        scheme = self._scheme(spec, application)
        version = cluster.version_of(spec, VERSION)
        protocol = _NAMES.get(scheme, "tcp")
        told = {**_PROXY_DEFAULTS, "spec": {"config": {"protocol": protocol}}}
        entries = (Manifest(name=f"every service uses {protocol.upper()}", objects=(told,)),) if _l7(spec) else ()
        synced = (Wait(condition="synced", objects=(_PROXY_DEFAULTS,)),) if _l7(spec) else ()
        return (
            cluster.namespace(NAMESPACE),
            *cluster.gateway_api(asked),
            cluster.release(RELEASE, NAMESPACE, "consul", version, _CHARTS, _values(spec, asked), asked),
            Wait(condition="available", namespace=NAMESPACE, deadline_s=300.0),
            Wait(condition="webhooks", names=_WEBHOOKS),
            *entries,
            *synced,
        )

    def enrol(self, spec: MeshSpec, application: ClusterApplication) -> ClusterApplication:
        """Return a copy whose pods are annotated, each with the port that its Service leads to.

        Where requests are parsed, a service that says it speaks something else than the client gets a config entry.
        Without that annotation all ports of a pod's first container count. Consul knows a pod only through a Service
        that selects it, so that the client gets one too.

        Raises
        ------
        BadInputError
            When no Service, or more than one, selects a workload's pods.
        """
        asked = self._asked(spec)
        scheme = self._scheme(spec, application)
        entries = _service_defaults(application, _NAMES[scheme]) if _l7(spec) else ()
        application = pods.placed(application, asked["placement"])
        application = replace(application, objects=(*entries, *application.objects, _client_service(application)))

        def join(one: dict[str, Any]) -> None:
            service, port = _registered(application, one)
            annotations = {"connect-inject": "true", "kubernetes-service": service, "connect-service-port": str(port)}
            if version := pods.pod_labels(one).get("version"):
                annotations["service-meta-version"] = version  # by which a split tells the versions apart
            if one["metadata"]["name"] == application.client["metadata"]["name"]:
                annotations["transparent-proxy-exclude-inbound-ports"] = pods.client_port(application)
            pods.annotate(one, {_ANNOTATION + key: value for key, value in annotations.items()})

        return pods.enrolled_by_namespace(pods.changed(application, join), labels=cluster.PRIVILEGED)

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        """Return that every pod was injected, that a call moved Envoy's counters, and that TLS was spoken."""
        self._asked(spec)
        self._scheme(spec, application)
        return (
            Answers(name="the client's call is answered"),
            HasProxy(name="every pod has a ready consul-dataplane", container=_PROXY),
            PodSays(
                name="every pod was injected",
                where="label",
                key=f"{_ANNOTATION}connect-inject-status",
                value="injected",
            ),
            PodSays(
                name="every pod's traffic is redirected to its proxy",
                where="annotation",
                key=f"{_ANNOTATION}transparent-proxy-status",
                value="enabled",
            ),
            *_counted(pods.entry(application)[0], _l7(spec)),
        )

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to."""
        self._asked(spec)
        return (PartRule(role="control-plane", namespace=NAMESPACE), _SIDECARS)

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back: config entries while their controller lives, the chart, then what it leaves."""
        self._asked(spec)
        ours = {"release": RELEASE}
        hooks = ("Job", "batch/v1"), ("ServiceAccount", "v1")
        rights = "rbac.authorization.k8s.io/v1"
        return (
            Delete(name="Consul's config entries", objects=(_PROXY_DEFAULTS,), strip_finalizers=True),
            Uninstall(release=RELEASE, namespace=NAMESPACE),
            Delete(
                name="what Consul leaves behind",
                objects=(
                    *(cluster.webhook(kind, name) for kind in ("Mutating", "Validating") for name in _WEBHOOKS),
                    *(cluster.labelled(api, kind, ours, NAMESPACE) for kind, api in hooks),
                    cluster.labelled(rights, "Role", ours, NAMESPACE),
                    cluster.labelled(rights, "RoleBinding", ours, NAMESPACE),
                    cluster.labelled(rights, "ClusterRole", ours),
                    cluster.labelled(rights, "ClusterRoleBinding", ours),
                    cluster.labelled("v1", "Secret", {"managed-by": "consul-k8s"}, NAMESPACE),
                    cluster.labelled("v1", "PersistentVolumeClaim", ours, NAMESPACE),
                    cluster.labelled("apiextensions.k8s.io/v1", "CustomResourceDefinition", ours),
                    cluster.named("v1", "Namespace", NAMESPACE),
                ),
                strip_finalizers=True,
            ),
        )

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the intent as config entries and annotations."""
        self._asked(spec)
        protocol = {"config": {"protocol": target.protocol}} if _l7(spec) else {}
        makers = {**_consul_intent.MAKERS, "access_log": _consul_intent.access_log(protocol)}
        return rendered(Asked(spec=spec, intent=intent, target=target), makers, _consul_intent.finished)

    def _scheme(self, spec: MeshSpec, application: ClusterApplication) -> str:
        return cluster.check_scheme(spec, application, tuple(_NAMES) if _l7(spec) else cluster.SCHEMES)

    def _asked(self, spec: MeshSpec) -> dict[str, Any]:
        check_profile(spec, self.profiles)
        cluster.version_of(spec, VERSION)
        return cluster.settings(spec, self.options, ("consul",))


def _l7(spec: MeshSpec) -> bool:
    return spec.profile in _L7


def _equal(spec: MeshSpec) -> bool:
    return spec.profile.endswith("equal")


def _counted(service: str, l7: bool) -> tuple[ClusterGate, ...]:
    """Return what the proxies' counters prove; none of them moves by the kubelet's probes, which come in plaintext.

    Over HTTP the call may use a connection between the proxies that is open already, otherwise each call makes one.
    """
    here: dict[str, Any] = {"part": _SIDECARS, "port": 20200, "path": "/metrics"}
    handshakes: dict[str, Any] = {**here, "metric": "envoy_listener_ssl_handshake"}
    if not l7:
        return (MetricMoved(name="the call arrived over TLS", **handshakes),)
    return (
        MetricMoved(
            name="the client's proxy sent the call to the service",
            metric="envoy_cluster_upstream_rq_total",
            labels={"consul_destination_service": service},
            requests=True,
            **here,
        ),
        MetricMoved(name="the proxies speak TLS", already=True, **handshakes),
    )


def _service_defaults(application: ClusterApplication, protocol: str) -> tuple[KubernetesObject, ...]:
    """Describe the services that do not speak ``protocol``, which every other one is told to speak."""
    return tuple(
        {
            **cluster.named(_API, "ServiceDefaults", one["metadata"]["name"], application.namespace),
            "spec": {"protocol": said},
        }
        for one in application.objects
        if is_one(one, "Service") and (said := pods.spoken(one)) and said != protocol
    )


def _values(spec: MeshSpec, asked: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "global": {
            "name": RELEASE,  # otherwise every object is called RELEASE-consul-...
            "datacenter": "dc1",
            "metrics": {"enabled": True},
            "tls": {"enabled": False},  # of the server's own API; the proxies' mTLS is always on
            "acls": {"manageSystemACLs": False},
        },
        "server": {"replicas": 1},
        "connectInject": {"enabled": True, "default": False, "sidecarProxy": {"concurrency": cluster.WORKERS}},
        "ui": {"enabled": False},
    }
    if asked["gateway_api"]:  # otherwise the chart brings CRDs of its own, and takes them away
        shared = {
            "global": {"crds": {"enableTcpRoute": False}},  # not in the standard channel, and watched by default
            "connectInject": {"apiGateway": {"manageExternalCRDs": False}},
        }
        values = merged(values, shared)
    if asked["registry"]:
        values = merged(values, {"global": _images(asked["registry"], cluster.version_of(spec, VERSION))})
    if not _equal(spec):
        return values
    resources = {"requests": dict(cluster.EQUAL_REQUESTS), "limits": dict(cluster.EQUAL_LIMITS)}
    server = {"requests": dict(cluster.EQUAL_CONTROL_PLANE), "limits": {"cpu": "1", "memory": "512Mi"}}
    equal = {"server": {"resources": server}, "connectInject": {"sidecarProxy": {"resources": resources}}}
    return merged(values, equal)


def _images(registry: str, version: str) -> dict[str, Any]:
    """Name the images of a chart whose images bear its own version, as from 2.0 on.

    Raises
    ------
    BadInputError
        Before 2.0, where server and proxy have versions of their own.
    """
    if version.startswith(("0.", "1.")):
        raise BadInputError(
            f"Consul's chart {version} has images of several versions: set them in its option values "
            "(consul.global.image, imageK8S, imageConsulDataplane) instead of setting registry."
        )
    return {
        "image": f"{registry}/consul:{version}",
        "imageK8S": f"{registry}/consul-k8s-control-plane:{version}",
        "imageConsulDataplane": f"{registry}/consul-dataplane:{version}",
    }


def _client_service(application: ClusterApplication) -> KubernetesObject:
    name, port = application.client["metadata"]["name"], int(pods.client_port(application))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": application.namespace},
        "spec": {
            "selector": dict(application.client["spec"]["selector"]["matchLabels"]),
            "ports": [{"name": "http", "port": port, "targetPort": port}],
        },
    }


def _registered(application: ClusterApplication, one: KubernetesObject) -> tuple[str, int]:
    found = pods.services_of(application, one)
    if len(found) != 1:
        names = ", ".join(service["metadata"]["name"] for service in found) or "none"
        raise BadInputError(
            f"Consul registers a pod through one Service, but {one['kind']} {one['metadata']['name']!r} is selected by "
            f"{names}: give it exactly one."
        )
    return str(found[0]["metadata"]["name"]), pods.target_port(found[0], one)


ADAPTER = Consul()
