"""What .importlinter cannot say by itself: adapters are independent, and nobody asks for a mesh by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import pytest

from workbench import adapters

PACKAGE = Path(adapters.__file__).parent
PRODUCTS = {"istio", "linkerd", "consul", "cilium", "nsm", "kuma", "ambient", "ztunnel", "network-service-mesh"}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("workbench", include_external_packages=True)


@pytest.mark.parametrize("group", list(adapters.SINGULAR))
def test_adapters_of_a_group_do_not_know_each_other(graph, group):
    names = {f"{adapters.package(group)}.{name.replace('-', '_')}" for name in adapters.names(group)}
    assert names & graph.modules
    for one in sorted(names & graph.modules):
        family = {one, *graph.find_descendants(one)}
        imported = set().union(*(graph.find_modules_directly_imported_by(module) for module in family))
        assert imported & (names - {one}) == set()


@pytest.mark.parametrize("group", ["meshes", "loadgens", "telemetry", "workloads", "importers"])
def test_what_describes_does_not_act(graph, group):
    """Adapters open no socket and start no process; programs of their own, which an environment starts, do."""
    acting = {"socket", "subprocess", "asyncio", "multiprocessing", "uvloop", "ssl"}
    for name in adapters.names(group):
        module = f"{adapters.package(group)}.{name.replace('-', '_')}"
        assert graph.find_modules_directly_imported_by(module) & acting == set(), module


def test_the_environment_variables_are_read_at_the_edge_only():
    """``os.environ`` stands in settings.py, and where a child's environment is made."""
    allowed = {"settings.py", "environments"}
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") for node in ast.walk(parsed(path))
        )
    }
    assert {name for name in found if name.split("/")[0] not in allowed} == set()


def test_only_the_command_line_prints():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    # programs that an environment starts say on standard output what their starter reads
    programs = {name for name in found if (PACKAGE / name).name.startswith("_") or "/_" in name}
    assert found - programs == set()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def mesh_names_compared(tree: ast.AST, names: set[str]) -> list[str]:
    """Return the comparisons of ``tree`` in which a mesh's name stands: ==, in, match, and keys of look-ups."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        elif isinstance(node, ast.Dict):
            sides = [key for key in node.keys if key is not None]
        else:
            continue
        for side in sides:
            parts = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            texts = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            if {text.lower().replace("_", "-") for text in texts} & names:
                found.append(ast.unparse(node))
    return found


def test_differences_are_traits_and_never_a_comparison_of_names():
    names = set(adapters.names("meshes")) | PRODUCTS
    found = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in PACKAGE.rglob("*.py")
        if "meshes" not in path.relative_to(PACKAGE).parts
        for text in mesh_names_compared(parsed(path), names)
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "if mesh == 'istio': pass",
        "x = mesh.name in ('baseline', 'other')",
        "match mesh:\n    case 'l4-sidecars': pass",
        "ports = {'l7_sidecars': 1}[mesh]",
    ],
)
def test_the_check_of_names_can_fail(code):
    assert mesh_names_compared(ast.parse(code), set(adapters.names("meshes")) | PRODUCTS)
