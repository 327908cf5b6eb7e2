"""A recording: campaigns that were measured elsewhere, with what must be said wherever a figure of them is shown.

A data folder with the file ``provenance.toml`` beside its ``runs/`` is a recording. The store only reads it, and every
frame that comes out of it carries the recording's badge; `badge_of` and `with_badge` are how the badge travels from the
store through the analysis to whatever shows a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import BadInputError
from workbench.fields import Checked, asked

if TYPE_CHECKING:
    import pandas as pd

PROVENANCE_NAME = "provenance.toml"
RECORDED = "recorded"
"""The provenance of a recording's runs, wherever they are read."""

MADE_UP = "Synthetic data, not measured"
"""The badge of runs that were made up."""

_ATTRIBUTE = "badge"

F = TypeVar("F", bound="pd.DataFrame")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs(Checked):
    """The programs of one mesh: where they come from, and how they differ from released images."""

    mesh: str = asked("the mesh with its version")
    sources: str = asked("what the programs were built from")
    differences: str = asked("how they differ from released images")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Checked):
    """What ``provenance.toml`` says; texts are sentences for people."""

    title: str = asked("what was recorded, as the title of a report")
    badge: str = asked("what stands at every figure: date, machine, programs, and what it is not")
    shown: str = asked("the experiment whose campaign the recording's name alone stands for")
    about: str = asked("what the recording is, and what it is not")
    measure_your_own: str = asked("the commands that measure one's own")
    machine: tuple[str, ...] = asked("the machine, a sentence each")
    load: str = asked("the load generator")
    effects: tuple[str, ...] = asked("known effects of machine and programs on the figures")
    checked: str = asked("what the figures were checked against")
    changed: str = asked("what was changed in the files after the campaigns")
    programs: tuple[Programs, ...] = asked("the programs of each mesh")

    def __post_init__(self) -> None:
        if not self.badge.strip():  # a recording without a badge would pass for a measurement
            raise BadInputError("badge is empty: say at least when and where it was recorded.")


def with_badge(frame: F, badge: str) -> F:
    """Mark ``frame`` with the badge that whatever shows it must show, and return it; none: as it is."""
    if badge:
        frame.attrs[_ATTRIBUTE] = badge
    return frame


def badge_of(*values: object) -> str:
    """Return the badge of the first of ``values`` that carries one; empty when none does."""
    for value in values:
        badge = getattr(value, "attrs", {}).get(_ATTRIBUTE, "")
        if badge:
            return str(badge)
    return ""
