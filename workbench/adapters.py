"""Find adapters: by module name in their group's package, or by entry point.

A module ``workbench/meshes/l7_sidecars.py`` with an ``ADAPTER`` is the mesh ``l7-sidecars``; modules that begin with
an underscore are not adapters. Other distributions add theirs under the entry point group ``workbench.meshes``.
The same holds for each `Group`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from workbench.errors import UnknownNameError, UnsupportedError

Group = Literal["meshes", "loadgens", "telemetry", "workloads", "environments", "importers"]

SINGULAR: dict[str, str] = {
    "meshes": "mesh",
    "loadgens": "load generator",
    "telemetry": "telemetry source",
    "workloads": "workload",
    "environments": "environment",
    "importers": "importer",
}

_ELSEWHERE = {"importers": "workbench.interchange.importers"}


def package(group: Group) -> str:
    """Return the name of the package that holds our own adapters of ``group``."""
    return _ELSEWHERE.get(group, f"workbench.{group}")


@cache
def _modules(group: Group) -> dict[str, str]:
    home = importlib.import_module(package(group))
    found = {
        module.name.replace("_", "-"): f"{home.__name__}.{module.name}"
        for module in pkgutil.iter_modules(home.__path__)
        if not module.name.startswith("_")
    }
    found.update({point.name: point.value for point in entry_points(group=f"workbench.{group}")})
    return found


def names(group: Group) -> tuple[str, ...]:
    """Return the known adapters of ``group``, sorted; nothing is imported."""
    return tuple(sorted(_modules(group)))


def load(group: Group, name: str) -> Any:
    """Return the adapter ``name`` of ``group``.

    Raises
    ------
    UnknownNameError
        With the known ones and the nearest.
    UnsupportedError
        When the adapter needs a package that is not installed, or its module holds none.
    """
    modules = _modules(group)
    if name not in modules:
        raise UnknownNameError(SINGULAR[group], name, modules)
    path, _, attribute = modules[name].partition(":")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            f"The {SINGULAR[group]} {name!r} needs the package {error.name!r}, which is not installed: "
            f"pip install {error.name}"
        ) from error
    wanted = attribute or "ADAPTER"
    if not hasattr(module, wanted):
        raise UnsupportedError(f"The {SINGULAR[group]} {name!r} cannot be used: its module {path} has no {wanted}.")
    return getattr(module, wanted)
