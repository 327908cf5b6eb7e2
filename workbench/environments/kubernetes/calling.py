"""A URL as the client's Fortio is asked to call it, and what it says when it was answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.cluster_steps import PING_PATH

_RIGHT = {"grpc": "SERVING", "tcp": "OK"}
_LEAST_BYTES = 64
"""What a gRPC call puts on the wire at the least, headers of TCP and IP included."""


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
    """Return what asks for one call, or for as many as carry ``payload_bytes`` where no call has a payload."""
    asked = {**asked_of(url), "n": "1", "c": "1", "qps": "1"}
    if not payload_bytes:
        return asked
    if asked.get("runner") == "grpc":
        return {**asked, "n": str(payload_bytes // _LEAST_BYTES + 1), "qps": "-1"}
    return {**asked, "payload": "x" * payload_bytes}


def answered(url: str, said: Mapping[str, Any]) -> bool:
    """Whether every call of a run was answered rightly."""
    return set(said.get("RetCodes") or ()) == {_RIGHT.get(urlsplit(url).scheme, "200")}
