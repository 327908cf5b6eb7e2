"""A chart's rows by column, repeated values once: a fifth of the size, and still readable JSON.

``{"values": [{"mesh": "a", "x": 1}, {"mesh": "a", "x": 2}]}`` becomes
``{"packed": {"mesh": {"of": ["a"], "at": [0, 0]}, "x": [1, 2]}}``; `unpack` in ``page.js`` turns it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def pack(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``spec`` with the rows of its ``data`` packed; one without inline rows is returned as it is."""
    rows = spec.get("data", {}).get("values") if isinstance(spec.get("data"), dict) else None
    if not rows:
        return dict(spec)
    names = dict.fromkeys(name for row in rows for name in row)
    return {**spec, "data": {"packed": {name: _column([row.get(name) for row in rows]) for name in names}}}


def _column(values: Sequence[Any]) -> Any:
    distinct = dict.fromkeys(value for value in values if isinstance(value, str))
    if not all(value is None or isinstance(value, str) for value in values) or 2 * len(distinct) > len(values):
        return list(values)
    place = {value: position for position, value in enumerate(distinct)}
    return {"of": list(distinct), "at": [None if value is None else place[value] for value in values]}
