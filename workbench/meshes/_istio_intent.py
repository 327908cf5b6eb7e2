"""What Istio makes of an intent with sidecars, one function a feature; for ambient mode see `_istio_ambient_intent`.

Fields and their meaning are those of Istio's API 1.30 and 1.31. A VirtualService's one route, a DestinationRule's one
traffic policy and a Telemetry each hold several features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.intents import (
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
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
    bucket,
    cannot,
    number,
    resources,
    seconds_text,
)

_NETWORKING: Final = "networking.istio.io/v1"
SECURITY: Final = "security.istio.io/v1"
_FAULTY: Final = (
    "The route has it, but Istio does not enable retries and timeouts on a route whose faults its proxies inject."
)
_FAULTY_NEAREST: Final = "Faults in a separate design, or a service that is actually slow or failing."


def finished(asked: Asked, one: dict[str, Any]) -> dict[str, Any]:
    """Make a route of what the features say of it, and see to it that it leads somewhere."""
    if one["kind"] != "VirtualService":
        return one
    route = {"route": [{"destination": _destination(asked)}], **one["spec"]["http"]}
    return {**one, "spec": {**one["spec"], "http": [dict(sorted(route.items(), key=lambda item: item[0] == "route"))]}}


def _destination(asked: Asked, subset: str = "") -> dict[str, Any]:
    where: dict[str, Any] = {"host": asked.target.host, "port": {"number": asked.target.port}}
    return {**where, "subset": subset} if subset else where


def _route(asked: Asked, **fields: Any) -> dict[str, Any]:
    spec = {"hosts": [asked.target.host], "http": fields}
    return asked.manifest(_NETWORKING, "VirtualService", spec)


def _rule(asked: Asked, **fields: Any) -> dict[str, Any]:
    return asked.manifest(_NETWORKING, "DestinationRule", {"host": asked.target.host, **fields})


def mtls(asked: Asked, wanted: Mtls) -> FeaturePart:
    modes = {"strict": "STRICT", "permissive": "PERMISSIVE", "off": "DISABLE"}
    spec = {"selector": {"matchLabels": asked.pods}, "mtls": {"mode": modes[wanted.mode]}}
    policy = asked.manifest(SECURITY, "PeerAuthentication", spec)
    if wanted.mode == "off":
        plain = _rule(asked, trafficPolicy={"tls": {"mode": "DISABLE"}})
        off = "PeerAuthentication DISABLE at the service and tls DISABLE at its callers: either alone breaks calls."
        return FeaturePart(says=off, objects=(policy, plain))
    says = {
        "strict": "PeerAuthentication STRICT: the service's proxy refuses plaintext; callers in the mesh send mTLS.",
        "permissive": "PeerAuthentication PERMISSIVE: mTLS from callers in the mesh, plaintext from others.",
    }
    return FeaturePart(says=says[wanted.mode], objects=(policy,))


def _split(asked: Asked, shares: tuple[Share, ...]) -> FeaturePart:
    weighted = [{"destination": _destination(asked, one.version), "weight": one.weight} for one in shares]
    subsets = [{"name": one.version, "labels": {"version": one.version}} for one in shares]
    return FeaturePart(
        says="VirtualService with weighted routes to a DestinationRule subsets by the label version.",
        objects=(_rule(asked, subsets=subsets), _route(asked, route=weighted)),
    )


def _retries(asked: Asked, wanted: Retries) -> FeaturePart:
    if not wanted.attempts:
        says = "VirtualService with attempts 0: otherwise Istio retries twice by default."
        return FeaturePart(says=says, objects=(_route(asked, retries={"attempts": 0}),))
    spec: dict[str, Any] = {"attempts": wanted.attempts, "retryOn": ",".join(wanted.on)}
    if wanted.per_try_timeout_s is not None:
        spec["perTryTimeout"] = seconds_text(wanted.per_try_timeout_s)
    route = _route(asked, retries=spec)
    if _faults(asked):
        return FeaturePart(says=_FAULTY, support="partial", nearest=_FAULTY_NEAREST, objects=(route,))
    return FeaturePart(says="VirtualService with retries, made by the caller's proxy.", objects=(route,))


def _timeout(asked: Asked, wanted: Timeout) -> FeaturePart:
    route = _route(asked, timeout=seconds_text(wanted.request_s))
    if _faults(asked):
        return FeaturePart(says=_FAULTY, support="partial", nearest=_FAULTY_NEAREST, objects=(route,))
    return FeaturePart(says="VirtualService with a timeout over all tries; late requests get 504.", objects=(route,))


def _faults(asked: Asked) -> bool:
    return asked.intent.delay is not None or asked.intent.abort is not None


def _delay(asked: Asked, wanted: Delay) -> FeaturePart:
    fault = {"delay": {"percentage": {"value": number(wanted.percent)}, "fixedDelay": seconds_text(wanted.seconds)}}
    says = "VirtualService with a fault: the caller's proxy delays the request before sending it."
    return FeaturePart(says=says, objects=(_route(asked, fault=fault),))


def _abort(asked: Asked, wanted: Abort) -> FeaturePart:
    fault = {"abort": {"percentage": {"value": number(wanted.percent)}, "httpStatus": wanted.status}}
    says = "VirtualService with a fault: the caller's proxy answers itself, and the service never sees the request."
    return FeaturePart(says=says, objects=(_route(asked, fault=fault),))


def _circuit_breaking(asked: Asked, wanted: CircuitBreaking) -> FeaturePart:
    pool: dict[str, Any] = {}
    if wanted.max_connections is not None:
        pool["tcp"] = {"maxConnections": wanted.max_connections}
    http = {"http1MaxPendingRequests": wanted.max_pending_requests, "http2MaxRequests": wanted.max_requests}
    http = {key: value for key, value in http.items() if value is not None}
    says = "DestinationRule with a connectionPool, counted by each caller's proxy for itself."
    if http and asked.target.requests:
        pool["http"] = http
    elif http and not pool:
        return cannot("The service speaks tcp: there are no requests to count.", "max_connections.")
    elif http:
        says = "DestinationRule with a connectionPool of connections; the service speaks tcp, requests are not counted."
        return FeaturePart(
            says=says, support="partial", objects=(_rule(asked, trafficPolicy={"connectionPool": pool}),)
        )
    return FeaturePart(says=says, objects=(_rule(asked, trafficPolicy={"connectionPool": pool}),))


def _outlier_detection(asked: Asked, wanted: OutlierDetection) -> FeaturePart:
    spec = {
        "consecutive5xxErrors": wanted.consecutive_errors,
        "interval": seconds_text(wanted.interval_s),
        "baseEjectionTime": seconds_text(wanted.ejection_s),
        "maxEjectionPercent": wanted.max_ejected_percent,
    }
    rule = _rule(asked, trafficPolicy={"outlierDetection": spec})
    if not wanted.max_ejected_percent:
        says = "DestinationRule with outlierDetection; Istio treats 0 % as its default of 10 %."
        return FeaturePart(says=says, support="partial", nearest="max_ejected_percent = 1.", objects=(rule,))
    return FeaturePart(
        says="DestinationRule with outlierDetection: each caller's proxy judges the instances by itself.",
        objects=(rule,),
    )


def allowed(asked: Asked, wanted: Authorization, operations: bool = True) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if wanted.callers:
        who = [f"cluster.local/ns/{asked.target.namespace}/sa/{caller}" for caller in wanted.callers]
        rule["from"] = [{"source": {"principals": who}}]
    what = {key: list(value) for key, value in (("methods", wanted.methods), ("paths", wanted.paths)) if value}
    if what and operations:
        rule["to"] = [{"operation": what}]
    return {"action": "ALLOW", "rules": [rule]}


def _authorization(asked: Asked, wanted: Authorization) -> FeaturePart:
    if not asked.target.requests:
        return connections_authorized(asked, wanted, "The service speaks tcp: there are no methods and paths.", "")
    spec = {"selector": {"matchLabels": asked.pods}, **allowed(asked, wanted)}
    return FeaturePart(
        says="AuthorizationPolicy ALLOW at the service's proxy; other calls get 403.",
        objects=(asked.manifest(SECURITY, "AuthorizationPolicy", spec),),
    )


def connections_authorized(asked: Asked, wanted: Authorization, lacks: str, nearest: str) -> FeaturePart:
    """Let callers in by their certificates; methods and paths are left out, for without requests nothing has any."""
    if not wanted.callers:
        return cannot(lacks, nearest or "Callers.")
    spec = {"selector": {"matchLabels": asked.pods}, **allowed(asked, wanted, operations=False)}
    policy = asked.manifest(SECURITY, "AuthorizationPolicy", spec)
    says = "AuthorizationPolicy ALLOW by the callers' certificates; other connections are closed, without a 403."
    if wanted.methods or wanted.paths:
        return FeaturePart(says=f"{says} {lacks}", support="partial", nearest=nearest, objects=(policy,))
    return FeaturePart(says=says, objects=(policy,))


_LOCAL_LIMIT: Final = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def _rate_limit(asked: Asked, wanted: RateLimit) -> FeaturePart:
    size, tokens, interval = bucket(wanted)
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limit = {
        "@type": _LOCAL_LIMIT,
        "stat_prefix": "workbench_rate_limit",
        "token_bucket": {"max_tokens": size, "tokens_per_fill": tokens, "fill_interval": seconds_text(interval)},
        "filter_enabled": {"runtime_key": "workbench.rate_limit.enabled", **always},
        "filter_enforced": {"runtime_key": "workbench.rate_limit.enforced", **always},
    }
    router = {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": {"name": "envoy.filters.http.router"},
    }
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": router}}},
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": "envoy.filters.http.local_ratelimit", "typed_config": limit},
        },
    }
    spec = {"workloadSelector": {"labels": asked.pods}, "configPatches": [patch]}
    return FeaturePart(
        says="EnvoyFilter with Envoy's local rate limit, for each instance by itself; Istio has no API for "
        "it, and an EnvoyFilter may need changes with every release.",
        objects=(asked.manifest("networking.istio.io/v1alpha3", "EnvoyFilter", spec),),
    )


def telemetry(asked: Asked, where: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return asked.manifest("telemetry.istio.io/v1", "Telemetry", {**where, **fields})


def logging(on: bool) -> list[dict[str, Any]]:
    return [{"providers": [{"name": "envoy"}], "disabled": not on}]


def metering(on: bool) -> list[dict[str, Any]]:
    everything = {"match": {"metric": "ALL_METRICS"}, "disabled": not on}
    return [{"providers": [{"name": "prometheus"}], "overrides": [everything]}]


def _access_log(asked: Asked, wanted: bool) -> FeaturePart:
    spec = telemetry(asked, {"selector": {"matchLabels": asked.pods}}, accessLogging=logging(wanted))
    what = "a line for each request on standard output" if wanted else "no line"
    return FeaturePart(says=f"Telemetry with accessLogging: the service's proxies write {what}.", objects=(spec,))


def _metrics(asked: Asked, wanted: bool) -> FeaturePart:
    spec = telemetry(asked, {"selector": {"matchLabels": asked.pods}}, metrics=metering(wanted))
    return FeaturePart(says=f"Telemetry: {counted(wanted)} by the service's proxies.", objects=(spec,))


def counted(on: bool) -> str:
    return "requests are counted" if on else "no requests are counted"


def _proxy_threads(asked: Asked, wanted: int) -> FeaturePart:
    annotation = {"proxy.istio.io/config": f"concurrency: {wanted}"}
    says = "Annotation proxy.istio.io/config with concurrency on the pods of service and caller; they restart."
    return FeaturePart(says=says, patches=asked.annotated_pods(annotation))


_SIZES: Final = {
    ("requests", "cpu"): "sidecar.istio.io/proxyCPU",
    ("limits", "cpu"): "sidecar.istio.io/proxyCPULimit",
    ("requests", "memory"): "sidecar.istio.io/proxyMemory",
    ("limits", "memory"): "sidecar.istio.io/proxyMemoryLimit",
}


def _proxy_resources(asked: Asked, wanted: ProxyResources) -> FeaturePart:
    sizes = resources(wanted)
    annotations = {key: sizes[kind][what] for (kind, what), key in _SIZES.items() if what in sizes.get(kind, {})}
    says = (
        "Annotations sidecar.istio.io/proxy... on the pods of service and caller; they "
        "restart. Resources that they do not name "
        "have neither requests nor limits"
    )
    threads = "" if asked.intent.proxy_threads else ", and the worker threads follow the CPU limit"
    return FeaturePart(says=f"{says}{threads}.", patches=asked.annotated_pods(annotations))


SIDECAR: Final[Mapping[str, Maker]] = {
    "mtls": mtls,
    "split": _split,
    "retries": _retries,
    "timeout": _timeout,
    "delay": _delay,
    "abort": _abort,
    "circuit_breaking": _circuit_breaking,
    "outlier_detection": _outlier_detection,
    "authorization": _authorization,
    "rate_limit": _rate_limit,
    "access_log": _access_log,
    "metrics": _metrics,
    "proxy_threads": _proxy_threads,
    "proxy_resources": _proxy_resources,
}
