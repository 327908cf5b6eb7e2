"""Meshery's performance results, as ``mesheryctl perf result -o json`` or ``-o yaml`` gives them.

A result wraps the output of the load generator, brought into Fortio's shape, with the mesh's name. What else it says
(server metrics, boards) are panels' definitions and is not read.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.interchange.documents import Node
from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.fortio_json import is_nighthawk, nighthawk_run, run_of
from workbench.interchange.importing.imported import DOCUMENT, FileKind, Imported, Importer, Options, Tool
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.tools import FORTIO
from workbench.interchange.smp.canonical import json_text

WRK2 = Tool(
    name="wrk2",
    title="wrk2, by Meshery",
    latency_from="schedule",
    omission="Latency is measured from the moment the request was due.",
    units="Seconds, in Fortio's shape.",
    percentiles="Recomputed from the buckets into which Meshery converted wrk2's histogram.",
)
NIGHTHAWK = Tool(
    name="nighthawk",
    title="Nighthawk, by Meshery",
    latency_from="send",
    omission="Meshery ran Nighthawk with a closed loop: latency is measured from the "
    "actual send (coordinated omission).",
    units="Seconds, in Fortio's shape.",
    percentiles="Recomputed from the buckets into which Nighthawk's histogram was converted.",
)
_TOOLS = {"fortio": FORTIO, "wrk2": WRK2, "nighthawk": NIGHTHAWK}
_RESULTS = ("runner_results", "runnerResults")


def _holds_result(node: Node) -> bool:
    return any(node.get(name) is not None for name in _RESULTS)


def _results(source: InputFile) -> list[Node]:
    """Return the nodes of results: of each document itself, its list ``results``, or its items if it is a list."""
    found: list[Node] = []
    for root in source.nodes:
        listed = root if isinstance(root.value, list) else root.get("results")
        held = listed.value if listed is not None and isinstance(listed.value, list) else [root]
        found += [one for one in held if _holds_result(one)]
    return found


def matches(source: InputFile) -> bool:
    """Whether it has results of Meshery's runner."""
    return any(name in source.head for name in _RESULTS) and bool(_results(source))


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return a run for each result of a runner, of which one result of Meshery may hold several."""
    return [
        run
        for place, one in enumerate(_results(source))
        for run in _runs(Table(one, source.where, f"results[{place}]"))
    ]


def _runs(table: Table) -> list[Imported]:
    """Return the runs in one result: of its runner, or of each of a list of them; those that are null tell nothing."""
    name = next((name for name in _RESULTS if name in table), "")
    if not name:
        return []
    if not isinstance(table.node.value[name].value, list):
        return [_run(table, table.table(name))]
    listed = Node(
        value={name: Node(value=[one for one in table.node.value[name].value if one.value is not None], line=0)},
        line=table.node.line,
    )
    runs = [_run(table, held) for held in Table(listed, table.where, table.path).tables(name)]
    places = {str(run.extra.get("URL", "")) for run in runs}
    if len(places) < 2:
        return runs
    return [replace(run, workload=_short(str(run.extra.get("URL") or run.workload))) for run in runs]


def _short(url: str) -> str:
    """Return an address fit to name what was called: without its scheme, and short."""
    return url.split("://", 1)[-1][:_LONGEST] or "imported"


_LONGEST = 80
_LABEL_ENDS = " -_- "
"""Between the test's name and its address, in the labels that Meshery gives its load generators."""


def _run(table: Table, held: Table) -> Imported:
    by = "nighthawk" if is_nighthawk(held) else "fortio"
    generator = (held.maybe_text("load-generator") or by).lower()
    tool = _TOOLS.get(generator)
    if tool is None:
        raise held.wrong("load-generator", f"is {generator!r}; known are {', '.join(_TOOLS)}")
    told = nighthawk_run if tool is NIGHTHAWK else run_of
    run = told(held, json_text(table.node.plain).encode(), tool)
    mesh = table.maybe_text("mesh")
    known = mesh if mesh.lower() not in ("none", "no mesh", "") else ""
    return replace(
        run,
        label=known or run.label.split(_LABEL_ENDS)[0] or table.maybe_text("name"),
        is_baseline=True if mesh.lower() in ("none", "no mesh") else None,
        loop="open" if tool is WRK2 else "closed",
        extra={
            **run.extra,
            **{name: table.text(name) for name in ("meshery_id", "name", "mesh", "test_id") if name in table},
        },
        notes=(
            *run.notes,
            "Meshery's result has the mesh's name from its user; nothing verified that it was in the path.",
        ),
        raw_name="meshery.json",
    )


ADAPTER = Importer(
    name="meshery",
    kinds=(
        FileKind(name="meshery", title="performance results of Meshery", matches=matches, read=read, order=DOCUMENT),
    ),
)
