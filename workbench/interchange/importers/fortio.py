"""Fortio's JSON (``fortio load -json``), of HTTP, gRPC, TCP and UDP runs."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from workbench.errors import BadInput
from workbench.interchange.importers.asking import Table
from workbench.interchange.importers.figures import checked, seconds, spread, started, told
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool
from workbench.interchange.importers.source import Source
from workbench.records import Histogram

TOOL = Tool(
    name="fortio",
    title="Fortio",
    latency_from="send",
    omission="Latency counts from the real send: each connection waits for its answer, and what it did not send "
    "meanwhile is missing (coordinated omission).",
    units="Seconds in the JSON.",
    percentiles="Interpolated within Fortio's buckets (up to 25 % wide, at its default resolution 1 ms at the fine "
    "end); here recomputed from the buckets.",
)

_NS = 1e9
_PERCENT = 100


def matches(source: Source) -> bool:
    """Whether it is a table with Fortio's two tell-tale names."""
    tree = source.tree
    return tree is not None and tree.get("DurationHistogram") is not None and tree.get("ActualQPS") is not None


def read(source: Source, options: Options) -> list[Imported]:
    """Return the one run in a Fortio JSON file."""
    return [run_of(Table(source.nodes[0], source.where), source.text.encode(), TOOL)]


def run_of(table: Table, raw: bytes, tool: Tool) -> Imported:
    """Return the run in Fortio's ``table``.

    Parameters
    ----------
    tool
        Fortio itself, or the tool whose output was converted to Fortio's shape.
    """
    asked = table.node.get("RequestedQPS")
    rate = None if asked is None or asked.value in ("max", None) else table.number("RequestedQPS") or None
    counts = {code: table.table("RetCodes").whole(code) for code in table.table("RetCodes")}
    durations = table.table("DurationHistogram")
    requests = sum(counts.values()) or durations.whole("Count")
    right = sum(count for code, count in counts.items() if _is_right(code))
    kind = "from_schedule" if tool.latency_from == "schedule" else "from_send"
    whole = histogram(durations)
    return Imported(
        tool=tool,
        tool_version=table.maybe_text("Version"),
        where=f"{table.where}{', ' + table.path if table.path else ''}",
        label=table.maybe_text("Labels"),
        loop="closed",
        arrival="closed" if rate is None else "constant",
        protocol=_protocol(table),
        rate_per_s=rate,
        achieved_rate_per_s=table.number("ActualQPS"),
        duration_s=_asked_s(table),
        window_s=table.number("ActualDuration") / _NS,
        connections=table.maybe_whole("NumThreads"),
        payload_bytes=_payload_bytes(table),
        started_at_s=started(table.text("StartTime"), table.where) if "StartTime" in table else None,
        requests=requests,
        errors=requests - right if counts else None,
        counts_by_status=_by_status(counts),
        histograms={kind: whole} if whole.count else {},
        quantiles={} if whole.count else {kind: _told(durations)},
        extra={
            name: table.node.value[name].plain
            for name in ("RequestedDuration", "Jitter", "Uniform", "NoCatchUp", "URL", "RunID", "SocketCount")
            if name in table
        },
        notes=_notes(table, rate, requests - right),
        raw=raw,
        raw_name="fortio.json",
    )


def _protocol(table: Table) -> str | None:
    """Return the protocol by the kind of run, which for gRPC names the call too; None for a kind not known."""
    kind = table.maybe_text("RunType").split(" ")[0]
    if kind == "HTTP":
        return "http/2" if "H2" in table and table.node.value["H2"].plain is True else "http/1.1"
    return {"GRPC": "grpc", "TCP": "tcp", "UDP": "udp"}.get(kind)


def _by_status(counts: Mapping[str, int]) -> dict[str, int]:
    """Return status -> count; a connection's failure, which Fortio names by its text and ports, is one kind."""
    found: Counter[str] = Counter()
    for code, count in counts.items():
        plain = code.isalnum() or code in ("NOT_SERVING", "SERVICE_UNKNOWN")
        found[code if plain else "transport-error"] += count
    return dict(found)


def _is_right(code: str) -> bool:
    """Whether a code is success: HTTP's 2xx, or the words of Fortio's other runners."""
    return code in ("OK", "SERVING", "1") or (len(code) == 3 and code[0] == "2")


def histogram(table: Table) -> Histogram:
    """Return the distribution in a ``DurationHistogram``, its smallest and largest value exact."""
    rows = table.tables("Data")
    lows, highs = [one.number("Start") for one in rows], [one.number("End") for one in rows]
    made = spread(lows, highs, [one.whole("Count") for one in rows], f"{table.where}: {table.path}")
    if made.count != table.whole("Count"):
        raise table.wrong("Count", f"is {table.whole('Count')}, but its buckets hold {made.count}; the file is damaged")
    if not made.count:
        return made
    low, high = (checked(table.number(name), table.where) for name in ("Min", "Max"))
    return replace(made, low_s=low, high_s=high)


def _told(table: Table) -> dict[str, float]:
    pairs = [(one.number("Percentile") / _PERCENT, one.number("Value")) for one in table.tables("Percentiles")]
    return told(pairs)


def _asked_s(table: Table) -> float | None:
    """Return the duration that was asked for; None for runs of a number of calls, or until stopped."""
    text = table.maybe_text("RequestedDuration")
    try:
        return seconds(text, table.where) or None
    except BadInput:
        return None


def _payload_bytes(table: Table) -> int | None:
    """Return the bytes of a request's body, which Fortio's JSON holds in base64, of gRPC in the kind of run.

    None where it is not told: of TCP it is not.
    """
    length = re.search(r"PayloadLength=(\d{1,9})", table.maybe_text("RunType"))
    if length:
        return int(length[1])
    if _protocol(table) == "grpc":
        return 0
    if _protocol(table) in ("tcp", "udp") or "Payload" not in table.node.value:
        return None
    text = table.maybe_text("Payload")
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return len(text.encode())


def _notes(table: Table, rate: float | None, errors: int) -> tuple[str, ...]:
    notes = []
    if rate is None:
        notes.append("No rate was asked for: a closed loop, as fast as answers came.")
    elif table.number("ActualQPS") < rate * 0.99:
        notes.append(
            f"It reached {table.number('ActualQPS'):g} of {rate:g} requests/s; the rest is not in its latency."
        )
    if errors:
        notes.append(f"Its latency is of all answers, the {errors} errors among them.")
    return tuple(notes)


IMPORTER = Importer(name="fortio", title="Fortio JSON", matches=matches, read=read)
