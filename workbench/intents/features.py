"""What can be asked of a mesh's traffic: the features of an intent, each said once, for widgets, tables and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Layer = Literal["connection", "request", "proxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing an intent can ask for.

    Attributes
    ----------
    title
        For people.
    says
        What the application experiences, in one sentence.
    layer
        What it works on: ``"request"`` features need a data plane that parses requests; ``"proxy"`` ones set the proxy
        itself.
    """

    title: str
    says: str
    layer: Layer


FEATURES: Final[Mapping[str, Feature]] = {
    "mtls": Feature(
        title="Mutual TLS",
        says="Both ends prove their identity, and nobody in between can read the traffic.",
        layer="connection",
    ),
    "split": Feature(
        title="Traffic split",
        says="Shares of the requests go to different versions of the service: a canary.",
        layer="request",
    ),
    "retries": Feature(
        title="Retries",
        says="A failed request is sent again before the caller sees the failure.",
        layer="request",
    ),
    "timeout": Feature(
        title="Timeout",
        says="A caller waits at most this long for an answer or an error.",
        layer="request",
    ),
    "delay": Feature(
        title="Injected delay",
        says="A share of the requests is delayed, to test how callers cope with a slow service.",
        layer="request",
    ),
    "abort": Feature(
        title="Injected failure",
        says="A share of the requests gets an error, to test how callers cope with failures.",
        layer="request",
    ),
    "circuit_breaking": Feature(
        title="Circuit breaking",
        says="Requests or connections above a limit are refused at once instead of queueing.",
        layer="connection",
    ),
    "outlier_detection": Feature(
        title="Outlier detection",
        says="An instance that keeps failing is left out for a while.",
        layer="request",
    ),
    "authorization": Feature(
        title="Authorization",
        says="Only the named callers, methods and paths are allowed.",
        layer="connection",
    ),
    "rate_limit": Feature(
        title="Rate limit",
        says="Requests above a rate are refused with status 429.",
        layer="request",
    ),
    "access_log": Feature(title="Access log", says="The proxy writes a line for every request.", layer="proxy"),
    "metrics": Feature(title="Proxy metrics", says="The proxy counts requests and shows the counters.", layer="proxy"),
    "proxy_threads": Feature(
        title="Proxy threads", says="Worker threads of a proxy, which share its connections.", layer="proxy"
    ),
    "proxy_resources": Feature(title="Proxy resources", says="A proxy's resource requests and limits.", layer="proxy"),
}
