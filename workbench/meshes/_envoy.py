"""Pieces of Envoy configuration that the lab's archetypes are put together from.

Plain dictionaries in Envoy's v3 API, rendered as JSON bootstraps; ports and folders are placeholders (see
`workbench.model.lab_steps`). Each proxy has one worker (``--concurrency 1``) unless an option says otherwise, circuit
breakers out of the way, and an admin interface on a socket in its own folder. ``--disable-hot-restart`` lets a second
Envoy start beside the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.model.lab_steps import Endpoint, Process, Role, Step
from workbench.model.protocols import Option

Json = dict[str, Any]

CONFIGURATION = "envoy.json"
"""Name of a proxy's bootstrap among its files."""

TRUST_DOMAIN = "lab.workbench"
UNLIMITED = 2**32 - 1
TYPE = "type.googleapis.com/envoy.extensions."

COMMON_OPTIONS: Mapping[str, Option] = {
    "concurrency": Option(help="Worker threads of each proxy.", default=1, limits=(1, 64)),
    "services": Option(
        help="Further services in each proxy's outbound configuration, as in a sidecar that knows the whole mesh; "
        "about 80 kB of memory each.",
        default=0,
        limits=(0, 10_000),
    ),
    "access_log": Option(help="Write one JSON line per request to a file.", default=False, choices=(False, True)),
}
MTLS_OPTION: Mapping[str, Option] = {
    "mtls": Option(help="Mutual TLS between the proxies.", default=True, choices=(True, False))
}


def spiffe(name: str) -> str:
    """Return the SPIFFE id of service ``name``."""
    return f"spiffe://{TRUST_DOMAIN}/ns/lab/sa/{name}"


def _socket_address(host: str, port: str) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def listener(name: str, at: Endpoint, chains: Sequence[Json], listener_filters: Sequence[Json] = ()) -> Json:
    """Describe a listener bound to the reserved port ``at``."""
    return {
        "name": name,
        "address": _socket_address(f"${{{at}.bind}}", f"${{{at}.port}}"),
        "filter_chains": list(chains),
        "listener_filters": list(listener_filters),
    }


def _lb_endpoint(to: Endpoint) -> Json:
    return {"endpoint": {"address": _socket_address(f"${{{to}.host}}", f"${{{to}.port}}")}}


def cluster(name: str, to: Sequence[Endpoint], transport: Json | None = None, http2: bool = False, **more: Any) -> Json:
    """Describe a cluster of these endpoints, its circuit breakers out of the way unless ``more`` sets them."""
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
    described: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_lb_endpoint(one) for one in to]}],
        },
        **more,
    }
    if transport:
        described["transport_socket"] = transport
    if http2:
        described["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": TYPE + "upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return described


def further_clusters(count: int, transport: Json | None) -> list[Json]:
    """Describe clusters of services that exist in the configuration only; nothing is ever sent to them."""
    nowhere = {"socket_address": {"address": "127.0.0.1", "port_value": 9}}
    made = []
    for number in range(count):
        name = f"outbound|8080||further-{number}.lab"
        made.append(
            {
                "name": name,
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": nowhere}}]}],
                },
                **({"transport_socket": transport} if transport else {}),
            }
        )
    return made


def _common_tls(identity: str, alpn: Sequence[str], trusted: Json) -> Json:
    return {
        "tls_certificates": [
            {
                "certificate_chain": {"filename": f"${{certs}}/{identity}.crt"},
                "private_key": {"filename": f"${{certs}}/{identity}.key"},
            }
        ],
        "validation_context": {"trusted_ca": {"filename": "${certs}/ca.crt"}, **trusted},
        **({"alpn_protocols": list(alpn)} if alpn else {}),
    }


def _sans(matcher: Json) -> Json:
    return {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": matcher}]}


def client_tls(identity: str, server: str, alpn: Sequence[str] = ()) -> Json:
    """Originate mTLS as ``identity``; only ``server``'s SPIFFE id is accepted."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPE + "transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": f"{server}.lab",
            "common_tls_context": _common_tls(identity, alpn, _sans({"exact": spiffe(server)})),
        },
    }


def server_tls(identity: str, alpn: Sequence[str] = ()) -> Json:
    """Terminate mTLS as ``identity``: a client certificate of our trust domain is required.

    Which of the domain's identities may call is not decided here but by RBAC, as in real meshes.
    """
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPE + "transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": _common_tls(identity, alpn, _sans({"prefix": f"spiffe://{TRUST_DOMAIN}/"})),
        },
    }


def network_rbac(rules: Mapping[str, Any]) -> Json:
    """Let only whom the rules name through, decided once a connection."""
    return {
        "name": "envoy.filters.network.rbac",
        "typed_config": {
            "@type": TYPE + "filters.network.rbac.v3.RBAC",
            "stat_prefix": "intentions",
            "rules": rules,
        },
    }


def http_rbac(rules: Mapping[str, Any]) -> Json:
    """Let only whom the rules name through, decided at every request."""
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": TYPE + "filters.http.rbac.v3.RBAC", "rules": rules},
    }


TLS_INSPECTOR: Json = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"},
}
"""Tells a listener, before it chooses a filter chain, whether TLS is spoken and which name is asked for."""


def by_transport(over_tls: Json, plain: Json, mode: str) -> tuple[list[Json], list[Json]]:
    """Return filter chains and listener filters: TLS alone, or in the mode ``permissive`` plain connections beside."""
    if mode != "permissive":
        return [over_tls], []
    chains = [
        {"filter_chain_match": {"transport_protocol": "tls"}, **over_tls},
        {"filter_chain_match": {"transport_protocol": "raw_buffer"}, **plain},
    ]
    return chains, [TLS_INSPECTOR]


def access_log(enabled: bool) -> Json:
    """Log into a file of the process's own folder."""
    if not enabled:
        return {}
    return {
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": TYPE + "access_loggers.file.v3.FileAccessLog",
                    "path": "${dir}/access.log",
                    "log_format": {
                        "json_format": {
                            "start": "%START_TIME%",
                            "method": "%REQ(:METHOD)%",
                            "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
                            "code": "%RESPONSE_CODE%",
                            "flags": "%RESPONSE_FLAGS%",
                            "received": "%BYTES_RECEIVED%",
                            "sent": "%BYTES_SENT%",
                            "duration": "%DURATION%",
                            "upstream": "%UPSTREAM_HOST%",
                            "request_id": "%REQ(X-REQUEST-ID)%",
                        }
                    },
                },
            }
        ]
    }


def tcp_proxy(prefix: str, to: str | Sequence[Json], log: bool = False, tunnel_to: str = "") -> Json:
    """Carry bytes to cluster ``to`` or to weighted ones; with ``tunnel_to``, inside an HTTP CONNECT to it."""
    config: Json = {
        "@type": TYPE + "filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": prefix,
        **({"cluster": to} if isinstance(to, str) else {"weighted_clusters": {"clusters": list(to)}}),
        **access_log(log),
    }
    if tunnel_to:
        config["tunneling_config"] = {"hostname": tunnel_to}
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": config}


def _router() -> Json:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": TYPE + "filters.http.router.v3.Router"},
    }


def mesh_http_filters(fault: Mapping[str, Any] | None = None) -> list[Json]:
    """Return the HTTP filters that a mesh's sidecar carries, used or not: gRPC statistics, faults, CORS."""
    return [
        {
            "name": "envoy.filters.http.grpc_stats",
            "typed_config": {
                "@type": TYPE + "filters.http.grpc_stats.v3.FilterConfig",
                "emit_filter_state": True,
                "stats_for_all_methods": False,
            },
        },
        {
            "name": "envoy.filters.http.fault",
            "typed_config": {"@type": TYPE + "filters.http.fault.v3.HTTPFault", **(fault or {})},
        },
        {"name": "envoy.filters.http.cors", "typed_config": {"@type": TYPE + "filters.http.cors.v3.Cors"}},
    ]


def http_manager(prefix: str, virtual_hosts: Sequence[Json], filters: Sequence[Json] = (), **more: Any) -> Json:
    """Describe an HTTP connection manager with inline routes."""
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": TYPE + "filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": prefix,
            "normalize_path": True,
            "server_header_transformation": "PASS_THROUGH",
            "route_config": {"name": prefix, "virtual_hosts": list(virtual_hosts)},
            "http_filters": [*filters, _router()],
            **more,
        },
    }


RETRIES: Json = {
    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
    "num_retries": 2,
    "retriable_status_codes": [503],
}
"""A mesh's default retry policy."""


def virtual_host(
    name: str, to: str | Json, retries: Mapping[str, Any] | None = None, domains: Sequence[str] = ("*",)
) -> Json:
    """Route everything for ``domains`` to cluster ``to``, or as that route action says."""
    route = to
    if isinstance(to, str):
        route = {"cluster": to, "timeout": "0s", **({"retry_policy": dict(retries)} if retries else {})}
    return {"name": name, "domains": list(domains), "routes": [{"match": {"prefix": "/"}, "route": route}]}


def proxy(
    name: str,
    role: Role,
    ports: Sequence[str],
    listeners: Sequence[Json],
    clusters: Sequence[Json],
    concurrency: int = 1,
) -> Process:
    """Describe an Envoy process called ``name`` with its bootstrap."""
    bootstrap = {
        "node": {"id": name, "cluster": "workbench-lab"},
        "admin": {"address": {"pipe": {"path": "${dir}/admin.sock", "mode": 0o600}}},
        "static_resources": {"listeners": list(listeners), "clusters": list(clusters)},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": TYPE + "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": 50_000,
                    },
                }
            ]
        },
    }
    arguments = (
        "-c",
        f"${{dir}}/{CONFIGURATION}",
        "--concurrency",
        str(concurrency),
        "--disable-hot-restart",
        "-l",
        "warning",
    )
    return Process(
        name=name,
        role=role,
        program="envoy",
        arguments=arguments,
        files={CONFIGURATION: json.dumps(bootstrap, indent=1)},
        ports=tuple(ports),
        admin="admin.sock",
    )


def shown(steps: Sequence[Step]) -> dict[str, str]:
    """Return each proxy's configuration for people: component -> its bootstrap as YAML.

    Placeholders such as ``${server.http.port}`` stand for numbers that exist only while it runs.
    """
    proxies = [step for step in steps if isinstance(step, Process) and CONFIGURATION in step.files]
    return {one.name: str(yaml.safe_dump(json.loads(one.files[CONFIGURATION]), sort_keys=False)) for one in proxies}
