"""The lab's service: a small, quiet HTTP/1.1 server, run as ``python -m workbench.workloads._server``.

It echoes the body of every request, after an optional delay; given an upstream, it first calls that `fan_out` times
in parallel with the same body and passes the answer on. As one of several versions it says which in the header
``x-version``, and can be told to fail a share of the requests with 503, for teaching.

A raw asyncio protocol on uvloop costs 5 µs a request when saturated and keeps no core busy while idle, so what is
measured around it is the data plane and not a framework.
Once it listens, it leaves a file ``ready`` in its working folder.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import re
import socket
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast

_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
_MAX_HEAD = 65_536
_MAX_BODY = 16 * 2**20


class _Messages:
    """Cuts a byte stream into HTTP/1.1 messages with Content-Length bodies."""

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the complete (head, body) pairs; ``ValueError`` for what is not such a stream."""
        self.buffer = self.buffer + data if self.buffer else data
        found: list[tuple[bytes, bytes]] = []
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > _MAX_HEAD:
                    raise ValueError("head too long")
                return found
            head = self.buffer[:end]
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if size > _MAX_BODY:
                raise ValueError("body too long")
            stop = end + 4 + size
            if len(self.buffer) < stop:
                return found
            found.append((head, self.buffer[end + 4 : stop]))
            self.buffer = self.buffer[stop:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a server answers: after how long, as which version (empty: it does not say), and what share of it fails."""

    delay_s: float = 0.0
    version: str = ""
    fails: float = 0.0

    def head(self, status: bytes) -> bytes:
        """Return an answer's head up to the length of its body."""
        version = f"\r\nx-version: {self.version}".encode() if self.version else b""
        return b"HTTP/1.1 " + status + version + b"\r\ncontent-length: "


class _Upstream(asyncio.Protocol):
    """One keep-alive connection to the upstream, one call at a time."""

    def __init__(self, pool: _Pool) -> None:
        self.pool, self.messages = pool, _Messages()
        self.waiting: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self.messages.feed(data)
        except ValueError:
            messages = [(b"HTTP/1.1 502", b"")]
        for head, body in messages:
            future, self.waiting = self.waiting, None
            self.pool.idle.append(self)
            if future is not None and not future.done():
                if head.startswith(b"HTTP/1.1 200"):
                    future.set_result(body)
                else:
                    future.set_exception(ConnectionError("upstream answered " + head[9:12].decode("latin-1")))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(ConnectionError("upstream closed the connection"))


class _Pool:
    """Keep-alive connections to the upstream; grows to the number of calls in flight."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.idle: deque[_Upstream] = deque()
        self.head = f"POST / HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: ".encode()

    async def call(self, body: bytes) -> bytes:
        """Send ``body`` and return the answer's; ConnectionError or OSError when there is none."""
        loop = asyncio.get_running_loop()
        connection: _Upstream | None = None
        while self.idle and connection is None:
            candidate = self.idle.popleft()
            connection = candidate if candidate.transport is not None else None
        if connection is None:
            _, connection = await loop.create_connection(lambda: _Upstream(self), self.host, self.port)
        if connection.transport is None:
            raise ConnectionError("upstream closed the connection")
        connection.waiting = loop.create_future()
        connection.transport.write(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)
        return await connection.waiting


class _Echo(asyncio.Protocol):
    """Answers requests with their own body."""

    def __init__(self, behaviour: Behaviour, pool: _Pool | None, fan_out: int) -> None:
        self.delay_s, self.fails, self.pool, self.fan_out = behaviour.delay_s, behaviour.fails, pool, fan_out
        self.behaviour, self.right = behaviour, behaviour.head(b"200 OK")
        self.messages = _Messages()
        self.transport: asyncio.Transport | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def data_received(self, data: bytes) -> None:
        try:
            messages = self.messages.feed(data)
        except ValueError:
            self.answer(b"400 Bad Request", b"")
            if self.transport:
                self.transport.close()
            return
        for _, body in messages:
            if self.fails and random.random() < self.fails:
                self.answer(b"503 Service Unavailable", b"")
            elif self.pool is not None:
                task = asyncio.ensure_future(self.relay(body))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            elif self.delay_s:
                asyncio.get_running_loop().call_later(self.delay_s, self.answer, b"200 OK", body)
            else:
                self.answer(b"200 OK", body)

    async def relay(self, body: bytes) -> None:
        """Call the upstream, then answer."""
        assert self.pool is not None  # noqa: S101 - only called with a pool
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        try:
            if self.fan_out == 1:
                answer = await self.pool.call(body)
            else:
                answer = (await asyncio.gather(*(self.pool.call(body) for _ in range(self.fan_out))))[0]
        except OSError:
            self.answer(b"502 Bad Gateway", b"")
        else:
            self.answer(b"200 OK", answer)

    def answer(self, status: bytes, body: bytes) -> None:
        """Write an answer unless the caller is gone."""
        if self.transport is not None:
            head = self.right if status == b"200 OK" else self.behaviour.head(status)
            self.transport.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)


def _listen(host: str, port: int) -> socket.socket:
    """Bind the port that was reserved for us; SO_REUSEPORT shares it with the reservation, which never listens."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    pool = None
    if arguments.upstream:
        host, _, port = arguments.upstream.rpartition(":")
        pool = _Pool(host, int(port))
    behaviour = Behaviour(delay_s=arguments.delay, version=arguments.version, fails=arguments.fails)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Echo(behaviour, pool, arguments.fan_out), sock=_listen(arguments.bind, arguments.port)
    )
    Path("ready").touch()
    gc.collect()
    gc.freeze()
    gc.disable()
    await server.serve_forever()


def main() -> None:
    """Read the arguments and serve, on uvloop where it is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--version", default="")
    parser.add_argument("--fails", type=float, default=0.0)
    parser.add_argument("--upstream", default="")
    parser.add_argument("--fan-out", type=int, default=1)
    arguments = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(arguments))
    else:
        uvloop.run(serve(arguments))


if __name__ == "__main__":
    main()
