"""Text from outside, shown as the text that it is: on a terminal, in a notebook, in a widget.

Names and messages may come from an imported file, a cluster or a program. Here, and nowhere else, is what keeps them
from being taken for something else: for commands to a terminal, for markup, for a formula.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from workbench.text.redaction import redacted_text

if TYPE_CHECKING:
    import pandas as pd

NO_MATH = "tex2jax_ignore mathjax_ignore"
"""Classes of HTML elements in which JupyterLab looks for no formulas: ``$`` is a dollar there."""


def escaped(text: str, keep: str = "") -> str:
    r"""Return text in which every character that is not printable is written out (``\x1b``), but for those in ``keep``.

    Line breaks and tabulators are such characters; so are the halves of surrogate pairs, which stand for bytes that are
    not UTF-8 and cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in keep else one.encode("unicode_escape").decode("ascii") for one in text
    )


def capital(text: str) -> str:
    """Return a text as it begins a sentence; the rest stays."""
    return text[:1].upper() + text[1:]


def for_terminal(text: str) -> str:
    """Return text without what moves a terminal's cursor or changes its colours; line breaks and tabulators stay."""
    return escaped(text, keep="\n\t")


def in_json(document: str) -> str:
    """Return a JSON document in which every character that is not printable is written as JSON escapes it.

    JSON allows what commands some terminals (the controls from U+0080 on) and what turns the direction of text.
    """
    if document.isascii():
        return document
    return "".join(one if one.isprintable() or one == "\n" else json_escape(one) for one in document)


def json_escape(one: str) -> str:
    """Return a character as JSON's escape, in two halves where it needs them."""
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a cell begins that a spreadsheet takes for a formula, full-width signs and white space before it included."""


def cell(value: Any) -> Any:
    """Return a value as a spreadsheet shows it: text that would be a formula after an apostrophe, else as it is."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame for a file that spreadsheets open, its names of columns included: see `cell`."""
    shown = frame.rename(columns=cell)
    texts = [place for place, kind in enumerate(shown.dtypes) if kind.kind not in "iufbmM"]
    for place in texts:
        shown.isetitem(place, shown.iloc[:, place].map(cell).to_numpy())
    return shown


class _Told(logging.LoggerAdapter[logging.Logger]):
    """A logger that tells what it is given as text, whoever listens: no commands to a terminal, no secrets."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(level, msg, *(one if isinstance(one, int | float) else _line(one) for one in args), **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs


def _line(told: object) -> str:
    return escaped(redacted_text(str(told)))


def logger(name: str) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger of a module: what is put into its messages comes from outside."""
    return _Told(logging.getLogger(name))


class TextFormatter(logging.Formatter):
    """Formats what any library logs as text: no commands to a terminal, no secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines with a traceback, of a record."""
        return for_terminal(redacted_text(super().format(record)))


def has_formula(text: str) -> bool:
    """Whether JupyterLab would look for a formula in it."""
    return "$" in text or "\\" in text


class Sentences(list[str]):
    """Sentences for people. A notebook shows them as paragraphs, each as it is: no markup in it, no formula.

    ``str()`` has a line for each; otherwise a list of text.
    """

    def __str__(self) -> str:
        return "\n".join(self)

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{html.escape(escaped(one, keep=chr(10)))}</p>" for one in self)
        return f'<div class="{NO_MATH}">{paragraphs}</div>'

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:
        getattr(printer, "text")(for_terminal(str(self)))  # noqa: B009 - IPython's printer is not annotated
