"""What an intent becomes in Envoy's own configuration: one function for each feature, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from workbench.intents import Authorization, Intent, OutlierDetection, RateLimit, Retries
from workbench.meshes._envoy import TYPE, UNLIMITED, Json, spiffe
from workbench.model.lab_steps import Service

_MILLION = 10_000


def seconds(value: float) -> str:
    """Return a duration as Envoy writes it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


def _percentage(percent: float) -> Json:
    return {"numerator": round(percent * _MILLION), "denominator": "MILLION"}


def retry_policy(retries: Retries) -> Json:
    """Send a failed request again, to another instance where there is one."""
    policy: Json = {
        "retry_on": ",".join(retries.on),
        "num_retries": retries.attempts,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {"@type": TYPE + "retry.host.previous_hosts.v3.PreviousHostsPredicate"},
            }
        ],
        "host_selection_retry_max_attempts": "5",
    }
    if retries.per_try_timeout_s is not None:
        policy["per_try_timeout"] = seconds(retries.per_try_timeout_s)
    return policy


def route_action(to: str, versions: Sequence[Service], intent: Intent, default_retries: Json | None) -> Json:
    """Return where a request goes and how long and how often it is tried.

    Where a delay is injected too, the time-out is set once more on the whole stream, because the route's own clock
    starts only behind the filter that holds the request back.
    """
    action: Json = {"cluster": to, "timeout": "0s"}
    if intent.split:
        action = {"weighted_clusters": {"clusters": weights(to, versions, intent)}, "timeout": "0s"}
    if intent.timeout is not None:
        action["timeout"] = seconds(intent.timeout.request_s)
        if intent.delay is not None:
            action["max_stream_duration"] = {"max_stream_duration": action["timeout"]}
    if intent.retries is None:
        policy = default_retries
    else:
        policy = retry_policy(intent.retries) if intent.retries.attempts else None
    return {**action, **({"retry_policy": policy} if policy else {})}


def weights(to: str, versions: Sequence[Service], intent: Intent) -> list[Json]:
    """Return the clusters of each version with their weights."""
    shares = {share.version: share.weight for share in intent.split}
    return [{"name": version_cluster(to, one.version), "weight": shares.get(one.version, 0)} for one in versions]


def version_cluster(to: str, version: str) -> str:
    """Return the name of the cluster that holds one version of the service behind cluster ``to``."""
    return to.replace("||", f"|{version}|") if "||" in to else f"{to}|{version}"


def fault(intent: Intent) -> Json:
    """Return the fault filter's settings: requests held back or answered with an error on purpose."""
    made: Json = {}
    if intent.delay is not None:
        made["delay"] = {
            "fixed_delay": seconds(intent.delay.seconds),
            "percentage": _percentage(intent.delay.percent),
        }
    if intent.abort is not None:
        made["abort"] = {"http_status": intent.abort.status, "percentage": _percentage(intent.abort.percent)}
    return made


def cluster_settings(intent: Intent, connections_only: bool = False) -> Json:
    """Return circuit breaking and outlier detection as they stand in a cluster; ``connections_only``: of bytes."""
    made: Json = {}
    breaking = intent.circuit_breaking
    if breaking is not None:
        limits = {"max_connections": breaking.max_connections}
        if not connections_only:
            limits |= {"max_pending_requests": breaking.max_pending_requests, "max_requests": breaking.max_requests}
        unlimited = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
        asked = {key: value for key, value in limits.items() if value is not None}
        made["circuit_breakers"] = {"thresholds": [{**unlimited, **asked}]}
    if intent.outlier_detection is not None and not connections_only:
        made |= _outliers(intent.outlier_detection)
    return made


def _outliers(asked: OutlierDetection) -> Json:
    """Leave failing instances out; the last one too, instead of falling back to all of them when many are out."""
    return {
        "outlier_detection": {
            "consecutive_5xx": asked.consecutive_errors,
            "interval": seconds(asked.interval_s),
            "base_ejection_time": seconds(asked.ejection_s),
            "max_ejection_time": seconds(max(asked.ejection_s, 300.0)),
            "max_ejection_percent": asked.max_ejected_percent,
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def rate_limit_filter(asked: RateLimit) -> Json:
    """Turn requests beyond the rate away with 429; a second's worth, or the burst, may come at once."""
    rate = Fraction(asked.requests_per_s).limit_denominator(10 if asked.requests_per_s < 10 else 1)
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": TYPE + "filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "http_local_rate_limiter",
            "token_bucket": {
                "max_tokens": max(asked.burst, rate.numerator),
                "tokens_per_fill": rate.numerator,
                "fill_interval": seconds(float(rate.denominator)),
            },
            "filter_enabled": {"runtime_key": "rate_limit_enabled", **always},
            "filter_enforced": {"runtime_key": "rate_limit_enforced", **always},
        },
    }


def _principals(callers: Sequence[str]) -> list[Json]:
    if not callers:
        return [{"any": True}]
    return [{"authenticated": {"principal_name": {"exact": spiffe(caller)}}} for caller in callers]


def _one_of(rules: Sequence[Json]) -> Json:
    return rules[0] if len(rules) == 1 else {"or_rules": {"rules": list(rules)}}


def _path(path: str) -> Json:
    match = {"prefix": path[:-1]} if path.endswith("*") else {"exact": path}
    return {"url_path": {"path": match}}


def _permission(asked: Authorization) -> Json:
    rules: list[Json] = []
    if asked.methods:
        rules.append(
            _one_of([{"header": {"name": ":method", "string_match": {"exact": one}}} for one in asked.methods])
        )
    if asked.paths:
        rules.append(_one_of([_path(path) for path in asked.paths]))
    if not rules:
        return {"any": True}
    return rules[0] if len(rules) == 1 else {"and_rules": {"rules": rules}}


def rules(callers: Sequence[str], asked: Authorization | None = None) -> Mapping[str, Any]:
    """Return RBAC's rules: ``callers`` may do anything, unless ``asked`` says who may do what."""
    permission: Json = {"any": True}
    if asked is not None:
        permission, callers = _permission(asked), asked.callers
    policy = {"permissions": [permission], "principals": _principals(callers)}
    return {"action": "ALLOW", "policies": {"intentions": policy}}


def caller_rules(callers: Sequence[str], asked: Authorization | None) -> Mapping[str, Any]:
    """Return the part of `rules` that can be decided once a connection: who calls."""
    return rules(asked.callers if asked is not None and asked.callers else callers)
