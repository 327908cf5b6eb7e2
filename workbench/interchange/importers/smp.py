"""Results in the Service Mesh Performance specification's documents, without the records of a bundle.

What the documents lack is missing; what is wrong with them is mended where that is certain, and said. Latencies that
may be seconds under the name of milliseconds are not guessed about: either Meshery's converter is known to have written
them, or whoever imports them says what they are (``--latencies-in``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from workbench.errors import BadInputError
from workbench.interchange.importing.figures import checked
from workbench.interchange.importing.imported import WIDE, FileKind, Imported, Importer, Options, Tool, Usage
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.tools import FORTIO, NIGHTHAWK, WRK, WRK2
from workbench.interchange.smp.canonical import NS
from workbench.interchange.smp.drafts import Draft, modern
from workbench.interchange.smp.exporting import PREFIX
from workbench.interchange.smp.findings import DocumentFinding
from workbench.interchange.smp.messages import (
    EnvironmentConfig,
    Latency,
    PerformanceTestConfig,
    PerformanceTestResult,
    Protocol,
    ServiceMeshConfig,
)
from workbench.interchange.smp.naming import mesh_label
from workbench.interchange.smp.rules import duration_s, is_from_meshery, suspect_seconds
from workbench.interchange.smp.validation import Document, documents_in, kind_of
from workbench.model.lab_steps import Role

UNTOLD = Tool(
    name="untold",
    title="an unnamed load generator",
    latency_from="send",
    omission="The documents do not state where latency starts; the actual send is assumed, the weaker of the two.",
    units="Milliseconds.",
    percentiles="As in the result: p50, p90 and p99, without a distribution.",
)
_TOOLS = {tool.name: tool for tool in (FORTIO, NIGHTHAWK, WRK, WRK2)}
_PROTOCOLS = {Protocol.PROTOCOL_HTTP: "http/1.1", Protocol.PROTOCOL_TCP: "tcp", Protocol.PROTOCOL_GRPC: "grpc"}
_FIELDS = {"p50_s": "p50", "p90_s": "p90", "p99_s": "p99", "low_s": "min", "high_s": "max"}
_MARKS = ("smp_version", "smpVersion", "latencies_ms", "latenciesMs", "endpoint_urls", "mesh_config_id", "clients:")


def matches(source: InputFile) -> bool:
    """Whether it holds a result of the specification, alone or among its other documents."""
    if not any(mark in source.head for mark in _MARKS):
        return False
    nodes = source.nodes[0].value if isinstance(source.nodes[0].value, list) else source.nodes
    return any(kind_of(node) for node in nodes)


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return a run for each result in the file.

    Raises
    ------
    BadInputError
        When there is none, something that cannot be mended is wrong, or it must be said what the latencies are.
    """
    listed = source.nodes[0].value if isinstance(source.nodes[0].value, list) else source.nodes
    moved = [modern(node) for node in listed]
    documents = documents_in([node for node, _ in moved], source.where)
    fatal = [one for document in documents for one in document.findings if one.severity == "error" and not one.repair]
    if fatal:
        raise BadInputError(
            f"{fatal[0]}. {len(fatal)} such findings; `workbench smp validate` lists all. Nothing is imported."
        )
    results = [one for one in documents if isinstance(one.message, PerformanceTestResult)]
    if not results:
        kinds = ", ".join(sorted({one.kind for one in documents}))
        raise BadInputError(
            f"{source.where} contains no result ({kinds}). Import a profile by itself; it becomes an experiment."
        )
    drafts = {id(one): draft for one, (_, draft) in zip(documents, moved, strict=True)}
    return [_completed(_run(one, documents, options, source), drafts[id(one)]) for one in results]


def _completed(run: Imported, draft: Draft | None) -> Imported:
    """Return a run with what a draft of the specification says beside its result."""
    if draft is None:
        return run
    usage = tuple(
        Usage(component=name, role=_ROLES.get(role, "unattributed"), cpu_cores=cores)
        for name, (role, cores) in draft.cores.items()
    )
    said = "It has the form of the specification's first drafts; its client's rate is taken as the achieved rate."
    return replace(run, connections=run.connections or draft.connections, usage=usage, notes=(*run.notes, said))


_ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


def repairs(findings: tuple[DocumentFinding, ...]) -> tuple[str, ...]:
    """Return what was mended, one sentence each."""
    return tuple(
        f"Repaired, line {one.line}: {one.field} {one.message}; {one.repair}." for one in findings if one.repair
    )


def _linked(documents: list[Document], cls: type, wanted: str) -> Any:
    """Return the document of class ``cls`` with the id ``wanted``; the only one there is when nothing is linked."""
    found = [one.message for one in documents if isinstance(one.message, cls)]
    named = [one for one in found if getattr(one, "id", "") == wanted and wanted]
    return named[0] if named else found[0] if len(found) == 1 and not wanted else None


def _run(document: Document, documents: list[Document], options: Options, source: InputFile) -> Imported:
    result = document.message
    if not isinstance(result, PerformanceTestResult):
        raise BadInputError(f"{document.where} is not a result.")
    test: PerformanceTestConfig | None = _linked(documents, PerformanceTestConfig, result.test_id)
    mesh: ServiceMeshConfig | None = _linked(documents, ServiceMeshConfig, result.mesh_config_id)
    environment: EnvironmentConfig | None = _linked(documents, EnvironmentConfig, result.env_id)
    client = test.clients[0] if test is not None and test.clients else None
    tool = _TOOLS.get(client.load_generator.lower(), UNTOLD) if client is not None else UNTOLD
    factor, said = _unit(result, options, document.where)
    kind = "from_schedule" if tool.latency_from == "schedule" else "from_send"
    found = result.latencies_ms or Latency()
    figures = {
        name: checked(getattr(found, field) * factor, f"{document.where}: latencies_ms.{field}")
        for name, field in _FIELDS.items()
        if getattr(found, field) > 0
    }
    start, end = result.start_time, result.end_time
    requests, errors = (_count(result.labels.get(f"{PREFIX}{name}", "")) for name in ("requests", "errors"))
    untold = ["The specification has no field for errors: their number is unknown."] if errors is None else []
    notes = [*repairs(document.findings), *said, *untold]
    made = Imported(
        tool=tool,
        where=document.where,
        label=mesh_label(mesh.mesh_type) if mesh is not None else result.labels.get("mesh", ""),
        achieved_rate_per_s=result.actual_qps if result.actual_qps > 0 else None,
        requests=requests,
        errors=errors,
        window_s=(end - start) / NS if start is not None and end is not None and end > start else None,
        started_at_s=start / NS if start is not None else None,
        quantiles={kind: figures} if figures else {},
        extra={
            "average_s": found.average * factor if found.average > 0 else None,
            "labels": dict(result.labels),
            "details_uri": result.details_uri,
            "environment": None if environment is None else environment.id,
        },
        notes=tuple(notes),
        raw=source.text.encode(),
        raw_name="smp.json" if source.tree is not None else "smp.yaml",
        usage=_usage(mesh, environment),
        mtls=mesh.mtls_enabled or None if mesh is not None else None,
    )
    return (
        made
        if test is None or client is None
        else replace(
            made,
            protocol=_PROTOCOLS.get(client.protocol),
            rate_per_s=float(client.rps) if client.rps > 0 else None,
            connections=client.connections or None,
            duration_s=duration_s(test.duration) or None,
            payload_bytes=len(client.body.encode()) if client.body else None,
        )
    )


def _unit(result: PerformanceTestResult, options: Options, where: str) -> tuple[float, tuple[str, ...]]:
    """Return the factor from ``latencies_ms`` to seconds, and what is to be said about it."""
    if options.latencies_in == "s":
        return 1.0, ("latencies_ms is read as seconds, as requested.",)
    if options.latencies_in == "ms" or result.latencies_ms is None:
        return 1e-3, ()
    if is_from_meshery(result):
        return 1.0, ("Repaired: Meshery's converter copies Fortio's seconds into latencies_ms; read as seconds.",)
    if suspect_seconds(result):
        found = result.latencies_ms
        raise BadInputError(
            f"{where}: latencies_ms with p50 {found.p50:g} and max {found.max:g} may be seconds. Choose the unit: "
            "--latencies-in ms (as the name says) or --latencies-in s."
        )
    return 1e-3, ()


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else None


_MOST_DIGITS = 16


def _usage(mesh: ServiceMeshConfig | None, environment: EnvironmentConfig | None) -> tuple[Usage, ...]:
    """Return measured CPU as far as the documents hold it; memory of unknown definition is compared with nothing.

    Roles are those that the documents' labels tell, where this project wrote them; the specification itself has
    sidecars, a control plane, and workloads, which are the application.
    """
    labels = {**(mesh.labels if mesh is not None else {}), **(environment.labels if environment is not None else {})}
    parts: list[tuple[str, str, Role, int]] = []
    if mesh is not None and mesh.sidecar is not None:
        parts.append(("sidecars", "sidecar", "sidecar", mesh.sidecar.cpu_mcores))
    if mesh is not None and mesh.mesh_control_plane is not None:
        parts.append(("control-plane", "control_plane", "control-plane", mesh.mesh_control_plane.cpu_mcores))
    for part in environment.individual_workloads if environment is not None else ():
        named = part.name or "workload"
        parts.append((named, f"workload.{named}", _workload_role(named), part.cpu_mcores))
    return tuple(
        Usage(
            component=component,
            role=_ROLES.get(labels.get(f"{PREFIX}{key}.roles", ""), role),
            cpu_cores=_cores(labels.get(f"{PREFIX}{key}.cpu_cores", "")) or mcores / 1000,
        )
        for component, key, role, mcores in parts
        if mcores > 0
    )


def _workload_role(name: str) -> Role:
    """Return the role of a workload: the application's, unless it bears the very name of a load generator."""
    return "load-generator" if name.lower() in ("load-generator", *_TOOLS) else "application"


def _cores(text: str) -> float | None:
    """Return the exact cores that stand in a label of this project; None where there is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


ADAPTER = Importer(
    name="smp",
    kinds=(
        FileKind(
            name="smp",
            title="results of the Service Mesh Performance specification",
            matches=matches,
            read=read,
            order=WIDE,
        ),
    ),
)
