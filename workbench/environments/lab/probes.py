"""One call that must be answered, or must be refused: the lab's gates in action."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to call: with which certificate from which folder, asking for which name, through which tunnel.

    `slow_s`: seconds that the call may take longer than usual.
    """

    certs: Path
    identity: str | None = None
    server_name: str = ""
    tunnel_to: str = ""
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call: the application's right answer, or a refusal, or neither; and how that was seen."""

    answered: bool
    refused: bool
    evidence: str


def _context(certs: Path, identity: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # SPIFFE identities stand in URI names, not in host names
    context.load_verify_locations(f"{certs}/ca.crt")
    context.load_cert_chain(f"{certs}/{identity}.crt", f"{certs}/{identity}.key")
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read_head(stream: socket.socket) -> tuple[str, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        part = stream.recv(65536)
        if not part:
            raise ConnectionError(f"the connection was closed after {len(received)} bytes")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _body(stream: socket.socket, head: str, rest: bytes) -> bytes:
    lengths = [line.split(":", 1)[1] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    wanted = int(lengths[0]) if lengths else 0
    while len(rest) < wanted:
        part = stream.recv(65536)
        if not part:
            break
        rest += part
    return rest


def _exchange(stream: socket.socket, authority: str) -> tuple[bool, str]:
    if authority:
        stream.sendall(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode())
        head, _ = _read_head(stream)
        if head.split(" ", 2)[1:2] != ["200"]:
            return False, f"the tunnel was answered {head.splitlines()[0]}"
    payload = os.urandom(32).hex().encode()
    stream.sendall(b"POST / HTTP/1.1\r\nhost: lab\r\ncontent-length: %d\r\n\r\n%s" % (len(payload), payload))
    head, rest = _read_head(stream)
    status = head.splitlines()[0]
    right = _body(stream, head, rest) == payload
    if status.split(" ", 2)[1:2] == ["200"]:
        return right, f"{status}, {'the payload came back' if right else 'but without the payload'}"
    return False, f"answered {status}"


def call(stream: socket.socket, address: tuple[str, int], request: Request) -> Outcome:
    """Make the call over ``stream``, a fresh TCP socket of the namespace to call from; it is closed.

    A time-out or a port where nobody listens is neither an answer nor a refusal.
    """
    limit_s = TIMEOUT_S + request.slow_s
    stream.settimeout(limit_s)
    try:
        with stream as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the request waits 40 ms behind TLS
            plain.connect(address)
            carrier: socket.socket = plain
            if request.identity:
                context = _context(request.certs, request.identity)
                carrier = context.wrap_socket(plain, server_hostname=request.server_name or None)
            with carrier:
                answered, evidence = _exchange(carrier, request.tunnel_to)
        return Outcome(answered=answered, refused=not answered, evidence=evidence)
    except TimeoutError:
        return Outcome(answered=False, refused=False, evidence=f"no answer within {limit_s:g} s")
    except ConnectionRefusedError:
        return Outcome(answered=False, refused=False, evidence="nobody listens on the port")
    except (OSError, ValueError) as error:
        return Outcome(answered=False, refused=True, evidence=f"{type(error).__name__}: {error}")
