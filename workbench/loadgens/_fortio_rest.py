"""Fortio's command line as bodies of its REST interface, by which a client's pod on a cluster is driven.

The bodies' values are text, because Fortio overlooks others. The names are its flags', less the dash, mostly.
"""

from __future__ import annotations

from collections.abc import Sequence

_ON = {"-uniform": "uniform", "-nocatchup": "nocatchup", "-h2": "h2"}
_GIVEN = {
    "-qps": "qps",
    "-c": "c",
    "-t": "t",
    "-timeout": "timeout",
    "-r": "r",
    "-p": "p",
    "-grpc-ping-delay": "grpc-ping-delay",
}

_FAST_CLIENT_BYTES = 100 * 1024
"""Bodies beyond this overflow the fast client's buffer, which REST cannot enlarge; Go's own client has no limit."""

LABEL = "cluster"
"""In place of the lab's: on a cluster an answer need not be the echo of its request."""


def rest_body(command: Sequence[str], payload_bytes: int) -> dict[str, str]:
    """Return the body that starts what ``command`` starts; the URL is added by whoever knows it.

    A gRPC load is given its number of calls too: told a time only, Fortio makes a first call outside of its run, and a
    client whose first call fails dies of it.
    """
    body = {"labels": LABEL, "async": "on", "save": "on"}
    for position, flag in enumerate(command):
        if flag in _ON:
            body[_ON[flag]] = "on"
        elif flag in _GIVEN:
            body[_GIVEN[flag]] = command[position + 1]
    if "-grpc" in command:
        body["n"] = str(int(float(body["qps"]) * float(body["t"].removesuffix("s"))))
    if payload_bytes:
        body["payload"] = "x" * payload_bytes
    if payload_bytes > _FAST_CLIENT_BYTES:
        body["stdclient"] = "on"
    return body
