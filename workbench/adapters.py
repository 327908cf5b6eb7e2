"""Find adapters: by module name in their group's package, or by entry point.

A module ``workbench/meshes/l7_sidecars.py`` with an ``ADAPTER`` is the mesh ``l7-sidecars``; modules that begin with
an underscore are not adapters. Other distributions add theirs under the entry point group ``workbench.meshes``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from workbench.errors import UnknownNameError, UnsupportedError

Group = Literal["meshes", "loadgens", "telemetry", "workloads", "environments"]

SINGULAR: dict[str, str] = {
    "meshes": "mesh",
    "loadgens": "load generator",
    "telemetry": "telemetry source",
    "workloads": "workload",
    "environments": "environment",
}


@cache
def _modules(group: Group) -> dict[str, str]:
    package = importlib.import_module(f"workbench.{group}")
    found = {
        module.name.replace("_", "-"): f"workbench.{group}.{module.name}"
        for module in pkgutil.iter_modules(package.__path__)
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
        When the adapter needs a package that is not installed.
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
    return getattr(module, attribute or "ADAPTER")
