"""``istio``: Envoy beside every pod, or ztunnel on every node with a waypoint where asked (ambient mode).

Charts, their order, objects, labels, ports and left-overs are those of release 1.30.3, rendered; sidecar mode also ran
with istiod built from source and stock Envoy (`docs/clusters.md`), the released images have not. Versions are a factor:
`MeshSpec.version` takes any release of the same charts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workbench.files.tables import merged
from workbench.intents import Intent, Rendering, Target
from workbench.meshes import _cluster_options as cluster
from workbench.meshes import _cluster_pods as pods
from workbench.meshes._intent_parts import Asked, rendered
from workbench.meshes._istio_ambient_intent import AMBIENT, WAYPOINTS
from workbench.meshes._istio_intent import SIDECAR, finished
from workbench.meshes._istio_left import left_overs
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    Delete,
    HasProxy,
    MetricMoved,
    PartRule,
    PodSays,
    Uninstall,
    Wait,
)
from workbench.model.experiment import MeshSpec
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

VERSION = "1.30.3"
"""Maintained with it: 1.29, 1.28; 1.31 is out, its newest patch is not verified."""

NAMESPACE = "istio-system"
WAYPOINT = "waypoint"
_CHARTS = "https://istio-release.storage.googleapis.com/charts"

_SIDECARS = PartRule(
    role="sidecar", labels={"security.istio.io/tlsMode": "istio"}, containers=("istio-proxy", "istio-init")
)
_ZTUNNEL = PartRule(role="node-proxy", namespace=NAMESPACE, labels={"app": "ztunnel"})
_WAYPOINTS = PartRule(role="waypoint", labels={"gateway.networking.k8s.io/gateway-name": WAYPOINT})
"""The container is called istio-proxy in all three: who it is, namespace and labels say."""


class Istio:
    """Sidecar mode, ambient mode, and ambient mode with a waypoint; each as shipped and made equal."""

    name = "istio"
    environments: tuple[str, ...] = cluster.ENVIRONMENTS
    profiles: tuple[str, ...] = ("default", "equal", "ambient", "ambient-equal", "waypoint", "waypoint-equal")
    options: Mapping[str, Option] = {
        **cluster.HELM_OPTIONS,
        **cluster.GATEWAY_API_OPTION,
        "platform": Option(help="Istio's name for the platform (k3s, gke, ...); empty: kind and others.", default=""),
    }

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        self._asked(spec)
        titles = {
            "default": "Istio: an Envoy next to each pod parses, authorizes and routes every request over mTLS",
            "ambient": "Istio ambient: ztunnel on each node tunnels connections over mTLS",
            "waypoint": "Istio ambient with a waypoint: ztunnel on each node, and one Envoy that parses every request",
        }
        title = titles[_mode(spec)].removesuffix(" over mTLS" if _plain(spec) else "")
        return MeshFacts(
            label=spec.label,
            title=f"{title} ({cluster.version_of(spec, VERSION)})",
            data_plane="sidecar" if _mode(spec) == "default" else "node-proxy",
            layer="L4" if _mode(spec) == "ambient" else "L7",
            mtls=not _plain(spec),
            archetype=False,
            features=self._features(spec),
        )

    def _features(self, spec: MeshSpec) -> tuple[str, ...]:
        on = ["mTLS off" if _plain(spec) else "mTLS, permissive: callers outside the mesh are allowed"]
        if spec.intent is not None and spec.intent.mtls is not None and spec.intent.mtls.mode == "strict":
            on = ["mTLS, strict: no other callers are allowed"]
        if _mode(spec) == "ambient":
            on.append("telemetry of connections")
        else:
            on += ["telemetry of requests", "retries off" if _equal(spec) else "retries on connection failures (2)"]
        quiet = spec.intent is not None and spec.intent.access_log is False
        if _mode(spec) != "default" and not _equal(spec) and not quiet:
            on.append("ztunnel's access log on: two lines per connection")
        else:
            on.append("access log off")
        return (*on, *(cluster.EQUAL_FEATURES if _equal(spec) else ("autoscaling of istiod",)))

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the charts in their order and the waits: an early pod is rejected while a webhook has no CA bundle."""
        asked = self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        releases: list[ClusterStep] = [self._release(spec, "base", "istio-base"), self._release(spec, "istiod")]
        if _mode(spec) != "default":
            releases += [self._release(spec, "cni", "istio-cni"), self._release(spec, "ztunnel")]
        return (
            *cluster.gateway_api(asked, needed=_mode(spec) == "waypoint"),
            cluster.namespace(NAMESPACE),
            *releases,
            Wait(condition="available", namespace=NAMESPACE, deadline_s=300.0),
            Wait(
                condition="webhooks",
                names=("istio-sidecar-injector", "istio-validator-istio-system", "istiod-default-validator"),
            ),
        )

    def _release(self, spec: MeshSpec, chart: str, name: str = "") -> ClusterStep:
        asked = self._asked(spec)
        version = cluster.version_of(spec, VERSION)
        values = _VALUES[chart](spec)
        common: dict[str, Any] = {}
        if asked["platform"]:
            common["global"] = {"platform": asked["platform"]}
        if asked["registry"] and chart != "base":
            image = {"hub": asked["registry"], "tag": version}
            # ztunnel and cni read hub and tag at the top, istiod below global (all: Hub/Image:Tag-Variant)
            common = merged(common, {"global": image} if chart == "istiod" else {**image, "global": image})
        return cluster.release(name or chart, NAMESPACE, chart, version, _CHARTS, merged(values, common), asked)

    def enrol(self, spec: MeshSpec, application: ClusterApplication) -> ClusterApplication:
        """Return a copy whose namespace is in the mesh; the port that starts the load stays outside the proxy."""
        asked = self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        application = pods.placed(application, asked["placement"])
        if _mode(spec) == "default":
            outside = {"traffic.sidecar.istio.io/excludeInboundPorts": pods.client_port(application)}
            application = pods.client_changed(application, lambda one: pods.annotate(one, outside))
            return pods.enrolled_by_namespace(application, labels={**cluster.PRIVILEGED, "istio-injection": "enabled"})
        labels = {"istio.io/dataplane-mode": "ambient"}
        if _mode(spec) == "waypoint":
            labels["istio.io/use-waypoint"] = WAYPOINT
            application = _with_waypoint(application)
        return pods.enrolled_by_namespace(application, labels=labels)

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        """Return that pods are in the mesh, that a call moved its counters, and that the call was mTLS."""
        self._asked(spec)
        scheme = cluster.check_scheme(spec, application, cluster.SCHEMES)
        answers = Answers(name="the client's call is answered")
        if _mode(spec) == "default":
            return (answers, *_sidecar_gates(scheme, plain=_plain(spec)))
        gates: tuple[ClusterGate, ...] = (
            answers,
            PodSays(
                name="every pod's traffic is redirected to ztunnel",
                where="annotation",
                key="ambient.istio.io/redirection",
                value="enabled",
            ),
            MetricMoved(
                name="the call went through ztunnel over mTLS",
                part=_ZTUNNEL,
                port=15020,
                path="/metrics",
                metric="istio_tcp_connections_opened_total",
                labels={"connection_security_policy": "mutual_tls", "reporter": "destination"},
            ),
        )
        if _mode(spec) == "waypoint":
            return (*gates, _counted(scheme, "the waypoint handled the call", _WAYPOINTS, {"reporter": "waypoint"}))
        return gates

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to; ztunnel and istio-cni are in the control plane's namespace."""
        self._asked(spec)
        control_plane = PartRule(role="control-plane", namespace=NAMESPACE)
        agent = PartRule(role="node-agent", namespace=NAMESPACE, labels={"k8s-app": "istio-cni-node"})
        if _mode(spec) == "default":
            return (control_plane, _SIDECARS)
        return (_ZTUNNEL, agent, control_plane, *((_WAYPOINTS,) if _mode(spec) == "waypoint" else ()))

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back: waypoints before istiod goes, then the charts, then what they leave."""
        self._asked(spec)
        steps: list[ClusterStep] = []
        if _mode(spec) == "waypoint":
            gateway = cluster.named("gateway.networking.k8s.io/v1", "Gateway", WAYPOINT, application.namespace)
            steps.append(Delete(name="the waypoint", objects=(gateway,)))
        if _mode(spec) != "default":
            steps += [Uninstall(release=name, namespace=NAMESPACE) for name in ("ztunnel", "istio-cni")]
        steps += [Uninstall(release=name, namespace=NAMESPACE) for name in ("istiod", "istio-base")]
        return (*steps, Delete(name="what Istio leaves behind", objects=left_overs(NAMESPACE)))

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the intent as VirtualService, DestinationRule, policies, annotations and chart values."""
        self._asked(spec)
        makers = {"default": SIDECAR, "ambient": AMBIENT, "waypoint": WAYPOINTS}[_mode(spec)]
        return rendered(Asked(spec=spec, intent=intent, target=target), makers, finished)

    def _asked(self, spec: MeshSpec) -> dict[str, Any]:
        check_profile(spec, self.profiles)
        cluster.version_of(spec, VERSION)
        return cluster.settings(spec, self.options, tuple(_VALUES))


def _mode(spec: MeshSpec) -> str:
    mode = spec.profile.removesuffix("-equal")
    return "default" if mode == "equal" else mode


def _equal(spec: MeshSpec) -> bool:
    return spec.profile.endswith("equal")


def _base_values(spec: MeshSpec) -> dict[str, Any]:
    return {}


def _istiod_values(spec: MeshSpec) -> dict[str, Any]:
    values: dict[str, Any] = {} if _mode(spec) == "default" else {"profile": "ambient"}
    if not _equal(spec):
        return values
    resources = {"requests": dict(cluster.EQUAL_REQUESTS), "limits": dict(cluster.EQUAL_LIMITS)}
    return {
        **values,
        "autoscaleEnabled": False,
        "replicaCount": 1,
        "resources": {"requests": dict(cluster.EQUAL_CONTROL_PLANE)},  # shipped: 500m and 2 GiB
        "global": {"proxy": {"resources": resources}, "waypoint": {"resources": resources}},
        "meshConfig": {
            "accessLogFile": "",
            "defaultHttpRetryPolicy": {"attempts": 0},  # shipped: 2
            "defaultConfig": {"concurrency": cluster.WORKERS},
        },
    }


def _cni_values(spec: MeshSpec) -> dict[str, Any]:
    return {"profile": "ambient"}


def _ztunnel_values(spec: MeshSpec) -> dict[str, Any]:
    if not _equal(spec):
        return {}
    resources = {"requests": dict(cluster.EQUAL_REQUESTS), "limits": dict(cluster.EQUAL_LIMITS)}
    return {
        "env": {"ZTUNNEL_WORKER_THREADS": str(cluster.WORKERS)},
        "resources": resources,
        "logLevel": "info,access=off",  # shipped: a line when a connection opens, and one when it closes
    }


_VALUES: Mapping[str, Callable[[MeshSpec], dict[str, Any]]] = {
    "base": _base_values,
    "istiod": _istiod_values,
    "cni": _cni_values,
    "ztunnel": _ztunnel_values,
}


def _with_waypoint(application: ClusterApplication) -> ClusterApplication:
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": WAYPOINT,
            "namespace": application.namespace,
            "labels": {"istio.io/waypoint-for": "service"},
        },
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }
    return replace(application, objects=(gateway, *application.objects))


def _counted(scheme: str, name: str, part: PartRule, labels: Mapping[str, str]) -> MetricMoved:
    """Describe a gate on Istio's own counter: of requests, or of connections where no request is parsed."""
    requests = scheme in cluster.REQUESTS
    return MetricMoved(
        name=name,
        part=part,
        port=15020,
        path="/stats/prometheus",
        metric="istio_requests_total" if requests else "istio_tcp_connections_opened_total",
        labels=labels,
        requests=requests,
    )


def _plain(spec: MeshSpec) -> bool:
    """Whether the intent switches mTLS off."""
    return spec.intent is not None and spec.intent.mtls is not None and spec.intent.mtls.mode == "off"


def _sidecar_gates(scheme: str, *, plain: bool) -> tuple[ClusterGate, ...]:
    injected = (
        HasProxy(name="every pod has a ready istio-proxy", container="istio-proxy"),
        PodSays(name="every pod was injected", where="annotation", key="sidecar.istio.io/status"),
    )
    if plain:
        plaintext = {"reporter": "destination", "connection_security_policy": "none"}
        return (*injected, _counted(scheme, "the call arrived in plaintext", _SIDECARS, plaintext))
    return (
        *injected,
        PodSays(name="every pod uses mTLS", where="label", key="security.istio.io/tlsMode", value="istio"),
        # connection_security_policy stands on the destination's reports only
        _counted(
            scheme,
            "the call arrived over mTLS",
            _SIDECARS,
            {"reporter": "destination", "connection_security_policy": "mutual_tls"},
        ),
    )


ADAPTER = Istio()
