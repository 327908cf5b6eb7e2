"""What oha prints, as text, as JSON (``--output-format json``, formerly ``-j``) and as a table of requests."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.figures import COLUMNS, checked
from workbench.interchange.importing.imported import DOCUMENT, TABLE, TEXT, FileKind, Imported, Importer, Options, Tool
from workbench.interchange.importing.requests import Layout, runs_of
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.summaries import summary
from workbench.interchange.importing.texts import Output, outputs, tool_of

TOOL = Tool(
    name="oha",
    title="oha",
    latency_from="send",
    omission="Latency counts from the real send, and each worker waits for its answer (coordinated omission); with -q "
    "and --latency-correction it counts from the schedule, which the output does not tell.",
    units="In text the unit that stands beside each figure (s, ms, us ...); seconds in JSON.",
    percentiles="Of all answers, the wrong ones among them; the histogram it prints has eleven bars and is not used.",
)

_CSV = "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status"
_DEADLINE = "aborted due to deadline"
"""How oha names requests that were in flight when its time (-z) was over; its own success rate leaves them out."""


def matches(source: InputFile) -> bool:
    """Whether it has oha's summary."""
    return tool_of(source.head) == "oha"


def matches_json(source: InputFile) -> bool:
    """Whether it is a table with oha's tell-tale names."""
    tree = source.tree
    return (
        tree is not None
        and tree.get("summary", "successRate") is not None
        and tree.get("latencyPercentiles") is not None
    )


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs that the text tells."""
    return [_run_of_text(output) for output in outputs(source, "oha")]


def _run_of_text(output: Output) -> Imported:
    told = summary(output)
    rate, window = told.rate_per_s, told.window_s
    counted = told.answered + told.failed
    lacking = rate is not None and window is not None and rate * window > counted * 1.001 + 1 + 1e-4 * (rate + window)
    if "status" not in told.sections or lacking:
        raise output.cut_off()
    return _run(
        where=output.where,
        rate=rate,
        window=window,
        status=told.status,
        failures=told.errors,
        figures=told.latencies(),
        notes=(output.note,) if output.note else (),
        raw=output.raw,
        raw_name="oha.txt",
    )


def read_json(source: InputFile, options: Options) -> list[Imported]:
    """Return the one run in a document."""
    table = Table(source.nodes[0], source.where)
    totals, percentiles = table.table("summary"), table.table("latencyPercentiles")
    status, failures = table.table("statusCodeDistribution"), table.table("errorDistribution")
    told = {
        COLUMNS[q]: percentiles.number(name)
        for name in percentiles
        if (q := _quantile(name)) in COLUMNS and name in percentiles
    }
    extremes = {"low_s": totals.maybe_number("fastest"), "high_s": totals.maybe_number("slowest")}
    figures = {**told, **{name: value for name, value in extremes.items() if value is not None}}
    return [
        _run(
            where=source.where,
            rate=totals.maybe_number("requestsPerSec"),
            window=totals.number("total") or None,
            status={code: status.whole(code) for code in status},
            failures={text: failures.whole(text) for text in failures},
            figures={name: checked(value, source.where) for name, value in figures.items() if value},
            raw=source.text.encode(),
            raw_name="oha.json",
        )
    ]


def _quantile(name: str) -> float | None:
    """Return the quantile that a name such as ``p99.9`` stands for."""
    try:
        return round(float(name.removeprefix("p")) / 100, 6)
    except ValueError:
        return None


def _run(
    *,
    where: str,
    rate: float | None,
    window: float | None,
    status: Mapping[str, int],
    failures: Mapping[str, int],
    figures: Mapping[str, float],
    raw: bytes,
    raw_name: str,
    notes: tuple[str, ...] = (),
) -> Imported:
    answered = sum(status.values())
    aborted = sum(count for text, count in failures.items() if _DEADLINE in text)
    failed = sum(failures.values()) - aborted
    said = ["oha prints neither the connections (-c) nor the rate (-q) that it was asked for."]
    if aborted:
        said.append(
            f"{aborted:,} requests were in flight when its time was over: they are neither requests nor errors here, "
            "as in oha's own success rate. Its requests/s count them."
        )
    return Imported(
        tool=TOOL,
        where=where,
        loop="closed",
        arrival="closed",
        achieved_rate_per_s=rate,
        window_s=window,
        requests=answered + failed,
        errors=failed + answered - sum(count for code, count in status.items() if code[:1] == "2"),
        counts_by_status={**status, **({"transport-error": failed} if failed else {})},
        quantiles={"from_send": dict(figures)} if answered and figures else {},
        extra={"aborted_at_the_end": aborted} if aborted else {},
        notes=(*said, *notes),
        raw=raw,
        raw_name=raw_name,
    )


def matches_csv(source: InputFile) -> bool:
    """Whether its first line is the head of oha's table."""
    return source.first_line == _CSV


def read_csv(source: InputFile, options: Options) -> list[Imported]:
    """Return the one run in a table of requests."""
    layout = Layout(
        tool=TOOL,
        names=tuple(_CSV.split(",")),
        latency="request-duration",
        unit_s=1.0,
        status="status",
        offset="request-start",
        only_answered="oha's table has no line for a request that failed without an answer (refused, timed out)",
    )
    return runs_of(source, layout)


ADAPTER = Importer(
    name="oha",
    kinds=(
        FileKind(name="oha", title="text of oha", matches=matches, read=read, order=TEXT),
        FileKind(name="oha-csv", title="oha's table of requests", matches=matches_csv, read=read_csv, order=TABLE),
        FileKind(name="oha-json", title="oha JSON", matches=matches_json, read=read_json, order=DOCUMENT),
    ),
)
