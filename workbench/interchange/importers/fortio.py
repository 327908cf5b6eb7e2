"""Fortio's JSON (``fortio load -json``), of HTTP, gRPC, TCP and UDP runs."""

from __future__ import annotations

from workbench.interchange.importing.asking import Table
from workbench.interchange.importing.fortio_json import is_nighthawk, nighthawk_run, run_of
from workbench.interchange.importing.imported import DOCUMENT, FileKind, Imported, Importer, Options
from workbench.interchange.importing.source import InputFile
from workbench.interchange.importing.tools import FORTIO, NIGHTHAWK


def matches(source: InputFile) -> bool:
    """Whether it is a table with Fortio's two tell-tale names."""
    names = ("DurationHistogram", "ActualQPS")
    return bool(source.tables) and all(node.get(name) is not None for node, _ in source.tables for name in names)


def read(source: InputFile, options: Options) -> list[Imported]:
    """Return the run in each document of Fortio's shape, by Fortio or by Nighthawk."""
    raw, tables = source.text.encode(), [Table(node, where) for node, where in source.tables]
    return [
        nighthawk_run(table, raw, NIGHTHAWK) if is_nighthawk(table) else run_of(table, raw, FORTIO) for table in tables
    ]


ADAPTER = Importer(
    name="fortio",
    kinds=(FileKind(name="fortio", title="Fortio JSON", matches=matches, read=read, order=DOCUMENT),),
)
