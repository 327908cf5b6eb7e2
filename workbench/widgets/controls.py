"""Small parts that both widgets are built of: check boxes in groups, words and tables in HTML that a reader hears."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import pandas as pd

from workbench.charts.rows import NOT_MEASURED
from workbench.text.plain import NO_MATH, has_formula

STYLE = """<style>
.wb-words {font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45}
.wb-words table {border-collapse: collapse; margin: 4px 0}
.wb-words th, .wb-words td {padding: 3px 10px; text-align: right; border-bottom: 1px solid rgba(128, 128, 128, .35)}
.wb-words th:first-child, .wb-words td:first-child {text-align: left}
.wb-left td, .wb-left th {text-align: left !important}
.wb-words pre {white-space: pre-wrap; font-size: 12px; background: #f5f6f7; color: #212529; padding: 8px; margin: 4px 0}
.wb-words .note {border-left: 4px solid #B54C0B; padding: 2px 8px; margin: 4px 0}
.wb-words .bar {display: inline-block; height: 11px; vertical-align: middle}
.wb-words progress {width: 100%; height: 14px}
.wb-hint {font-size: 11px; line-height: 1.35; padding: 2px 0 4px 0}
.wb-group label, .wb-group {font-size: 13px}
.wb-field {flex-direction: column; align-items: stretch; height: auto !important; margin-bottom: 6px}
.wb-field > .widget-label {width: auto !important; text-align: left; font-weight: bold}
.wb-field > select {flex: 0 0 auto !important; width: 100% !important}
.wb-field > select:not([multiple]) {height: 28px}
.wb-picture {background: white; border-radius: 4px; padding: 8px; overflow-x: auto; box-sizing: border-box}
.wb-scroll {max-height: 190px; overflow-y: auto}
</style>"""


class Keys(anywidget.AnyWidget):
    """Put it, unseen, into a widget with the class ``wb-root``: keys pressed in there are the widget's own."""

    _esm = Path(__file__).with_name("keys.js")


_CODE = re.compile("`([^`]+)`")
"""What is to be typed, as messages mark it."""


class Ticks:
    """A group of check boxes: each is reached with Tab and changed with Space.

    Attributes
    ----------
    box
        The widget to show; ``beside``: its boxes stand in rows.
    """

    def __init__(self, title: str, changed: Callable[[], None], height: str = "190px", *, beside: bool = False) -> None:
        self._heading = widgets.HTML(f"<b>{html.escape(title)}</b>")
        row = {"flex_flow": "row wrap"} if beside else {}
        self._group = widgets.VBox(layout={"max_height": height, "overflow": "auto", **row})
        self._changed, self._silent = changed, False
        self._options: tuple[Any, ...] = ()
        self.box = widgets.VBox([self._heading, self._group])
        self.box.add_class("wb-group")

    def show(self, options: Sequence[Any], value: Iterable[Any], name: Callable[[Any], str] = str) -> None:
        """Offer ``options`` with those of ``value`` ticked; tells nobody."""
        self._silent, ticked = True, list(value)  # not a set: data planes with options have no hash
        if tuple(options) != self._options:
            self._options = tuple(options)
            self._group.children = [self._box(name(one)) for one in self._options]
        for option, box in zip(self._options, self._group.children, strict=True):
            box.value = option in ticked
        self._silent = False

    @property
    def value(self) -> tuple[Any, ...]:
        """What is ticked."""
        return tuple(one for one, box in zip(self._options, self._group.children, strict=True) if box.value)

    def _box(self, name: str) -> Any:
        told, marked = name, has_formula(name)
        if marked:  # labels are searched for formulas one by one, whatever stands around them
            told = f'<span class="{NO_MATH}">{html.escape(name)}</span>'
        box = widgets.Checkbox(
            description=told,
            description_allow_html=marked,
            indent=False,
            layout={"width": "auto", "margin": "0 10px 0 0"},
        )
        box.observe(self._told, "value")
        return box

    def _told(self, change: Any) -> None:
        if not self._silent:
            self._changed()


def button(title: str, tip: str, act: Callable[[], None]) -> Any:
    """Return a button that does ``act`` when it is pressed."""
    made = widgets.Button(description=title, tooltip=tip, layout={"width": "90px"})
    made.on_click(lambda _: act())
    return made


def words(*parts: str, live: bool = False) -> str:
    """Return HTML ``parts`` in the look of the widgets; ``live``: a screen reader says every change."""
    role = ' role="status" aria-live="polite"' if live else ""
    return f'<div class="wb-words {NO_MATH}"{role}>{"".join(parts)}</div>'


def hint(text: str) -> str:
    """Return ``text`` as a small paragraph below what it explains."""
    return f'<div class="wb-hint {NO_MATH}">{html.escape(text)}</div>'


def notes(told: Iterable[str]) -> str:
    """Return each of ``told`` as a marked paragraph."""
    marked = (_CODE.sub(r"<code>\1</code>", html.escape(one)) for one in told)
    return "".join(f'<div class="note {NO_MATH}">{one}</div>' for one in marked)


def table(frame: pd.DataFrame) -> str:
    """Return ``frame`` as an HTML table, missing values as "not measured"."""
    text: str = frame.to_html(index=False, border=0, na_rep=NOT_MEASURED, float_format=lambda one: f"{one:,.4g}")
    return text
