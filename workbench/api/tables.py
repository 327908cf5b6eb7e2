"""Tables in notebooks: under each stands the badge of its figures, where they have one."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from workbench.model.recording import badge_of

if TYPE_CHECKING:
    import pandas as pd


def badged_table(frame: pd.DataFrame) -> str | None:
    """Return ``frame`` as pandas shows it in a notebook, its badge under it."""
    shown: str | None = frame._repr_html_()  # type: ignore[operator]
    badge = badge_of(frame)
    return f"{shown}<p><small>◆ {html.escape(badge)}</small></p>" if shown and badge else shown


def show_badges() -> None:
    """Let the tables of this notebook show their badges; without a notebook nothing is done."""
    import pandas as pd
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, badged_table)
