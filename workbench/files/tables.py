"""Nested tables, as TOML, YAML and Helm values have them: one laid over another."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of ``below`` with ``above`` laid over it, table by table; what else stands in both is ``above``'s.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    made = {key: _copied(value) for key, value in below.items()}
    for key, value in above.items():
        mine = made.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            made[key] = merged(mine, value)
        else:
            made[key] = _copied(value)
    return made


def _copied(value: Any) -> Any:
    return merged(value, {}) if isinstance(value, Mapping) else copy.deepcopy(value)
