"""The badge on a chart: what must be said wherever its figures are shown, taken from the frames it is drawn from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from workbench.charts.engine import Picture
from workbench.charts.theme import wrapped
from workbench.model.recording import badge_of

P = ParamSpec("P")
_KEY = "badge"


def badged(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """Let a chart carry the badge of its frames in its subtitle, its words and its specification."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Picture:
        picture = draw(*args, **kwargs)
        badge = badge_of(*args, *kwargs.values())
        return _stamped(picture, badge) if badge else picture

    return drawn


def _stamped(picture: Any, badge: str) -> Picture:
    title = picture.title.copy(deep=False)
    title.subtitle = [*title.subtitle, *wrapped(badge)]
    picture.title = title
    picture.description = f"{badge}. {picture.description}"
    picture.usermeta = {_KEY: badge}
    stamped: Picture = picture
    return stamped


def without_badge(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of a chart without the badge's lines in its subtitle, for pages that set them apart."""
    badge = spec.get("usermeta", {}).get(_KEY, "")
    if not badge:
        return dict(spec)
    title = spec["title"]
    return {**spec, "title": {**title, "subtitle": title["subtitle"][: -len(wrapped(badge))]}}
