"""An intent: a traffic policy for one service, independent of the mesh, frozen and checked.

Contradictions are refused here, before any mesh is asked: what cannot be meant is never rendered and never applied.
Times are in seconds, shares in percent, memory in MiB, CPU in cores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from workbench.errors import BadInputError, Faults
from workbench.fields import Checked, asked
from workbench.intents.features import FEATURES

NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
"""Of an intent, a service or a version: they become parts of names and labels on a cluster."""

RETRY_ON: Final = ("5xx", "gateway-error", "connect-failure", "refused-stream", "reset")
"""When a try counts as failed: any 5xx; 502, 503 and 504; no connection; a stream refused; the connection lost."""
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MODES: Final = ("strict", "permissive", "off")


def check_name(what: str, name: str) -> None:
    """Refuse a name that a cluster would refuse."""
    if not NAME.fullmatch(name):
        raise BadInputError(
            f"{what} {name!r} must be a name of lower-case letters, digits and dashes, at most 40, "
            "beginning and ending with a letter or digit: it becomes part of names and labels on a cluster."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mtls(Checked):
    """Whether both ends prove who they are."""

    mode: Literal["strict", "permissive", "off"] = asked(
        "strict: only mutual TLS is accepted; permissive: plaintext is accepted too; off: nothing is encrypted.",
        known=MODES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Checked):
    """One version's share of the requests."""

    version: str = asked("Version of the service: the value of its pods' label `version`.")
    weight: int = asked("Share of the requests.", low=0, high=100, unit="%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries(Checked):
    """How often and when a failed request is sent again."""

    attempts: int = asked("Retries after the first try; 0: none, even if the mesh retries by default.", low=0, high=10)
    per_try_timeout_s: float | None = asked(
        "Time limit of one try; None: the request's timeout.", low=0.001, high=3600.0, default=None, unit="s"
    )
    on: tuple[str, ...] = asked(
        "Conditions that count as a failure.", known=RETRY_ON, default=("5xx", "connect-failure", "refused-stream")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout(Checked):
    """How long a caller waits at most, tries included."""

    request_s: float = asked("Time limit of a request, all tries together.", low=0.001, high=3600.0, unit="s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Checked):
    """Requests held back on purpose."""

    percent: float = asked("Share of the requests.", low=0.0, high=100.0, unit="%")
    seconds: float = asked("Delay of each request.", low=0.001, high=600.0, unit="s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort(Checked):
    """Requests answered with an error on purpose."""

    percent: float = asked("Share of the requests.", low=0.0, high=100.0, unit="%")
    status: int = asked("HTTP status of the answer.", low=400, high=599, default=503)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaking(Checked):
    """The most that may be under way from one proxy to the service; more is turned away with 503."""

    max_connections: int | None = asked("Connections.", low=1, high=1_000_000, default=None)
    max_pending_requests: int | None = asked(
        "Requests that wait for a connection.", low=1, high=1_000_000, default=None
    )
    max_requests: int | None = asked("Requests under way.", low=1, high=1_000_000, default=None)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if self.max_connections is None and self.max_pending_requests is None and self.max_requests is None:
            raise BadInputError(
                "Circuit breaking limits nothing: set max_connections, max_pending_requests or max_requests."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierDetection(Checked):
    """When an instance is left out, and for how long."""

    consecutive_errors: int = asked(
        "Consecutive failures (5xx) before an instance is left out.", low=1, high=1000, default=5
    )
    interval_s: float = asked("Time between two checks.", low=0.1, high=3600.0, default=10.0, unit="s")
    ejection_s: float = asked("How long it is left out the first time.", low=0.1, high=3600.0, default=30.0, unit="s")
    max_ejected_percent: int = asked(
        "Largest share of instances left out at a time.", low=0, high=100, default=50, unit="%"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization(Checked):
    """Who is let in; whatever is not named here is turned away with 403."""

    callers: tuple[str, ...] = asked(
        "ServiceAccounts of the target's namespace that may call; none: any caller.", default=()
    )
    methods: tuple[str, ...] = asked("HTTP methods they may use; none: any.", known=METHODS, default=())
    paths: tuple[str, ...] = asked("Paths they may call; a * at the end means everything below; none: any.", default=())

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if not (self.callers or self.methods or self.paths):
            raise BadInputError("Authorization allows nothing: set callers, methods or paths.")
        for caller in self.callers:
            check_name("The caller", caller)
        for path in self.paths:
            if not path.startswith("/") or "*" in path[:-1]:
                raise BadInputError(
                    f"The path {path!r} must begin with / and may have one * at its end, such as /api/*."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(Checked):
    """How many requests an instance's proxy lets in."""

    requests_per_s: float = asked("Sustained requests per second.", low=0.1, high=1_000_000.0, unit="1/s")
    burst: int = asked(
        "Requests allowed at once after a pause; at least one second's worth.", low=1, high=1_000_000, default=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyResources(Checked):
    """What a proxy reserves (request) and the most it may use (limit)."""

    cpu_request: float | None = asked("CPU reserved.", low=0.001, high=256.0, default=None, unit="cores")
    cpu_limit: float | None = asked("Most CPU.", low=0.001, high=256.0, default=None, unit="cores")
    memory_request: int | None = asked("Memory reserved.", low=1, high=1_048_576, default=None, unit="MiB")
    memory_limit: int | None = asked("Most memory.", low=1, high=1_048_576, default=None, unit="MiB")

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        pairs = (("CPU", self.cpu_request, self.cpu_limit), ("memory", self.memory_request, self.memory_limit))
        if all(request is None and limit is None for _, request, limit in pairs):
            raise BadInputError("The proxy's resources are empty: set a request or a limit of CPU or memory.")
        for what, request, limit in pairs:
            if request is not None and limit is not None and request > limit:
                raise BadInputError(f"The proxy's {what} request ({request:g}) is above its limit ({limit:g}).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Checked):
    """A traffic policy for one service; None and empty: no policy, the mesh keeps its defaults."""

    name: str = asked("Name, part of labels.")
    says: str = asked("Description for people.", default="")
    mtls: Mtls | None = asked(FEATURES["mtls"].says, default=None)
    split: tuple[Share, ...] = asked(FEATURES["split"].says, default=())
    retries: Retries | None = asked(FEATURES["retries"].says, default=None)
    timeout: Timeout | None = asked(FEATURES["timeout"].says, default=None)
    delay: Delay | None = asked(FEATURES["delay"].says, default=None)
    abort: Abort | None = asked(FEATURES["abort"].says, default=None)
    circuit_breaking: CircuitBreaking | None = asked(FEATURES["circuit_breaking"].says, default=None)
    outlier_detection: OutlierDetection | None = asked(FEATURES["outlier_detection"].says, default=None)
    authorization: Authorization | None = asked(FEATURES["authorization"].says, default=None)
    rate_limit: RateLimit | None = asked(FEATURES["rate_limit"].says, default=None)
    access_log: bool | None = asked(FEATURES["access_log"].says, default=None)
    metrics: bool | None = asked(FEATURES["metrics"].says, default=None)
    proxy_threads: int | None = asked(FEATURES["proxy_threads"].says, low=1, high=64, default=None)
    proxy_resources: ProxyResources | None = asked(FEATURES["proxy_resources"].says, default=None)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        check_name("The intent's name", self.name)
        faults = Faults()
        for contradiction in _contradictions(self):
            faults.add(BadInputError(f"The intent {self.name!r} contradicts itself: {contradiction}"))
        faults.tell()

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the features that it asks for, in the order of `FEATURES`."""
        return tuple(name for name in FEATURES if getattr(self, name) not in (None, ()))


def _contradictions(intent: Intent) -> Iterator[str]:
    yield from _contradictory_split(intent)
    retries, timeout = intent.retries, intent.timeout
    if retries is not None and retries.attempts == 0 and retries.per_try_timeout_s is not None:
        yield "retries are off (attempts = 0), yet each try has a time limit. Drop per_try_timeout_s, or allow tries."
    if retries is not None and retries.attempts and not retries.on:
        yield "retries are on, but nothing counts as a failure: set retries.on."
    if retries is not None and timeout is not None and (retries.per_try_timeout_s or 0.0) > timeout.request_s:
        yield (
            f"one try may take {retries.per_try_timeout_s:g} s, the whole request only {timeout.request_s:g} s. "
            "Make per_try_timeout_s the shorter one."
        )
    if intent.mtls is not None and intent.mtls.mode == "off" and intent.authorization and intent.authorization.callers:
        yield (
            "mTLS is off, but authorization distinguishes callers, which needs their certificates. "
            "Turn mTLS on, or authorize by methods and paths."
        )
    if intent.abort is not None and intent.delay is not None and intent.abort.percent == intent.delay.percent == 100:
        yield "every request would be delayed and every one would fail: choose shares below 100 %."


def _contradictory_split(intent: Intent) -> Iterator[str]:
    if not intent.split:
        return
    versions = [share.version for share in intent.split]
    for version in versions:
        check_name("The version", version)
    twice = sorted({version for version in versions if versions.count(version) > 1})
    if twice:
        yield f"the split names {', '.join(twice)} twice. Each version may have one share."
    total = sum(share.weight for share in intent.split)
    if total != 100:
        shares = ", ".join(f"{share.version} {share.weight} %" for share in intent.split)
        yield f"the shares of the split add up to {total} %, not 100 % ({shares})."
