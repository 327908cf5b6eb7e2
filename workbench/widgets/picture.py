"""A Vega-Lite picture in a notebook that is drawn again when its specification changes, as wide as there is room.

Beside `altair.JupyterChart` it keeps no view of the past alive, does not flicker, needs no network and takes the script
that reports are made with out of the cache instead of making another.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import anywidget
import traitlets

from workbench.charts.vega import vega_bundle


class Picture(anywidget.AnyWidget):
    """Shows ``spec``; ``spec["usermeta"]["naturalWidth"]`` says how many pixels wide it is as it stands."""

    spec = traitlets.Dict().tag(sync=True)

    @cached_property
    def _esm(self) -> str:
        return f"{vega_bundle()}\n{Path(__file__).with_name('picture.js').read_text(encoding='utf-8')}"
