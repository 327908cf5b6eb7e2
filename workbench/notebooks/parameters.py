"""What a notebook takes: the parameters that it declares, and the values given for them, checked.

Papermill lets unknown parameters pass, and values of any type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from papermill import inspect_notebook

from workbench.errors import BadInputError, UnknownNameError

Value = str | int | float | bool | None
_Given = TypeVar("_Given", bound=Value)

_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_READERS: dict[str, Callable[[str], Value]] = {
    "int": int,
    "float": float,
    "bool": lambda text: {"true": True, "false": False}[text.strip().lower()],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a notebook: its default as written, its type's name (may be empty) and its help."""

    name: str
    default: str
    kind: str
    help: str


def parameters_of(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters that ``notebook`` declares in its cell tagged ``parameters``.

    Raises
    ------
    BadInputError
        When the file is missing or is no notebook.
    """
    try:
        found = inspect_notebook(as_papermill_path(notebook))
    except Exception as error:  # nbformat, json and papermill each have their own
        raise BadInputError(f"{notebook} cannot be read as a notebook: {error}.") from error
    return {
        name: Parameter(
            name=name,
            default=one["default"],
            kind="" if one["inferred_type_name"] == "None" else one["inferred_type_name"],
            help=one["help"],
        )
        for name, one in found.items()
    }


def check_parameters(notebook: Path, given: Mapping[str, Value]) -> None:
    """Refuse what ``notebook`` does not declare.

    Raises
    ------
    UnknownNameError
        For a parameter that it does not have.
    BadInputError
        For a value of another type than declared.
    """
    for parameter, value in _declared(notebook, given):
        wanted = _KINDS.get(parameter.kind)
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and parameter.kind != "bool")):
            raise _refused(notebook, parameter, value)


def read_values(notebook: Path, given: Mapping[str, str]) -> dict[str, Value]:
    """Turn texts, as a command line has them, into the types that ``notebook`` declares.

    Raises
    ------
    UnknownNameError
        For a parameter that it does not have.
    BadInputError
        For a text that is not of the declared type.
    """
    values: dict[str, Value] = {}
    for parameter, text in _declared(notebook, given):
        try:
            values[parameter.name] = _READERS.get(parameter.kind, str)(text)
        except (KeyError, ValueError) as error:
            raise _refused(notebook, parameter, text) from error
    return values


def as_papermill_path(path: Path) -> str:
    """Return ``path`` for papermill, which would fill in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _declared(notebook: Path, given: Mapping[str, _Given]) -> Iterator[tuple[Parameter, _Given]]:
    """Yield each parameter that has a value, with that value; refuse a name that ``notebook`` does not declare."""
    known = parameters_of(notebook)
    for name, value in given.items():
        if name not in known:
            raise UnknownNameError("parameter", name, known, notebook.name)
        yield known[name], value


def _refused(notebook: Path, parameter: Parameter, value: Value) -> BadInputError:
    return BadInputError(
        f"Parameter {parameter.name} of {notebook.name} must be {parameter.kind}, not {value!r}: {parameter.help}"
    )
