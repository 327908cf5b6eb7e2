"""Format output for a terminal: aligned tables, durations, JSON. Plain text, so that you can pipe it."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.text.plain import escaped, for_terminal, in_json

if TYPE_CHECKING:
    import pandas as pd


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{for_terminal(text)}\n")


def note(text: str) -> None:
    """Print a line on standard error; errors while printing are ignored."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{for_terminal(text)}\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Return ``seconds`` as text for people.

    >>> duration(4.2), duration(125), duration(7300)
    ('4 s', '2 min 5 s', '2 h 2 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    return escaped(" ".join(str(value).split()))


def table(rows: Sequence[Mapping[str, Any]], *, right: Sequence[str] = (), width: int | None = None) -> str:
    """Return ``rows`` as aligned text under their keys; the last column is cut to the terminal's width.

    Parameters
    ----------
    rows
        Column -> value; None and NaN read "–". The first row's keys are the columns.
    right
        Columns to align to the right: numbers.
    width
        Characters a line may take; None: the terminal's, or no limit when standard output is none.
    """
    if not rows:
        return ""
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    columns = list(rows[0])
    lines = [[_text(column) for column in columns], *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    used = sum(widths[:-1]) + 2 * (len(columns) - 1)
    widths[-1] = max(10, min(widths[-1], width - used))
    shown = []
    for line in lines:
        cells = [
            cell.rjust(size) if column in right else _cut(cell, size).ljust(size)
            for cell, size, column in zip(line, widths, columns, strict=True)
        ]
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def say_table(title: str, rows: Sequence[Mapping[str, Any]], badge: str = "", *, right: Sequence[str] = ()) -> None:
    """Print a table under its title, and under it the badge that must stand at its figures."""
    say("\n".join(part for part in (f"\n{title}" if title else "", table(rows, right=right), badge) if part))


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def facts(pairs: Mapping[str, Any]) -> str:
    """Return ``pairs``, one per line, with aligned values."""
    size = max((len(key) for key in pairs), default=0)
    return "\n".join(f"{_text(key).ljust(size)}  {_text(value)}" for key, value in pairs.items())


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as plain data: NaN becomes None, times become ISO 8601."""
    import json

    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def say_json(value: Any) -> None:
    """Print ``value`` (plain data, dataclasses, frames' records) as one JSON document; NaN becomes null."""
    import pydantic_core

    sys.stdout.write(in_json(pydantic_core.to_json(value, indent=2, inf_nan_mode="null").decode()) + "\n")
