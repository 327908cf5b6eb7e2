"""What a mapping file or the user may add to runs whose source does not tell it."""

from __future__ import annotations

from typing import Any

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import shown

KNOWN = (
    "rate_per_s",
    "duration_s",
    "warmup_s",
    "connections",
    "payload_bytes",
    "server_delay_s",
    "protocol",
    "workload",
    "label",
    "mtls",
    "data_plane",
    "layer",
)
"""Circumstances that a mapping's ``[known]``, or the user, may add: fields of `Imported`."""

_TYPES: dict[str, type] = {
    "connections": int,
    "payload_bytes": int,
    "mtls": bool,
    "protocol": str,
    "workload": str,
    "label": str,
    "data_plane": str,
    "layer": str,
}


def known_value(name: str, value: Any, where: str) -> Any:
    """Return a circumstance as the type that it has.

    Raises
    ------
    UnknownNameError
        With the circumstances that can be told.
    BadInputError
        When the value is of another type.
    """
    if name not in KNOWN:
        raise UnknownNameError("circumstance", name, KNOWN, where)
    wanted = _TYPES.get(name, float)
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise BadInputError(f"{where}: {name} must be of type {wanted.__name__}, not {shown(value)}.")
    return value
