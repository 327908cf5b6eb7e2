"""What somebody asks for: frozen dataclasses that describe and check themselves, read from TOML and written to it.

`workbench.intents` and `workbench.model.experiment` are made of these. Each field carries its help, range and known
values as metadata, so that reader, messages, documentation and widgets take them from one place.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeVar

from workbench.errors import BadInputError, UnknownNameError

T = TypeVar("T")


def asked(
    help_text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    told: tuple[float | None, float | None] | None = None,
    known: tuple[str, ...] = (),
    unit: str = "",
    **kwargs: Any,
) -> Any:
    """Describe a field: its help, inclusive range, known values and unit, kept as dataclass metadata.

    Parameters
    ----------
    low, high
        What may be asked for here (`check_asked`).
    told
        What may be true elsewhere, where that is more: others measure what nobody can ask for here, and it is kept as
        they tell it. None: no more than may be asked for.
    """
    limits = {"low": low, "high": high, "told": told or (low, high)}
    return field(metadata={"help": help_text, **limits, "known": known, "unit": unit}, **kwargs)


class Checked:
    """Checks every field against what may be true of it, and against the known values, in its metadata."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            _check_value(item, getattr(self, item.name), type(self).__name__, item.metadata.get("told", (None, None)))


def check_asked(cls: type, values: Mapping[str, Any]) -> None:
    """Check that what is asked for can be had here.

    Parameters
    ----------
    values
        Of fields of the dataclass ``cls``, by name.

    Raises
    ------
    BadInputError
        For the first field that lies outside of what may be asked for.
    """
    for item in dataclasses.fields(cls):
        if item.name in values:
            limits = item.metadata.get("low"), item.metadata.get("high")
            _check_value(item, values[item.name], cls.__name__, limits)


def _check_value(
    item: dataclasses.Field[Any], value: Any, owner: str, limits: tuple[float | None, float | None]
) -> None:
    known = item.metadata.get("known")
    low, high = limits
    values = value if isinstance(value, tuple) else (value,)
    for one in values:
        if known and isinstance(one, str) and one not in known:
            raise UnknownNameError(item.name, one, known, owner)
        if isinstance(one, bool) or not isinstance(one, int | float):
            continue
        if not math.isfinite(one) or (low is not None and one < low) or (high is not None and one > high):
            raise BadInputError(
                f"{owner}.{item.name} = {one:g} is out of range: "
                f"from {low if low is not None else '-inf'} to {high if high is not None else 'inf'}. "
                f"It means: {item.metadata.get('help', '')}"
            )


def _plain(annotation: Any) -> Any:
    """Return the type behind ``X | None`` and behind words that are told apart (`Literal`)."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return type(args[0])
    if origin in (typing.Union, types.UnionType):
        return _plain(next(arg for arg in args if arg is not type(None)))
    return annotation


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def read_value(annotation: Any, value: Any, where: str) -> Any:
    """Return ``value`` as a field of this annotation holds it.

    Raises
    ------
    BadInputError
        When it is of another type.
    """
    wanted = _plain(annotation)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        if not isinstance(value, dict):
            raise BadInputError(f"{where} must be a table, not {value!r}.")
        return read_table(wanted, value, where)
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise BadInputError(f"{where} must be a list, not {value!r}.")
        return tuple(read_value(typing.get_args(wanted)[0], one, f"{where}[{n}]") for n, one in enumerate(value))
    if typing.get_origin(wanted) is not None or wanted is Any:  # Mapping[str, Any]
        if not isinstance(value, dict):
            raise BadInputError(f"{where} must be a table, not {value!r}.")
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise BadInputError(f"{where} must be {_WORDS.get(wanted, wanted.__name__)}, not {value!r}.")
    return value


def read_table(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build the class ``cls`` from a TOML table.

    Raises
    ------
    UnknownNameError
        For a key that ``cls`` does not know.
    BadInputError
        For a value of the wrong type or out of range, or a missing key.
    """
    hints = typing.get_type_hints(cls)
    known = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UnknownNameError("key", key, known, where)
    values = {key: read_value(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    missing = [
        name
        for name, item in known.items()
        if name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise BadInputError(f"{where} lacks {', '.join(missing)}: {known[missing[0]].metadata['help']}")
    try:
        check_asked(cls, values)
        return cls(**values)
    except UnknownNameError as error:
        raise UnknownNameError(error.kind, error.name, error.known, where) from error
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from error


def given(instance: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that say something.

    Neither None nor an empty table or list, unless that was emptied on purpose: then its default is another.
    """
    values = {item: getattr(instance, item.name) for item in dataclasses.fields(instance)}
    return {
        item.name: value
        for item, value in values.items()
        if value is not None and (value not in ((), {}) or item.default not in (value, dataclasses.MISSING))
    }


_ESCAPED = {'"': '\\"', "\\": "\\\\", "\x7f": "\\u007f", **{chr(code): f"\\u{code:04x}" for code in range(32)}}


def toml_value(value: Any) -> str:
    """Return ``value`` as TOML writes it in line; dataclasses as tables of what they say."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(one, one) for one in value) + '"'
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return toml_value(given(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(key))} = {toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return repr(value)


def _key(name: str) -> str:
    bare = name and all(one.isascii() and (one.isalnum() or one in "-_") for one in name)
    return name if bare else toml_value(name)
