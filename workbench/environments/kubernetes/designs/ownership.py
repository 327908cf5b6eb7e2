"""Who holds which field: the API server's bookkeeping of field managers, read as sets of paths. Pure.

Server-side apply keeps, for each manager, the fields it set (``metadata.managedFields``, format FieldsV1): nested
tables whose keys say ``f:NAME`` (a field), ``k:{...}`` (an item of a list, by its keys), ``v:VALUE`` (an item of a set)
or ``i:N``; an empty table is a field that is held, ``"."`` one that is held beside others within it. As sets of paths
they can be intersected and put back; `workbench.environments.kubernetes.designs.configuring` undoes a design by them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.environments.kubernetes.client import Object

Path = tuple[str, ...]
Paths = frozenset[Path]


@dataclass(frozen=True, slots=True)
class Holder:
    """A field manager, as the server tells one from another."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Holder:
        """Return whose entry of ``managedFields`` this is."""
        told = (entry.get(key, "") for key in ("manager", "operation", "apiVersion", "subresource"))
        return cls(*map(str, told))


def paths_of(fields: Mapping[str, Any], above: Path = ()) -> Paths:
    """Return FieldsV1 as a set of paths."""
    found: set[Path] = set()
    for key, inner in fields.items():
        if key == ".":
            found.add(above)
        elif inner:
            found |= paths_of(inner, (*above, key))
        else:
            found.add((*above, key))
    return frozenset(found)


def fields_of(paths: Iterable[Path]) -> Object:
    """Return a set of paths as FieldsV1; the inverse of `paths_of`."""
    root: Object = {}
    for path in paths:
        node = root
        for key in path:
            node = node.setdefault(key, {})
        node["."] = {}
    return _without_lone_dots(root)


def _without_lone_dots(node: Object) -> Object:
    if set(node) == {"."}:
        return {}
    return {key: _without_lone_dots(inner) if key != "." else {} for key, inner in node.items()}


def holdings(found: Mapping[str, Any]) -> dict[Holder, Paths]:
    """Return holder -> the fields of an object that it holds."""
    entries = found["metadata"].get("managedFields") or ()
    return {Holder.of(one): paths_of(one.get("fieldsV1") or {}) for one in entries}


def held_by(found: Mapping[str, Any], manager: str) -> Paths:
    """Return the fields that ``manager`` applied."""
    parts = (held for who, held in holdings(found).items() if who.manager == manager and who.operation == "Apply")
    return frozenset().union(*parts)


def holders(found: Mapping[str, Any], paths: Paths, besides: str) -> tuple[str, ...]:
    """Return the managers, other than ``besides``, that hold one of these fields or something within it, sorted."""
    others = ((who.manager, held) for who, held in holdings(found).items() if who.manager != besides)
    return tuple(sorted({manager for manager, held in others if touches(held, paths)}))


def touches(some: Paths, others: Paths) -> bool:
    """Whether a path of one set is in the other, above or below one of it."""
    begun = {path[:size] for path in some for size in range(1, len(path) + 1)}
    ends = {path[:size] for path in others for size in range(1, len(path) + 1)}
    return bool(others & begun or some & ends)


# ---------------------------------------------------------------------- values
def picked(found: Mapping[str, Any], paths: Iterable[Path]) -> Object:
    """Return the part of an object that these paths name; paths that lead nowhere are left out."""
    fields = fields_of(paths)
    part = _pick(found, fields) if fields else {}  # no field within a table would mean all of it
    return part if isinstance(part, dict) else {}


def _pick(value: Any, fields: Mapping[str, Any]) -> Any:
    inner = {key: one for key, one in fields.items() if key != "."}
    if not inner:
        return copy.deepcopy(value)
    if isinstance(value, Mapping):
        names = ((key[2:], one) for key, one in inner.items() if key.startswith("f:"))
        return {name: _pick(value[name], one) for name, one in names if name in value}
    if isinstance(value, list):
        return [picked_item for key, one in inner.items() for picked_item in _items(value, key, one)]
    return copy.deepcopy(value)


def _items(listed: list[Any], key: str, fields: Mapping[str, Any]) -> list[Any]:
    kind, told = key[0], key[2:]
    if kind == "i":
        return [_pick(listed[int(told)], fields)] if int(told) < len(listed) else []
    wanted = json.loads(told)
    if kind == "v":
        return [wanted] if wanted in listed else []
    matching = [one for one in listed if isinstance(one, Mapping) and wanted.items() <= one.items()]
    return [{**wanted, **_pick(one, fields)} for one in matching]


def said(path: Path) -> str:
    """Return a path as people write it: ``spec.ports[port=80].name``."""
    text = ""
    for key in path:
        kind, told = key[0], key[2:]
        if kind == "f":
            text += f".{told}" if told.replace("-", "").isalnum() else f"[{told}]"
        elif kind == "k":
            text += "[" + ",".join(f"{name}={value}" for name, value in json.loads(told).items()) + "]"
        else:
            text += f"[{told}]"
    return text.lstrip(".")
