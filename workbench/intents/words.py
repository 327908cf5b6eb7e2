"""An intent in one line, wherever its numbers are shown."""

from __future__ import annotations

import dataclasses
from typing import Any

from workbench.fields import given
from workbench.intents.features import FEATURES
from workbench.intents.intent import Intent, Share


def in_words(intent: Intent) -> str:
    """Return what it asks for, such as ``"traffic split: v1 90 %, v2 10 %; retries: attempts 2"``."""
    told = [f"{_title(name)}: {said(getattr(intent, name))}" for name in intent.asked]
    return "; ".join(told) or "nothing is asked"


def _title(feature: str) -> str:
    title = FEATURES[feature].title
    return title[0].lower() + title[1:]


def said(value: Any) -> str:
    """Return what one feature asks for, such as ``"attempts 2, per try timeout 0.25 s"``."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return (", " if value and isinstance(value[0], Share) else " ").join(map(said, value))
    if isinstance(value, Share):
        return f"{value.version} {value.weight} %"
    if not dataclasses.is_dataclass(value):
        return f"{value:g}" if isinstance(value, int | float) else str(value)
    fields = {field.name: field for field in dataclasses.fields(value)}
    pairs = ((fields[name], one) for name, one in given(value).items())
    return ", ".join(_field(field, one) for field, one in pairs if one not in (None, ()))


def _field(field: dataclasses.Field[Any], value: Any) -> str:
    unit = field.metadata.get("unit", "")
    if unit == "1/s":
        return f"{said(value)} {field.name.partition('_')[0]}/s"
    name = field.name.removesuffix(f"_{unit}" if unit.isalpha() else "").replace("_", " ")
    shown = f"{said(value)} {unit}".strip()
    return shown if name in ("percent", "seconds", "mode") else f"{name} {shown}"
