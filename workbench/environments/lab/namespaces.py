"""Kernel network namespaces for the lab: realise a `Network` step, run programs in it, count its packets.

The lab opens one `Namespaces` for a deployment, starts processes through `Namespaces.enter_command`, and
closes it when they have ended. Nothing needs root, a program or a package: a small process (`_holder`) makes
everything by system calls, and holds it by file descriptors only, so that nothing outlives the program that
asked, even when it is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from workbench.environments.lab._enter import NOWHERE, enter_command, standalone_command
from workbench.environments.lab._holder import LONGEST_MESSAGE
from workbench.environments.lab._topology import operations
from workbench.environments.lab.forbidden import why
from workbench.errors import BadInputError, DeadlineExceededError, RunFailedError, UnsupportedError, WorkbenchError
from workbench.model.lab_steps import Link, Network, Vxlan

_DEADLINE_S = 20.0
"""Seconds for one request to the holder; the largest takes 50 ms, on a very busy machine many times that."""

_END_S = 5.0
"""Seconds that the holder has to end by itself before it is killed."""

_RECEIVED_PACKETS, _SENT_PACKETS = 1, 9
"""Columns of /proc/net/dev, after the device's name (proc(5))."""


def read_counters(text: str) -> dict[str, int]:
    """Read ``/proc/net/dev``: device -> packets received and sent, the loopback device left out.

    Raises
    ------
    RunFailedError
        When the text is not of that form.
    """
    found = {}
    try:
        for line in text.splitlines()[2:]:
            device, _, numbers = line.rpartition(":")
            fields = [int(number) for number in numbers.split()]
            found[device.strip()] = fields[_RECEIVED_PACKETS] + fields[_SENT_PACKETS]
    except (ValueError, IndexError) as error:
        raise RunFailedError(f"The kernel's packet counters cannot be read: unexpected line {line!r}.") from error
    found.pop("lo", None)
    return found


class Namespaces:
    """The namespaces of one deployment, up and joined; make it with `open`, end it with `close`.

    Attributes
    ----------
    pid
        Process id of the holder; it does nothing while a load runs.
    """

    def __init__(self, network: Network, holder: subprocess.Popen[bytes], channel: socket.socket, log: Path) -> None:
        self._network, self._holder, self._channel, self._log = network, holder, channel, log
        self._turn = threading.Lock()
        self._paths: dict[str, str] = {}
        self._owner = NOWHERE
        self.pid = holder.pid

    @classmethod
    def open(cls, network: Network, folder: Path) -> Namespaces:
        """Make everything that ``network`` says; ``folder`` takes the holder's messages, if there are any.

        Raises
        ------
        BadInputError
            When the network could not work or bears a hostile name; nothing was started.
        UnsupportedError
            When this machine forbids it, with the likely cause and its mend; nothing is left behind.
        """
        plan = operations(network)
        if not hasattr(socket, "AF_NETLINK"):
            raise UnsupportedError(f"Network namespaces exist on Linux only; this machine runs {sys.platform}.")
        log = folder / "namespaces.log"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, log.open("ab") as messages:
                holder = _start_holder(theirs, messages)
        except OSError as error:
            ours.close()
            raise UnsupportedError(
                f"The process that keeps the network namespaces cannot be started: {error}."
            ) from error
        ours.settimeout(_DEADLINE_S)
        namespaces = cls(network, holder, ours, log)
        try:
            namespaces._build(plan)
        except BaseException:
            namespaces.close()
            raise
        return namespaces

    def __enter__(self) -> Namespaces:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build(self, plan: Sequence[dict[str, Any]]) -> None:
        made, _ = self._ask("build", names=self._network.namespaces, operations=plan)
        folder = f"/proc/{self.pid}/fd"
        self._paths = {name: f"{folder}/{descriptor}" for name, descriptor in made["namespaces"].items()}
        self._owner = NOWHERE if made["user"] is None else f"{folder}/{made['user']}"

    @property
    def owned(self) -> bool:
        """Whether they belong to a user namespace of their own (an ordinary user's) or to the machine's."""
        return self._owner != NOWHERE

    def close(self) -> None:
        """Let the namespaces go; they vanish with the last process inside: end those first. Twice does no harm."""
        self._channel.close()
        try:
            self._holder.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()

    def address(self, namespace: str) -> str:
        """Return the address at which the processes of ``namespace`` are reached by the others.

        Raises
        ------
        BadInputError
            When the network gives it none.
        """
        self._path(namespace)
        try:
            return self._network.addresses[namespace]
        except KeyError:
            raise BadInputError(f"The network gives the namespace {namespace!r} no reachable address.") from None

    def enter_command(self, namespace: str, argv: Sequence[str]) -> list[str]:
        """Return the command that runs ``argv`` inside ``namespace``; the process id is the program's own.

        It must be started by this process, from a thread that lives as long as the program shall: the kernel
        kills the program when that thread ends.

        Raises
        ------
        BadInputError
            When there is no such namespace.
        """
        return enter_command(argv, self._owner, self._path(namespace))

    def open_socket(self, namespace: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a new IPv4 socket that lives inside ``namespace``, for this process to use and to close."""
        self._path(namespace)
        _, sockets = self._ask("socket", namespace=namespace, kind=int(kind))
        return sockets[0]

    def counters(self, namespace: str) -> dict[str, int]:
        """Return device -> packets that it has received and sent so far, the loopback device left out."""
        self._path(namespace)
        text, _ = self._ask("traffic", namespace=namespace)
        return read_counters(text)

    def _path(self, namespace: str) -> str:
        try:
            return self._paths[namespace]
        except KeyError:
            known = ", ".join(sorted(self._paths))
            raise BadInputError(f"The network has no namespace {namespace!r}; it has {known}.") from None

    def _ask(self, request: str, **details: Any) -> tuple[Any, list[socket.socket]]:
        """Send one request to the holder and return its answer and the sockets that came with it."""
        message = json.dumps({"ask": request, **details}).encode()
        if len(message) > LONGEST_MESSAGE:
            raise BadInputError(f"The lab's network has too many parts: {len(self._network.namespaces)} namespaces.")
        with self._turn:
            data, sockets = self._exchange(message)
        if not data:
            raise RunFailedError(
                f"The process that keeps the network namespaces has ended. {self._last_words()}".strip()
            )
        reply = json.loads(data)
        if "errno" in reply:
            refused = UnsupportedError if request == "build" else RunFailedError
            raise refused(why(reply["errno"], reply["doing"]))
        return reply.get("value"), sockets

    def _exchange(self, message: bytes) -> tuple[bytes, list[socket.socket]]:
        try:
            self._channel.send(message)
            data, descriptors, _, _ = socket.recv_fds(self._channel, LONGEST_MESSAGE, 1)
        except BaseException as error:
            self._channel.close()  # an answer that comes late must not be taken for the next one
            if isinstance(error, TimeoutError):
                raise DeadlineExceededError(
                    f"The network namespaces did not answer within {_DEADLINE_S:g} s."
                ) from error
            if isinstance(error, OSError):
                raise RunFailedError(
                    f"The network namespaces are gone: {error}. {self._last_words()}".strip()
                ) from error
            raise
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for one in sockets:
            one.set_inheritable(False)
        return data, sockets

    def _last_words(self) -> str:
        """Return the last line that the holder left when it ended, if there is one."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._holder.wait(_END_S)
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return f"It printed last: {lines[-1]}" if lines else ""


def _start_holder(channel: socket.socket, messages: BinaryIO) -> subprocess.Popen[bytes]:
    descriptor = channel.fileno()
    return subprocess.Popen(
        [*standalone_command("_holder"), str(descriptor), str(os.getpid())],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=messages,
        stderr=messages,
        cwd="/",
        start_new_session=True,  # Ctrl-C reaches the whole foreground group; the holder must outlive what it holds
    )


_SMALLEST = Network(
    namespaces=("a", "b", "c"),
    addresses={"a": "198.18.0.1"},
    links=(
        Link(a="a", b="b", a_address="198.18.0.1/30", b_address="198.18.0.2/30"),
        Link(a="c", b="b", a_address="198.18.1.1/30"),
    ),
    vxlans=(Vxlan(namespace="b", vni=1, local="198.18.0.2", remote="198.18.0.1"),),
    forwarding=("a",),
)
"""Every kind of device that the lab uses, once."""


def probe() -> str:
    """Why network namespaces cannot be had here, with the likely mend; empty: they can. Leaves nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-probe-") as folder:
            Namespaces.open(_SMALLEST, Path(folder)).close()
    except (WorkbenchError, OSError) as error:
        return str(error)
    return ""
