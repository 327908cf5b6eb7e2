"""``nsm``: Network Service Mesh, an extra interface in the pods, cross-connected by VPP; no proxy sees a request.

Only callers that dial the address on that interface use it, so that enrolment changes where everybody dials: each
callee gets an endpoint container and a pair of addresses, its own and its caller's. What it measures is the cost of a
path of layer 2 or 3; it is comparable with the proxies in that sense only.

The payload decides about the tunnel between nodes: Ethernet travels in VXLAN as it is, IP in WireGuard, encrypted. On
one node there is no tunnel, and nothing is encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from workbench.errors import BadInputError
from workbench.intents import Intent, Rendering, Target
from workbench.meshes import _cluster_options as cluster
from workbench.meshes import _cluster_pods as pods
from workbench.meshes import _nsm_intent
from workbench.meshes import _nsm_manifests as manifests
from workbench.meshes import _nsm_spire as spire
from workbench.meshes._intent_parts import Asked, rendered
from workbench.meshes._nsm_calls import Call, calls_of, dialled
from workbench.meshes._nsm_objects import (
    AGENT_SOCKET,
    IDENTIFIED,
    MANAGER_SOCKET,
    NSM_NAMESPACE,
    NSM_SOCKETS,
    SPIRE_NAMESPACE,
    SPIRE_SOCKETS,
    env,
    host_paths,
    mounts,
    resources,
)
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    Delete,
    HasProxy,
    InterfaceMoved,
    KubernetesObject,
    PartRule,
)
from workbench.model.experiment import MeshSpec
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

VERSION = "v1.18.0"
"""Tested by its project with Kubernetes up to 1.32; newer is not verified."""

_PROOF_BYTES = 65_536
"""What two minutes of liveness pings amount to: five a second of about 100 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A profile: what is carried, where the client is, and whether the settings are made equal."""

    payload: str = "ETHERNET"
    placement: str = ""
    equal: bool = False


_WAYS = {
    "default": _Way(),
    "equal": _Way(equal=True),
    "ethernet-same-node": _Way(placement="same-node"),
    "ethernet-across-nodes": _Way(placement="across-nodes"),
    "ip-same-node": _Way(payload="IP", placement="same-node"),
    "ip-across-nodes": _Way(payload="IP", placement="across-nodes"),
    "ip-equal": _Way(payload="IP", equal=True),
}
_TUNNELS = {"ETHERNET": "VXLAN, unencrypted", "IP": "WireGuard"}
_PLACES = {"": "", "same-node": ", on one node", "across-nodes": ", across nodes"}


class Nsm:
    """Ethernet or IP, near or far, as shipped or made equal."""

    name = "nsm"
    environments: tuple[str, ...] = cluster.ENVIRONMENTS
    profiles: tuple[str, ...] = tuple(_WAYS)
    options: Mapping[str, Option] = {
        **cluster.PLACEMENT_OPTION,
        **cluster.REGISTRY_OPTION,
        "spire_registry": Option(
            help="Registry and path with copies of SPIRE's images; empty: the project's own.", default=""
        ),
        "joins": Option(
            help="Which calls go over NSM: all known calls of the workload, or only the client's ('entry'), for "
            "applications in which several services call one.",
            default="all",
            choices=("all", "entry"),
        ),
        "network": Option(
            help="Network of 256 addresses for the extra interfaces; it must not overlap the pods', the services' or "
            "the nodes'.",
            default="172.16.1.0/24",
        ),
    }

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        way, asked = self._asked(spec)
        entry = ("calls between the services, which use the cluster's own network",)
        limit = "no CPU limit" if way.equal else f"CPU limit {manifests.FORWARDER_CPU}, the default"
        return MeshFacts(
            label=spec.label,
            title=f"Network Service Mesh: an extra interface, cross-connected by VPP; between nodes "
            f"{_TUNNELS[way.payload]}{_PLACES[way.placement]} ({cluster.version_of(spec, VERSION)})",
            data_plane="node-proxy",
            layer="L3",
            mtls=False,
            archetype=False,
            lacks=(
                "requests: it forwards packets and neither counts, routes, retries nor authorizes a request",
                "mTLS between the services: SPIFFE identities protect only its control plane",
                *(entry if asked["joins"] == "entry" else ()),
            ),
            features=(
                f"payload {way.payload}",
                f"the forwarder has {limit}",
                "no liveness ping" if way.equal else "a liveness ping on every connection every 200 ms, the default",
                "SPIRE with SQLite, from the workbench's own manifests",
            ),
        )

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return SPIRE, then NSM, its webhook last."""
        way, asked = self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        version = cluster.version_of(spec, VERSION)
        return (
            *spire.install(asked["spire_registry"]),
            *manifests.install(asked["registry"], version, way.equal),
        )

    def enrol(self, spec: MeshSpec, application: ClusterApplication) -> ClusterApplication:
        """Return a copy in which every callee has an endpoint and every caller dials it on its extra interface.

        Raises
        ------
        BadInputError
            When a callee has more than one caller: its pair of addresses has room for one.
        """
        way, asked = self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        calls = calls_of(application, asked)
        version = cluster.version_of(spec, VERSION)
        image = f"{asked['registry'] or manifests.REGISTRY}/cmd-nse-icmp-responder:{version}"

        def join(one: dict[str, Any]) -> None:
            name = one["metadata"]["name"]
            own = [call for call in calls if call.caller == name]
            for call in own:
                _redirect(one, call)
            if own:
                wanted = ",".join(f"kernel://{call.callee}/{call.interface}" for call in own)
                pods.annotate(one, {manifests.ANNOTATION: wanted})
            for call in calls:
                if call.callee == name:
                    _serve(one, call, image, way)

        placed = pods.changed(pods.placed(application, way.placement or asked["placement"]), join)
        entry = calls[0]
        services = tuple(_network_service(call, way.payload, application.namespace) for call in calls)
        url = dialled(application.url, entry)
        enrolled = replace(placed, objects=(*services, *placed.objects), url=url)
        return pods.enrolled_by_namespace(enrolled, labels=cluster.PRIVILEGED)

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        """Return that both ends have their containers and that a call's packets went over the extra interface.

        The answer itself is evidence too: the address that the client dials exists on that interface only.
        """
        self._asked(spec)
        cluster.check_scheme(spec, application, cluster.SCHEMES)
        served = [
            one["metadata"]["name"]
            for one in pods.workloads(application)
            if any(container["name"] == "nse" for container in one["spec"]["template"]["spec"]["containers"])
        ]
        client = pods.pod_labels(application.client)
        return (
            Answers(name="the client's call to the NSM address is answered"),
            HasProxy(name="the client's pod has a ready cmd-nsc", container="cmd-nsc", labels=_app(client)),
            *(
                HasProxy(name=f"{name} has a ready endpoint", container="nse", labels=_app(pods.pod_labels(one)))
                for one in pods.workloads(application)
                if (name := one["metadata"]["name"]) in served
            ),
            InterfaceMoved(
                name="the call went over the NSM interface",
                interface="nsm-1",
                container="cmd-nsc",
                payload_bytes=_PROOF_BYTES,
            ),
        )

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return whom its containers are charged to.

        The kernel's part of the work (veth, tap, WireGuard) is charged to nobody's container: see the node's total.
        """
        self._asked(spec)
        nodes = tuple(
            PartRule(role="node-proxy", namespace=NSM_NAMESPACE, labels={"app": app})
            for app in ("nsmgr", "forwarder-vpp")
        )
        agent = PartRule(role="node-agent", namespace=SPIRE_NAMESPACE, labels={"app": "spire-agent"})
        control = tuple(PartRule(role="control-plane", namespace=name) for name in (NSM_NAMESPACE, SPIRE_NAMESPACE))
        return (*nodes, agent, *control, PartRule(role="sidecar", containers=("cmd-nsc", "cmd-nsc-init", "nse")))

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return the way back: NSM's webhook first, which would block every pod; SPIRE's before its namespace.

        On the nodes the folders of sockets stay (`/var/lib/networkservicemesh`, `/run/spire/sockets`, `/var/run/vpp`).
        """
        self._asked(spec)
        rights = "rbac.authorization.k8s.io/v1"
        roles = (*manifests.ROLES, *spire.ROLES)
        identities = tuple(
            cluster.named("spire.spiffe.io/v1alpha1", "ClusterSPIFFEID", one) for one in spire.IDENTITIES
        )
        return (
            Delete(name="NSM's webhook", objects=(cluster.webhook("Mutating", manifests.WEBHOOK),)),
            Delete(
                name="NSM",
                objects=(
                    *(cluster.crd(name) for name in manifests.CRDS),  # and with them every endpoint
                    cluster.named("v1", "Namespace", NSM_NAMESPACE),
                ),
            ),
            Delete(name="SPIRE's webhook", objects=(cluster.webhook("Validating", spire.WEBHOOK),)),
            Delete(
                name="SPIRE",
                objects=(
                    *identities,
                    cluster.named("v1", "Namespace", SPIRE_NAMESPACE),
                    *(cluster.crd(name) for name in spire.CRDS),
                    *(
                        cluster.named(rights, kind, name)
                        for name in roles
                        for kind in ("ClusterRoleBinding", "ClusterRole")
                    ),
                ),
                strip_finalizers=True,
            ),
        )

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the payload that an intent's mutual TLS is nearest to, and that requests are not NSM's."""
        way, _ = self._asked(spec)
        makers = {**_nsm_intent.MAKERS, "mtls": _nsm_intent.mtls(way.payload)}
        return rendered(Asked(spec=spec, intent=intent, target=target), makers)

    def _asked(self, spec: MeshSpec) -> tuple[_Way, dict[str, Any]]:
        check_profile(spec, self.profiles)
        cluster.version_of(spec, VERSION)
        asked = cluster.settings(spec, self.options)
        way = _WAYS[spec.profile]
        if way.placement and "placement" in spec.options:
            raise BadInputError(
                f"Mesh {spec.label}: the profile sets where the client runs; leave out the option placement."
            )
        try:
            if IPv4Network(asked["network"]).prefixlen != 24:
                raise ValueError("it must be a /24")
        except ValueError as error:
            raise BadInputError(
                f"Mesh {spec.name}: option network = {asked['network']!r} is not a valid network: {error}."
            ) from error
        return way, asked


def _app(labels: Mapping[str, str]) -> Mapping[str, str]:
    return {"app": labels["app"]} if "app" in labels else dict(labels)


def _redirect(one: dict[str, Any], call: Call) -> None:
    """Let the caller's containers dial the NSM address wherever they are told the callee's."""
    for container in one["spec"]["template"]["spec"]["containers"]:
        for key in ("args", "command"):
            if key in container:
                container[key] = [dialled(text, call) for text in container[key]]
        for variable in container.get("env", ()):
            if isinstance(variable.get("value"), str):
                variable["value"] = dialled(variable["value"], call)


def _serve(one: dict[str, Any], call: Call, image: str, way: _Way) -> None:
    """Put the endpoint beside the callee: it announces the network service and hands the addresses out."""
    pod = one["spec"]["template"]["spec"]
    settings = {
        "SPIFFE_ENDPOINT_SOCKET": AGENT_SOCKET,
        "NSM_NAME": "$(POD_NAME)",
        "NSM_CONNECT_TO": MANAGER_SOCKET,
        "NSM_CIDR_PREFIX": call.pair,
        "NSM_SERVICE_NAMES": call.callee,
        "NSM_REGISTER_SERVICE": "false",
        "NSM_PAYLOAD": way.payload,
        "NSM_LOG_LEVEL": "INFO",
    }
    endpoint = {
        "name": "nse",
        "image": image,
        "env": env(settings, {"POD_NAME": "metadata.name"}),
        "resources": resources("100m", "40Mi", "200m", "80Mi"),
        "volumeMounts": mounts(
            {"nse-spire-socket": SPIRE_SOCKETS, "nse-nsm-socket": NSM_SOCKETS}, ("nse-spire-socket", "nse-nsm-socket")
        ),
    }
    pods.label(one, IDENTIFIED)
    pod["containers"] = [*pod["containers"], endpoint]
    # names of our own: a callee that is a caller too gets the webhook's volumes beside these
    pod["volumes"] = [
        *pod.get("volumes", []),
        *host_paths({"nse-spire-socket": SPIRE_SOCKETS}, "Directory"),
        *host_paths({"nse-nsm-socket": NSM_SOCKETS}),
    ]


def _network_service(call: Call, payload: str, namespace: str) -> KubernetesObject:
    named = cluster.named("networkservicemesh.io/v1", "NetworkService", call.callee, namespace)
    return {**named, "spec": {"payload": payload}}


ADAPTER = Nsm()
