"""What wrk and wrk2 print. They look alike; wrk2 tells itself by what it alone prints, such as its calibration.

The column before the last of the table is the largest latency ("Max"), or in versions of wrk2 a percentile ("99%").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from workbench.interchange.importing.figures import COLUMNS, checked, from_cumulative
from workbench.interchange.importing.imported import TEXT, FileKind, Imported, Importer, Options, Tool
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.texts import Output, known, lasted, latency, outputs, per_second, tool_of
from workbench.interchange.importing.tools import WRK, WRK2
from workbench.model.records import Histogram

_COLUMNS = {**COLUMNS, 1.0: "high_s"}

_RUNNING = re.compile(r"\s*Running (\S+) test @ (\S+)")
_THREADS = re.compile(r"\s*(\d+) threads? and (\d+) connections?")
_HEAD = re.compile(r"\s*Thread Stats\s+Avg\s+Stdev\s+(\S+)\s+\+/- Stdev")
_LATENCY = re.compile(r"\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)%\s+(\S+)\s*")
_DONE = re.compile(r"\s*(\d+) requests in (\S+), \S+ read")
_STATUS = re.compile(r"\s*Non-2xx or 3xx responses: (\d+)")
_SOCKET = re.compile(r"\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_RATE = re.compile(r"\s*Requests/sec:\s+(\S+)")
_TRANSFER = re.compile(r"\s*Transfer/sec:")
_LARGEST = re.compile(r"#\[Max\s*=\s*([0-9.]+),")
_SPECTRUM = re.compile(r"\s*([0-9.]+)\s+([01]\.[0-9]+)\s+(\d+)(?:\s+(?:[0-9.]+|inf))?\s*")
_ERRORS = ("connect", "read", "write", "timeout")

_OF_WRK2 = re.compile(r"\s*Thread calibration|.*HdrHistogram|\s*\d+\.\d{3}%\s|#\[Max|\s*Req/Sec\s+-?nan\s+-?nan\s")
"""What wrk2 alone prints. A run of at most 10 s ends before it has sampled its rate: Req/Sec is then no number, where
wrk prints 0.00."""


def matches(source: InputFile) -> bool:
    """Whether it begins as wrk does."""
    return tool_of(source.head) == "wrk"


_LINES = {
    "running": _RUNNING,
    "threads": _THREADS,
    "head": _HEAD,
    "latency": _LATENCY,
    "done": _DONE,
    "rate": _RATE,
    "transfer": _TRANSFER,
    "status": _STATUS,
    "socket": _SOCKET,
    "largest": _LARGEST,
}
_Parts = Mapping[str, tuple[re.Match[str], str]]
"""What the lines told, as it was read: name -> match and place."""


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the runs that the text tells."""
    return [_of(output) for output in outputs(source, "wrk")]


def _of(output: Output) -> Imported:
    lines = list(_corrected(output))
    parts: dict[str, tuple[re.Match[str], str]] = {}
    for place, line in lines:
        for name, pattern in _LINES.items():
            if name not in parts and (found := pattern.match(line)):
                parts[name] = found, place
    if not {"done", "rate", "latency"} <= set(parts):
        raise output.cut_off()
    return _run(output, lines, parts)


def _corrected(output: Output) -> Iterator[tuple[str, str]]:
    """Yield the lines and their places without wrk2's uncorrected latency (-U), which counts from the send."""
    inside = False
    for place, line in output.numbered:
        inside = (inside or "HdrHistogram - Uncorrected" in line) and not line.startswith("-----")
        if not inside:
            yield place, line


def _run(output: Output, lines: list[tuple[str, str]], parts: _Parts) -> Imported:
    column = parts["head"][0][1] if "head" in parts else "Max"
    is_wrk2 = column != "Max" or any(_OF_WRK2.match(line) for _, line in lines)
    tool, kind = (WRK2, "from_schedule") if is_wrk2 else (WRK, "from_send")
    completed, rate, window = _totals(output, parts)
    failures = (
        {name: int(parts["socket"][0][place]) for place, name in enumerate(_ERRORS, 1)} if "socket" in parts else {}
    )
    wrong = int(parts["status"][0][1]) if "status" in parts else 0
    whole = _spectrum(lines)
    figures = _figures(lines, parts, column)
    requests, errors = _counted(completed, wrong, failures)
    asked = parts.get("running")
    average = latency(parts["latency"][0][1], parts["latency"][1])
    return Imported(
        tool=tool,
        where=output.where,
        title=asked[0][2] if asked else "",
        loop="open" if is_wrk2 else "closed",
        arrival="constant" if is_wrk2 else "closed",
        protocol="http/1.1",
        achieved_rate_per_s=rate,
        duration_s=lasted(asked[0][1], asked[1]) if asked else None,
        window_s=window,
        connections=int(parts["threads"][0][2]) if "threads" in parts else None,
        requests=requests,
        errors=errors,
        counts_by_status={
            **({"2xx-3xx": max(0, completed - wrong)} if completed > wrong else {}),
            **({"other-status": wrong} if wrong else {}),
            **{name: count for name, count in failures.items() if count},
        },
        histograms={kind: whole} if whole is not None else {},
        quantiles={kind: figures} if whole is None and figures else {},
        extra={"average_s": average} if average is not None else {},
        notes=_notes(output, tool, failures, completed, "p50_s" in figures or whole is not None),
        raw=output.raw,
        raw_name=f"{tool.name}.txt",
    )


def _totals(output: Output, parts: _Parts) -> tuple[int, float | None, float | None]:
    """Return how many answers came, their rate and in what time.

    Raises
    ------
    BadInputError
        When the text ends within the rate, so that it is another one.
    """
    (done, place), (rate, rate_place) = parts["done"], parts["rate"]
    completed, window, reached = int(done[1]), lasted(done[2], place), per_second(rate[1], rate_place)
    if "transfer" not in parts and window and reached is not None and not _near(completed / window, reached):
        raise output.cut_off()
    return completed, reached, window


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 0.02 * max(one, other) + 0.01


def _counted(completed: int, wrong: int, failures: Mapping[str, int]) -> tuple[int, int]:
    """Return the requests and, of these, the errors.

    What broke off while it was connected, written or read has no answer and stands beside those that completed. What
    took longer than the timeout is among them: wrk counts the answer when it comes, and leaves its latency out.
    """
    broken = sum(failures.get(name, 0) for name in ("connect", "read", "write"))
    late = wrong + failures.get("timeout", 0)
    if not completed:
        return broken + late, broken + late
    return completed + broken, broken + min(completed, late)


def _figures(lines: list[tuple[str, str]], parts: _Parts, column: str) -> dict[str, float]:
    """Return the latency's figures by column: of the table, the distribution and wrk2's line of totals."""
    row, place = parts["latency"]
    found: dict[float, float | None] = {}
    if column == "Max":
        found[1.0] = latency(row[3], place)
    elif named := re.fullmatch(r"(\d+(?:\.\d+)?)%", column):
        found[round(float(named[1]) / 100, 6)] = latency(row[3], place)
    found |= _percentiles(lines)
    if "largest" in parts:
        found[1.0] = latency(f"{parts['largest'][0][1]} ms", parts["largest"][1])
    return known({_COLUMNS[q]: value for q, value in found.items() if q in _COLUMNS})


def _percentiles(lines: list[tuple[str, str]]) -> dict[float, float | None]:
    """Return the latency distribution, quantile -> seconds."""
    found: dict[float, float | None] = {}
    inside = False
    for place, line in lines:
        if "Latency Distribution" in line:
            if found:
                break
            inside = True
        elif inside:
            pair = _PERCENT.fullmatch(line)
            if pair is None:
                break
            found[round(float(pair[1]) / 100, 6)] = latency(pair[2], place)
    return found


def _spectrum(lines: list[tuple[str, str]]) -> Histogram | None:
    """Return wrk2's detailed percentile spectrum as a histogram; None when there is none, or nothing in it."""
    values: list[float] = []
    counts: list[int] = []
    inside, where = False, ""
    for place, line in lines:
        if "Detailed Percentile spectrum" in line:
            if values:
                break
            inside, where = True, place
        elif inside and (found := _SPECTRUM.fullmatch(line)):
            values.append(checked(float(found[1]) / 1e3, place))
            counts.append(int(found[3]))
        elif inside and values:
            break
    made = from_cumulative(values, counts, f"{where}: spectrum") if values else None
    return made if made is not None and made.count and made.high_s else None


def _notes(
    output: Output, tool: Tool, failures: Mapping[str, int], completed: int, has_percentile: bool
) -> tuple[str, ...]:
    notes = ["wrk2 does not print its target rate (-R)."] if tool is WRK2 else []
    if not has_percentile and completed:
        notes.append("It ran without --latency: it has only the percentiles in its table.")
    broken = {name: failures[name] for name in ("connect", "read", "write") if failures.get(name)}
    if broken:
        told = ", ".join(f"{name} {count:,}" for name, count in broken.items())
        notes.append(
            f"Requests that broke off without an answer ({told}) are errors in addition to "
            f"the {completed:,} that completed; "
            "its rate and latency do not include them."
        )
    if tool is WRK2 and failures.get("timeout"):
        notes.append("wrk2 counts a request again for every two seconds that it waits beyond its timeout.")
    if output.note:
        notes.append(output.note)
    return tuple(notes)


ADAPTER = Importer(
    name="wrk",
    kinds=(FileKind(name="wrk", title="text of wrk or wrk2", matches=matches, read=read, order=TEXT),),
)
