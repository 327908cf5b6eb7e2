"""Steps for the lab: descriptions that an environment executes.

Meshes, workloads and load generators use these types to describe, and never act. Because a description is data, a
plan can be printed before it runs and is stored with the run as provenance.

Text in `Process.arguments` and `Process.files` may contain placeholders that the environment fills in when it acts:

========================  ==========================================================================
``${COMPONENT.PORT.host}``  address at which COMPONENT's port PORT is reached
``${COMPONENT.PORT.port}``  that port's number, chosen by the kernel (in JSON also without the quotes)
``${COMPONENT.PORT.bind}``  address that COMPONENT itself must bind
``${route:A>B.host}``       address that A uses to reach B, as enrolled in the mesh; likewise ``.port``
``${dir}``                  the process's own folder (mode 0700)
``${certs}``                the folder with ``ca.crt`` and ``NAME.crt``, ``NAME.key`` for each identity
========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from workbench.errors import BadInputError

Role = Literal[
    "application",
    "sidecar",
    "node-proxy",
    "gateway",
    "waypoint",
    "control-plane",
    "node-agent",
    "load-generator",
    "system",
    "node",
    "unattributed",
]
SURROUNDING_ROLES: tuple[Role, ...] = ("system", "node", "unattributed")
"""Roles of whole machines, and of their parts outside of a run."""

DATA_PLANE_ROLES: tuple[Role, ...] = ("sidecar", "node-proxy", "gateway", "waypoint")

CONTROL_ROLES: tuple[Role, ...] = ("control-plane", "node-agent")
"""What a mesh runs besides its data plane: once for the cluster, and on every node (istio-cni, a SPIRE agent). Neither
follows the requests; the second grows with the nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A port of a component, by names; numbers exist only while it runs."""

    component: str
    port: str

    def __str__(self) -> str:
        return f"{self.component}.{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A program to keep running until it is removed.

    Attributes
    ----------
    name
        Component name, unique in a deployment: ``"backend-sidecar"``.
    role
        The role that its consumption is charged to.
    program
        ``"envoy"`` (the installed stock Envoy) or ``"python"`` (this interpreter).
    arguments
        Arguments after the program; placeholders allowed.
    files
        File name -> text, written into ``${dir}`` before the start; placeholders allowed.
    ports
        Names of the ports it binds; the environment reserves one for each.
    namespace
        Name of a namespace of a `Network` step to run in; None: the machine's own.
    admin
        Envoy's admin socket, a name in ``${dir}``; ready means that it reports LIVE. None: ready means that the
        program has left a file ``ready`` in ``${dir}``.
    """

    name: str
    role: Role
    program: Literal["envoy", "python"]
    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    namespace: str | None = None
    admin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority and one certificate for each identity, as SPIFFE X.509 SVIDs.

    `identities` are service names; NAME becomes ``spiffe://{trust_domain}/ns/lab/sa/NAME``.
    """

    trust_domain: str
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A veth pair between two namespaces; each end gets an address in CIDR form (empty: none, a bridge port)."""

    a: str
    b: str
    a_address: str = ""
    b_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vxlan:
    """A VXLAN tunnel end in `namespace`, bridged with the namespace's address-less link ends."""

    namespace: str
    vni: int
    local: str
    remote: str
    mtu: int = 1450


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """In `namespace`, packets to `destination` (CIDR) leave through `via`."""

    namespace: str
    destination: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The deployment's own network namespaces and the links between them.

    Attributes
    ----------
    namespaces
        Names; each has its loopback up.
    addresses
        Namespace -> address at which its processes are reached by the others.
    forwarding
        Namespaces that forward packets.
    """

    namespaces: tuple[str, ...]
    addresses: Mapping[str, str]
    links: tuple[Link, ...] = ()
    vxlans: tuple[Vxlan, ...] = ()
    routes: tuple[Route, ...] = ()
    forwarding: tuple[str, ...] = ()


Step = Process | Certificates | Network
"""All kinds of steps; an environment refuses an unsupported kind before it changes anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of an application: its process and the services that it calls.

    Attributes
    ----------
    version
        Its version, if there are several behind one name; else empty.
    answers_for
        The service whose calls it shares as a further version, with the same identity; empty: only its own.
    """

    name: str
    process: Process
    calls: tuple[str, ...] = ()
    version: str = ""
    answers_for: str = ""

    @property
    def called(self) -> str:
        """The name that its callers use."""
        return self.answers_for or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The services, and the endpoint that each caller uses for each callee.

    Attributes
    ----------
    services
        In start order.
    entry
        Name of the service that receives the load; the load generator is outside, as ``"client"``.
    routes
        ``"caller>callee"`` -> endpoint that the caller uses. Without a mesh, this is the callee's own port; a mesh's
        `enrol` returns a copy that goes through its data plane.
    client_namespace
        Namespace in which the load generator runs; None: the machine's own.
    caller
        Identity of the client's proxy, if there are identities.
    """

    services: tuple[Service, ...]
    entry: str
    routes: Mapping[str, Endpoint]
    client_namespace: str | None = None
    caller: str = "client"

    def service(self, name: str) -> Service:
        """Return the service with this name."""
        for service in self.services:
            if service.name == name:
                return service
        raise BadInputError(f"The application has no service {name!r}.")

    def edges(self) -> tuple[tuple[str, str], ...]:
        """(caller, callee) of every call, the client's first."""
        inner = tuple((service.name, callee) for service in self.services for callee in service.calls)
        return (("client", self.entry), *inner)

    def callers(self, name: str) -> tuple[str, ...]:
        """Return the callers of ``name``; a further version has the callers of the service that it answers for."""
        called = self.service(name).called
        return tuple(caller for caller, callee in self.edges() if callee == called)

    def behind(self, name: str) -> tuple[Service, ...]:
        """Return the services that answer for ``name``: itself and its further versions, if any."""
        return tuple(service for service in self.services if service.called == name)

    def identity(self, pod: str) -> str:
        """Return the identity of a service or of the client; all versions of a service share one."""
        return self.caller if pod == "client" else self.service(pod).called

    def rewired(self, routes: Mapping[str, Endpoint]) -> Application:
        """Return a copy whose routes are overlaid with ``routes``."""
        return replace(self, routes={**self.routes, **routes})

    @property
    def target(self) -> Endpoint:
        """The endpoint that receives the load."""
        return self.routes[f"client>{self.entry}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A gate: one call that must get the right answer, or must be refused.

    Attributes
    ----------
    name
        What it verifies, for people: ``"a plaintext call to backend's sidecar is refused"``.
    target
        The endpoint to call.
    identity
        Present this certificate over TLS; None: plaintext.
    server_name
        TLS server name (SNI) to send.
    tunnel_to
        Authority to CONNECT to first (HTTP/1.1 CONNECT inside the TLS), or empty.
    expect
        ``"answer"``: 200 with the payload echoed; ``"refused"``: anything but an answer from the application.
    tries
        Maximum calls until one passes: more than one if the data plane rejects some on purpose.
    pause_s
        Seconds between two tries.
    slow_s
        Seconds that a call may take longer than usual, on purpose.
    """

    name: str
    target: Endpoint
    identity: str | None = None
    server_name: str = ""
    tunnel_to: str = ""
    expect: Literal["answer", "refused"] = "answer"
    namespace: str | None = None
    tries: int = 1
    pause_s: float = 0.0
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A gate: an answered call to the application must move this Envoy's own listener counters; see `Probe`."""

    name: str
    component: str
    tries: int = 1
    pause_s: float = 0.0
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A gate: one call to the application must move the packet counters of this namespace's devices."""

    name: str
    namespace: str


Gate = Probe | Crossing | Carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A load generator's one execution.

    Attributes
    ----------
    program
        ``"python"`` (this interpreter) or the name of a program on PATH.
    arguments
        Arguments; placeholders allowed, including ``${target.host}`` and ``${target.port}``, the address to send to.
    outputs
        Files that it writes to ``${dir}``, kept as raw output.
    announces
        True: its first line on standard output is JSON ``{"window_start_ns": ..., "window_end_ns": ...}`` on
        CLOCK_MONOTONIC, printed before the window starts. False: the window is from its start to its end.
    deadline_s
        Seconds after which it is stopped and the run fails.
    """

    program: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    announces: bool = False
    deadline_s: float
