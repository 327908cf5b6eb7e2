"""Runs in the shape of Fortio's JSON, which other tools and wrappers write too."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from workbench.errors import BadInputError
from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.figures import checked, seconds, spread, started, told
from workbench.interchange.importing.imported import Imported, Tool
from workbench.model.records import Histogram

_NS = 1e9
_PERCENT = 100
_NIGHTHAWK = "Nighthawk"


def is_nighthawk(table: Table) -> bool:
    """Whether Nighthawk wrote it: its label ends in its name, and its counts are texts, as protobuf writes them."""
    labels = table.node.get("Labels")
    words = labels.value.split() if labels is not None and isinstance(labels.value, str) else []
    count = table.node.get("DurationHistogram", "Count")
    return words[-1:] == [_NIGHTHAWK] or (count is not None and isinstance(count.value, str))


def nighthawk_run(table: Table, raw: bytes, tool: Tool) -> Imported:
    """Return the run of Nighthawk that it told in Fortio's shape (``--output-format fortio``).

    It counts every request that it sent in the rate, those with a 2xx alone among the statuses.
    """
    run = run_of(table, raw, tool)
    window, rate = run.window_s or 0.0, run.achieved_rate_per_s or 0.0
    right = sum(count for code, count in run.counts_by_status.items() if _is_right(code))
    sent = max(round(window * rate), sum(run.counts_by_status.values()))
    requests = sent or run.requests
    return replace(
        run,
        label=run.label.removesuffix(_NIGHTHAWK).strip(),
        loop="unknown",
        requests=requests,
        errors=requests - right if requests is not None and run.counts_by_status else None,
        counts_by_status={**run.counts_by_status, **({"other": sent - right} if sent > right else {})},
        notes=(
            *run.notes,
            "Nighthawk wrote this in Fortio's format, which does not state whether the loop was open.",
        ),
    )


def run_of(table: Table, raw: bytes, tool: Tool) -> Imported:
    """Return the run in Fortio's ``table``.

    Parameters
    ----------
    tool
        Fortio itself, or the tool whose output was converted to Fortio's shape.
    """
    doubts: list[str] = []
    asked = table.node.get("RequestedQPS")
    rate = None if asked is None or asked.value in ("max", None) else table.number("RequestedQPS") or None
    codes = table.table("RetCodes") if "RetCodes" in table else None
    counts = {code: codes.whole(code) for code in codes} if codes is not None else {}
    durations = table.table("DurationHistogram")
    requests = sum(counts.values()) or durations.maybe_whole("Count")
    right = sum(count for code, count in counts.items() if _is_right(code))
    kind = "from_schedule" if tool.latency_from == "schedule" else "from_send"
    whole = histogram(durations, doubts)
    figures = {} if whole.count or not durations.maybe_whole("Count") else _told(durations, doubts)
    took = table.figure("ActualDuration", doubts)
    reached = _reached(table, doubts)
    errors = requests - right if counts and requests is not None else None
    return Imported(
        tool=tool,
        tool_version=table.maybe_text("Version"),
        where=f"{table.where}{', ' + table.path if table.path else ''}",
        label=table.maybe_text("Labels"),
        loop="closed",
        arrival="closed" if rate is None else "constant",
        protocol=_protocol(table),
        rate_per_s=rate,
        achieved_rate_per_s=reached,
        duration_s=_asked_s(table),
        window_s=took / _NS if took else None,
        connections=table.maybe_whole("NumThreads"),
        payload_bytes=_payload_bytes(table),
        started_at_s=started(table.text("StartTime"), table.where) if "StartTime" in table else None,
        requests=requests,
        errors=errors,
        counts_by_status=_by_status(counts),
        histograms={kind: whole} if whole.count else {},
        quantiles={kind: figures} if figures else {},
        extra={
            name: table.node.value[name].plain
            for name in ("RequestedDuration", "Jitter", "Uniform", "NoCatchUp", "URL", "RunID", "SocketCount")
            if name in table
        },
        notes=(*_notes(reached, rate, errors), *_differing(requests, whole.count), *doubts),
        raw=raw,
        raw_name="fortio.json",
    )


def _reached(table: Table, doubts: list[str]) -> float | None:
    """Return the rate that was reached; a negative one is not a figure of any run, and damages the file."""
    node = table.node.get("ActualQPS")
    if node is not None and isinstance(node.value, int | float) and node.value < 0:
        return table.number("ActualQPS")
    return table.figure("ActualQPS", doubts)


def _differing(answers: int | None, latencies: int) -> tuple[str, ...]:
    if answers is None or not latencies or answers == latencies:
        return ()
    return (f"It counts {answers} answers but only {latencies} latencies: the others are unknown.",)


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


def histogram(table: Table, doubts: list[str]) -> Histogram:
    """Return the distribution in a ``DurationHistogram``, its smallest and largest value exact; empty without one."""
    rows = table.tables("Data")
    lows, highs = [one.number("Start") for one in rows], [one.number("End") for one in rows]
    made = spread(lows, highs, [one.whole("Count") for one in rows], f"{table.where}: {table.path}")
    if rows and made.count != table.whole("Count"):
        raise table.wrong(
            "Count", f"is {table.whole('Count')}, but its buckets contain {made.count}; the file is damaged"
        )
    if not made.count:
        return made
    low, high = (table.figure(name, doubts) for name in ("Min", "Max"))
    return replace(
        made,
        low_s=made.low_s if low is None else checked(low, table.where),
        high_s=made.high_s if high is None else checked(high, table.where),
    )


def _told(table: Table, doubts: list[str]) -> dict[str, float]:
    pairs = [(one.number("Percentile") / _PERCENT, one.figure("Value", doubts)) for one in table.tables("Percentiles")]
    return told((quantile, checked(value, table.where)) for quantile, value in pairs if value is not None)


def _asked_s(table: Table) -> float | None:
    """Return the duration that was asked for; None for runs of a number of calls, or until stopped."""
    text = table.maybe_text("RequestedDuration")
    try:
        return seconds(text, table.where) or None
    except BadInputError:
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


def _notes(reached: float | None, rate: float | None, errors: int | None) -> tuple[str, ...]:
    notes = []
    if rate is None:
        notes.append("It has no target rate: a closed loop, as fast as answers came.")
    elif reached is not None and reached < rate * 0.99:
        notes.append(f"It reached {reached:g} of {rate:g} requests/s; its latency does not include the rest.")
    if errors:
        notes.append(f"Its latency is of all answers, including the {errors} errors.")
    return tuple(notes)
