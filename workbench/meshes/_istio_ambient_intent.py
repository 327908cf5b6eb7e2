"""What Istio's ambient mode makes of an intent: ztunnel alone, which carries connections, and with a waypoint.

What a waypoint does is mostly what a caller's sidecar does, by the same objects; Istio calls VirtualServices at
waypoints alpha and does not support EnvoyFilters there (its guide to migrating policies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.intents import Authorization, CircuitBreaking, Mtls, ProxyResources, RateLimit, Retries
from workbench.meshes._intent_parts import Asked, FeaturePart, Maker, cannot, resources
from workbench.meshes._istio_intent import (
    SECURITY,
    SIDECAR,
    allowed,
    connections_authorized,
    counted,
    logging,
    metering,
    mtls,
    telemetry,
)

_ALPHA: Final = " For Istio, VirtualServices at waypoints are alpha."
_L4: Final = "Ambient mode without a waypoint forwards connections and sees no requests."
_WAYPOINT: Final = "Istio's profile waypoint, or sidecars."


def _ambient_mtls(asked: Asked, wanted: Mtls) -> FeaturePart:
    if wanted.mode == "off":
        return cannot(
            "In ambient mode ztunnel always encrypts between pods of the mesh; PeerAuthentication DISABLE is ignored.",
            "Leave the pods out of the mesh (label istio.io/dataplane-mode: none), or sidecars.",
        )
    return mtls(asked, wanted)


def _ambient_authorization(asked: Asked, wanted: Authorization) -> FeaturePart:
    lacks = "Ztunnel sees no methods and paths: a policy that names them would deny everyone."
    return connections_authorized(asked, wanted, lacks, _WAYPOINT)


def _waypoint_authorization(asked: Asked, wanted: Authorization) -> FeaturePart:
    if not asked.target.requests:
        return connections_authorized(asked, wanted, "The service speaks tcp: there are no methods and paths.", "")
    spec = {"targetRefs": [_service(asked)], **allowed(asked, wanted)}
    return FeaturePart(
        says="AuthorizationPolicy ALLOW at the waypoint, attached to the Service; other calls to the Service get "
        "403. Calls to a pod's own address bypass the waypoint.",
        objects=(asked.manifest(SECURITY, "AuthorizationPolicy", spec),),
    )


def _service(asked: Asked) -> dict[str, str]:
    return {"kind": "Service", "group": "", "name": asked.target.service}


def _waypoint_rate_limit(asked: Asked, wanted: RateLimit) -> FeaturePart:
    says = "Istio limits rates only with EnvoyFilter, which waypoints do not support."
    return cannot(says, "Sidecars, or a rate limit service that the waypoint calls (AuthorizationPolicy CUSTOM).")


_ZTUNNEL_QUIET: Final = {"ztunnel": {"logLevel": "info,access=off"}}


def _ambient_access_log(asked: Asked, wanted: bool) -> FeaturePart:
    if wanted:
        says = "Ztunnel writes a line for each connection by itself; it sees no requests."
        return FeaturePart(says=says, support="partial", nearest=_WAYPOINT)
    says = "Chart value logLevel of ztunnel, which otherwise writes a line per connection: for all pods of its node."
    return FeaturePart(says=says, values=_ZTUNNEL_QUIET)


def _waypoint_access_log(asked: Asked, wanted: bool) -> FeaturePart:
    spec = telemetry(asked, {"targetRefs": [_service(asked)]}, accessLogging=logging(wanted))
    if wanted:
        says = "Telemetry with accessLogging: the waypoint writes a line for each request to the Service."
        return FeaturePart(says=says, objects=(spec,))
    says = (
        "Telemetry with accessLogging off at the waypoint, and chart value logLevel for ztunnel's line per connection."
    )
    return FeaturePart(says=says, objects=(spec,), values=_ZTUNNEL_QUIET)


def _ambient_metrics(asked: Asked, wanted: bool) -> FeaturePart:
    if wanted:
        says = "Ztunnel counts connections and bytes, always; it sees no requests."
        return FeaturePart(says=says, support="partial", nearest=_WAYPOINT)
    return cannot("Ztunnel counts connections and bytes always; no setting turns that off.")


def _waypoint_metrics(asked: Asked, wanted: bool) -> FeaturePart:
    spec = telemetry(asked, {"targetRefs": [_service(asked)]}, metrics=metering(wanted))
    says = f"Telemetry: {counted(wanted)} by the waypoint; ztunnel counts connections and bytes, always."
    return FeaturePart(says=says, objects=(spec,))


def _ztunnel_threads(wanted: int) -> dict[str, Any]:
    return {"ztunnel": {"env": {"ZTUNNEL_WORKER_THREADS": str(wanted)}}}


def _ambient_proxy_threads(asked: Asked, wanted: int) -> FeaturePart:
    says = "Chart value ZTUNNEL_WORKER_THREADS: of every node's ztunnel, which all pods of the node share."
    return FeaturePart(says=says, values=_ztunnel_threads(wanted))


def _waypoint_proxy_threads(asked: Asked, wanted: int) -> FeaturePart:
    mesh = {"istiod": {"meshConfig": {"defaultConfig": {"concurrency": wanted}}}}
    says = "Chart values: concurrency of every Envoy of the mesh, waypoints among them, and of every node's ztunnel."
    return FeaturePart(says=says, values={**_ztunnel_threads(wanted), **mesh})


def _ambient_proxy_resources(asked: Asked, wanted: ProxyResources) -> FeaturePart:
    says = "Chart value resources of ztunnel: one on each node, which all pods of the node share."
    return FeaturePart(says=says, values={"ztunnel": {"resources": resources(wanted)}})


def _waypoint_proxy_resources(asked: Asked, wanted: ProxyResources) -> FeaturePart:
    sizes = resources(wanted)
    says = "Chart values resources of ztunnel, one on each node, and of every waypoint."
    return FeaturePart(
        says=says, values={"ztunnel": {"resources": sizes}, "istiod": {"global": {"waypoint": {"resources": sizes}}}}
    )


def _no_requests(asked: Asked, wanted: Any) -> FeaturePart:
    return cannot(_L4, _WAYPOINT)


def _no_retries(asked: Asked, wanted: Retries) -> FeaturePart:
    return (
        cannot(_L4, _WAYPOINT)
        if wanted.attempts
        else FeaturePart(says="Ztunnel sees no requests, so it does not retry.")
    )


def _no_breaking(asked: Asked, wanted: CircuitBreaking) -> FeaturePart:
    return cannot("Ztunnel limits no connections and sees no requests.", _WAYPOINT)


def _at_waypoint(maker: Maker, *, alpha: bool = False) -> Maker:
    """Say of a feature that it is the waypoint's to carry, in place of the caller's proxy."""

    def make(asked: Asked, wanted: Any) -> FeaturePart:
        part = maker(asked, wanted)
        says = part.says.replace("each caller's proxy", "the waypoint").replace("the caller's proxy", "the waypoint")
        return FeaturePart(
            says=says + (_ALPHA if alpha else ""),
            support=part.support,
            nearest=part.nearest,
            objects=part.objects,
        )

    return make


AMBIENT: Final[Mapping[str, Maker]] = {
    **dict.fromkeys(SIDECAR, _no_requests),
    "mtls": _ambient_mtls,
    "retries": _no_retries,
    "circuit_breaking": _no_breaking,
    "authorization": _ambient_authorization,
    "access_log": _ambient_access_log,
    "metrics": _ambient_metrics,
    "proxy_threads": _ambient_proxy_threads,
    "proxy_resources": _ambient_proxy_resources,
}
WAYPOINTS: Final[Mapping[str, Maker]] = {
    "mtls": _ambient_mtls,
    **{name: _at_waypoint(SIDECAR[name], alpha=True) for name in ("split", "retries", "timeout", "delay", "abort")},
    **{name: _at_waypoint(SIDECAR[name]) for name in ("circuit_breaking", "outlier_detection")},
    "authorization": _waypoint_authorization,
    "rate_limit": _waypoint_rate_limit,
    "access_log": _waypoint_access_log,
    "metrics": _waypoint_metrics,
    "proxy_threads": _waypoint_proxy_threads,
    "proxy_resources": _waypoint_proxy_resources,
}
