"""Meshery's performance results, as ``mesheryctl perf result -o json`` or ``-o yaml`` gives them.

A result wraps the output of the load generator, brought into Fortio's shape, with the mesh's name. What else it says
(server metrics, boards) are panels' definitions and is not read.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.interchange.documents import Node
from workbench.interchange.importers import fortio
from workbench.interchange.importers.asking import Table
from workbench.interchange.importers.imported import Imported, Importer, Options, Tool
from workbench.interchange.importers.source import Source
from workbench.interchange.smp.canonical import json_text

WRK2 = Tool(
    name="wrk2",
    title="wrk2, by Meshery",
    latency_from="schedule",
    omission="Latency counts from the moment at which the request was due.",
    units="Seconds, in Fortio's shape.",
    percentiles="Recomputed from the buckets that Meshery brought wrk2's histogram into.",
)
NIGHTHAWK = Tool(
    name="nighthawk",
    title="Nighthawk, by Meshery",
    latency_from="send",
    omission="Meshery ran Nighthawk with a closed loop: latency counts from the real send (coordinated omission).",
    units="Seconds, in Fortio's shape.",
    percentiles="Recomputed from the buckets that Nighthawk's histogram was brought into.",
)
_TOOLS = {"fortio": fortio.TOOL, "wrk2": WRK2, "nighthawk": NIGHTHAWK}
_RESULTS = ("runner_results", "runnerResults")


def _holds_result(node: Node) -> bool:
    return any(node.get(name) is not None for name in _RESULTS)


def _results(source: Source) -> list[Node]:
    """Return the nodes of results: the document itself, its list ``results``, or the items of a list."""
    root = source.nodes[0]
    if isinstance(root.value, list):
        return [one for one in root.value if _holds_result(one)]
    listed = root.get("results")
    if listed is not None and isinstance(listed.value, list):
        return [one for one in listed.value if _holds_result(one)]
    return [root] if _holds_result(root) else []


def matches(source: Source) -> bool:
    """Whether it has results of Meshery's runner."""
    return any(name in source.head for name in _RESULTS) and bool(_results(source))


def read(source: Source, options: Options) -> list[Imported]:
    """Return a run for each result."""
    return [_run(Table(one, source.where, f"results[{place}]")) for place, one in enumerate(_results(source))]


def _run(table: Table) -> Imported:
    held = table.table(next(name for name in _RESULTS if name in table))
    generator = (held.maybe_text("load-generator") or "fortio").lower()
    tool = _TOOLS.get(generator)
    if tool is None:
        raise held.wrong("load-generator", f"is {generator!r}; known are {', '.join(_TOOLS)}")
    run = fortio.run_of(held, json_text(table.node.plain).encode(), tool)
    mesh = table.maybe_text("mesh")
    known = mesh if mesh.lower() not in ("none", "no mesh", "") else ""
    return replace(
        run,
        label=known or run.label or table.maybe_text("name"),
        is_baseline=True if mesh.lower() in ("none", "no mesh") else None,
        loop="open" if tool is WRK2 else run.loop,
        extra={
            **run.extra,
            **{name: table.text(name) for name in ("meshery_id", "name", "mesh", "test_id") if name in table},
        },
        notes=(
            *run.notes,
            "Meshery's result names the mesh as its user did; nothing verified that it was in the path.",
        ),
        raw_name="meshery.json",
    )


IMPORTER = Importer(name="meshery", title="performance results of Meshery", matches=matches, read=read)
