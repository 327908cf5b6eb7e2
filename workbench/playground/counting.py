"""What the proxies' own counters say of an intent: which of them belong to which feature, and what they mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.intents import FEATURES, Intent

if TYPE_CHECKING:
    import pandas as pd

Counters = Mapping[str, Mapping[str, int]]
"""Component -> counter -> value."""

COLUMNS = ("feature", "component", "counter", "moved", "says")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of counter: the pattern of its name, what it counts in words, and whether it is a gauge."""

    feature: str
    pattern: str
    says: str
    gauge: bool = False


_TO = r"cluster\.(?!local_app)[^|]+(\|8080)?(\|(?P<version>[^|.]*))?(\|[^|]+)?\."
KINDS: Final = (
    _Kind("mtls", r"listener\..*\.ssl\.handshake", "{moved} TLS handshakes with callers"),
    _Kind("mtls", _TO + r"ssl\.handshake", "{moved} TLS handshakes with {service}"),
    _Kind("split", _TO + r"upstream_rq_total", "{moved} requests sent to {service}"),
    _Kind("retries", _TO + r"upstream_rq_retry", "{moved} requests were retried"),
    _Kind("retries", _TO + r"upstream_rq_retry_success", "{moved} requests succeeded after a retry"),
    _Kind("retries", _TO + r"upstream_rq_retry_limit_exceeded", "{moved} requests used up their retries"),
    _Kind("timeout", _TO + r"upstream_rq_timeout", "{moved} requests timed out"),
    _Kind("timeout", _TO + r"upstream_rq_per_try_timeout", "{moved} tries timed out"),
    _Kind("timeout", r"http\.outbound.*\.downstream_rq_max_duration_reached", "{moved} requests timed out"),
    _Kind("delay", r"http\.(outbound|node).*\.fault\.delays_injected", "{moved} requests were delayed"),
    _Kind("abort", r"http\.(outbound|node).*\.fault\.aborts_injected", "{moved} requests were failed on purpose"),
    _Kind(
        "circuit_breaking", _TO + r"upstream_rq_pending_overflow", "{moved} requests were refused because of a limit"
    ),
    _Kind("circuit_breaking", _TO + r"upstream_cx_overflow", "{moved} times a new connection was refused"),
    _Kind("outlier_detection", _TO + r"outlier_detection\.ejections_enforced_total", "{moved} ejections"),
    _Kind("outlier_detection", _TO + r"outlier_detection\.ejections_active", "{moved} instances are ejected now", True),
    _Kind("authorization", r"http\.(inbound|node).*\.rbac\.denied", "{moved} requests were denied"),
    _Kind("authorization", r"http\.(inbound|node).*\.rbac\.allowed", "{moved} requests were allowed"),
    _Kind("authorization", r"intentions\.rbac\.denied", "{moved} connections were denied"),
    _Kind("rate_limit", r".*http_local_rate_limit\.rate_limited", "{moved} requests were over the limit"),
    _Kind("rate_limit", r".*http_local_rate_limit\.ok", "{moved} requests were within the limit"),
    _Kind("access_log", r"filesystem\.write_buffered", "{moved} lines were written"),
    _Kind("metrics", r"http\.(inbound|outbound|node).*\.downstream_rq_total", "{moved} requests were counted"),
)
_SILENT: Final = frozenset({"mtls", "split", "authorization", "rate_limit", "metrics"})
"""Features whose counters move by themselves: shown only when asked for."""


def of_clusters(counters: Mapping[str, int], clusters: Iterable[str]) -> dict[str, int]:
    """Return ``counters`` without those of clusters that only wait for the last request of an earlier design."""
    prefixes = tuple(f"cluster.{name}." for name in clusters)
    return {
        name: value for name, value in counters.items() if not name.startswith("cluster.") or name.startswith(prefixes)
    }


def explained(before: Counters, now: Counters, intent: Intent) -> pd.DataFrame:
    """Return what has moved between two readings, as `workbench.playground.live.LiveLab.explain` describes."""
    import pandas as pd

    order = {name: place for place, name in enumerate(FEATURES)}
    rows = sorted(_rows(before, now, intent), key=lambda row: (order[str(row[0])], str(row[1])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(before: Counters, now: Counters, intent: Intent) -> Iterator[tuple[str, str, str, int, str]]:
    for component, counters in now.items():
        earlier = before.get(component, {})
        for kind in KINDS:
            asked = kind.feature in intent.asked
            for name, value in counters.items():
                match = re.fullmatch(kind.pattern, name)
                if match is None:
                    continue
                was = 0 if kind.gauge or earlier.get(name, 0) > value else earlier.get(name, 0)
                if asked or (value > was and kind.feature not in _SILENT):
                    service = match.groupdict().get("version") or "the service"
                    yield (
                        kind.feature,
                        component,
                        name,
                        value - was,
                        kind.says.format(moved=value - was, service=service),
                    )
