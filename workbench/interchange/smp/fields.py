"""What a field of a protobuf message is: its number, type and meaning, kept on dataclass fields.

`workbench.interchange.smp.messages` declares the specification's messages with the makers below; mapping, validation
and JSON Schema all read `fields_of`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Kind = Literal["string", "bool", "int32", "int64", "double", "map", "timestamp", "enum", "message"]

RANGES: dict[str, tuple[int, int]] = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
"""Smallest and largest value of the whole-number kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """A field of the specification.

    Attributes
    ----------
    name, number
        As in the .proto file.
    kind
        ``"map"`` is always of text to text; ``"timestamp"`` is google.protobuf.Timestamp, here nanoseconds since the
        epoch or None.
    of
        The enum or message class, where `kind` is one.
    repeated
        Whether the field is a list.
    about
        What it means, for the schema.
    """

    name: str
    number: int
    kind: Kind
    of: Any = None
    repeated: bool = False
    about: str = ""

    @property
    def json_name(self) -> str:
        """The name that protobuf derives for JSON; documents in the wild use `name`, both are valid."""
        head, *rest = self.name.split("_")
        return head + "".join(part.capitalize() for part in rest)


_DEFAULTS: dict[Kind, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0, "double": 0.0}


def field(number: int, kind: Kind, about: str = "", of: Any = None, repeated: bool = False) -> Any:
    """Declare a field of any kind; the makers below are its short forms."""
    told = {"number": number, "kind": kind, "of": of, "repeated": repeated, "about": about}
    if kind == "map":
        return dataclasses.field(default_factory=dict, metadata=told)
    default = () if repeated else of(0) if kind == "enum" else _DEFAULTS.get(kind)
    return dataclasses.field(default=default, metadata=told)


def text(number: int, about: str = "") -> Any:
    """Declare a text."""
    return field(number, "string", about)


def flag(number: int, about: str = "") -> Any:
    """Declare a truth value."""
    return field(number, "bool", about)


def int32(number: int, about: str = "") -> Any:
    """Declare a whole number of 32 bits."""
    return field(number, "int32", about)


def double(number: int, about: str = "") -> Any:
    """Declare a number."""
    return field(number, "double", about)


def texts(number: int, about: str = "Free names and texts") -> Any:
    """Declare a map of text to text."""
    return field(number, "map", about)


def one(number: int, of: type, about: str = "") -> Any:
    """Declare a message that may be absent (None)."""
    return field(number, "message", about, of)


def many(number: int, of: type, about: str = "") -> Any:
    """Declare a list of messages."""
    return field(number, "message", about, of, repeated=True)


class Message:
    """A message; its class says its name in the specification."""

    __slots__ = ()
    proto: ClassVar[str] = ""


_KNOWN: dict[type, dict[str, FieldSpec]] = {}


def fields_of(cls: type[Message]) -> dict[str, FieldSpec]:
    """Return the fields of a message class by name."""
    if cls not in _KNOWN:
        declared = dataclasses.fields(cls)  # type: ignore[arg-type]
        _KNOWN[cls] = {one.name: FieldSpec(name=one.name, **one.metadata) for one in declared}
    return _KNOWN[cls]
