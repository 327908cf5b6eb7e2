"""What Consul makes of an intent, one function a feature: config entries, which bear the service's own name.

Consul takes a service for TCP until its ServiceDefaults says otherwise, so that whatever works on requests brings that
entry along. A caller's limits stand in the *caller's* ServiceDefaults. Of Consul's editions this is the Community's;
what only Enterprise has is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.intents import (
    Abort,
    Authorization,
    CircuitBreaking,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Timeout,
)
from workbench.meshes._intent_parts import (
    Asked,
    FeaturePart,
    Maker,
    Manifest,
    cannot,
    number,
    seconds_text,
    size_annotations,
)

_API: Final = "consul.hashicorp.com/v1alpha1"
_ANNOTATION: Final = "consul.hashicorp.com/"
_NAMESPACE: Final = "consul"
_ENTERPRISE: Final = "Consul Enterprise's Envoy extension for fault injection"
_SLOW_VERSION: Final = "a slow version of the service, and a split that sends it a share"


def finished(asked: Asked, one: dict[str, Any]) -> dict[str, Any]:
    """Make lists of what the features say of the one route and of the one upstream."""
    if one["kind"] == "ServiceRouter":
        route = {"match": {"http": {"pathPrefix": "/"}}, "destination": one["spec"]["routes"]}
        return {**one, "spec": {"routes": [route]}}
    if one["kind"] != "ServiceDefaults":
        return one
    spec = dict(one["spec"])
    if "upstreamConfig" in spec:
        spec["upstreamConfig"] = {"overrides": [{"name": asked.target.service, **spec["upstreamConfig"]}]}
    if "envoyExtensions" in spec:
        spec["envoyExtensions"] = list(spec["envoyExtensions"].values())
    return {**one, "spec": spec}


def _defaults(asked: Asked, **fields: Any) -> dict[str, Any]:
    """Return the service's own entry, which says what it speaks."""
    spec = {"protocol": asked.target.protocol, **fields}
    return asked.manifest(_API, "ServiceDefaults", spec, asked.target.service)


def _callers_defaults(asked: Asked, **limits: Any) -> dict[str, Any]:
    return asked.manifest(_API, "ServiceDefaults", {"upstreamConfig": limits}, asked.target.caller)


def _router(asked: Asked, **destination: Any) -> dict[str, Any]:
    return asked.manifest(_API, "ServiceRouter", {"routes": destination}, asked.target.service)


def _extension(asked: Asked, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    extension = {"name": name, "required": True, "arguments": {"ProxyType": "connect-proxy", **arguments}}
    return _defaults(asked, envoyExtensions={name: extension})


def _global(kind: str, name: str, spec: Manifest) -> dict[str, Any]:
    """Return an entry of which a datacenter has one, where the chart is."""
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name, "namespace": _NAMESPACE}, "spec": dict(spec)}


def _mtls(asked: Asked, wanted: Mtls) -> FeaturePart:
    if wanted.mode == "off":
        return cannot("Between proxies Consul's mTLS is always on.", "Leave one end out of the mesh (connect-inject).")
    entry = asked.manifest(_API, "ServiceDefaults", {"mutualTLSMode": wanted.mode}, asked.target.service)
    if wanted.mode == "strict":
        return FeaturePart(
            says="ServiceDefaults with mutualTLSMode strict, which is also Consul's default.", objects=(entry,)
        )
    mesh = _global("Mesh", "mesh", {"allowEnablingPermissiveMutualTLS": True})
    return FeaturePart(
        says="ServiceDefaults with mutualTLSMode permissive, and a Mesh entry, the datacenter's only one, that allows "
        "it; only with transparent proxies.",
        objects=(mesh, entry),
    )


def _split(asked: Asked, shares: tuple[Share, ...]) -> FeaturePart:
    subsets = {one.version: {"filter": f'Service.Meta.version == "{one.version}"'} for one in shares}
    splits = [{"weight": one.weight, "serviceSubset": one.version} for one in shares]
    return FeaturePart(
        says="ServiceSplitter over the subsets of a ServiceResolver. Consul knows a version by the pods' annotation "
        f"{_ANNOTATION}service-meta-version, not by their label.",
        objects=(
            _defaults(asked),
            asked.manifest(_API, "ServiceResolver", {"subsets": subsets}, asked.target.service),
            asked.manifest(_API, "ServiceSplitter", {"splits": splits}, asked.target.service),
        ),
    )


def _retries(asked: Asked, wanted: Retries) -> FeaturePart:
    if not wanted.attempts:
        return FeaturePart(says="Consul's proxies do not retry unless a ServiceRouter configures it.")
    router = _router(asked, numRetries=wanted.attempts, retryOn=list(wanted.on))
    says = "ServiceRouter with numRetries, made by the caller's proxy."
    objects = (_defaults(asked), router)
    if wanted.per_try_timeout_s is not None:
        return FeaturePart(
            says=f"{says} It has no time limit for one try.",
            support="partial",
            nearest="The timeout of the whole request.",
            objects=objects,
        )
    return FeaturePart(says=says, objects=objects)


def _timeout(asked: Asked, wanted: Timeout) -> FeaturePart:
    return FeaturePart(
        says="ServiceRouter with a requestTimeout over all tries; late requests get 504.",
        objects=(_defaults(asked), _router(asked, requestTimeout=seconds_text(wanted.request_s))),
    )


def _delay(asked: Asked, wanted: Any) -> FeaturePart:
    says = "The Community Edition injects no delays, and Envoy's Lua filter, which it has, cannot wait."
    return cannot(says, f"{_ENTERPRISE}; or {_SLOW_VERSION}.")


def _abort(asked: Asked, wanted: Abort) -> FeaturePart:
    share = number(wanted.percent / 100, 6)
    script = (
        "function envoy_on_request(handle)\n"
        f"  if math.random() < {share} then\n"
        f'    handle:respond({{[":status"] = "{wanted.status}"}}, "fault injected")\n'
        "  end\n"
        "end\n"
    )
    extension = _extension(asked, "builtin/lua", {"Listener": "inbound", "Script": script})
    return FeaturePart(
        says="The Community Edition injects no faults. ServiceDefaults with a Lua filter instead: the service's own "
        "proxy answers in its place.",
        support="partial",
        nearest=f"{_ENTERPRISE}.",
        objects=(extension,),
    )


def _circuit_breaking(asked: Asked, wanted: CircuitBreaking) -> FeaturePart:
    limits = {
        "maxConnections": wanted.max_connections,
        "maxPendingRequests": wanted.max_pending_requests,
        "maxConcurrentRequests": wanted.max_requests,
    }
    known = {key: value for key, value in limits.items() if value is not None}
    says = "Limits in the ServiceDefaults of the caller, of whom each proxy counts for itself"
    if asked.target.requests:
        objects = (_defaults(asked), _callers_defaults(asked, limits=known))
        return FeaturePart(says=f"{says}; other callers need theirs.", objects=objects)
    if wanted.max_connections is None:
        return cannot("The service speaks tcp: there are no requests to count.", "max_connections.")
    entry = _callers_defaults(asked, limits={"maxConnections": wanted.max_connections})
    if len(known) == 1:
        return FeaturePart(says=f"{says}; other callers need theirs.", objects=(entry,))
    return FeaturePart(says=f"{says}. It speaks tcp: requests are not counted.", support="partial", objects=(entry,))


def _outlier_detection(asked: Asked, wanted: OutlierDetection) -> FeaturePart:
    check = {
        "interval": seconds_text(wanted.interval_s),
        "maxFailures": wanted.consecutive_errors,
        "enforcingConsecutive5xx": 100,
        "maxEjectionPercent": wanted.max_ejected_percent,
        "baseEjectionTime": seconds_text(wanted.ejection_s),
    }
    return FeaturePart(
        says="passiveHealthCheck in the ServiceDefaults of the caller, of whom each proxy judges by itself; other "
        "callers need theirs.",
        objects=(_defaults(asked), _callers_defaults(asked, passiveHealthCheck=check)),
    )


def _permissions(wanted: Authorization) -> list[dict[str, Any]]:
    """Return what is allowed; the last says that nothing else is, for otherwise the default would decide."""
    methods = {"methods": list(wanted.methods)} if wanted.methods else {}
    paths: list[dict[str, str]] = [
        {"pathPrefix": path[:-1]} if path.endswith("*") else {"pathExact": path} for path in wanted.paths
    ]
    allowed = [{"action": "allow", "http": {**path, **methods}} for path in paths or [{"pathPrefix": "/"}]]
    return [*allowed, {"action": "deny", "http": {"pathPrefix": "/"}}]


def _authorization(asked: Asked, wanted: Authorization) -> FeaturePart:
    of_requests = bool(wanted.methods or wanted.paths)
    says = (
        "ServiceIntentions by the callers' Consul services, which are their Services' names; connections of others are "
        "closed, without a 403."
    )
    if of_requests and not asked.target.requests:
        if not wanted.callers:
            return cannot("The service speaks tcp: there are no methods and paths.", "Callers.")
        says = "ServiceIntentions by the callers' Consul services; the service speaks tcp, without methods and paths."
        return FeaturePart(says=says, support="partial", objects=(_intentions(asked, wanted, {"action": "allow"}),))
    if of_requests:
        says = (
            "ServiceIntentions by the callers' Consul services, which are their "
            "Services' names: connections of others are "
            "closed, other methods and paths get 403."
        )
        return FeaturePart(
            says=says, objects=(_defaults(asked), _intentions(asked, wanted, {"permissions": _permissions(wanted)}))
        )
    return FeaturePart(says=says, objects=(_defaults(asked), _intentions(asked, wanted, {"action": "allow"})))


def _intentions(asked: Asked, wanted: Authorization, does: Mapping[str, Any]) -> dict[str, Any]:
    sources = [{"name": caller, **does} for caller in wanted.callers]
    everybody: dict[str, Any] = {"name": "*", **({"action": "deny"} if sources else does)}
    spec = {"destination": {"name": asked.target.service}, "sources": [*sources, everybody]}
    return asked.manifest(_API, "ServiceIntentions", spec)


def _rate_limit(asked: Asked, wanted: RateLimit) -> FeaturePart:
    return cannot(
        "Consul limits rates in its Enterprise edition only: neither rateLimits "
        "of ServiceDefaults nor the extension for "
        "Envoy's local rate limit is in the Community Edition.",
        "A rate limit at an API gateway of another project, or circuit breaking.",
    )


def access_log(protocol: Mapping[str, Any]) -> Maker:
    """Return the answer of a profile; ``protocol`` is what its ProxyDefaults says already, which must not be lost."""

    def make(asked: Asked, wanted: bool) -> FeaturePart:
        if not wanted:
            return FeaturePart(says="Consul's proxies write no access log unless ProxyDefaults enables it.")
        spec = {**protocol, "accessLogs": {"enabled": True}}
        return FeaturePart(
            says="ProxyDefaults, the datacenter's only one, with accessLogs: every proxy of the mesh writes a line for "
            "each request on standard output.",
            objects=(_global("ProxyDefaults", "global", spec),),
        )

    return make


def _metrics(asked: Asked, wanted: bool) -> FeaturePart:
    word = "true" if wanted else "false"
    return FeaturePart(
        says=f"Annotation enable-metrics {word} on the pods of service and caller; they restart.",
        patches=asked.annotated_pods({f"{_ANNOTATION}enable-metrics": word}),
    )


def _proxy_threads(asked: Asked, wanted: int) -> FeaturePart:
    return FeaturePart(
        says="Annotation consul-envoy-proxy-concurrency on the pods of service and caller; they restart.",
        patches=asked.annotated_pods({f"{_ANNOTATION}consul-envoy-proxy-concurrency": str(wanted)}),
    )


def _proxy_resources(asked: Asked, wanted: ProxyResources) -> FeaturePart:
    return FeaturePart(
        says="Annotations sidecar-proxy-... on the pods of service and caller, for agent and Envoy together. They "
        "restart.",
        patches=asked.annotated_pods(size_annotations(f"{_ANNOTATION}sidecar-proxy-", wanted)),
    )


MAKERS: Final[Mapping[str, Maker]] = {
    "mtls": _mtls,
    "split": _split,
    "retries": _retries,
    "timeout": _timeout,
    "delay": _delay,
    "abort": _abort,
    "circuit_breaking": _circuit_breaking,
    "outlier_detection": _outlier_detection,
    "authorization": _authorization,
    "rate_limit": _rate_limit,
    "access_log": access_log({}),
    "metrics": _metrics,
    "proxy_threads": _proxy_threads,
    "proxy_resources": _proxy_resources,
}
