"""From a `Network` step to the ordered operations on devices that realise it; pure.

Device names are the step's own affair: in every namespace the link ends are ``eth0``, ``eth1`` ... in the
order of `Network.links`, the tunnel end is ``vxlanVNI`` and the bridge ``br0``; so no name that a user gave
reaches the kernel, and none exceeds its 15 characters.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from workbench.errors import BadInputError
from workbench.model.lab_steps import Link, Network, Vxlan

Operation = dict[str, Any]
"""``do``: a method of `Netlink`; ``namespace``: where; the rest are the method's arguments."""

NAMESPACE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")

BRIDGE = "br0"

_VXLAN_OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, IP 20, UDP 8, VXLAN 8 (RFC 7348)."""

_LARGEST_MTU = 1500 - _VXLAN_OVERHEAD
_SMALLEST_MTU = 576
_LARGEST_VNI = 2**24 - 1


def tunnel_device(vni: int) -> str:
    """Return the name of the tunnel end with that VXLAN network identifier."""
    return f"vxlan{vni}"


def _ends(network: Network) -> Iterator[tuple[Link, str, str, str]]:
    """Yield (link, end, namespace, address) of every link end."""
    for link in network.links:
        yield link, "a", link.a, link.a_address
        yield link, "b", link.b, link.b_address


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise BadInputError(f"The lab's network cannot be made: {problem}.")


def _parsed(parse: Callable[[str], Any], text: str, what: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise BadInputError(f"The lab's network cannot be made: {what} {text!r} is not valid: {error}.") from error


def _check_names(network: Network) -> None:
    for name in network.namespaces:
        _require(
            NAMESPACE_NAME.fullmatch(name) is not None,
            f"{name!r} cannot be a namespace's name; use up to 63 lower-case letters, digits, dots and dashes, "
            "starting with a letter or digit",
        )
    twice = [name for name, count in Counter(network.namespaces).items() if count > 1]
    _require(not twice, f"the namespace {', '.join(twice)} is listed twice")
    used: list[Iterable[str]] = [
        (namespace for _, _, namespace, _ in _ends(network)),
        (tunnel.namespace for tunnel in network.vxlans),
        (route.namespace for route in network.routes),
        network.forwarding,
        network.addresses,
    ]
    unknown = sorted({name for names in used for name in names} - set(network.namespaces))
    _require(not unknown, f"it refers to namespaces that it does not list: {', '.join(map(repr, unknown))}")


def _check_tunnels(network: Network, held: set[tuple[str, str]]) -> None:
    hosts = Counter(tunnel.namespace for tunnel in network.vxlans)
    for tunnel in network.vxlans:
        where = f"the VXLAN in {tunnel.namespace}"
        _require(
            hosts[tunnel.namespace] == 1,
            f"{tunnel.namespace} has two VXLAN ends, but the bridge supports one",
        )
        _require(
            0 < tunnel.vni <= _LARGEST_VNI,
            f"{where} has the identifier {tunnel.vni}, not 1 to {_LARGEST_VNI}",
        )
        _require(
            _SMALLEST_MTU <= tunnel.mtu <= _LARGEST_MTU,
            f"{where} has the MTU {tunnel.mtu}, not {_SMALLEST_MTU} to {_LARGEST_MTU}",
        )
        _parsed(ipaddress.IPv4Address, tunnel.remote, f"{where}: the remote address")
        _require(
            (tunnel.namespace, tunnel.local) in held,
            f"{where} starts at {tunnel.local}, which no link has there",
        )


def check(network: Network) -> None:
    """Refuse a network that could not work or whose names could do harm; nothing is changed.

    Raises
    ------
    BadInputError
        With the name, address or number that is wrong.
    """
    _check_names(network)
    bridged = {tunnel.namespace for tunnel in network.vxlans}
    held: set[tuple[str, str]] = set()
    for link in network.links:
        _require(link.a != link.b, f"a link connects {link.a} to itself")
    for link, _, namespace, address in _ends(network):
        if address:
            interface = _parsed(ipaddress.IPv4Interface, address, f"the address in {namespace}")
            held.add((namespace, str(interface.ip)))
        else:
            _require(
                namespace in bridged,
                f"the link {link.a} - {link.b} has no address in {namespace}, nor a bridge",
            )
    _check_tunnels(network, held)
    for route in network.routes:
        _parsed(ipaddress.IPv4Network, route.destination, f"the route's destination in {route.namespace}")
        _parsed(ipaddress.IPv4Address, route.via, f"the route's gateway in {route.namespace}")
    for namespace, address in network.addresses.items():
        _require(
            (namespace, address) in held,
            f"{namespace} is to be reached at {address}, which no link has there",
        )


def _link_operations(network: Network) -> tuple[list[Operation], dict[str, list[str]]]:
    """Return the operations that make the veth pairs, and the devices of each namespace."""
    mtus = {tunnel.namespace: tunnel.mtu for tunnel in network.vxlans}
    devices: dict[str, list[str]] = {name: [] for name in network.namespaces}
    operations: list[Operation] = []
    for link in network.links:
        names = {}
        for end, namespace in (("a", link.a), ("b", link.b)):
            names[end] = f"eth{len(devices[namespace])}"
            devices[namespace].append(names[end])
        bridged = [mtus[ns] for ns, address in ((link.a, link.a_address), (link.b, link.b_address)) if not address]
        pair = {"peer": names["b"], "peer_namespace": link.b, "mtu": min(bridged, default=0)}
        operations.append({"do": "veth", "namespace": link.a, "device": names["a"], **pair})
        for end, namespace, address in (("a", link.a, link.a_address), ("b", link.b, link.b_address)):
            operations += _bring_up(namespace, names[end], address)
    return operations, devices


def _bring_up(namespace: str, device: str, address: str) -> list[Operation]:
    at: Operation = {"namespace": namespace, "device": device}
    given = [{"do": "address", **at, "address": address}] if address else []
    port = [] if address else [{"do": "enslave", **at, "master": BRIDGE}]
    return [{"do": "silence", **at}, *given, *port, {"do": "up", **at}]


def _tunnel_operations(tunnel: Vxlan) -> list[Operation]:
    device = tunnel_device(tunnel.vni)
    ends = {"vni": tunnel.vni, "local": tunnel.local, "remote": tunnel.remote, "mtu": tunnel.mtu}
    return [
        {"do": "vxlan", "namespace": tunnel.namespace, "device": device, **ends},
        *_bring_up(tunnel.namespace, device, ""),
    ]


def operations(network: Network) -> list[Operation]:
    """Return what is to be done, in order: the same network, the same operations.

    Raises
    ------
    BadInputError
        As `check` does.
    """
    check(network)
    ordered: list[Operation] = [{"do": "up", "namespace": name, "device": "lo"} for name in network.namespaces]
    for tunnel in network.vxlans:
        at: Operation = {"namespace": tunnel.namespace, "device": BRIDGE}
        ordered += [{"do": "bridge", **at}, {"do": "silence", **at}, {"do": "up", **at}]
    links, devices = _link_operations(network)
    ordered += links
    for tunnel in network.vxlans:
        ordered += _tunnel_operations(tunnel)
    for namespace in network.forwarding:
        ordered += [{"do": "forward", "namespace": namespace, "device": device} for device in devices[namespace]]
    for route in network.routes:
        details = {"destination": route.destination, "via": route.via}
        ordered.append({"do": "route", "namespace": route.namespace, **details})
    return ordered
