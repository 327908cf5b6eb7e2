"""Pages of the documentation's site that are made: the notebooks as they are shipped, and the columns of all tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files
from nbconvert.exporters import MarkdownExporter

from workbench.model.columns import TABLES, shown

ROOT = Path(__file__).resolve().parents[1]
NOTE = "*This is the notebook `notebooks/{name}` as it is shipped, without outputs. Run it with `workbench lab`.*\n\n"


METHODS = {
    **{name: name for name in ("campaigns", "runs", "consumption", "sources", "latency", "gates")},
    "components": "reservations",
}
"""Table -> the method of a store that gives its frame."""


def columns_page() -> str:
    """Return the page of columns: a table for each table of the index."""
    parts = [
        "# Columns",
        "What `Store.query` finds in the index's tables. The methods of a store give the same as frames, without the "
        "columns that have no meaning here, and times as timestamps (UTC).",
    ]
    for table, columns in TABLES.items():
        method = f", `Store.{METHODS[table]}()`" if table in METHODS else ""
        renamed = {column.name: name for name, column in shown(table).items() if name != column.name}
        rows = [
            f"| `{one.name}`{f' (frame: `{renamed[one.name]}`)' if one.name in renamed else ''} | {one.kind} "
            f"| {one.says} |"
            for one in columns
        ]
        parts += [f"## {table}{method}", "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook, and the one of columns."""
    files.append(File.generated(config, "api/columns.md", content=columns_page()))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        text, _ = MarkdownExporter().from_notebook_node(notebook)
        title, _, rest = text.strip().partition("\n")
        page = f"{title}\n\n{NOTE.format(name=path.name)}{rest}"
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
    return files
