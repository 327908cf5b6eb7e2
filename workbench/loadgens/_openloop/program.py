"""The program: announce the window, make the load, leave the files.

The first line on standard output announces the window. ``requests.bin`` and ``summary.json`` are written into the
given folder after the window, the summary last, so that a summary means that all is there.
"""

from __future__ import annotations

import ctypes
import gc
import socket
import sys
import time
from array import array

from .loop import FAILURES, OpenLoop
from .schedule import counts, make_schedule

VERSION = "1"
"""Changes whenever the way load is made changes; part of a run's identity."""

COLUMNS = ("scheduled_ns", "ready_ns", "sent_ns", "done_ns", "status")
"""Order of the arrays in ``requests.bin``: four of 64-bit times on CLOCK_MONOTONIC, one of 16-bit statuses."""

_LEAD_S = 0.25
_MOVE_NS = 500
_PR_SET_TIMERSLACK = 29


def make_body(size: int) -> bytes:
    """Return ``size`` bytes in which no two of 251 neighbours are alike, so that a shifted echo is noticed."""
    return (bytes(range(1, 252)) * (size // 251 + 1))[:size]


def make_message(authority: str, body: bytes) -> bytes:
    """Return the request as sent."""
    return (
        f"POST / HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: workbench/{VERSION}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode("ascii") + body


def _prepare_process() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()
    gc.disable()


def _leave(folder: str, loop: OpenLoop, before: int) -> None:
    """Write the window's requests as they stand in memory, one array after another, and then what they are."""
    import json

    warm: dict[str, int] = {}
    for status in loop.status[:before]:
        name = FAILURES.get(status, str(status))
        warm[name] = warm.get(name, 0) + 1
    with open(f"{folder}/requests.bin", "wb") as file:  # noqa: PTH123 - pathlib costs 10 ms of start
        for column in (loop.due, loop.ready, loop.sent, loop.done, loop.status):
            column[before:].tofile(file)
    summary = {
        "version": VERSION,
        "window_start_ns": loop.edges[0],
        "window_end_ns": loop.edges[1],
        "cpu_ns": loop.cpu_ns,
        "requests": len(loop.due) - before,
        "byteorder": sys.byteorder,
        "warmup": warm,
    }
    with open(f"{folder}/summary.json", "w", encoding="ascii") as file:  # noqa: PTH123
        json.dump(summary, file)


def main(arguments: list[str]) -> None:
    """Make the load that ``arguments``, each ``key=value``, describe."""
    told = dict(argument.split("=", 1) for argument in arguments)
    rate, warmup_s, duration_s = (float(told[key]) for key in ("rate", "warmup_s", "duration_s"))
    before, within = counts(rate, warmup_s, duration_s)
    window_ns = round(duration_s * 1e9)
    offsets = make_schedule(told["arrival"], rate, before, within, window_ns, int(told["seed"]))
    host, port = told["host"], int(told["port"])
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        sys.exit(f"The load generator cannot find the host {host!r}: {error.strerror}.")
    body = make_body(int(told["payload_bytes"]))
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _prepare_process()
    loop = OpenLoop(where, family, make_message(authority, body), body)
    try:
        loop.open(int(told["connections"]))
    except OSError as error:
        sys.exit(f"The load generator cannot open {told['connections']} connections: {error.strerror}.")
    start = time.monotonic_ns() + round(max(_LEAD_S, warmup_s + _LEAD_S / 5) * 1e9) + len(offsets) * _MOVE_NS
    due = array("q", (start + offset for offset in offsets))
    sys.stdout.write(f'{{"window_start_ns": {start}, "window_end_ns": {start + window_ns}}}\n')
    sys.stdout.flush()
    every_ns = int(1e9 / rate) if told["arrival"] == "constant" else 0
    loop.run(due, every_ns, (start, start + window_ns), round(float(told["timeout_s"]) * 1e9))
    _leave(told["folder"], loop, before)
