"""What hey prints, and its table of requests (``-o csv``)."""

from __future__ import annotations

from dataclasses import replace

from workbench.interchange.importing.figures import COLUMNS
from workbench.interchange.importing.imported import TABLE, TEXT, FileKind, Imported, Importer, Options, Tool
from workbench.interchange.importing.requests import Layout, header_of, runs_of
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.summaries import Summary, summary
from workbench.interchange.importing.texts import outputs, tool_of

TOOL = Tool(
    name="hey",
    title="hey",
    latency_from="send",
    omission="Latency is measured from the actual send, and each worker waits for its answer "
    "(coordinated omission); -q only "
    "slows the workers down.",
    units="Seconds with four decimals: the resolution is 0.1 ms.",
    percentiles="Of all answers, rounded to 0.1 ms; the histogram it prints has eleven bars and is not used.",
)

RESOLUTION_S = 1e-4
"""hey prints seconds with four decimals."""

_ROUNDED = 5e-5
"""Half of the last decimal that it prints."""

_CSV = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read"
_LATER = ("", ",status-code", ",status-code,offset")
"""What later versions added to the table's head."""

_MOST = 1_000_000
"""hey keeps a million answers: latencies and statuses are of these; its rate is of all requests."""


def matches(source: InputFile) -> bool:
    """Whether it has hey's summary."""
    return tool_of(source.head) == "hey"


def matches_csv(source: InputFile) -> bool:
    """Whether its first line is hey's table head."""
    return source.first_line in [_CSV + later for later in _LATER]


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs that the text tells."""
    return [_run(summary(output)) for output in outputs(source, "hey")]


def _run(told: Summary) -> Imported:
    if "status" not in told.sections:
        raise told.output.cut_off()
    counted = told.answered + told.failed
    requests, rate = _counted(told)
    figures = told.latencies()
    held = {name: value for name, value in figures.items() if value >= RESOLUTION_S}
    below = _told(told) - len(held) if told.answered else 0
    wrong = counted - sum(count for code, count in told.status.items() if code[0] == "2")
    return Imported(
        tool=TOOL,
        where=told.output.where,
        loop="closed",
        arrival="closed",
        achieved_rate_per_s=rate,
        window_s=told.window_s,
        requests=requests,
        errors=wrong if requests == counted else None,
        counts_by_status={**told.status, **({"transport-error": told.failed} if told.failed else {})},
        quantiles={"from_send": held} if told.answered and held else {},
        notes=_notes(told, below, requests - counted, wrong),
        raw=told.output.raw,
        raw_name="hey.txt",
    )


def _counted(told: Summary) -> tuple[int, float | None]:
    """Return how many requests there were, and their rate.

    Raises
    ------
    BadInputError
        When fewer are listed than its rate tells of, though it keeps that many: the list was cut off.
    """
    counted, rate, window = told.answered + told.failed, told.rate_per_s, told.window_s
    if rate is None or window is None:
        return counted, rate
    whole, play = rate * window, 1 + _ROUNDED * (rate + window) + 1e-3 * counted
    if told.answered > _MOST and counted > whole + play:  # older versions divide the million that they keep by the time
        return counted, counted / window
    if whole <= counted + play:
        return counted, rate
    if told.answered < _MOST:
        raise told.output.cut_off()
    return round(whole), rate


def _told(told: Summary) -> int:
    """Return how many figures of the latency it prints, those of no size included."""
    return len({"low_s", "high_s", *(COLUMNS[q] for q, _, _ in told.percentiles if q in COLUMNS)})


def _notes(told: Summary, below: int, beyond: int, wrong: int) -> tuple[str, ...]:
    notes = ["hey prints neither the connections (-c) nor the target rate (-q)."]
    if below:
        notes.append(f"{below} of its figures are printed as 0.0000 s, below its resolution, and count as unknown.")
    if beyond:
        share = told.answered / (told.answered + beyond)
        notes.append(
            f"hey keeps {_MOST:,} answers: latency and statuses are of the first {share:.0%} "
            "of the run. Nothing is known about "
            f"{beyond:,} later requests, so errors are unknown"
            f"{f' (at least {wrong:,})' if wrong else ''}. Requests are time x rate."
        )
    if told.output.note:
        notes.append(told.output.note)
    return tuple(notes)


def read_csv(source: InputFile, options: Options) -> list[Imported]:
    """Return the one run in a table of requests."""
    names = header_of(source)
    layout = Layout(
        tool=TOOL,
        names=names,
        latency="response-time",
        unit_s=1.0,
        status="status-code" if "status-code" in names else None,
        offset="offset" if "offset" in names else None,
        notes=(
            "hey writes seconds with four decimals: its latencies are rounded to 0.1 ms, those below 0.05 ms to 0.",
        ),
        only_answered="hey's table has no line for a request that failed without an answer (refused, timed out)",
    )
    return [_of_the_first(run) for run in runs_of(source, layout)]


def _of_the_first(run: Imported) -> Imported:
    """Return the run; of a full table nobody knows how many more requests there were."""
    if run.requests is None or run.requests < _MOST:
        return run
    note = f"hey keeps {_MOST:,} answers: the table is full, and the number of requests is unknown."
    return replace(run, requests=None, notes=(*run.notes, note))


ADAPTER = Importer(
    name="hey",
    kinds=(
        FileKind(name="hey", title="text of hey", matches=matches, read=read, order=TEXT),
        FileKind(name="hey-csv", title="hey's table of requests", matches=matches_csv, read=read_csv, order=TABLE),
    ),
)
