"""Intents and designs of every kind, for property-based tests."""

from hypothesis import strategies as st

from workbench.errors import BadInputError
from workbench.intents import (
    METHODS,
    MODES,
    RETRY_ON,
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Design,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Target,
    Timeout,
)

NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\Z")
PERCENT = st.floats(0, 100)
SECONDS = st.floats(0.001, 600)


def built(make, **parts):
    """What ``make`` accepts of these parts: contradictions are somebody else's test."""

    def attempt(values):
        try:
            return make(**values)
        except BadInputError:
            return None

    return st.fixed_dictionaries(parts).map(attempt).filter(lambda one: one is not None)


def maybe(strategy):
    return st.none() | strategy


def some(values):
    return st.lists(st.sampled_from(values), unique=True, max_size=3).map(tuple)


def shares(weight):
    return (Share(version="v1", weight=weight), Share(version="v2", weight=100 - weight))


FEATURES = {
    "mtls": st.builds(Mtls, mode=st.sampled_from(MODES)),
    "split": st.integers(0, 100).map(shares),
    "retries": st.builds(Retries, attempts=st.integers(0, 10), per_try_timeout_s=maybe(SECONDS), on=some(RETRY_ON)),
    "timeout": st.builds(Timeout, request_s=SECONDS),
    "delay": st.builds(Delay, percent=PERCENT, seconds=SECONDS),
    "abort": st.builds(Abort, percent=PERCENT, status=st.integers(400, 599)),
    "circuit_breaking": built(
        CircuitBreaking,
        max_connections=maybe(st.integers(1, 999)),
        max_pending_requests=maybe(st.integers(1, 999)),
        max_requests=maybe(st.integers(1, 999)),
    ),
    "outlier_detection": st.builds(
        OutlierDetection,
        consecutive_errors=st.integers(1, 99),
        interval_s=st.floats(0.1, 99),
        ejection_s=st.floats(0.1, 99),
        max_ejected_percent=st.integers(0, 100),
    ),
    "authorization": built(
        Authorization,
        callers=st.lists(NAMES, unique=True, max_size=2).map(tuple),
        methods=some(METHODS),
        paths=some(["/", "/a", "/b/*"]),
    ),
    "rate_limit": st.builds(RateLimit, requests_per_s=st.floats(0.1, 9999), burst=st.integers(1, 999)),
    "access_log": st.booleans(),
    "metrics": st.booleans(),
    "proxy_threads": st.integers(1, 64),
    "proxy_resources": built(
        ProxyResources,
        cpu_request=maybe(st.floats(0.001, 99)),
        cpu_limit=maybe(st.floats(0.001, 99)),
        memory_request=maybe(st.integers(1, 9999)),
        memory_limit=maybe(st.integers(1, 9999)),
    ),
}
"""Feature -> something that an intent may ask for by it."""

INTENTS = built(
    Intent,
    name=NAMES,
    says=st.text(max_size=20),
    split=st.just(()) | FEATURES["split"],
    **{name: maybe(strategy) for name, strategy in FEATURES.items() if name != "split"},
)

DESIGNS = built(
    Design,
    intent=INTENTS,
    target=st.builds(
        Target,
        namespace=NAMES,
        service=NAMES,
        port=st.integers(1, 65535),
        protocol=st.sampled_from(("http", "http2", "grpc", "tcp")),
        caller=NAMES,
        selector=st.sampled_from(("app", "app.kubernetes.io/name")),
    ),
)
