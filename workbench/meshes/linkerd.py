"""``linkerd``: its own Rust proxy beside every pod, from the project's edge releases.

The charts need a trust anchor and an issuer: making them is the environment's part (`TrustAnchor`), so that this
description holds no key and is the same for the same spec. All webhooks fail open: before the injector is ready, and
where it is not asked, pods start without a proxy and nothing says so. Hence the waits before, and the gates after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.files.tables import merged
from workbench.intents import Intent, Rendering, Target
from workbench.meshes import _cluster_options as cluster
from workbench.meshes import _cluster_pods as pods
from workbench.meshes import _linkerd_intent
from workbench.meshes._intent_parts import Asked, rendered
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    Delete,
    HasProxy,
    KubernetesObject,
    MetricMoved,
    PartRule,
    PodSays,
    TrustAnchor,
    Uninstall,
    Wait,
    is_one,
)
from workbench.model.experiment import MeshSpec
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

VERSION = "edge-26.8.3"
"""The project itself publishes only edge releases; this one is of the line that is called 2.20."""

NAMESPACE = "linkerd"
_CHARTS = "https://helm.linkerd.io/edge"
_PROXY = "linkerd-proxy"

_CRDS = (
    *(
        f"{plural}.policy.linkerd.io"
        for plural in (
            "authorizationpolicies",
            "egressnetworks",
            "httplocalratelimitpolicies",
            "httproutes",
            "meshtlsauthentications",
            "networkauthentications",
            "serverauthorizations",
            "servers",
        )
    ),
    "serviceprofiles.linkerd.io",
    "externalworkloads.workload.linkerd.io",
)
_WEBHOOKS = (
    ("Mutating", "linkerd-proxy-injector-webhook-config"),
    ("Validating", "linkerd-sp-validator-webhook-config"),
    ("Validating", "linkerd-policy-validator-webhook-config"),
)
_SIDECARS = PartRule(
    role="sidecar", labels={"linkerd.io/control-plane-ns": NAMESPACE}, containers=(_PROXY, "linkerd-init")
)


class Linkerd:
    """As shipped, and made equal."""

    name = "linkerd"
    environments: tuple[str, ...] = cluster.ENVIRONMENTS
    profiles: tuple[str, ...] = ("default", "equal")
    options: Mapping[str, Option] = {**cluster.HELM_OPTIONS, **cluster.GATEWAY_API_OPTION}

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        self._asked(spec)
        version = cluster.version_of(spec, VERSION)
        always = ("mTLS between meshed pods, always on", "telemetry of requests", "retries off", "access log off")
        return MeshFacts(
            label=spec.label,
            title=f"Linkerd: a Rust proxy next to each pod parses and routes every request over mTLS ({version})",
            data_plane="sidecar",
            layer="L7",
            mtls=True,
            archetype=False,
            features=(
                *always,
                *(cluster.EQUAL_FEATURES if spec.profile == "equal" else ("1 worker thread per proxy",)),
            ),
        )

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return namespace, trust anchor, both charts, and the waits without which pods would start unmeshed."""
        asked = self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        version = chart_version(cluster.version_of(spec, VERSION))
        crds: dict[str, Any] = {"installGatewayAPI": False}  # the chart's own are old and would be kept
        return (
            _namespace(),
            _trust_anchor(),
            *cluster.gateway_api(asked),
            cluster.release("linkerd-crds", NAMESPACE, "linkerd-crds", version, _CHARTS, crds, asked),
            cluster.release(
                "linkerd-control-plane",
                NAMESPACE,
                "linkerd-control-plane",
                version,
                _CHARTS,
                _values(spec, asked),
                asked,
            ),
            Wait(condition="available", namespace=NAMESPACE, deadline_s=300.0),
            Wait(condition="webhooks", names=tuple(name for _, name in _WEBHOOKS)),
        )

    def enrol(self, spec: MeshSpec, application: ClusterApplication) -> ClusterApplication:
        """Return a copy whose namespace is injected; the port that starts the load stays outside the proxy.

        A port called over TCP is declared opaque, as the project tells its users to: no proxy waits for the first bytes
        to learn what they are.
        """
        asked = self._asked(spec)
        scheme = cluster.check_scheme(spec, application, cluster.SCHEMES)
        application = pods.placed(application, asked["placement"])
        outside = {"config.linkerd.io/skip-inbound-ports": pods.client_port(application)}
        application = pods.client_changed(application, lambda one: pods.annotate(one, outside))
        application = _parsed(application)
        if scheme == "tcp":
            application = _opaque(application)
        return pods.enrolled_by_namespace(
            application, labels=cluster.PRIVILEGED, annotations={"linkerd.io/inject": "enabled"}
        )

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        """Return that every pod was injected, and that a call was counted by the server's proxy as one over mTLS."""
        self._asked(spec)
        scheme = cluster.check_scheme(spec, application, cluster.SCHEMES)
        requests = scheme in cluster.REQUESTS
        return (
            Answers(name="the client's call is answered"),
            HasProxy(name="every pod has a ready linkerd-proxy", container=_PROXY),
            PodSays(name="every pod was injected", where="annotation", key="linkerd.io/proxy-version"),
            PodSays(
                name="every pod belongs to this control plane",
                where="label",
                key="linkerd.io/control-plane-ns",
                value=NAMESPACE,
            ),
            MetricMoved(
                name="the call arrived over mTLS",
                part=_SIDECARS,
                port=4191,
                path="/metrics",
                metric="response_total" if requests else "tcp_open_total",
                labels={"direction": "inbound", "tls": "true"},
                requests=requests,
            ),
        )

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to; the control plane's own proxies are the control plane's."""
        self._asked(spec)
        return (PartRule(role="control-plane", namespace=NAMESPACE), _SIDECARS)

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back. The charts take everything with them; the rest is for a removal that was cut off."""
        self._asked(spec)
        return (
            Uninstall(release="linkerd-control-plane", namespace=NAMESPACE),
            Uninstall(release="linkerd-crds", namespace=NAMESPACE),
            Delete(
                name="what may be left of Linkerd",
                objects=(
                    *(cluster.webhook(kind, name) for kind, name in _WEBHOOKS),
                    *(cluster.crd(name) for name in _CRDS),
                    cluster.named("v1", "Namespace", NAMESPACE),
                ),
            ),
        )

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the intent as annotations, a route with a Service for each version, and policies."""
        self._asked(spec)
        return rendered(Asked(spec=spec, intent=intent, target=target), _linkerd_intent.MAKERS)

    def _asked(self, spec: MeshSpec) -> dict[str, Any]:
        check_profile(spec, self.profiles)
        cluster.version_of(spec, VERSION)
        return cluster.settings(spec, self.options, ("linkerd-crds", "linkerd-control-plane"))


def chart_version(version: str) -> str:
    """Return the charts' version of a release: edge-26.8.3 is chart 2026.8.3.

    >>> chart_version("edge-26.8.3"), chart_version("2026.8.3")
    ('2026.8.3', '2026.8.3')
    """
    return re.sub(r"^edge-(\d\d)\.", r"20\1.", version)


def _parsed(application: ClusterApplication) -> ClusterApplication:
    """Let Services say in Linkerd's words what they speak, so that its proxies parse their requests; note which did."""
    objects = tuple(_in_its_words(one) if is_one(one, "Service") else one for one in application.objects)
    pairs = zip(objects, application.objects, strict=True)
    changed = [str(one["metadata"]["name"]) for one, before in pairs if one != before]
    if not changed:
        return application
    note = (
        f"for Linkerd, appProtocol is kubernetes.io/h2c on {', '.join(changed)}: their own "
        "value would make Linkerd treat it as "
        "opaque TCP, without parsing requests"
    )
    return replace(application, objects=objects, notes=(*application.notes, note))


def _in_its_words(service: KubernetesObject) -> KubernetesObject:
    ports = [_port_in_its_words(port) for port in service["spec"].get("ports") or ()]
    return {**service, "spec": {**service["spec"], "ports": ports}} if ports else service


def _port_in_its_words(port: Mapping[str, Any]) -> Mapping[str, Any]:
    known = _linkerd_intent.APP_PROTOCOLS.get(pods.SPOKEN.get(port.get("appProtocol", ""), ""))
    return {**port, "appProtocol": known} if known else port


def _opaque(application: ClusterApplication) -> ClusterApplication:
    """Annotate the Service that the client calls, for the callers' proxies, and its pods, for theirs."""
    key = "config.linkerd.io/opaque-ports"
    name, port = pods.entry(application)

    def behind(one: dict[str, Any]) -> None:
        for service in pods.services_of(application, one):
            if service["metadata"]["name"] == name:
                pods.annotate(one, {key: str(pods.target_port(service, one, port))})

    def in_front(one: KubernetesObject) -> KubernetesObject:
        if not is_one(one, "Service") or one["metadata"]["name"] != name:
            return one
        return merged(one, {"metadata": {"annotations": {key: str(port)}}})

    application = pods.changed(application, behind)
    return replace(application, objects=tuple(in_front(one) for one in application.objects))


def _namespace() -> ClusterStep:
    """Describe the namespace as Linkerd's command line labels it, which Helm does not."""
    labels = {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": NAMESPACE,
    }
    return cluster.namespace(NAMESPACE, labels, {"linkerd.io/inject": "disabled"})


def _trust_anchor() -> ClusterStep:
    return TrustAnchor(
        name="linkerd",
        namespace=NAMESPACE,
        secret="workbench-linkerd-trust",  # noqa: S106 - the name of a Secret
        root="root.linkerd.cluster.local",
        issuer="identity.linkerd.cluster.local",
    )


def _values(spec: MeshSpec, asked: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "identityTrustAnchorsPEM": "${trust.linkerd.ca}",
        "identity": {"issuer": {"tls": {"crtPEM": "${trust.linkerd.crt}", "keyPEM": "${trust.linkerd.key}"}}},
        "disableHeartBeat": True,  # a daily job that asks the vendor for the newest version; nothing of the data plane
    }
    if asked["registry"]:
        images = {
            "controllerImage": f"{asked['registry']}/controller",
            "proxy": {"image": {"name": f"{asked['registry']}/proxy"}},
        }
        values = merged(values, images)
    if spec.profile != "equal":
        return values
    sizes = {
        resource: {"request": cluster.EQUAL_REQUESTS[resource], "limit": cluster.EQUAL_LIMITS[resource]}
        for resource in ("cpu", "memory")
    }
    workers = {"workers": {"minimum": cluster.WORKERS}}  # shipped: 1, whatever the CPU limit is
    return merged(values, {"controllerReplicas": 1, "proxy": {"resources": sizes, "runtime": workers}})


ADAPTER = Linkerd()
