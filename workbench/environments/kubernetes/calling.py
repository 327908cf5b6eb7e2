"""A URL as the client's Fortio is asked to call it, and what it says when it was answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.model.fortio_rest import asked_of

_RIGHT = {"grpc": "SERVING", "tcp": "OK"}
_LEAST_BYTES = {"http": 128, "https": 128}
_LEAST_PACKED_BYTES = 48
"""What a call puts on the wire at the least, headers of TCP and IP included; HTTP/2 and gRPC pack their own headers."""

_SEVERAL = 4
"""Connections of calls that are made to carry bytes: a page that takes 50 ms would take a minute on one."""


def one_call(url: str, payload_bytes: int = 0) -> dict[str, str]:
    """Return what asks for one call, or for as many as send ``payload_bytes``.

    A call has a payload in TCP alone, whose server returns whatever comes; of a page nobody knows whether it takes one.
    """
    asked, scheme = asked_of(url), urlsplit(url).scheme
    if not payload_bytes or scheme == "tcp":
        payload = {"payload": "x" * payload_bytes} if payload_bytes else {}
        return {**asked, "n": "1", "c": "1", "qps": "1", **payload}
    calls = payload_bytes // _LEAST_BYTES.get(scheme, _LEAST_PACKED_BYTES) + 1
    return {**asked, "n": str(calls), "c": str(_SEVERAL), "qps": "-1"}


def answered(url: str, said: Mapping[str, Any]) -> bool:
    """Whether every call of a run was answered rightly."""
    return set(said.get("RetCodes") or ()) == {_RIGHT.get(urlsplit(url).scheme, "200")}
