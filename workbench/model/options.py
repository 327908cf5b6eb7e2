"""The profile and the options that an experiment gives a mesh, checked against those that its adapter has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import BadInputError, Faults, UnknownNameError
from workbench.model.experiment import MeshSpec
from workbench.model.protocols import Option

_WORDS = {str: "text", bool: "true or false", int: "a whole number", dict: "a table"}


def check_profile(spec: MeshSpec, profiles: tuple[str, ...]) -> None:
    """Refuse an unknown profile by name."""
    if spec.profile not in profiles:
        raise UnknownNameError("profile", spec.profile, profiles, f"mesh {spec.name}")


def settings(spec: MeshSpec, options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the options of ``spec`` over their defaults.

    Raises
    ------
    UnknownNameError
        For an option that this mesh does not have.
    BadInputError
        For a value of the wrong type, not among the choices, or out of range.
    """
    faults = Faults()
    for key, value in spec.options.items():
        with faults:
            if key not in options:
                raise UnknownNameError("option", key, options, f"mesh {spec.name}")
            _check(f"Mesh {spec.name}: option {key}", value, options[key])
    faults.tell()
    return {key: spec.options.get(key, option.default) for key, option in options.items()}


def _check(what: str, value: Any, option: Option) -> None:
    if type(value) is not type(option.default) or (option.choices and value not in option.choices):
        words = f"one of {', '.join(map(str, option.choices))}" if option.choices else _WORDS[type(option.default)]
        raise BadInputError(f"{what} = {value!r} must be {words}. {option.help}")
    if option.limits and not option.limits[0] <= value <= option.limits[1]:
        raise BadInputError(f"{what} = {value} is out of range: from {option.limits[0]} to {option.limits[1]}.")
