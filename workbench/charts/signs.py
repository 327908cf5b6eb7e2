"""The signs that stand for an intent's features in pictures: a few words each, and the shapes of locks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workbench.intents import FEATURES, Intent

_BODY: Final = "M-0.62,-0.05L0.62,-0.05L0.62,0.85L-0.62,0.85Z"
LOCK: Final = (
    _BODY + "M-0.48,-0.05L-0.48,-0.35A0.48,0.48 0 0 1 0.48,-0.35L0.48,-0.05L0.26,-0.05L0.26,-0.35"
    "A0.26,0.26 0 0 0 -0.26,-0.35L-0.26,-0.05Z"
)
"""A closed lock as a path of Vega's symbols: the unit square around the origin, y downwards."""
OPEN_LOCK: Final = (
    _BODY + "M-0.48,-0.05L-0.48,-0.55A0.48,0.48 0 0 1 0.48,-0.55L0.48,-0.4L0.26,-0.4L0.26,-0.55"
    "A0.26,0.26 0 0 0 -0.26,-0.55L-0.26,-0.05Z"
)
ALERT: Final = "M0,-0.8L0.85,0.7L-0.85,0.7Z"
"""A warning triangle: nothing is encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A feature in a few words, and in a sentence."""

    feature: str
    label: str
    says: str


def seconds(value: float) -> str:
    """Return a time as people say it: ``250 ms``, ``1.5 s``."""
    return f"{value * 1000:.4g} ms" if value < 1 else f"{value:.4g} s"


def outbound_signs(intent: Intent) -> Sequence[Sign]:
    """Return the signs of what the caller's side does."""
    found: list[Sign] = []
    if intent.retries is not None:
        tries, limit = intent.retries.attempts, intent.retries.per_try_timeout_s
        within = f", {seconds(limit)} each" if limit else ""
        label = f"{tries} retries{within}" if tries != 1 else f"1 retry{within}"
        found.append(_sign("retries", label if tries else "no retries"))
    if intent.timeout is not None:
        found.append(_sign("timeout", f"at most {seconds(intent.timeout.request_s)}"))
    if intent.delay is not None:
        found.append(_sign("delay", f"{intent.delay.percent:g} % held {seconds(intent.delay.seconds)}"))
    if intent.abort is not None:
        found.append(_sign("abort", f"{intent.abort.percent:g} % fail, {intent.abort.status}"))
    if intent.circuit_breaking is not None:
        limits = intent.circuit_breaking
        pairs = (
            (limits.max_connections, "connections"),
            (limits.max_pending_requests, "waiting"),
            (limits.max_requests, "under way"),
        )
        told = ", ".join(f"{most} {what}" for most, what in pairs if most is not None)
        found.append(_sign("circuit_breaking", f"at most {told}"))
    if intent.outlier_detection is not None:
        rule = intent.outlier_detection
        found.append(
            _sign("outlier_detection", f"{rule.consecutive_errors} failures: out for {seconds(rule.ejection_s)}")
        )
    return found


def inbound_signs(intent: Intent) -> Sequence[Sign]:
    """Return the signs of what the service's side does."""
    found: list[Sign] = []
    if intent.authorization is not None:
        rule = intent.authorization
        told = " ".join((*rule.callers, *rule.methods, *rule.paths))
        found.append(_sign("authorization", f"only {told if len(told) < 17 else told[:15] + '…'}"))
    if intent.rate_limit is not None:
        found.append(_sign("rate_limit", f"at most {intent.rate_limit.requests_per_s:g}/s"))
    return found


def proxy_signs(intent: Intent) -> Sequence[Sign]:
    """Return the signs of how the proxies themselves are set."""
    found: list[Sign] = []
    for feature, what in (("access_log", "access log"), ("metrics", "metrics")):
        value = getattr(intent, feature)
        if value is not None:
            found.append(_sign(feature, f"{what} {'on' if value else 'off'}"))
    if intent.proxy_threads is not None:
        found.append(_sign("proxy_threads", f"{intent.proxy_threads} thread{'s' * (intent.proxy_threads != 1)}"))
    if intent.proxy_resources is not None:
        rule = intent.proxy_resources
        pairs = ((rule.cpu_request, rule.cpu_limit, "cores"), (rule.memory_request, rule.memory_limit, "MiB"))
        found += [
            _sign("proxy_resources", _range(low, high, unit))
            for low, high, unit in pairs
            if low is not None or high is not None
        ]
    return found


def _sign(feature: str, label: str) -> Sign:
    return Sign(feature=feature, label=label, says=FEATURES[feature].says)


def _range(low: float | None, high: float | None, unit: str) -> str:
    if low is None:
        return f"at most {high:.3g} {unit}"
    return f"{low:.3g} {unit} reserved" if high is None else f"{low:.3g} to {high:.3g} {unit}"
