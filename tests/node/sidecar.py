"""The data plane of the mesh of the tests: a stock Envoy beside each container, and rules that lead its traffic there.

What its webhook puts into pods. Calls that come in at the application's port are handed on to it, calls that go out to
that port wherever they lead; the proxy's own are let through by its user. One worker, no mTLS.
"""

from __future__ import annotations

import json
from typing import Any

ENVOY, REDIRECT = "rig.test/envoy:1", "rig.test/iptables:1"
APPLICATION, INBOUND, OUTBOUND, ADMIN, USER = 8080, 15006, 15001, 15000, 1337
_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_ORIGINAL = "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst"


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(name: str, port: int, cluster: str) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    manager = {
        "@type": _HTTP,
        "stat_prefix": name,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    original = {"name": "envoy.filters.listener.original_dst", "typed_config": {"@type": _ORIGINAL}}
    return {
        "name": name,
        "address": _address("0.0.0.0", port),
        "listener_filters": [original],
        "filter_chains": [{"filters": filters}],
    }


def bootstrap() -> str:
    """Return the proxy's whole configuration."""
    here = {"endpoint": {"address": _address("127.0.0.1", APPLICATION)}}
    clusters = [
        {
            "name": "application",
            "type": "STATIC",
            "load_assignment": {"cluster_name": "application", "endpoints": [{"lb_endpoints": [here]}]},
        },
        {"name": "elsewhere", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"},
    ]
    listeners = [_listener("inbound", INBOUND, "application"), _listener("outbound", OUTBOUND, "elsewhere")]
    admin = {"address": _address("0.0.0.0", ADMIN)}
    return json.dumps({"admin": admin, "static_resources": {"listeners": listeners, "clusters": clusters}})


def _rule(name: str, *rule: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": REDIRECT,
        "args": ["-t", "nat", *rule],
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
    }


def patch() -> list[dict[str, Any]]:
    """Return what the webhook does to a pod: two rules, then a proxy that outlasts the application at both ends."""
    port = str(APPLICATION)
    proxy = {
        "name": "proxy",
        "image": ENVOY,
        "args": ["--config-yaml", bootstrap(), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"],
        "restartPolicy": "Always",
        "startupProbe": {"httpGet": {"path": "/ready", "port": ADMIN}, "periodSeconds": 1, "failureThreshold": 30},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {"runAsUser": USER, "runAsNonRoot": True},
    }
    called, owner = ("-p", "tcp", "--dport", port), ("-m", "owner", "!", "--uid-owner", f"{USER}")
    inwards = _rule("inwards", "-A", "PREROUTING", *called, "-j", "REDIRECT", "--to-ports", f"{INBOUND}")
    outwards = _rule("outwards", "-A", "OUTPUT", *called, *owner, "-j", "REDIRECT", "--to-ports", f"{OUTBOUND}")
    return [
        {"op": "add", "path": "/spec/initContainers", "value": [inwards, outwards, proxy]},
        {"op": "add", "path": "/metadata/annotations", "value": {"meshlike/status": "injected"}},
    ]
