"""A status line in a notebook's output that is updated during long operations; outside notebooks, nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.text.plain import Sentences

if TYPE_CHECKING:
    from workbench.model.events import Event


def line_of_events() -> Callable[[Event], None] | None:
    """Return a listener that shows an experiment's progress; None outside notebooks."""
    line = _line()
    if line is None:
        return None

    def show(event: Event) -> None:
        left = "" if event.remaining_s is None else f", about {event.remaining_s:.0f} s left"
        line(f"{event.done} of {event.total} runs{left}: {event.message}")

    return show


def line_of_text() -> Callable[[str], None]:
    """Return a function that shows sentences one after another in the same line; outside notebooks it does nothing."""
    return _line() or (lambda _: None)


def _line() -> Callable[[str], None] | None:
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    if get_ipython() is None:
        return None
    shown = display(Sentences(["starting ..."]), display_id=True)
    return lambda text: shown.update(Sentences([text]))
