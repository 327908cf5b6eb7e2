"""Charts in notebooks: shown live by JupyterLab, kept in executed copies, readable anywhere, all without a network.

Altair's own renderers either load Vega from a CDN or (``mimetype``) write a media type that nbformat refuses, so that
papermill cannot save the notebook. The renderer ``workbench`` writes three representations of a chart instead:

``application/vnd.vegalite.v6+json``
    The specification as it is.
``application/vnd.vegalite.v5+json``
    The same, labelled for the Vega-Lite that JupyterLab 4 brings along, which shows it with its drop-downs. That it
    draws the same picture is tested for every chart.
``image/svg+xml``
    A picture for whatever knows neither.
"""

from __future__ import annotations

import re
from typing import Any

import vl_convert

from workbench.charts.engine import Picture, alt

RENDERER = "workbench"
SPEC_TYPE = "application/vnd.vegalite.v6+json"
LAB_TYPE = "application/vnd.vegalite.v5+json"
PICTURE_TYPE = "image/svg+xml"
LAB_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""Names the language's version; nothing is ever fetched from it."""


_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML and UTF-8 cannot hold. A NUL in a text makes vl_convert 1.9 abort the whole process."""


_HALVED = re.compile("[\U00010000-\U0010ffff]")
"""What Vega holds as two halves: where it cuts a long label between them, vl_convert 1.9 fails on the half."""


def fit(value: Any, unfit: re.Pattern[str] = _UNFIT) -> Any:
    """Return ``value`` (plain JSON) with every character that a picture cannot hold replaced by U+FFFD."""
    if isinstance(value, str):
        return unfit.sub("\ufffd", value)
    if isinstance(value, dict):
        return {fit(key, unfit): fit(one, unfit) for key, one in value.items()}
    return [fit(one, unfit) for one in value] if isinstance(value, list | tuple) else value


def specification(picture: Picture) -> dict[str, Any]:
    """Return ``picture`` as Vega-Lite JSON, a good deal faster than ``to_dict`` because its rows are not copied along.

    The rows are plain already (`workbench.charts.rows.inline`); `picture` is left as it was.
    """
    rows: Any = picture.data
    bare = picture.copy(deep=False)
    bare.data = alt.InlineData(values=[])
    spec: dict[str, Any] = bare.to_dict()
    spec.pop("datasets", None)
    whole: dict[str, Any] = fit({**spec, "data": {"values": rows.values}})
    return whole


def svg(spec: dict[str, Any]) -> str:
    """Return the Vega-Lite ``spec`` drawn as SVG, without reading anything from anywhere."""
    shown = fit(fit(quiet_marks(spec)), _HALVED)
    drawn: str = vl_convert.vegalite_to_svg(shown, allowed_base_urls=[])
    return drawn


def quiet_marks(spec: dict[str, Any]) -> dict[str, Any]:
    """Return ``spec`` without an ARIA label on each mark, for pictures that carry one description for the whole."""
    return {**spec, "config": {**spec.get("config", {}), "aria": False}}


def bundle(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return the representations of ``spec`` by media type, as Altair asks of a renderer."""
    whole = fit(spec)
    return {SPEC_TYPE: whole, LAB_TYPE: {**whole, "$schema": LAB_SCHEMA}, PICTURE_TYPE: svg(whole)}


def enable() -> None:
    """Show charts in this notebook by the renderer ``workbench``; call it once, before the first chart."""
    if RENDERER not in alt.renderers.names():
        alt.renderers.register(RENDERER, bundle)
    alt.renderers.enable(RENDERER)
