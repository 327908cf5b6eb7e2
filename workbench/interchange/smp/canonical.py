"""Messages as canonical proto3 JSON, and timestamps as proto3 writes them.

What protobuf's own ``json_format`` gives for the same message, with the specification's field names (as every
document in the wild has them): whole numbers of 64 bits are text, enums are names, timestamps RFC 3339 in UTC, and
what has proto3's default is left out.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.errors import BadInputError
from workbench.interchange.smp.fields import FieldSpec, Message, fields_of

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_NS = -62_135_596_800 * NS
LATEST_NS = 253_402_300_800 * NS - 1
"""Range of google.protobuf.Timestamp: the years 1 to 9999."""

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def to_json(message: Message) -> dict[str, Any]:
    """Return ``message`` as a JSON-able dictionary, its fields in the order of their numbers."""
    found = {}
    for name, spec in fields_of(type(message)).items():
        value = getattr(message, name)
        if spec.kind == "message" and not spec.repeated and value is not None:
            found[name] = to_json(value)
        elif value not in (None, (), {}, "", 0) or (spec.kind == "timestamp" and value is not None):
            found[name] = _value(spec, value)
    return found


def _value(spec: FieldSpec, value: Any) -> Any:
    if spec.repeated:
        return [to_json(one) if spec.kind == "message" else one for one in value]
    if spec.kind == "timestamp":
        return moment_text(value)
    if spec.kind == "enum":
        return spec.of(value).name if value in set(spec.of) else int(value)
    if spec.kind == "int64":
        return str(value)
    if spec.kind == "map":
        return dict(sorted(value.items()))
    return _number(float(value)) if spec.kind == "double" else value


def _number(value: float) -> float | int | str:
    """Return a double as protobuf writes it: whole ones without a fraction, the others with all digits."""
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def moment_text(ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC with 0, 3, 6 or 9 decimals, as proto3 does."""
    seconds, rest = divmod(ns, NS)
    whole = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    if not rest:
        return f"{whole}Z"
    digits = f"{rest:09d}"
    return f"{whole}.{next(digits[:n] for n in (3, 6, 9) if not int(digits[n:] or 0))}Z"


def moment_ns(text: str) -> int:
    """Return an RFC 3339 time as nanoseconds since the epoch.

    Raises
    ------
    BadInputError
        When it is none; a time without a zone is none.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise BadInputError("is not a time such as 2026-01-01T00:00:00Z")
    year, month, day, hour, minute, second = (int(one) for one in found.groups()[:6])
    fraction = int((found[7] or "").ljust(9, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise BadInputError(f"is not a time: {error}") from error
    offset = 0
    if found[8] is None:
        hours, minutes = int(found[10]), int(found[11])
        if hours > 23 or minutes > 59:
            raise BadInputError("is not a time: its zone does not exist")
        offset = (hours * 60 + minutes) * (-60 if found[9] == "-" else 60)
    ns = (int((moment - _EPOCH).total_seconds()) - offset) * NS + fraction
    if not EARLIEST_NS <= ns <= LATEST_NS:
        raise BadInputError("is outside the years 1 to 9999")
    return ns


def json_text(document: Any) -> str:
    """Return a JSON-able value as text for a file."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # published without type information
    """Quotes every text that is not plain beyond doubt, so that all of YAML's versions read it back as it was."""


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_PLAIN = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)


def yaml_text(document: Any) -> str:
    """Return a JSON-able value as YAML text for a file."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))
