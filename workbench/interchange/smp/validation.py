"""Validation of SMP documents: which message a document is, the definitions, then the rules.

What ``workbench smp validate`` says, and the first thing that every import of a document does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import BadInputError
from workbench.interchange.documents import Node, parse, read_file, text_of
from workbench.interchange.smp import rules
from workbench.interchange.smp.fields import Message, fields_of
from workbench.interchange.smp.findings import DocumentFinding
from workbench.interchange.smp.messages import (
    DOCUMENTS,
    EnvironmentConfig,
    PerformanceTestConfig,
    PerformanceTestResult,
    ServiceMesh,
    ServiceMeshConfig,
)
from workbench.interchange.smp.reading import Reader

MOST_DOCUMENT_BYTES = 16 * 2**20
"""An SMP document has a few kilobytes."""

LIKELY = 2
"""Names of a message's own that a document must have to be taken for it; `id`, `labels` and such belong to all."""

_COMMON = frozenset({"smp_version", "smpVersion", "id", "labels"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it was understood.

    Attributes
    ----------
    kind
        ``"test"``, ``"result"``, ``"mesh"``, ``"environment"`` (`DOCUMENTS`), or ``"profile"``: Meshery's file with
        ``test:`` and ``mesh:``.
    message
        Of a profile its test; what could not be read is not set.
    mesh
        Of a profile its mesh; None otherwise.
    where
        The file; with a number behind it where a file holds several documents.
    findings
        What is wrong, in the order of the document; empty when nothing is.
    """

    kind: str
    message: Message
    mesh: ServiceMesh | None = None
    where: str
    findings: tuple[DocumentFinding, ...]


def own_names(cls: type[Message]) -> set[str]:
    """Return the names that tell a message of ``cls`` from the other documents, in both spellings."""
    return {name for spec in fields_of(cls).values() for name in (spec.name, spec.json_name)} - _COMMON


def kind_of(node: Node) -> str:
    """Return what kind of document ``node`` is: see `Document.kind`; empty when it is none."""
    if not isinstance(node.value, dict):
        return ""
    names = set(node.value)
    test = node.get("test")
    if test is not None and isinstance(test.value, dict) and names <= {"test", "mesh"}:
        return "profile"
    found = {kind: len(names & own_names(cls)) for kind, cls in DOCUMENTS.items()}
    best = max(found, key=lambda kind: found[kind])
    enough = found[best] >= LIKELY or (found[best] == 1 and "smp_version" in names)
    return best if enough else ""


def read_document(node: Node, where: str, kind: str = "") -> Document:
    """Return the document in ``node`` with its findings.

    Parameters
    ----------
    kind
        What it is; empty: told by its names.

    Raises
    ------
    BadInputError
        When it is not an SMP document.
    """
    known = kind or kind_of(node)
    if not known:
        raise BadInputError(
            f"{where}, line {node.line}: this is not an SMP document: a test "
            "configuration, result, mesh configuration or "
            "environment has names such as clients, latencies_ms, mesh_type or individual_workloads."
        )
    reader = Reader(where)
    if known == "profile":
        return _profile(reader, node)
    message = reader.message(DOCUMENTS[known], node)
    rules.check(reader, message, node)
    return Document(kind=known, message=message, where=where, findings=_in_order(reader))


def _profile(reader: Reader, node: Node) -> Document:
    test, mesh = node.value["test"], node.value.get("mesh")
    config = reader.message(PerformanceTestConfig, test, "test")
    rules.check(reader, config, test, "test")
    told = None if mesh is None or mesh.value is None else reader.message(ServiceMesh, mesh, "mesh")
    return Document(kind="profile", message=config, mesh=told, where=reader.where, findings=_in_order(reader))


def _in_order(reader: Reader) -> tuple[DocumentFinding, ...]:
    return tuple(sorted(reader.findings, key=lambda one: one.line))


def validate_file(path: Path, kind: str = "") -> list[Document]:
    """Return the documents in a file, JSON or YAML, each with what is wrong with it.

    Raises
    ------
    BadInputError
        When it is not an SMP document at all, or cannot be read.
    """
    where = str(path)
    return documents_in(parse(text_of(read_file(path, MOST_DOCUMENT_BYTES), where), where), where, kind)


def documents_in(nodes: Sequence[Node], where: str, kind: str = "") -> list[Document]:
    """Return the documents in a file's trees; a list counts as the documents in it. Raises as `validate_file`."""
    listed = nodes[0].value if len(nodes) == 1 and isinstance(nodes[0].value, list) else nodes
    documents = [
        read_document(node, where if len(listed) == 1 else f"{where} ({place})", kind)
        for place, node in enumerate(listed, start=1)
    ]
    if not documents:
        raise BadInputError(f"{where} contains no document.")
    return [*documents[:-1], _with_links(documents)] if len(documents) > 1 else documents


def _with_links(documents: list[Document]) -> Document:
    """Return the last document with the findings about links among all of them."""
    last = documents[-1]
    found = tuple(dangling(documents))
    return Document(
        kind=last.kind, message=last.message, mesh=last.mesh, where=last.where, findings=last.findings + found
    )


def dangling(documents: Iterable[Document]) -> list[DocumentFinding]:
    """Return a finding for each link of a result that leads to none of ``documents``, and for each id given twice."""
    listed = list(documents)
    kinds = {"test_id": PerformanceTestConfig, "mesh_config_id": ServiceMeshConfig, "env_id": EnvironmentConfig}
    found: list[DocumentFinding] = []
    for document in listed:
        if not isinstance(document.message, PerformanceTestResult):
            continue
        for link, cls in kinds.items():
            wanted = getattr(document.message, link)
            ids = [getattr(one.message, "id", "") for one in listed if isinstance(one.message, cls)]
            if wanted and wanted not in ids:
                said = f"{wanted!r} is not the id of any of the {len(ids)} documents of that kind"
                found.append(_finding("dangling-link", document, link, said))
    for cls in DOCUMENTS.values():
        ids = [getattr(one.message, "id", "") for one in listed if isinstance(one.message, cls)]
        for document in listed:
            name = getattr(document.message, "id", "")
            if isinstance(document.message, cls) and name and ids.count(name) > 1:
                found.append(
                    _finding("duplicate-id", document, "id", f"{ids.count(name)} documents have the id {name!r}")
                )
    return found


def _finding(rule: str, document: Document, field: str, message: str) -> DocumentFinding:
    return DocumentFinding(rule=rule, severity="error", where=document.where, line=1, field=field, message=message)
