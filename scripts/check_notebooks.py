"""Check the form of the shipped notebooks: thin, documented, parameterised, without outputs.

``python scripts/check_notebooks.py [NOTEBOOK ...]`` prints what is wrong and fails; `make check` calls it. The rules
are those of the project's house style: a notebook is prose, parameters, calls and pictures; whatever needs a function,
a loop or a query belongs into the package.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_CODE_CELLS = 15
MOST_LINES = 10
SECTIONS = ("You will", "You need", "You get")
NAME = re.compile(r"\d\d_[a-z]+(_[a-z]+)+\.ipynb")
PLACES = ("60_playground.ipynb",)
"""A place to be in, not a step of the pipeline: it bears no verb."""
CELL_ID = re.compile(r"[a-z][a-z0-9-]{1,40}")
SQL = re.compile(r"\b(select\s.+\sfrom|insert\s+into|create\s+(table|view))\b", re.IGNORECASE | re.DOTALL)
SHELL = re.compile(r"^\s*[!%]|get_ipython|os\.system|subprocess", re.MULTILINE)
LOGIC: dict[type[ast.AST], str] = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.ClassDef: "class",
    ast.Lambda: "lambda",
    ast.For: "a loop",
    ast.While: "a loop",
    ast.ListComp: "a loop",
    ast.DictComp: "a loop",
    ast.SetComp: "a loop",
    ast.GeneratorExp: "a loop",
    ast.If: "a branch",
    ast.Try: "try",
}
PLAIN = ("str", "int", "float", "bool")


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with the notebook at ``path``, one sentence each."""
    if not NAME.fullmatch(path.name) and path.name not in PLACES:
        yield "the name is not NN_verb_object.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    if (notebook["nbformat"], notebook["nbformat_minor"]) != (4, 5):
        yield "the format is not 4.5"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    extra = set(notebook["metadata"]) - {"kernelspec", "language_info"}
    if extra:
        yield f"the metadata hold {', '.join(sorted(extra))}"
    yield from _identity(cells)
    yield from _opening(cells)
    yield from _code(cells)


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _identity(cells: list[dict[str, Any]]) -> Iterator[str]:
    ids = [cell.get("id", "") for cell in cells]
    if len(set(ids)) < len(ids):
        yield "two cells have the same id"
    for position, name in enumerate(ids, start=1):
        if not CELL_ID.fullmatch(name):
            yield f"cell {position} has the id {name!r}, not a speaking one in lower case"


def _opening(cells: list[dict[str, Any]]) -> Iterator[str]:
    first = _source(cells[0])
    if cells[0]["cell_type"] != "markdown" or not first.startswith("# "):
        yield "it does not begin with a title"
    for section in SECTIONS:
        if section not in first:
            yield f"the first cell does not say {section!r}"


def _code(cells: list[dict[str, Any]]) -> Iterator[str]:
    code = [(position, cell) for position, cell in enumerate(cells, start=1) if cell["cell_type"] == "code"]
    if len(code) > MOST_CODE_CELLS:
        yield f"it has {len(code)} code cells, more than {MOST_CODE_CELLS}"
    tagged = [cell for _, cell in code if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1 or tagged[0] is not code[0][1]:
        yield "the first code cell, and no other, must be tagged 'parameters'"
    else:
        yield from _parameters(_source(tagged[0]))
    for order, (position, cell) in enumerate(code):
        for problem in _cell(cell, imports_allowed=order == 1):
            yield f"cell {position} ({cell.get('id')}): {problem}"
        if order > 1 and cells[position - 2]["cell_type"] != "markdown":
            yield f"cell {position} ({cell.get('id')}) is not introduced by prose"


def _parameters(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if line.strip() and not line.startswith("#") and "  # " not in line:
            yield f"the parameter {line.split(':')[0]!r} has no comment that explains it"
    for node in ast.parse(source).body:
        plain = (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.annotation, ast.Name)
            and node.annotation.id in PLAIN
            and isinstance(node.value, ast.Constant)
        )
        if not plain:
            yield f"the parameter {ast.unparse(node)!r} is not a literal with a plain type"


def _cell(cell: dict[str, Any], *, imports_allowed: bool) -> Iterator[str]:
    source = _source(cell)
    if cell.get("outputs") or cell.get("execution_count") is not None:
        yield "it holds outputs"
    if len(source.splitlines()) > MOST_LINES:
        yield f"it has more than {MOST_LINES} lines"
    if SHELL.search(source):
        yield "it calls a shell or a magic"
        return
    if SQL.search(source):
        yield "it holds SQL"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if type(node) in LOGIC:
            yield f"it holds {LOGIC[type(node)]}: {ast.unparse(node).splitlines()[0]!r}"
        if isinstance(node, ast.Import | ast.ImportFrom) and not imports_allowed:
            yield "it imports; imports stand in the cell after the parameters"


def main(arguments: list[str]) -> int:
    """Print every problem; return the number of broken notebooks, at most 1."""
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    paths = [Path(one) for one in arguments] or sorted(folder.glob("*.ipynb"))
    found = [(path, problem) for path in paths for problem in problems(path)]
    for path, problem in found:
        print(f"{path.name}: {problem}")
    if not paths:
        print(f"There is no notebook in {folder}.")
    print(f"{len(paths)} notebooks, {len(found)} problems.")
    return int(bool(found) or not paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
