"""How many of a load's requests an intent itself asks to fail: what a measured share of failures is held against."""

from __future__ import annotations

import math
from typing import NamedTuple

from workbench.intents.intent import Intent

_RETRIED_STATUS = {"5xx": range(500, 600), "gateway-error": (502, 503, 504)}
"""What of ``retries.on`` an error answered on purpose may count as; the others are about connections."""


class Failing(NamedTuple):
    """Share of requests that may fail as asked, as a ratio from 0 to 1: at least ``low``, at most ``high``."""

    low: float
    high: float


def asked_to_fail(intent: Intent | None, rate_per_s: float) -> Failing:
    """Return the share of requests that ``intent`` asks to fail under an open load of ``rate_per_s``.

    Meshes do the same thing in different places, so it is a range. Failures on purpose are sent again by some where
    retries are asked for, and not by others (Envoy injects them before its router, which is what retries). A delay
    longer than the timeout fails the request only where the timeout counts it. A rate limit is kept by each instance's
    proxy: what is above it fails if one instance gets all of it, less if several share it. Circuit breaking fails as
    many as there are too many, which the intent alone does not tell. Whom authorization turns away is not the load:
    an intent that would turn it away is refused before a run.

    Parameters
    ----------
    intent
        None: nothing is asked to fail.
    rate_per_s
        Requests each second; infinite or NaN: not known.
    """
    if intent is None:
        return Failing(0.0, 0.0)
    low, passed = 0.0, 1.0
    if intent.abort is not None:
        share = intent.abort.percent / 100
        low = share ** (1 + _tries_again(intent, intent.abort.status))
        passed *= 1 - share
    if intent.delay is not None and intent.timeout is not None and intent.delay.seconds >= intent.timeout.request_s:
        passed *= 1 - intent.delay.percent / 100
    if intent.rate_limit is not None:
        passed *= min(1.0, intent.rate_limit.requests_per_s / rate_per_s) if math.isfinite(rate_per_s) else 0.0
    if intent.circuit_breaking is not None:
        passed = 0.0
    return Failing(min(low, 1 - passed), 1 - passed)


def _tries_again(intent: Intent, status: int) -> int:
    if intent.retries is None or not any(status in _RETRIED_STATUS.get(one, ()) for one in intent.retries.on):
        return 0
    return intent.retries.attempts
