"""The process that holds a deployment's network namespaces, and nothing else does.

The namespaces have no name anywhere in the file system: they live in this process's file descriptors, so they
vanish with it. It ends when its channel is closed or its parent dies, however that comes about. It runs on
the standard library alone and with one thread, which a new user namespace demands.

Requests are JSON messages on a socket pair: ``build`` once, then ``traffic`` (the packet counters of a
namespace) and ``socket`` (a socket made inside a namespace, handed back to the parent) as often as wanted.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.environments.lab._kernel import CLONE_NEWNET, CLONE_NEWUSER, join, unshare
from workbench.environments.lab._netlink import Netlink

LONGEST_MESSAGE = 1 << 17
"""Bytes of a request or an answer; a network of a hundred namespaces needs 60 kB."""


class Holder:
    """The namespaces, by name, as open file descriptors.

    Attributes
    ----------
    user
        Descriptor of the user namespace that owns them; None: they belong to the machine's own.
    doing
        What was being tried last, for messages.
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, int] = {}
        self.user: int | None = None
        self.doing = ""

    def build(self, names: Sequence[str], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Make the namespaces and join them; as an ordinary user, inside a user namespace of their own."""
        try:
            self._build(names, operations)
        except PermissionError:
            self._release()
            self._become_owner()
            self._build(names, operations)
        return {"namespaces": self.namespaces, "user": self.user}

    def _build(self, names: Sequence[str], operations: Sequence[Mapping[str, Any]]) -> None:
        for name in names:
            self.doing = "create a network namespace"
            unshare(CLONE_NEWNET)
            self.namespaces[name] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        for operation in operations:
            self._act(**operation)

    def _release(self) -> None:
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        self.namespaces.clear()

    def _become_owner(self) -> None:
        """Enter a new user namespace in which this user is the same user, and may do anything to networks."""
        self.doing = "create a user namespace"
        maps = {"uid_map": os.geteuid(), "gid_map": os.getegid()}
        unshare(CLONE_NEWUSER)
        self.doing = "map this user into a new user namespace"
        Path("/proc/self/setgroups").write_text("deny")
        for name, number in maps.items():
            Path("/proc/self", name).write_text(f"{number} {number} 1")
        self.user = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)

    def _enter(self, namespace: str) -> None:
        join(self.namespaces[namespace], CLONE_NEWNET)

    def _act(self, do: str, namespace: str, **details: Any) -> None:
        """Carry out one operation of `workbench.environments.lab._topology` inside ``namespace``."""
        self.doing = f"{do} {' '.join(str(value) for value in details.values())} in namespace {namespace}"
        if "peer_namespace" in details:
            details["peer_namespace"] = self.namespaces[details["peer_namespace"]]
        self._enter(namespace)
        with Netlink() as netlink:
            getattr(netlink, do)(**details)

    def traffic(self, namespace: str) -> str:
        """Return ``/proc/net/dev`` as seen from inside ``namespace``."""
        self.doing = f"read the packet counters of namespace {namespace}"
        self._enter(namespace)
        return Path("/proc/net/dev").read_text()

    def socket(self, namespace: str, kind: int) -> socket.socket:
        """Return a new IPv4 socket that lives in ``namespace``."""
        self.doing = f"open a socket in namespace {namespace}"
        self._enter(namespace)
        return socket.socket(socket.AF_INET, kind)


def _answer(holder: Holder, request: dict[str, Any]) -> tuple[dict[str, Any], list[socket.socket]]:
    """Carry out one request; the second part are sockets to hand over."""
    known: dict[str, Callable[..., Any]] = {"build": holder.build, "traffic": holder.traffic, "socket": holder.socket}
    try:
        value = known[request.pop("ask")](**request)
    except OSError as error:
        return {"errno": error.errno, "doing": holder.doing}, []
    return ({}, [value]) if isinstance(value, socket.socket) else ({"value": value}, [])


def _life_of(process: int) -> list[int]:
    """Return a descriptor that becomes readable when ``process`` dies; none on an older kernel than 5.3."""
    try:
        return [os.pidfd_open(process)]
    except (OSError, AttributeError):  # the channel, which closes with the parent, must do
        return []


def main(arguments: Sequence[str]) -> int:
    """Serve the channel with descriptor number ``arguments[0]`` until the parent ``arguments[1]`` is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the channel
    parent, holder = int(arguments[1]), Holder()
    life = _life_of(parent)
    with socket.socket(fileno=int(arguments[0])) as channel:
        while os.getppid() == parent:
            ready, _, _ = select.select([channel.fileno(), *life], [], [])
            message = b"" if set(life) & set(ready) else channel.recv(LONGEST_MESSAGE)
            if not message:
                break
            reply, handed = _answer(holder, json.loads(message))
            socket.send_fds(channel, [json.dumps(reply).encode()], [one.fileno() for one in handed])
            for one in handed:
                one.close()
    return 0
