"""What Linkerd makes of an intent, one function a feature: annotations it reads, a Gateway API route, its policies.

Whatever is told to callers (retries, timeouts) stands as annotations on the HTTPRoute where a split makes one, and on
the Service otherwise: annotations of a route override all of the Service's. A `Server` names a port of the pods, of
which a design knows only the Service's: they must be the same number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from workbench.files.tables import merged
from workbench.intents import (
    Authorization,
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
    cores_text,
    milliseconds,
    size_annotations,
)

_CONFIG: Final = "config.linkerd.io/"
_ACCRUAL: Final = "balancer.linkerd.io/failure-accrual"
_GATEWAY: Final = "gateway.networking.k8s.io"
_POLICY: Final = "policy.linkerd.io"
_SLOW_VERSION: Final = "A slow or failing version of the service, and a split that sends it a share."
_SAME_PORT: Final = "The pods must listen on the Service's port number."


def _duration(seconds: float) -> str:
    """Return a time as Linkerd reads it: a whole number and one unit."""
    whole = milliseconds(seconds)
    return f"{whole}ms" if whole % 1000 else f"{whole // 1000}s"


def _told_to_callers(asked: Asked, annotations: Mapping[str, str], part: FeaturePart) -> FeaturePart:
    """Return ``part`` with what callers' proxies are told: on the route that a split makes, else on the Service."""
    if not asked.intent.split:
        return replace(part, patches=(asked.annotated_service(annotations),))
    return replace(part, objects=(merged(_route(asked), {"metadata": {"annotations": annotations}}),))


def _route(asked: Asked) -> dict[str, Any]:
    """Return the route that a split makes, the same wherever it is asked for."""
    target = asked.target
    service: dict[str, Any] = {"group": "core", "kind": "Service", "name": target.service, "port": target.port}
    backends = [
        {"name": target.version_service(one.version), "port": target.port, "weight": one.weight}
        for one in asked.intent.split
    ]
    spec = {"parentRefs": [service], "rules": [{"backendRefs": backends}]}
    return asked.manifest(f"{_GATEWAY}/v1", "HTTPRoute", spec)


APP_PROTOCOLS: Final = {"http": "http", "http2": "kubernetes.io/h2c", "grpc": "kubernetes.io/h2c"}
"""What a Service speaks -> the appProtocol by which Linkerd knows it; of any other it parses no requests."""


def _split(asked: Asked, shares: tuple[Share, ...]) -> FeaturePart:
    port: dict[str, Any] = {
        "name": asked.target.protocol,
        "port": asked.target.port,
        "targetPort": asked.target.port,
        "appProtocol": APP_PROTOCOLS[asked.target.protocol],
    }
    services: tuple[Manifest, ...] = tuple(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": asked.target.version_service(one.version),
                "namespace": asked.target.namespace,
            },
            "spec": {"selector": {**asked.pods, "version": one.version}, "ports": [port]},
        }
        for one in shares
    )
    return FeaturePart(
        says="HTTPRoute of the Gateway API, whose CRDs must be installed, with a Service "
        "for each version: Linkerd splits "
        f"requests among Services. {_SAME_PORT}",
        objects=(*services, _route(asked)),
    )


def _mtls(asked: Asked, wanted: Mtls) -> FeaturePart:
    if wanted.mode not in ("strict", "permissive"):
        return cannot(
            "Linkerd cannot switch mTLS off between meshed pods.",
            "Leave one end out of the mesh (linkerd.io/inject: disabled), or let the port bypass the proxies "
            "(config.linkerd.io/skip-outbound-ports).",
        )
    if wanted.mode == "strict":  # an annotation of the pods would shut the proxy's own metrics too
        return FeaturePart(
            says="Server that allows only meshed callers, on the service's port; mTLS between meshed pods is always "
            f"on. The kubelet's HTTP probes of that port are refused. {_SAME_PORT}",
            objects=(_server(asked),),
        )
    return FeaturePart(
        says="Annotation default-inbound-policy on the service's pods: callers outside the mesh are allowed too; mTLS "
        "between meshed pods is always on. The pods restart.",
        patches=asked.annotated_pods({f"{_CONFIG}default-inbound-policy": "all-unauthenticated"}, caller=False),
    )


def _retries(asked: Asked, wanted: Retries) -> FeaturePart:
    if not wanted.attempts:
        return FeaturePart(says="Linkerd does not retry unless it is configured to.")
    condition = "5xx" if "5xx" in wanted.on else "gateway-error"
    annotations = {"retry.linkerd.io/http": condition, "retry.linkerd.io/limit": str(wanted.attempts)}
    if wanted.per_try_timeout_s is not None:
        annotations["retry.linkerd.io/timeout"] = _duration(wanted.per_try_timeout_s)
    says = (
        "Annotations retry.linkerd.io: by status and on refused streams; requests use existing "
        "connections, and bodies above 64 KiB are not retried."
    )
    if "reset" in wanted.on or not {"5xx", "gateway-error"} & set(wanted.on):
        says = f"{says} A lost connection alone is not a condition: it retries on {condition} instead."
        partly = FeaturePart(says=says, support="partial", nearest='on = ["5xx"].')
        return _told_to_callers(asked, annotations, partly)
    return _told_to_callers(asked, annotations, FeaturePart(says=says))


def _timeout(asked: Asked, wanted: Timeout) -> FeaturePart:
    part = FeaturePart(says="Annotation timeout.linkerd.io/request: all tries together; late requests get 504.")
    return _told_to_callers(asked, {"timeout.linkerd.io/request": _duration(wanted.request_s)}, part)


def _faults(asked: Asked, wanted: Any) -> FeaturePart:
    return cannot("Linkerd injects neither delays nor failures.", _SLOW_VERSION)


def _circuit_breaking(asked: Asked, wanted: Any) -> FeaturePart:
    return cannot(
        "Linkerd limits neither connections nor pending requests.",
        "Outlier detection, which Linkerd calls circuit breaking: an instance that keeps failing is left out.",
    )


_LONGEST_PENALTY_S: Final = 60.0
"""Linkerd's own default; the penalty grows up to it."""


def _outlier_detection(asked: Asked, wanted: OutlierDetection) -> FeaturePart:
    annotations = {
        _ACCRUAL: "consecutive",
        f"{_ACCRUAL}-consecutive-max-failures": str(wanted.consecutive_errors),
        f"{_ACCRUAL}-consecutive-min-penalty": _duration(wanted.ejection_s),
        f"{_ACCRUAL}-consecutive-max-penalty": _duration(max(_LONGEST_PENALTY_S, wanted.ejection_s)),
    }
    says = "Annotations failure-accrual on the Service: consecutive failures are counted without an interval"
    patch = asked.annotated_service(annotations)
    if wanted.max_ejected_percent == 100:
        return FeaturePart(says=f"{says}, and every instance may be left out.", patches=(patch,))
    says = f"{says}. It has no minimum share: every instance may be left out."
    return FeaturePart(says=says, support="partial", nearest="max_ejected_percent = 100.", patches=(patch,))


_PROXY_PROTOCOLS: Final = {"http": "HTTP/1", "http2": "HTTP/2", "grpc": "gRPC", "tcp": "opaque"}


def _server(asked: Asked) -> dict[str, Any]:
    """Return the port that policies are about; who is let in when none of them says, follows the rest of the intent."""
    access = "all-unauthenticated"
    if asked.intent.authorization:
        access = "deny"
    elif asked.intent.mtls and asked.intent.mtls.mode == "strict":
        access = "all-authenticated"
    spec = {
        "podSelector": {"matchLabels": asked.pods},
        "port": asked.target.port,
        "proxyProtocol": _PROXY_PROTOCOLS[asked.target.protocol],
        "accessPolicy": access,
    }
    return asked.manifest(f"{_POLICY}/v1beta3", "Server", spec)


def _authorization(asked: Asked, wanted: Authorization) -> FeaturePart:
    of_requests = bool(wanted.methods or wanted.paths)
    if of_requests and not asked.target.requests:
        if not wanted.callers:
            return cannot("The service speaks tcp: there are no methods and paths.", "Callers.")
        says = "Server, AuthorizationPolicy and MeshTLSAuthentication by caller; the service speaks tcp, without paths."
        return FeaturePart(
            says=f"{says} {_SAME_PORT}", support="partial", objects=_policies(asked, wanted, routed=False)
        )
    objects = _policies(asked, wanted, routed=of_requests)
    if not of_requests:
        says = "Server that denies, AuthorizationPolicy and MeshTLSAuthentication of the callers; others get 403."
        return FeaturePart(says=f"{says} {_SAME_PORT}", objects=objects)
    return FeaturePart(
        says="Server that denies, HTTPRoute of its methods and paths, AuthorizationPolicy of the callers: other "
        "callers get 403, other methods and paths 404. The kubelet's probes of that port are refused too "
        "unless they match. "
        f"{_SAME_PORT}",
        support="partial",
        nearest="Callers alone, which leaves probes as they are.",
        objects=objects,
    )


def _policies(asked: Asked, wanted: Authorization, *, routed: bool) -> tuple[Manifest, ...]:
    server = _server(asked)
    where = {"group": _POLICY, "kind": "Server", "name": server["metadata"]["name"]}
    objects = [server]
    if routed:
        route = _inbound_route(asked, wanted, where)
        objects.append(route)
        where = {"group": _GATEWAY, "kind": "HTTPRoute", "name": route["metadata"]["name"]}
    who = _callers(asked, wanted)
    reference = {"group": _POLICY, "kind": who["kind"], "name": who["metadata"]["name"]}
    spec = {"targetRef": where, "requiredAuthenticationRefs": [reference]}
    return (*objects, who, asked.manifest(f"{_POLICY}/v1alpha1", "AuthorizationPolicy", spec))


def _callers(asked: Asked, wanted: Authorization) -> dict[str, Any]:
    """Return who is let in: the callers by their certificates, or whoever comes from anywhere."""
    if wanted.callers:
        spec: dict[str, Any] = {"identityRefs": [{"kind": "ServiceAccount", "name": one} for one in wanted.callers]}
        return asked.manifest(f"{_POLICY}/v1alpha1", "MeshTLSAuthentication", spec)
    spec = {"networks": [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}]}
    return asked.manifest(f"{_POLICY}/v1alpha1", "NetworkAuthentication", spec)


def _inbound_route(asked: Asked, wanted: Authorization, server: Mapping[str, str]) -> dict[str, Any]:
    matches = [
        {**({"path": _path(path)} if path else {}), **({"method": method} if method else {})}
        for path in wanted.paths or ("",)
        for method in wanted.methods or ("",)
    ]
    spec = {"parentRefs": [dict(server)], "rules": [{"matches": matches}]}
    return asked.manifest(f"{_GATEWAY}/v1", "HTTPRoute", spec, asked.name("inbound"))


def _path(path: str) -> dict[str, str]:
    if path.endswith("*"):
        return {"type": "RegularExpression", "value": f"{re.escape(path[:-1])}.*"}
    return {"type": "Exact", "value": path}


def _rate_limit(asked: Asked, wanted: RateLimit) -> FeaturePart:
    rate = max(1, round(wanted.requests_per_s))
    server = _server(asked)
    where = {"group": _POLICY, "kind": "Server", "name": server["metadata"]["name"]}
    spec = {"targetRef": where, "total": {"requestsPerSecond": rate}}
    objects = (server, asked.manifest(f"{_POLICY}/v1alpha1", "HTTPLocalRateLimitPolicy", spec))
    says = f"HTTPLocalRateLimitPolicy on a Server, for each instance by itself. {_SAME_PORT}"
    if rate == wanted.requests_per_s and wanted.burst <= rate:
        return FeaturePart(says=says, objects=objects)
    says = f"{says} It counts whole requests per second and allows one second's worth at once: {rate}."
    return FeaturePart(says=says, support="partial", nearest="A whole rate, and a burst no larger.", objects=objects)


def _access_log(asked: Asked, wanted: bool) -> FeaturePart:
    if not wanted:
        return FeaturePart(says="Linkerd's proxies write no access log unless an annotation enables it.")
    return FeaturePart(
        says="Annotation access-log on the service's pods: a line for each request on standard error. They restart.",
        patches=asked.annotated_pods({f"{_CONFIG}access-log": "apache"}, caller=False),
    )


def _metrics(asked: Asked, wanted: bool) -> FeaturePart:
    if wanted:
        return FeaturePart(says="Linkerd's proxies always count requests and show the counters.")
    return cannot("Linkerd's proxies always count; nothing turns that off.")


def _proxy_threads(asked: Asked, wanted: int) -> FeaturePart:
    sizes = asked.intent.proxy_resources
    limit = sizes.cpu_limit if sizes else None
    if limit is None:
        return FeaturePart(
            says="Annotation proxy-cpu-limit on the pods of service and caller: a proxy has as many worker threads as "
            "CPUs it may use. The pods restart.",
            patches=asked.annotated_pods({f"{_CONFIG}proxy-cpu-limit": cores_text(wanted)}),
        )
    threads = math.ceil(limit)
    says = f"A proxy has as many worker threads as CPUs it may use: {threads}, from the requested limit of {limit:g}."
    if threads == wanted:
        return FeaturePart(says=says)
    return FeaturePart(says=says, support="partial", nearest=f"cpu_limit = {wanted}.")


def _proxy_resources(asked: Asked, wanted: ProxyResources) -> FeaturePart:
    return FeaturePart(
        says="Annotations proxy-cpu-... and proxy-memory-... on the pods of service and caller; they restart. The "
        "proxies' worker threads follow the CPU limit.",
        patches=asked.annotated_pods(size_annotations(f"{_CONFIG}proxy-", wanted)),
    )


MAKERS: Final[Mapping[str, Maker]] = {
    "mtls": _mtls,
    "split": _split,
    "retries": _retries,
    "timeout": _timeout,
    "delay": _faults,
    "abort": _faults,
    "circuit_breaking": _circuit_breaking,
    "outlier_detection": _outlier_detection,
    "authorization": _authorization,
    "rate_limit": _rate_limit,
    "access_log": _access_log,
    "metrics": _metrics,
    "proxy_threads": _proxy_threads,
    "proxy_resources": _proxy_resources,
}
