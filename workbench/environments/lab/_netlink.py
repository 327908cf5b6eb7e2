"""The few requests to the kernel that join namespaces: rtnetlink on a plain socket.

Why not pyroute2 or ``ip``: the holder (`_holder`) must run anywhere in a few milliseconds, and forwarding
must be switched on by a request, because containers mount ``/proc/sys`` read-only. A `Netlink` speaks about
the network namespace that its process was in when it was made.

Numbers are the kernel's, from ``include/uapi/linux/{rtnetlink,if_link,if_addr,veth,ip}.h``.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct

_ERROR = 2
_NEWLINK, _SETLINK, _NEWADDR, _NEWROUTE = 16, 19, 20, 24
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_NEW = _EXCLUSIVE | _CREATE

_IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_NET_NS_FD = 3, 4, 10, 18, 26, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER, _BRIDGE_SNOOPING = 1, 2, 1, 23
_VXLAN_ID, _VXLAN_REMOTE, _VXLAN_LOCAL, _VXLAN_PORT = 1, 2, 4, 15
_INET_CONF, _CONF_FORWARDING = 1, 1
_INET6_ADDRESS_MODE, _MODE_NONE = 8, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DESTINATION, _RTA_GATEWAY = 1, 5
_IFF_UP = 1
_TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_UNIVERSE, _TYPE_UNICAST = 254, 4, 0, 1

VXLAN_PORT = 4789
"""UDP port that IANA gave to VXLAN (RFC 7348)."""


def attribute(kind: int, *payload: bytes) -> bytes:
    """Return one attribute: length, type, payload, padded to four bytes; nested ones are just its payload."""
    body = b"".join(payload)
    return struct.pack("=HH", len(body) + 4, kind) + body + b"\0" * (-len(body) % 4)


def _text(value: str) -> bytes:
    return value.encode("ascii") + b"\0"


def _number(value: int) -> bytes:
    return struct.pack("=I", value)


def _device(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """Return ``struct ifinfomsg``."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change)


def _mtu(value: int) -> bytes:
    return attribute(_IFLA_MTU, _number(value)) if value else b""


class Netlink:
    """Requests to the network namespace that this process is in now; a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _ask(self, kind: int, flags: int, *payload: bytes) -> None:
        """Send one request and wait for the kernel's acknowledgement.

        Raises
        ------
        OSError
            With the kernel's error number.
        """
        self._sequence += 1
        body = b"".join(payload)
        header = struct.pack("=IHHII", len(body) + 16, kind, flags | _REQUEST | _ACK, self._sequence, 0)
        self._socket.send(header + body)
        while True:
            reply = self._socket.recv(65536)
            answer, sequence = struct.unpack_from("=HxxI", reply, 4)
            if answer == _ERROR and sequence == self._sequence:
                break
        number = -struct.unpack_from("=i", reply, 16)[0]
        if number:
            raise OSError(number, os.strerror(number))

    def _create(self, device: str, kind: str, mtu: int, *data: bytes) -> None:
        info = attribute(_INFO_KIND, _text(kind)) + (attribute(_INFO_DATA, *data) if data else b"")
        name = attribute(_IFLA_IFNAME, _text(device))
        self._ask(_NEWLINK, _NEW, _device(), name, _mtu(mtu), attribute(_IFLA_LINKINFO, info))

    def veth(self, device: str, peer: str, peer_namespace: int, mtu: int) -> None:
        """Make a veth pair: ``device`` here, ``peer`` in that descriptor's namespace; MTU 0: the kernel's."""
        there = attribute(_IFLA_NET_NS_FD, _number(peer_namespace))
        name = attribute(_IFLA_IFNAME, _text(peer))
        self._create(device, "veth", mtu, attribute(_VETH_PEER, _device(), name, _mtu(mtu), there))

    def bridge(self, device: str) -> None:
        """Make a learning switch that leaves multicast alone: snooping, it would send reports of its own."""
        self._create(device, "bridge", 0, attribute(_BRIDGE_SNOOPING, bytes([0])))

    def vxlan(self, device: str, vni: int, local: str, remote: str, mtu: int) -> None:
        """Make a point-to-point VXLAN end between two IPv4 addresses."""
        self._create(
            device,
            "vxlan",
            mtu,
            attribute(_VXLAN_ID, _number(vni)),
            attribute(_VXLAN_REMOTE, ipaddress.IPv4Address(remote).packed),
            attribute(_VXLAN_LOCAL, ipaddress.IPv4Address(local).packed),
            attribute(_VXLAN_PORT, struct.pack("!H", VXLAN_PORT)),
        )

    def enslave(self, device: str, master: str) -> None:
        """Make ``device`` a port of the bridge ``master``."""
        port = attribute(_IFLA_MASTER, _number(socket.if_nametoindex(master)))
        self._ask(_SETLINK, 0, _device(socket.if_nametoindex(device)), port)

    def silence(self, device: str) -> None:
        """Keep IPv6 from giving ``device`` an address, so that it sends nothing of its own accord."""
        mode = attribute(socket.AF_INET6, attribute(_INET6_ADDRESS_MODE, bytes([_MODE_NONE])))
        try:
            self._ask(_SETLINK, 0, _device(socket.if_nametoindex(device)), attribute(_IFLA_AF_SPEC, mode))
        except OSError as error:
            if error.errno not in (
                errno.EAFNOSUPPORT,
                errno.EOPNOTSUPP,
            ):  # a kernel without IPv6 is silent anyway
                raise

    def up(self, device: str) -> None:
        """Switch ``device`` on."""
        self._ask(_SETLINK, 0, _device(socket.if_nametoindex(device), _IFF_UP, _IFF_UP))

    def forward(self, device: str) -> None:
        """Route IPv4 packets that arrive at ``device``; works where ``/proc/sys`` is read-only too."""
        setting = attribute(socket.AF_INET, attribute(_INET_CONF, attribute(_CONF_FORWARDING, _number(1))))
        self._ask(_SETLINK, 0, _device(socket.if_nametoindex(device)), attribute(_IFLA_AF_SPEC, setting))

    def address(self, device: str, address: str) -> None:
        """Give ``device`` an IPv4 address in CIDR form."""
        interface = ipaddress.IPv4Interface(address)
        prefix = interface.network.prefixlen
        head = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(device))
        own = interface.ip.packed
        self._ask(_NEWADDR, _NEW, head, attribute(_IFA_LOCAL, own), attribute(_IFA_ADDRESS, own))

    def route(self, destination: str, via: str) -> None:
        """Send packets to ``destination`` (CIDR) through the neighbour ``via``."""
        network = ipaddress.IPv4Network(destination)
        kinds = (_TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_UNIVERSE, _TYPE_UNICAST)
        head = struct.pack("=8BI", socket.AF_INET, network.prefixlen, 0, 0, *kinds, 0)
        to = attribute(_RTA_DESTINATION, network.network_address.packed) if network.prefixlen else b""
        self._ask(_NEWROUTE, _NEW, head, to, attribute(_RTA_GATEWAY, ipaddress.IPv4Address(via).packed))
