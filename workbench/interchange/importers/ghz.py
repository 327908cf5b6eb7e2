"""What ghz prints of gRPC calls, as text and as JSON (``-O json`` or ``-O pretty``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy

from workbench.errors import BadInputError
from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.figures import checked, started, told
from workbench.interchange.importing.imported import DOCUMENT, TEXT, FileKind, Imported, Importer, Loop, Options, Tool
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.summaries import summary
from workbench.interchange.importing.texts import Output, outputs, tool_of
from workbench.model.histograms import record
from workbench.model.records import Histogram

TOOL = Tool(
    name="ghz",
    title="ghz",
    latency_from="send",
    omission="Latency is measured from the actual send, and each worker waits for its answer "
    "(coordinated omission), unless "
    "it ran with --async.",
    units="In text, the unit next to each figure (ns, ms, s); nanoseconds in JSON.",
    percentiles="Of successful answers only, of the first million calls; recomputed from "
    "every call if the JSON has details.",
)

_NS = 1e9
_MOST = 1_000_000
"""ghz keeps the details of a million calls; its counts are of all."""


def matches(source: InputFile) -> bool:
    """Whether it has ghz's summary."""
    return tool_of(source.head) == "ghz"


def matches_json(source: InputFile) -> bool:
    """Whether it is a table with ghz's tell-tale names."""
    tree = source.tree
    names = ("count", "rps", "statusCodeDistribution", "latencyDistribution")
    return tree is not None and isinstance(tree.value, dict) and all(name in tree.value for name in names)


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs that the text tells."""
    return [_run_of_text(output) for output in outputs(source, "ghz")]


def _run_of_text(output: Output) -> Imported:
    found = summary(output)
    count, place = found.figures.get("Count", ("", output.where))
    if not count.isdigit():
        raise BadInputError(f"{place}: the count of calls is missing or is not a number.")
    calls = int(count)
    if found.answered < calls:
        raise output.cut_off()
    right = found.status.get("OK", 0)
    figures = found.latencies()
    return Imported(
        tool=TOOL,
        where=output.where,
        title=found.figures.get("Name", ("", ""))[0],
        loop="closed",
        arrival="closed",
        protocol="grpc",
        achieved_rate_per_s=found.rate_per_s if calls else 0.0,
        window_s=found.window_s,
        requests=calls,
        errors=calls - right,
        counts_by_status=found.status,
        quantiles={"from_send": figures} if right and figures else {},
        notes=(
            "ghz prints neither the workers (-c), the connections nor the target rate (-r).",
            *_notes(calls, right),
            *((output.note,) if output.note else ()),
        ),
        raw=output.raw,
        raw_name="ghz.txt",
    )


def _notes(calls: int, right: int) -> tuple[str, ...]:
    notes = []
    if calls > right:
        notes.append(f"Its latency is of the {right:,} successful answers; {calls - right:,} calls failed.")
    if calls > _MOST:
        notes.append(
            f"ghz keeps the details of {_MOST:,} calls: latency is of the first {_MOST / calls:.0%} of the run."
        )
    return tuple(notes)


def read_json(source: InputFile, options: Options) -> list[Imported]:
    """Return the one run in a document."""
    table = Table(source.nodes[0], source.where)
    asked = table.table("options") if "options" in table else None
    counts = _counts(table)
    calls, window = table.whole("count"), table.number("total") / _NS or None
    if sum(counts.values()) != calls:
        raise table.wrong(
            "count", f"is {calls}, but its statuses add up to {sum(counts.values())}; the file is damaged"
        )
    right, whole = counts.get("OK", 0), _details(table)
    figures = _figures(table) if right and whole is None else {}
    ended = started(table.text("date"), source.where) if "date" in table else None
    return [
        Imported(
            **_asked(asked),
            tool=TOOL,
            where=source.where,
            title=table.maybe_text("name"),
            protocol="grpc",
            achieved_rate_per_s=table.number("rps"),
            window_s=window,
            started_at_s=ended - (window or 0.0) if ended is not None else None,
            requests=calls,
            errors=calls - right,
            counts_by_status=counts,
            histograms={"from_send": whole} if whole is not None else {},
            quantiles={"from_send": figures} if figures else {},
            extra={"endReason": table.maybe_text("endReason")},
            notes=_notes(calls, right),
            raw=source.text.encode(),
            raw_name="ghz.json",
        )
    ]


def _counts(table: Table) -> dict[str, int]:
    """Return status -> calls; empty where there was no call."""
    if "statusCodeDistribution" not in table:
        return {}
    status = table.table("statusCodeDistribution")
    return {code: status.whole(code) for code in status}


def _asked(options: Table | None) -> dict[str, Any]:
    """Return what was asked for, as fields of `Imported`."""
    if options is None:
        return {"loop": "unknown", "arrival": "unknown"}
    steady = options.maybe_text("load-schedule") in ("", "const")
    rate = (options.maybe_number("rps") or options.maybe_number("qps") or None) if steady else None
    is_open = "async" in options and options.node.value["async"].plain is True
    loop: Loop = "open" if is_open else "closed"
    return {
        "loop": loop,
        "arrival": "closed" if rate is None else "constant",
        "rate_per_s": rate,
        "duration_s": (options.maybe_number("duration") or 0.0) / _NS or None,
        "connections": options.maybe_whole("connections") or None,
    }


def _details(table: Table) -> Histogram | None:
    """Return the distribution of the right answers; None when the calls are not listed, or none was right."""
    found = [
        one.number("latency")
        for one in table.tables("details")
        if not one.maybe_text("error") and one.maybe_text("status") in ("", "OK")
    ]
    if not found:
        return None
    low, high = checked(min(found) / _NS, table.where), checked(max(found) / _NS, table.where)
    return replace(record(numpy.array(found)), low_s=low, high_s=high)


def _figures(table: Table) -> Mapping[str, float]:
    pairs = [
        (one.number("percentage") / 100, one.number("latency") / _NS) for one in table.tables("latencyDistribution")
    ]
    extremes = {"low_s": table.number("fastest") / _NS, "high_s": table.number("slowest") / _NS}
    return {name: checked(value, table.where) for name, value in told(pairs, extremes).items() if value}


ADAPTER = Importer(
    name="ghz",
    kinds=(
        FileKind(name="ghz", title="text of ghz", matches=matches, read=read, order=TEXT),
        FileKind(name="ghz-json", title="ghz JSON", matches=matches_json, read=read_json, order=DOCUMENT),
    ),
)
