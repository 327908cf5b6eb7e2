"""Rules that the definitions cannot express: what a valid document may still get wrong.

Each rule takes a message and notes what it finds with the line. A field that holds proto3's default counts as not set,
so that no rule fires on what is absent; what ought to be there and is not has rules of its own.
"""

from __future__ import annotations

import re
from itertools import pairwise

from workbench.interchange.documents import Node
from workbench.interchange.smp import SMP_VERSION
from workbench.interchange.smp.fields import Message, fields_of
from workbench.interchange.smp.messages import (
    EnvironmentConfig,
    Latency,
    PerformanceTestConfig,
    PerformanceTestResult,
    ServiceMeshConfig,
)
from workbench.interchange.smp.reading import Reader

EXPORTER_LABEL = "workbench.exporter"
"""Label of documents that were written here. Their units are known."""

PLACEHOLDERS = {
    "smp_version": "test_smp_version",
    "details_uri": "test_details",
    "test_id": "test_test_id",
    "mesh_config_id": "test_meshconfigID",
    "env_id": "test_envID",
}
"""What Meshery's converter writes into every result."""

SUSPECT_MAX_MS, SUSPECT_P50_MS = 10.0, 0.1
"""A largest latency below 10 and a median below 0.1 are more likely seconds than milliseconds: no mesh over a network
answers in 0.1 ms."""

_VERSION = re.compile(r"v\d+\.\d+\.\d+")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_s(text: str) -> float | None:
    """Return a duration such as ``"1m30s"`` in seconds; None when it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))


def check(reader: Reader, message: Message, node: Node, path: str = "") -> None:
    """Apply every rule that concerns ``message``, which stood in ``node``."""
    _identity(reader, message, node, path)
    if isinstance(message, PerformanceTestConfig):
        _test(reader, message, node, path)
    elif isinstance(message, PerformanceTestResult):
        _result(reader, message, node, path)
    elif isinstance(message, ServiceMeshConfig):
        _mesh(reader, message, node, path)
    elif isinstance(message, EnvironmentConfig):
        _environment(reader, message, node, path)


def _at(node: Node, name: str) -> Node:
    return node.get(name) or node


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _identity(reader: Reader, message: Message, node: Node, path: str) -> None:
    version, name = getattr(message, "smp_version", None), getattr(message, "id", None)
    field = _join(path, "smp_version")
    if version == "":
        reader.note("missing-version", node, field, f"is not set; this is read as {SMP_VERSION}", "", "warning")
    elif version and not _VERSION.fullmatch(version) and version not in PLACEHOLDERS.values():
        said = f"{version!r} is not a version such as {SMP_VERSION}"
        reader.note("wrong-version", _at(node, "smp_version"), field, said, f"read as {SMP_VERSION}", "warning")
    if name == "" and not isinstance(message, PerformanceTestConfig):
        reader.note(
            "missing-id", node, _join(path, "id"), "is not set; nothing can refer to this document", "", "warning"
        )
    for holder, text in PLACEHOLDERS.items():
        if getattr(message, holder, None) == text:
            said = f"contains Meshery's placeholder {text!r}, which has no meaning"
            reader.note("placeholder", _at(node, holder), _join(path, holder), said, "left out", "warning")


def _test(reader: Reader, message: PerformanceTestConfig, node: Node, path: str) -> None:
    if not message.clients:
        reader.note("missing-client", node, _join(path, "clients"), "is empty: no load is described", "", "warning")
    if message.duration and duration_s(message.duration) is None:
        said = f"{message.duration!r} is not a duration such as 30s or 1m30s"
        reader.note("wrong-duration", _at(node, "duration"), _join(path, "duration"), said, "left out", "warning")
    clients = node.get("clients")
    for place, client in enumerate(message.clients):
        at = (
            clients.value[place] if clients and isinstance(clients.value, list) and place < len(clients.value) else node
        )
        where = _join(path, f"clients[{place}]")
        _not_negative(reader, client, at, where)
        if not client.endpoint_urls and EXPORTER_LABEL not in message.labels:
            reader.note(
                "missing-endpoint", at, f"{where}.endpoint_urls", "is empty: the load has no target", "", "warning"
            )
        if not client.rps and EXPORTER_LABEL not in message.labels:
            said = "is not set: as fast as possible, or unknown; the specification cannot distinguish the two"
            reader.note("missing-rate", at, f"{where}.rps", said, "", "warning")


def _result(reader: Reader, message: PerformanceTestResult, node: Node, path: str) -> None:
    start, end = message.start_time, message.end_time
    if start is not None and end is not None and end < start:
        reader.note("times-out-of-order", _at(node, "end_time"), _join(path, "end_time"), "lies before start_time")
    if message.actual_qps < 0:
        reader.note("negative", _at(node, "actual_qps"), _join(path, "actual_qps"), "is negative", "left out")
    for link in ("test_id", "mesh_config_id", "env_id"):
        if not getattr(message, link):
            said = "is not set: the result does not refer to its test"
            reader.note("missing-link", node, _join(path, link), said, "", "warning")
    if message.latencies_ms is None:
        reader.note("missing-latency", node, _join(path, "latencies_ms"), "is not set", "", "warning")
    else:
        _latency(reader, message, message.latencies_ms, _at(node, "latencies_ms"), _join(path, "latencies_ms"))


def _latency(reader: Reader, result: PerformanceTestResult, found: Latency, node: Node, path: str) -> None:
    _not_negative(reader, found, node, path)
    rising = {name: getattr(found, name) for name in ("min", "p50", "p90", "p99", "max")}
    known = {name: value for name, value in rising.items() if value > 0}
    for (lower, below), (upper, above) in pairwise(known.items()):
        if below > above:
            said = f"{below:g} ms is above {upper} ({above:g} ms)"
            reader.note("percentiles-out-of-order", _at(node, lower), f"{path}.{lower}", said)
    if found.average > 0 and known:
        low, high = found.min or 0.0, found.max or max(known.values())
        if found.max and not low <= found.average <= high * (1 + 1e-9):
            said = f"{found.average:g} ms is outside min and max ({low:g} to {high:g} ms)"
            reader.note("average-outside", _at(node, "average"), f"{path}.average", said)
    if suspect_seconds(result):
        said = (
            f"p50 {found.p50:g} and max {found.max:g} look like seconds: milliseconds would mean that half of the "
            f"requests took less than {SUSPECT_P50_MS:g} ms"
        )
        reader.note("seconds-as-milliseconds", node, path, said, "", "warning")


def suspect_seconds(result: PerformanceTestResult) -> bool:
    """Whether ``latencies_ms`` seems to hold seconds; never for documents written here."""
    found = result.latencies_ms
    if found is None or EXPORTER_LABEL in result.labels:
        return False
    return 0 < found.p50 < SUSPECT_P50_MS and 0 < found.max < SUSPECT_MAX_MS


def is_from_meshery(result: PerformanceTestResult) -> bool:
    """Whether Meshery's converter wrote ``result``, which copies Fortio's seconds into ``latencies_ms``."""
    held = [name for name, text in PLACEHOLDERS.items() if getattr(result, name) == text]
    return len(held) >= 3


def _mesh(reader: Reader, message: ServiceMeshConfig, node: Node, path: str) -> None:
    if (message.mesh_type is None or not message.mesh_type.type) and not message.labels:
        reader.note("missing-mesh", node, _join(path, "mesh_type"), "is not set: which mesh was it?", "", "warning")
    for name in ("ingress_gateway", "sidecar", "mesh_telemetry", "mesh_policy", "mesh_control_plane"):
        part = getattr(message, name)
        if part is not None:
            _not_negative(reader, part, _at(node, name), _join(path, name))


def _environment(reader: Reader, message: EnvironmentConfig, node: Node, path: str) -> None:
    for name in ("nodes", "individual_workloads"):
        listed = node.get(name)
        for place, part in enumerate(getattr(message, name)):
            at = (
                listed.value[place] if listed and isinstance(listed.value, list) and place < len(listed.value) else node
            )
            _not_negative(reader, part, at, _join(path, f"{name}[{place}]"))
    if not message.nodes:
        reader.note("missing-nodes", node, _join(path, "nodes"), "is empty: on what machine was it?", "", "warning")


def _not_negative(reader: Reader, message: Message, node: Node, path: str) -> None:
    for name in fields_of(type(message)):
        value = getattr(message, name)
        if isinstance(value, int | float) and value < 0:
            reader.note("negative", _at(node, name), f"{path}.{name}", f"is negative ({value:g})", "left out")
