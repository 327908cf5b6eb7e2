"""``cross-connect``: no proxy at all; the kernel carries packets between pods' network namespaces.

Every service and the client stand in a namespace (a pod) of their own and go on dialling the service itself; what
differs is the way between the pods:

``local``
    pod - veth - forwarder - veth - pod: a forwarder's namespace routes, as on one node.
``remote`` (the default)
    pod - veth - node [bridge, VXLAN] - veth - node [VXLAN, bridge] - veth - pod, as between two nodes. Caller and
    callee stand on different nodes, so that every call crosses the tunnel.
``veth``
    one veth pair between caller and callee: what a CNI gives every pod, without any mesh; the fair thing to hold the
    other two against.

The price of the kernel's work is charged to the processes that send and receive; the analysis takes it as a
difference of totals against the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from workbench.errors import BadInputError
from workbench.intents import Intent, Rendering, Target, in_order, unsupported
from workbench.meshes._sidecars import answer_gate
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Carried, Gate, Link, Network, Route, Step, Vxlan
from workbench.model.options import check_profile, settings
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

CLIENT = "client"
FORWARDER = "forwarder"
NODES = ("node-1", "node-2")

_PODS = "198.18"
_UNDERLAY = ("198.19.0.1", "198.19.0.2")
"""Addresses come from 198.18.0.0/15, which is set aside for measurements of networks (RFC 2544)."""

_VNI = 18
_MOST_LINKS = 250
"""One byte of the address counts pods and links."""


def pod(service: str) -> str:
    """Return the namespace of ``service``; the client's is ``"client"``."""
    return CLIENT if service == CLIENT else f"pod-{service}"


def _pods(application: Application) -> tuple[str, ...]:
    return (CLIENT, *(pod(service.name) for service in application.services))


def _calls(application: Application) -> tuple[tuple[str, str], ...]:
    """Return (caller's pod, callee's pod) of every call, each once."""
    edges = dict.fromkeys(application.edges())
    return tuple((pod(caller), pod(callee)) for caller, callee in edges)


def _local(application: Application) -> Network:
    links, routes, addresses = [], [], {}
    for number, name in enumerate(_pods(application)):
        gateway, own = f"{_PODS}.{number}.1", f"{_PODS}.{number}.2"
        links.append(Link(a=name, b=FORWARDER, a_address=f"{own}/30", b_address=f"{gateway}/30"))
        routes.append(Route(namespace=name, destination="0.0.0.0/0", via=gateway))
        addresses[name] = own
    return Network(
        namespaces=(*addresses, FORWARDER),
        addresses=addresses,
        links=tuple(links),
        routes=tuple(routes),
        forwarding=(FORWARDER,),
    )


def placement(application: Application) -> dict[str, str]:
    """Return pod -> node: each callee on the other node than its first caller, so that calls cross the tunnel."""
    calls = _calls(application)
    placed = {CLIENT: NODES[0]}
    for _ in calls:  # as often as the longest chain is long
        for caller, callee in calls:
            if caller in placed and callee not in placed:
                placed[callee] = NODES[1] if placed[caller] == NODES[0] else NODES[0]
    return {name: placed.get(name, NODES[1]) for name in _pods(application)}


def _remote(application: Application) -> Network:
    placed = placement(application)
    addresses = {name: f"{_PODS}.0.{number}" for number, name in enumerate(placed, start=1)}
    here, there = NODES
    underlay = Link(a=here, b=there, a_address=f"{_UNDERLAY[0]}/30", b_address=f"{_UNDERLAY[1]}/30")
    return Network(
        namespaces=(*placed, *NODES),
        addresses=addresses,
        links=(
            underlay,
            *(Link(a=name, b=node, a_address=f"{addresses[name]}/24") for name, node in placed.items()),
        ),
        vxlans=(
            Vxlan(namespace=here, vni=_VNI, local=_UNDERLAY[0], remote=_UNDERLAY[1]),
            Vxlan(namespace=there, vni=_VNI, local=_UNDERLAY[1], remote=_UNDERLAY[0]),
        ),
    )


def _veth(application: Application) -> Network:
    """One pair for each call. A callee has one address, so its further callers get a route to it over their pair."""
    links, routes = [], []
    addresses: dict[str, str] = {}
    for number, (caller, callee) in enumerate(_calls(application)):
        near, far = f"{_PODS}.{number}.1", f"{_PODS}.{number}.2"
        links.append(Link(a=caller, b=callee, a_address=f"{near}/30", b_address=f"{far}/30"))
        addresses.setdefault(caller, near)
        if addresses.setdefault(callee, far) != far:
            routes.append(Route(namespace=caller, destination=f"{addresses[callee]}/32", via=far))
    lonely = [service.name for service in application.services if pod(service.name) not in addresses]
    if lonely:
        raise BadInputError(f"No service calls {lonely[0]!r}, so it has no link; let another service call it.")
    return Network(namespaces=_pods(application), addresses=addresses, links=tuple(links), routes=tuple(routes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way between the pods: how it is made and what is to be said about it; `through` must carry every call."""

    title: str
    network: Callable[[Application], Network]
    through: tuple[str, ...]
    shape_of: tuple[str, ...]
    lacks: tuple[str, ...]


_NO_NIC = "a real NIC: veth pairs forward packets in memory, unsegmented and without checksums (offloads are on)"
_NSM = (
    "NSM's manager, registry and the requests that set a connection up",
    "SPIFFE identities: nothing is authenticated or encrypted",
    "NSM's VPP forwarder and its memory interfaces: this is the kernel's forwarding",
)
_REMOTE = _Way(
    title="the kernel alone: veth pairs and a VXLAN between two nodes' network namespaces",
    network=_remote,
    through=NODES,
    shape_of=("Network Service Mesh",),
    lacks=(*_NSM, "WireGuard or IPsec between the nodes", _NO_NIC, "offload of VXLAN, which a NIC may have"),
)
_LOCAL = _Way(
    title="the kernel alone: veth pairs through a forwarder's network namespace on one node",
    network=_local,
    through=(FORWARDER,),
    shape_of=("Network Service Mesh",),
    lacks=(*_NSM, _NO_NIC),
)
_VETH = _Way(
    title="no mesh: one veth pair between caller and callee, what a CNI gives every pod",
    network=_veth,
    through=(),
    shape_of=("the pod network of any CNI, before a mesh is added",),
    lacks=("a CNI's bridge or routes, its policies and its service addresses", _NO_NIC),
)
_WAYS = {"default": _REMOTE, "local": _LOCAL, "remote": _REMOTE, "veth": _VETH}


class CrossConnect:
    """The kernel as the data plane."""

    name = "cross-connect"
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = tuple(_WAYS)
    options: Mapping[str, Option] = {}

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        way = self._way(spec)
        return MeshFacts(
            label=spec.label,
            title=way.title,
            data_plane="kernel",
            layer="L3",
            mtls=False,
            archetype=True,
            shape_of=way.shape_of,
            lacks=way.lacks,
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return the one step: namespaces, links and routes.

        Raises
        ------
        BadInputError
            When the application has more parts than there are addresses.
        """
        way = self._way(spec)
        if max(len(_pods(application)), len(_calls(application))) > _MOST_LINKS:
            raise BadInputError(f"Mesh {spec.name} can connect at most {_MOST_LINKS} pods and calls.")
        return (way.network(application),)

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy with every service and the client in a namespace; the routes stay, the addresses follow."""
        self._way(spec)
        services = tuple(
            replace(service, process=replace(service.process, namespace=pod(service.name)))
            for service in application.services
        )
        return replace(application, services=services, client_namespace=CLIENT)

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer, and that its packets passed every pod and all that stands between them."""
        pods = tuple(pod(service.name) for service in application.services if not service.answers_for)
        crossed = (*self._way(spec).through, *pods)
        return (
            answer_gate(application),
            *(Carried(name=f"the call's packets passed {name}", namespace=name) for name in crossed),
        )

    def _way(self, spec: MeshSpec) -> _Way:
        check_profile(spec, self.profiles)
        settings(spec, self.options)
        return _WAYS[spec.profile]

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return that the kernel carries packets and knows of no request, identity or proxy."""
        check_profile(spec, self.profiles)
        says = "The kernel forwards packets and sees neither requests nor identities; there is no proxy to configure."
        nearest = "A sidecar mesh in addition: packets by the cross-connect, requests by the proxies."
        return Rendering(mesh=spec.label, answers=in_order(unsupported(intent, says, nearest=nearest)))


ADAPTER = CrossConnect()
