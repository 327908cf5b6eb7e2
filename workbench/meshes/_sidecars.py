"""What the sidecar archetypes share: one proxy beside the client and beside every service.

Each pod's proxy has an outbound listener for every service that the pod calls and, beside a service, an inbound
listener that lets only that service's callers through. `Layer` says what differs: how a listener carries a request. An
intent speaks of the calls to the application's entry: of the outbound side of its caller and the inbound side of every
version of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from workbench.intents import Answer, Intent, Rendering, Target
from workbench.meshes import _envoy as envoy
from workbench.meshes._wishes import NOTHING, Wishes, application_of, of_others, patience, share_of, wishes
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Certificates, Crossing, Endpoint, Gate, Probe, Process, Service, Step
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

STRANGER = "stranger"
"""An identity of the same authority that nobody lets in, for the gate that must refuse it."""


def sidecar(pod: str) -> str:
    """Return the component name of ``pod``'s proxy."""
    return f"{pod}-sidecar"


def mtls_gates(service: str, caller: str, inbound: Endpoint, tunnel_to: str = "", **how: Any) -> tuple[Gate, ...]:
    """Let only the right identity through: answered as ``caller``; refused as a stranger and in plaintext.

    The first is the control of the other two: without it, a port on which nothing listens would pass them.
    """
    tls: dict[str, Any] = {"target": inbound, "server_name": f"{service}.lab", "tunnel_to": tunnel_to, **how}
    return (
        Probe(name=f"{service}: a call with {caller}'s certificate is answered", identity=caller, **tls),
        Probe(name=f"{service}: a stranger's certificate is refused", identity=STRANGER, expect="refused", **tls),
        Probe(name=f"{service}: a plaintext call is refused", expect="refused", **tls),
    )


def answer_gate(application: Application, intent: Intent = NOTHING) -> Probe:
    """Return the gate that the whole chain gives the right answer."""
    return Probe(
        name="the whole chain gives the right answer",
        target=application.target,
        namespace=application.client_namespace,
        **patience(intent),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the caller's proxy sees it: whose it is, to whom, and where each version's proxy is reached."""

    caller: str
    callee: str
    versions: tuple[Service, ...]

    @property
    def cluster(self) -> str:
        """Name of the cluster that holds all versions."""
        return f"outbound|8080||{self.callee}.lab"

    def inbound(self, *versions: Service) -> list[Endpoint]:
        """Return where the proxies of these versions are reached; none: of all."""
        return [Endpoint(component=sidecar(one.name), port="inbound") for one in versions or self.versions]


Inbound = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""A listener's filter chains and listener filters."""


class Layer(Protocol):
    """How a sidecar carries a request."""

    def transport(self, call: Call, asked: Wishes) -> dict[str, Any]:
        """Return the transport socket to the other side's proxy; empty: plain."""
        ...

    def outbound(self, call: Call, asked: Wishes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return (filter chain, clusters) of the way to the callee."""
        ...

    def inbound(self, service: str, callers: tuple[str, ...], asked: Wishes) -> Inbound:
        """Return what stands in front of ``service``; callers and service are identities."""
        ...

    def answers(self, intent: Intent, target: Target) -> tuple[Answer, ...]:
        """Return what becomes of each feature that is asked for."""
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
        encrypted = wishes(spec, self.options).encrypted
        return MeshFacts(
            label=spec.label,
            title=self.title if encrypted else self.title.replace("over mTLS", "in the clear"),
            data_plane="sidecar",
            layer=self.layer_name,
            mtls=encrypted,
            archetype=True,
            shape_of=self.shape_of,
            lacks=self.lacks,
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return certificates and one proxy for the client and every service."""
        check_profile(spec, self.profiles)
        asked = wishes(spec, self.options)
        others = of_others(asked, spec, self.options)
        pods = ("client", *(service.name for service in application.services))
        proxies = tuple(self._proxy(pod, application, asked, others) for pod in pods)
        if not (asked.encrypted or others.encrypted):
            return proxies
        identities = tuple(dict.fromkeys(application.identity(pod) for pod in pods))
        return (Certificates(trust_domain=envoy.TRUST_DOMAIN, identities=(*identities, STRANGER)), *proxies)

    def _proxy(self, pod: str, application: Application, asked: Wishes, others: Wishes) -> Process:
        name, ports, listeners, clusters = sidecar(pod), [], [], []
        transport: dict[str, Any] = {}
        for callee in [callee for caller, callee in application.edges() if caller == pod]:
            call = Call(caller=application.identity(pod), callee=callee, versions=application.behind(callee))
            mine = asked if callee == application.entry else others
            chain, reached = self.layer.outbound(call, mine)
            transport = self.layer.transport(call, mine)
            ports.append(f"to-{callee}")
            listeners.append(
                envoy.listener(f"outbound|{callee}", Endpoint(component=name, port=f"to-{callee}"), [chain])
            )
            clusters += reached
        clusters += envoy.further_clusters(asked.services, transport)
        if pod != "client":
            called = application.identity(pod)
            callers = tuple(application.identity(caller) for caller in application.callers(pod))
            ports.append("inbound")
            chains, filters = self.layer.inbound(called, callers, asked if called == application.entry else others)
            listeners.append(envoy.listener("inbound", Endpoint(component=name, port="inbound"), chains, filters))
            clusters.append(envoy.cluster("local_app", [Endpoint(component=pod, port="http")]))
        return envoy.proxy(name, "sidecar", ports, listeners, clusters, asked.concurrency)

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy in which every caller dials its own proxy."""
        return application.rewired(
            {
                f"{caller}>{callee}": Endpoint(component=sidecar(caller), port=f"to-{callee}")
                for caller, callee in application.edges()
            }
        )

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer, every proxy crossed and, with mTLS, who must be refused is refused."""
        asked = wishes(spec, self.options)
        others = of_others(asked, spec, self.options)
        gates: list[Gate] = [answer_gate(application, asked.intent)]
        gates += [_crossing("client", asked.intent, 1.0)]
        for service in application.services:
            share = share_of(application, service, asked.intent)
            if share:
                gates.append(_crossing(service.name, asked.intent, share))
        for service in application.services:
            inbound = Endpoint(component=sidecar(service.name), port="inbound")
            caller = application.identity(application.callers(service.name)[0])
            gates += _admission(service.name, caller, inbound, asked if service.called == application.entry else others)
        return tuple(gates)

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return each proxy's whole configuration, the very one that an experiment with this intent starts it with."""
        steps = self.install(replace(spec, intent=intent), application_of(target))
        return Rendering(mesh=spec.label, files=envoy.shown(steps), answers=self.layer.answers(intent, target))


def _crossing(pod: str, intent: Intent, share: float) -> Crossing:
    name = sidecar(pod)
    return Crossing(name=f"the call crossed {name}", component=name, **patience(intent, share))


def _admission(service: str, caller: str, inbound: Endpoint, asked: Wishes) -> tuple[Gate, ...]:
    """Return who must be let in and who refused in front of ``service``: what its mTLS and authorization promise."""
    if not asked.encrypted:
        return ()
    authorization = asked.intent.authorization
    answered, stranger, plain = mtls_gates(service, caller, inbound, **patience(replace(asked.intent, abort=None)))
    gates = [answered]
    if authorization is None or authorization.callers:
        gates.append(stranger)
    if asked.mtls == "strict" or (authorization is not None and authorization.callers):
        gates.append(plain)
    elif isinstance(plain, Probe):
        gates.append(replace(plain, name=f"{service}: a plaintext call is answered too", expect="answer"))
    return tuple(gates)
