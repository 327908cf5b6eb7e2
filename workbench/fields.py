"""What somebody asks for: frozen dataclasses that describe and check themselves, read from TOML and written to it.

`workbench.intents` and `workbench.model.experiment` are made of these. Each field carries its help, range and known
values as metadata, so that reader, messages, documentation and widgets take them from one place.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar

from workbench.errors import BadInputError, Faults, UnknownNameError, together

T = TypeVar("T")

FILLED = (re.compile(r"\s*\S[\s\S]*"), "must say something.")
"""Of text that may not be empty."""

SPREAD = {"spread": True}
"""Metadata of a field with a dataclass whose keys stand, in a file, in the same table as the field's neighbours."""


def asked(
    help_text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    told: tuple[float | None, float | None] | None = None,
    known: tuple[str, ...] = (),
    form: tuple[re.Pattern[str], str] | None = None,
    unit: str = "",
    written: str = "",
    read: Callable[[Any, str], Any] | None = None,
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
    form
        What text must match, and what is said of text that does not.
    written
        Key in a file, where that is not the field's name.
    read
        Makes the field's value of what a file holds (value, file and table), where its type does not say how.
    """
    limits = {"low": low, "high": high, "told": told or (low, high), "known": known, "form": form}
    return field(metadata={"help": help_text, **limits, "unit": unit, "written": written, "read": read}, **kwargs)


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
    known, form = item.metadata.get("known"), item.metadata.get("form")
    low, high = limits
    values = value if isinstance(value, tuple) else (value,)
    for one in values:
        if known and isinstance(one, str) and one not in known:
            raise UnknownNameError(item.name, one, known, owner)
        if form and isinstance(one, str) and not form[0].fullmatch(one):
            raise BadInputError(f"{owner}.{item.name} = {one!r} {form[1]}")
        if isinstance(one, bool) or not isinstance(one, int | float):
            continue
        if not math.isfinite(one) or (low is not None and one < low) or (high is not None and one > high):
            raise BadInputError(
                f"{owner}.{item.name} = {one:g} is out of range: "
                f"from {low if low is not None else '-inf'} to {high if high is not None else 'inf'}. "
                f"It means: {item.metadata.get('help', '')}"
            )


def toml_table(text: str, where: str) -> dict[str, Any]:
    """Return what TOML text holds; ``where`` names the file.

    Raises
    ------
    BadInputError
        When it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{where} is not valid TOML: {error}.") from error


_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    date: "a date such as 2026-11-22",
}
_KIN: dict[type, type] = {int: bool, date: datetime}
"""Types whose values are also of the first type, to Python but not to people."""


def read_value(annotation: Any, value: Any, where: str, key: str) -> Any:
    """Return the value of ``key``, checked and converted to the type that ``annotation`` names."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return read_value(next(one for one in args if one is not type(None)), value, where, key)
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return read_table(annotation, value, f"{where}: [{key}]")
    if origin is tuple:
        return _read_list(args[0], value, where, key)
    if origin is typing.Literal:
        if isinstance(value, str) and value not in args:
            raise UnknownNameError(key, value, args, where)
        return read_value(str, value, where, key)
    if origin is not None:  # Mapping[str, ...]
        return _read_mapping(args[1], value, where, key)
    if annotation is Any:
        return value
    if annotation is float and type(value) is int:
        return float(value)
    unlike = isinstance(value, _KIN.get(annotation, ())) or (annotation is float and not _is_finite(value))
    if not isinstance(value, annotation) or unlike:
        raise BadInputError(f"{where}: {key} must be {_WORDS[annotation]}, not {value!r}.")
    return value


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _missing(item: dataclasses.Field[Any], annotation: Any) -> str:
    """Say what a field is that was not told."""
    words = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
    one_of = f"one of {', '.join(words)}." if words else _WORDS.get(annotation, "it must be told.")
    return str(item.metadata.get("help") or one_of)


def _read_list(annotation: Any, value: Any, where: str, key: str) -> tuple[Any, ...]:
    tables = dataclasses.is_dataclass(annotation)
    if not isinstance(value, list) or (tables and not all(isinstance(one, dict) for one in value)):
        wanted = f"written as [[{key}]] tables" if tables else "a list"
        raise BadInputError(f"{where}: {key} must be {wanted}, not {value!r}.")
    faults, found = Faults(), []
    for n, one in enumerate(value):
        with faults:
            if tables:
                found.append(read_table(annotation, one, f"{where}: [[{key}]] {n + 1}"))
            else:
                found.append(read_value(annotation, one, where, f"{key}[{n}]"))
    faults.tell()
    return tuple(found)


def _read_mapping(annotation: Any, value: Any, where: str, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where}: {key} must be a table, not {value!r}.")
    faults, found = Faults(), {}
    for name, one in value.items():
        with faults:
            found[name] = read_value(annotation, one, where, f"{key}.{name}")
    faults.tell()
    return found


@cache
def _read_as(cls: Any) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Return the fields of a dataclass with their types, by the keys that they have in a file."""
    hints = typing.get_type_hints(cls)
    own = [item for item in dataclasses.fields(cls) if not item.metadata.get("spread")]
    return {item.metadata.get("written") or item.name: (item, hints[item.name]) for item in own}


@cache
def _spread(cls: Any) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return the fields of a dataclass that are spread: their dataclass, and its keys."""
    hints = typing.get_type_hints(cls)
    inner = {item.name: hints[item.name] for item in dataclasses.fields(cls) if item.metadata.get("spread")}
    return {name: (one, tuple(_read_as(one))) for name, one in inner.items()}


def read_table(cls: Callable[..., T], table: Any, where: str, what: str = "key") -> T:
    """Build the dataclass ``cls`` from a TOML table.

    Parameters
    ----------
    where, what
        For messages: file and table, and what a key of it is.

    Raises
    ------
    UnknownNameError
        For a key that ``cls`` does not know.
    BadInputError
        For a value of the wrong type or out of range, or a missing key.
    FaultsError
        Where several things are wrong, for all of them.
    """
    if not isinstance(table, Mapping):
        raise BadInputError(f"{where} must be a table, not {table!r}.")
    known, faults = _read_as(cls), Faults()
    values: dict[str, Any] = {}
    among: list[str] = []
    for name, (inner, its) in _spread(cls).items():
        among += its
        with faults:
            values[name] = read_table(inner, {key: value for key, value in table.items() if key in its}, where, what)
        table = {key: value for key, value in table.items() if key not in its}
    for key, value in table.items():
        with faults:
            if key not in known:
                raise UnknownNameError(what, key, [*known, *among], where)
            values[known[key][0].name] = _read_field(cls, *known[key], value, where, key)
    mistyped = {one.nearest for one in faults.found.values() if isinstance(one, UnknownNameError)}
    for key, (item, annotation) in known.items():
        if key not in {*table, *mistyped} and item.default is item.default_factory is dataclasses.MISSING:
            faults.add(BadInputError(f"{where} lacks {key}: {_missing(item, annotation)}"))
    faults.tell()
    with placed(where):
        return cls(**values)


def _read_field(cls: Any, item: dataclasses.Field[Any], annotation: Any, value: Any, where: str, key: str) -> Any:
    made = item.metadata.get("read")
    found = made(value, where) if made else read_value(annotation, value, where, key)
    with placed(where):
        _check_value(item, found, cls.__name__, (item.metadata.get("low"), item.metadata.get("high")))
    return found


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Say the file and table in errors about a value that does not know where it stood."""
    try:
        yield
    except BadInputError as error:
        raise together(_at(one, where) for one in error.faults) from error


def _at(error: BadInputError, where: str) -> BadInputError:
    if isinstance(error, UnknownNameError):
        return UnknownNameError(error.kind, error.name, error.known, where)
    return BadInputError(f"{where}: {error}")


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
