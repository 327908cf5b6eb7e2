"""The light steady stream of requests of a live session: a program of the standard library alone.

Real clients: a few keep-alive connections that send real requests on a schedule, each answered before its connection
sends another. Every answer is written into a ring in a file of fixed size, which `workbench.playground.live` reads
without asking anybody; so nothing here can block a notebook, and nothing grows. It stops by itself.

A ring is the number of answers so far (unsigned 64 bit), then the places, `RECORD` each: when it was sent (seconds
since the epoch), its latency in seconds, its status (0: no answer) and the version that answered (empty: none said so).
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import re
import struct
import time
from collections import deque
from pathlib import Path

HEAD = struct.Struct("<Q")
RECORD = struct.Struct("<dfH40s")
PLACES = 65_536
"""Answers that are kept: five minutes at the highest rate."""

_CALL_S = 15.0
_LOOK_S = 0.1
_BODY = b"a light steady stream"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
_VERSION = re.compile(rb"(?i)\r\nx-version:[ \t]*([^\r\n]{1,40})")
_CLOSE = re.compile(rb"(?i)\r\nconnection:[ \t]*close")


class Ring:
    """The file of the last answers, written in place."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(HEAD.size + PLACES * RECORD.size)
            self._map = mmap.mmap(file.fileno(), 0)
        self.count = 0

    def add(self, sent_s: float, latency_s: float, status: int, version: bytes) -> None:
        """Write one answer over the oldest, then count it."""
        place = HEAD.size + self.count % PLACES * RECORD.size
        RECORD.pack_into(self._map, place, sent_s, latency_s, status, version)
        self.count += 1
        HEAD.pack_into(self._map, 0, self.count)


class Client:
    """One keep-alive connection, dialled anew whenever it is gone."""

    def __init__(self, host: str, port: int, ring: Ring) -> None:
        self._where, self._ring = (host, port), ring
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, message: bytes) -> None:
        """Send one request and write down what came of it."""
        sent, began, status, version = time.time(), time.perf_counter(), 0, b""
        try:
            async with asyncio.timeout(_CALL_S):
                status, version = await self._exchange(message)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            self._hang_up()
        self._ring.add(sent, time.perf_counter() - began, status, version)

    async def _exchange(self, message: bytes) -> tuple[int, bytes]:
        if self._streams is None or self._streams[0].at_eof():
            self._hang_up()
            self._streams = await asyncio.open_connection(*self._where)
        reader, writer = self._streams
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        length, status, version = _LENGTH.search(head), _STATUS.match(head), _VERSION.search(head)
        if status is None:
            raise ValueError("not an answer of HTTP/1.1")
        await reader.readexactly(int(length[1]) if length else 0)
        if _CLOSE.search(head):
            self._hang_up()
        return int(status[1]), version[1] if version else b""

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def message(authority: str, call: str) -> bytes:
    """Return the request of a call such as ``"POST /"``, as sent."""
    method, path = call.split(" ", 1)
    body = _BODY if method in ("POST", "PUT", "PATCH") else b""
    head = f"{method} {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


class Calls:
    """The requests to send in turn, from a file with a call such as ``POST /`` on each line; followed as it changes."""

    def __init__(self, path: Path, authority: str) -> None:
        self._path, self._authority = path, authority
        self._looked, self._stamp, self._number = 0.0, 0, -1
        self._requests: list[bytes] = []

    def next(self) -> bytes:
        """Return the next request."""
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._stamp = stamp
                calls = self._path.read_text(encoding="ascii").splitlines()
                self._requests = [message(self._authority, call) for call in calls]
        self._number += 1
        return self._requests[self._number % len(self._requests)]


async def _first_answer(client: Client, ring: Ring, request: bytes, end: float) -> None:
    """Wait until anybody answers at all, so that the stream does not begin with the start-up."""
    while time.monotonic() < end:
        await client.call(request)
        answered = RECORD.unpack_from(ring._map, HEAD.size + (ring.count - 1) % PLACES * RECORD.size)[2]
        ring.count = 0
        HEAD.pack_into(ring._map, 0, 0)
        if answered:
            return
        await asyncio.sleep(0.05)


async def stream(arguments: argparse.Namespace) -> None:
    """Send requests on the schedule until the time is over; what finds no free connection is left out."""
    ring = Ring(Path(arguments.ring))
    free = deque(Client(arguments.host, arguments.port, ring) for _ in range(arguments.connections))
    calls = Calls(Path(arguments.calls), f"{arguments.host}:{arguments.port}")
    Path("ready").touch()
    end = time.monotonic() + arguments.seconds
    await _first_answer(free[0], ring, calls.next(), end)
    tasks: set[asyncio.Task[None]] = set()
    due = time.monotonic()

    async def one(client: Client, request: bytes) -> None:
        await client.call(request)
        free.append(client)

    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if free:
            task = asyncio.create_task(one(free.popleft(), calls.next()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        due = max(due + 1 / arguments.rate, time.monotonic() - 0.2)


def main() -> None:
    """Read the arguments and send."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ring", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--calls", required=True)
    asyncio.run(stream(parser.parse_args()))


if __name__ == "__main__":
    main()
