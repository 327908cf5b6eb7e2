"""What the sidecar archetypes share: one proxy beside the client and beside every service.

Each pod's proxy has an outbound listener for every service that the pod calls and, beside a service, an inbound
listener that lets only that service's callers through. `Layer` says what differs: how a listener carries a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.errors import UnknownName
from workbench.meshes import _envoy as envoy
from workbench.protocols import Option
from workbench.records import MeshFacts
from workbench.spec import MeshSpec
from workbench.steps import Application, Certificates, Crossing, Endpoint, Gate, Probe, Process, Step

STRANGER = "stranger"
"""An identity of the same authority that nobody lets in, for the gate that must refuse it."""


def sidecar(pod: str) -> str:
    """Return the component name of ``pod``'s proxy."""
    return f"{pod}-sidecar"


def check_profile(spec: MeshSpec, profiles: tuple[str, ...]) -> None:
    """Refuse an unknown profile by name."""
    if spec.profile not in profiles:
        raise UnknownName("profile", spec.profile, profiles, f"mesh {spec.name}")


def mtls_gates(service: str, caller: str, inbound: Endpoint, tunnel_to: str = "") -> tuple[Gate, ...]:
    """Let only the right identity through: answered as ``caller``; refused as a stranger and in plaintext.

    The first is the control of the other two: without it, a port on which nothing listens would pass them.
    """
    tls: dict[str, Any] = {"target": inbound, "server_name": f"{service}.lab", "tunnel_to": tunnel_to}
    return (
        Probe(name=f"{service}: a call with {caller}'s certificate is answered", identity=caller, **tls),
        Probe(name=f"{service}: a stranger's certificate is refused", identity=STRANGER, expect="refused", **tls),
        Probe(name=f"{service}: a plaintext call is refused", expect="refused", **tls),
    )


def answer_gate(application: Application) -> Probe:
    """Return the gate that the whole chain gives the right answer."""
    return Probe(
        name="the whole chain gives the right answer",
        target=application.target,
        namespace=application.client_namespace,
    )


class Layer(Protocol):
    """How a sidecar carries a request."""

    def outbound(self, pod: str, callee: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (filter chain, transport socket or empty) of the way from ``pod`` to ``callee``."""
        ...

    def inbound(self, service: str, callers: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the filter chain in front of ``service``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarMesh:
    """A mesh with one proxy beside every pod."""

    name: str
    title: str
    layer_name: str
    layer: Layer
    shape_of: tuple[str, ...]
    lacks: tuple[str, ...]
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = ("default",)

    @property
    def options(self) -> Mapping[str, Option]:
        """The settings it understands."""
        return {**envoy.COMMON_OPTIONS, **envoy.MTLS_OPTION}

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        check_profile(spec, self.profiles)
        return MeshFacts(
            label=spec.label,
            title=self.title,
            data_plane="sidecar",
            layer=self.layer_name,
            mtls=bool(envoy.settings(spec, self.options)["mtls"]),
            archetype=True,
            shape_of=self.shape_of,
            lacks=self.lacks,
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return certificates and one proxy for the client and every service."""
        check_profile(spec, self.profiles)
        options = envoy.settings(spec, self.options)
        pods = ("client", *(service.name for service in application.services))
        proxies = tuple(self._proxy(pod, application, options) for pod in pods)
        if not options["mtls"]:
            return proxies
        return (Certificates(trust_domain=envoy.TRUST_DOMAIN, identities=(*pods, STRANGER)), *proxies)

    def _proxy(self, pod: str, application: Application, options: Mapping[str, Any]) -> Process:
        name, ports, listeners, clusters = sidecar(pod), [], [], []
        callees = [callee for caller, callee in application.edges() if caller == pod]
        transport: dict[str, Any] = {}
        for callee in callees:
            chain, transport = self.layer.outbound(pod, callee, options)
            ports.append(f"to-{callee}")
            listeners.append(
                envoy.listener(f"outbound|{callee}", Endpoint(component=name, port=f"to-{callee}"), [chain])
            )
            inbound = Endpoint(component=sidecar(callee), port="inbound")
            clusters.append(envoy.cluster(f"outbound|8080||{callee}.lab", inbound, transport))
        clusters += envoy.further_clusters(options["services"], transport)
        if pod != "client":
            ports.append("inbound")
            chain = self.layer.inbound(pod, application.callers(pod), options)
            listeners.append(envoy.listener("inbound", Endpoint(component=name, port="inbound"), [chain]))
            clusters.append(envoy.cluster("local_app", Endpoint(component=pod, port="http")))
        return envoy.proxy(name, "sidecar", ports, listeners, clusters, options["concurrency"])

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy in which every caller dials its own proxy."""
        return application.rewired(
            {
                f"{caller}>{callee}": Endpoint(component=sidecar(caller), port=f"to-{callee}")
                for caller, callee in application.edges()
            }
        )

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer, every proxy crossed and, with mTLS, strangers and plaintext refused."""
        gates: list[Gate] = [answer_gate(application)]
        pods = ("client", *(service.name for service in application.services))
        gates += [Crossing(name=f"the call crossed {sidecar(pod)}", component=sidecar(pod)) for pod in pods]
        if envoy.settings(spec, self.options)["mtls"]:
            for service in application.services:
                inbound = Endpoint(component=sidecar(service.name), port="inbound")
                gates += mtls_gates(service.name, application.callers(service.name)[0], inbound)
        return tuple(gates)
