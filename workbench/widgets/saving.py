"""What `explore` shows, as a file: a page that works off line, a picture, a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from numpy.typing import NDArray

from workbench.charts.display import svg
from workbench.errors import UnknownNameError
from workbench.store.disk import explained, write_whole
from workbench.store.tables import write_table
from workbench.text.plain import cells
from workbench.widgets.exploring import View
from workbench.widgets.linked import linked

PNG_SCALE = 2.0
"""Pixels of a PNG for each pixel of the chart: sharp on a projector."""


def _html(view: View) -> bytes:
    page: str = vl_convert.vegalite_to_html(linked(view), bundle=True, renderer="svg")
    return page.encode()


def _png(view: View) -> bytes:
    spec = linked(view)
    picture: bytes = vl_convert.vegalite_to_png(spec, scale=PNG_SCALE, allowed_base_urls=[])
    return picture


def _svg(view: View) -> bytes:
    return svg(linked(view)).encode()


def _csv(view: View) -> bytes:
    return cells(_rows(view)).to_csv(index=False).encode()


def _rows(view: View) -> pd.DataFrame:
    """Return the rows, with the badge that must stand at them in a column of its own where there is one."""
    return view.rows.assign(badge=view.badge) if view.badge else view.rows


_WRITERS: dict[str, Callable[[View], bytes]] = {"html": _html, "png": _png, "svg": _svg, "csv": _csv}

FORMATS = (*_WRITERS, "parquet")
"""What `save` can write; the first three are the charts, the others their rows."""


def save(view: View, form: str, folder: Path) -> Path:
    """Write ``view`` into ``folder`` and return the file, named after the moment and the quantity.

    Parameters
    ----------
    form
        One of `FORMATS`.

    Raises
    ------
    UnknownNameError
        For another.
    StoreError
        When it cannot be written.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = folder / f"explore-{stamp}-{view.choice.quantity}.{form}"
    with explained("save what is shown", target):
        folder.mkdir(parents=True, exist_ok=True)
        if form == "parquet":
            rows = _rows(view)
            write_table(target, {str(name): _plain(rows[name]) for name in rows})
        else:
            write_whole(target, _WRITERS[form](view))
    return target


def _plain(column: pd.Series) -> NDArray[Any]:
    """Return a column as the store's writer takes it: numbers as they are, text as Python's own strings."""
    return column.to_numpy() if column.dtype.kind in "if" else column.to_numpy(dtype=object)
