"""Text from outside, shown as the text that it is: on a terminal, in a notebook, in a widget.

Names and messages may come from an imported file, a cluster or a program. Here, and nowhere else, is what keeps them
from being taken for something else: for commands to a terminal, for markup, for a formula.
"""

from __future__ import annotations

import html

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


def for_terminal(text: str) -> str:
    """Return text without what moves a terminal's cursor or changes its colours; line breaks and tabulators stay."""
    return escaped(text, keep="\n\t")


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
