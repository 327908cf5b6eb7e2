"""Drop-downs and legends that work without a server: Vega-Lite parameters, nothing else.

A drop-down filters the rows by one of their text fields. Its options are JSON values that the browser sets as text,
never parts of an expression, so that a label may contain anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.charts.engine import alt


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A drop-down over the rows' field `field`.

    Attributes
    ----------
    field
        Field of the rows.
    label
        What stands before the drop-down.
    options
        The field's values, in order; with fewer than two there is nothing to choose and no drop-down.
    default
        Chosen at first; None: the first.
    """

    field: str
    label: str
    options: tuple[str, ...]
    default: str | None = None


def with_choices(picture: Any, choices: Sequence[Choice]) -> Any:
    """Give ``picture`` a drop-down and its filter for each of ``choices`` that leaves a choice."""
    real = [choice for choice in choices if len(choice.options) > 1]
    if not real:
        return picture
    filters = " && ".join(f"datum[{choice.field!r}] === chosen_{choice.field}" for choice in real)
    return picture.add_params(*map(_parameter, real)).transform_filter(filters)


def _parameter(choice: Choice) -> Any:
    return alt.param(
        name=f"chosen_{choice.field}",
        value=choice.options[0] if choice.default is None else choice.default,
        bind=alt.binding_select(options=list(choice.options), name=f"{choice.label} "),
    )


def legend_selection(field: str) -> Any:
    """Return a selection of the legend's entries of ``field``: a click shows one, shift-click adds."""
    return alt.selection_point(name=f"picked_{field}", fields=[field], bind="legend")


def faded(selection: Any, shown: float = 1.0, other: float = 0.12) -> Any:
    """Return an opacity that fades what ``selection`` does not hold."""
    return alt.condition(selection, alt.value(shown), alt.value(other))
