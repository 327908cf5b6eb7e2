"""Pages of the documentation's site that are made: the notebooks, as they are shipped and without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files
from nbconvert.exporters import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
NOTE = "*This is the notebook `notebooks/{name}` as it is shipped, without outputs. Run it with `workbench lab`.*\n\n"


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        text, _ = MarkdownExporter().from_notebook_node(notebook)
        title, _, rest = text.strip().partition("\n")
        page = f"{title}\n\n{NOTE.format(name=path.name)}{rest}"
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
    return files
