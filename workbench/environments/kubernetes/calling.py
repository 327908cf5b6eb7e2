"""A URL as the client's Fortio is asked to call it, and what it says when it was answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.cluster_steps import PING_PATH

_RIGHT = {"grpc": "SERVING", "tcp": "OK"}
_LEAST_BYTES = 64
"""What a call puts on the wire at the least, headers of TCP and IP included: a gRPC call, HTTP takes twice that."""

_SEVERAL = 4
"""Connections of calls that are made to carry bytes: a page that takes 50 ms would take a minute on one."""


def asked_of(url: str) -> dict[str, str]:
    """Return the fields of Fortio's REST interface that say whom to call and in which protocol."""
    parts = urlsplit(url)
    if parts.scheme == "h2c":
        return {"url": f"http{url[len('h2c') :]}", "h2": "on"}
    if parts.scheme != "grpc":
        return {"url": url}
    asked = {"url": parts.netloc, "runner": "grpc"}
    return asked | ({"ping": "on"} if parts.path == PING_PATH else {"healthservice": parts.path.strip("/")})


def one_call(url: str, payload_bytes: int = 0) -> dict[str, str]:
    """Return what asks for one call, or for as many as send ``payload_bytes``.

    A call has a payload in TCP alone, whose server returns whatever comes; of a page nobody knows whether it takes one.
    """
    asked = asked_of(url)
    if not payload_bytes or urlsplit(url).scheme == "tcp":
        payload = {"payload": "x" * payload_bytes} if payload_bytes else {}
        return {**asked, "n": "1", "c": "1", "qps": "1", **payload}
    return {**asked, "n": str(payload_bytes // _LEAST_BYTES + 1), "c": str(_SEVERAL), "qps": "-1"}


def answered(url: str, said: Mapping[str, Any]) -> bool:
    """Whether every call of a run was answered rightly."""
    return set(said.get("RetCodes") or ()) == {_RIGHT.get(urlsplit(url).scheme, "200")}
