"""What the lab's archetypes make of an intent, feature by feature: supported, partial or unsupported, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.intents import Answer, Intent, in_order

Say = Callable[[Intent], tuple[str, str, str]]
"""Intent -> (support, says, nearest)."""


def _always(support: str, says: str, nearest: str = "") -> Say:
    return lambda intent: (support, says, nearest)


def answered(intent: Intent, says: Mapping[str, Say]) -> tuple[Answer, ...]:
    """Return the answer to each feature asked."""
    answers = []
    for feature in intent.asked:
        support, told, nearest = says[feature](intent)
        answers.append(Answer(feature=feature, support=support, says=told, nearest=nearest))  # type: ignore[arg-type]
    return in_order(answers)


def _mtls(intent: Intent) -> tuple[str, str, str]:
    told = {
        "strict": "The inbound proxy requires a client certificate of the lab's authority.",
        "permissive": "The inbound listener accepts both TLS and plaintext connections.",
        "off": "Neither proxy encrypts; callers are unknown.",
    }
    return "supported", told[intent.mtls.mode if intent.mtls else "strict"], ""


def _metrics(intent: Intent) -> tuple[str, str, str]:
    if intent.metrics:
        return "supported", "Envoy counts every request and shows the counters on its admin socket.", ""
    return "unsupported", "The counters cannot be switched off: they prove that traffic crossed the proxy.", _UNREAD


_UNREAD = "They are not read while a load is measured."

_CONNECTION_COUNTS = "Envoy counts connections and bytes; it sees no requests."


def _metrics_of_connections(intent: Intent) -> tuple[str, str, str]:
    return ("partial", _CONNECTION_COUNTS, "") if intent.metrics else _metrics(intent)


_RESOURCES = _always(
    "unsupported",
    "The lab's proxies are processes on this machine, without reservations or limits.",
)
_THREADS = _always("supported", "Worker threads of every proxy (Envoy's --concurrency).")

_SPLIT = _always("supported", "One cluster for each version, weighted in the caller's route.")
_RETRIES = _always("supported", "The caller's proxy retries, on another instance if there is one.")
_ABORT = _always("supported", "The caller's fault filter answers itself; such answers are not retried.")
_OUTLIERS = _always(
    "supported", "The caller's proxy counts 5xx in a row and leaves the instance out, the last one too."
)


def _timeout(intent: Intent) -> tuple[str, str, str]:
    both = " An injected delay counts too." if intent.delay else ""
    return "supported", f"The caller's route ends the request with 504.{both}", ""


def _delay(intent: Intent) -> tuple[str, str, str]:
    return "supported", "The caller's fault filter delays requests before they are routed.", ""


def _breaking(intent: Intent) -> tuple[str, str, str]:
    of_each = ", for each version" if intent.split else ""
    return "supported", f"Thresholds of the caller's cluster{of_each}; requests above them get 503 at once.", ""


def _authorization(intent: Intent) -> tuple[str, str, str]:
    return "supported", "HTTP RBAC in front of the service: callers by certificate, methods and paths by request.", ""


_REQUESTS: Mapping[str, Say] = {
    "mtls": _mtls,
    "split": _SPLIT,
    "retries": _RETRIES,
    "timeout": _timeout,
    "delay": _delay,
    "abort": _ABORT,
    "circuit_breaking": _breaking,
    "outlier_detection": _OUTLIERS,
    "authorization": _authorization,
    "rate_limit": _always("supported", "A token bucket in each instance's inbound proxy; requests above it get 429."),
    "access_log": _always("supported", "One JSON line for each request, into a file of each proxy."),
    "metrics": _metrics,
    "proxy_threads": _THREADS,
    "proxy_resources": _RESOURCES,
}


def of_requests(intent: Intent) -> tuple[Answer, ...]:
    """Answer for a proxy beside every pod that parses requests."""
    return answered(intent, _REQUESTS)


_BLIND = "The proxies forward bytes and see no requests."


def _authorization_of_connections(intent: Intent) -> tuple[str, str, str]:
    asked = intent.authorization
    nearest = "Name only the callers, or use an archetype that parses requests."
    if asked is None or not asked.callers:
        return "unsupported", f"{_BLIND[:-1]}, so neither methods nor paths.", nearest
    if asked.methods or asked.paths:
        return "partial", f"Callers are identified by certificate; {_BLIND[0].lower()}{_BLIND[1:]}", nearest
    return "supported", "Network RBAC decides once per connection who may call, by certificate.", ""


def _breaking_of_connections(intent: Intent) -> tuple[str, str, str]:
    asked = intent.circuit_breaking
    if asked is None or asked.max_connections is None:
        return "unsupported", f"{_BLIND} It cannot count pending requests.", "Limit the connections."
    if asked.max_pending_requests or asked.max_requests:
        return "partial", f"Connections are limited; {_BLIND[0].lower()}{_BLIND[1:]}", ""
    return "supported", "A threshold of the caller's cluster; connections above it are closed at once.", ""


_ROUTING = "A mesh that parses requests (an L7 data plane)."
_BLIND_TO = {
    name: _always("unsupported", _BLIND, _ROUTING)
    for name in ("retries", "timeout", "delay", "abort", "outlier_detection", "rate_limit")
}
_LINES = _always("partial", "One line for each connection, when it ends; requests are not seen.", _ROUTING)

_CONNECTIONS: Mapping[str, Say] = {
    **_BLIND_TO,
    "mtls": _mtls,
    "split": _always("partial", "Shares of the connections, not of the requests in them.", _ROUTING),
    "circuit_breaking": _breaking_of_connections,
    "authorization": _authorization_of_connections,
    "access_log": _LINES,
    "metrics": _metrics_of_connections,
    "proxy_threads": _THREADS,
    "proxy_resources": _RESOURCES,
}


def of_connections(intent: Intent) -> tuple[Answer, ...]:
    """Answer for a proxy beside every pod that carries bytes."""
    return answered(intent, _CONNECTIONS)


def _mtls_of_tunnels(intent: Intent) -> tuple[str, str, str]:
    if intent.mtls is not None and intent.mtls.mode == "strict":
        return "supported", "The tunnel is mTLS; every connection has its caller's certificate.", ""
    return "unsupported", "The tunnel between the nodes always uses mTLS.", "strict"


_TUNNELS: Mapping[str, Say] = {
    **_CONNECTIONS,
    "mtls": _mtls_of_tunnels,
    "split": _always("unsupported", "The node's proxy tunnels a connection to a service as a whole.", _ROUTING),
    "circuit_breaking": _always(
        "unsupported",
        "Connections share one tunnel between the nodes: a limit on tunnels does not limit connections.",
        _ROUTING,
    ),
}


def of_tunnels(intent: Intent) -> tuple[Answer, ...]:
    """Answer for proxies of whole nodes that tunnel connections."""
    return answered(intent, _TUNNELS)


def _mtls_of_nodes(intent: Intent) -> tuple[str, str, str]:
    if intent.mtls is not None and intent.mtls.mode == "off":
        return "supported", "The node's proxy encrypts nothing.", ""
    return (
        "unsupported",
        "The node's proxy has no identity for each pod and encrypts nothing.",
        "Encryption between nodes.",
    )


def _authorization_of_nodes(intent: Intent) -> tuple[str, str, str]:
    asked = intent.authorization
    if asked is None or not asked.callers:
        return "supported", "HTTP RBAC in the node's proxy: methods and paths by request.", ""
    says = "Without mTLS, callers are unknown; methods and paths are known."
    nearest = "A mesh with mTLS, or rules by address (NetworkPolicy)."
    return ("partial" if asked.methods or asked.paths else "unsupported"), says, nearest


_NODES: Mapping[str, Say] = {
    **_REQUESTS,
    "mtls": _mtls_of_nodes,
    "authorization": _authorization_of_nodes,
    "rate_limit": _always(
        "supported", "A token bucket in the node's one proxy, for all instances of the service together; 429 beyond."
    ),
}


def of_nodes(intent: Intent) -> tuple[Answer, ...]:
    """Answer for one proxy of the whole node that parses requests."""
    return answered(intent, _NODES)
