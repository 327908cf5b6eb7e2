"""From frames to the rows of a chart: numbers in shown units and few digits, labels ready, gaps kept as gaps.

Charts hold their data inline. Rows therefore carry only what is drawn or shown on hovering, rounded to five significant
digits, and NaN as null: a value that was not measured is drawn as the words "not measured", never as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.charts.engine import alt
from workbench.model.metrics import REGISTRY, Metric, metric

NOT_MEASURED = "not measured"
"""What stands where a value is missing."""

DIGITS = 5
"""Significant digits kept in a chart's data; a pixel resolves three."""

CELL = ("mesh", "workload", "rate_per_s")


def plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it: numbers rounded to `DIGITS`, times as text; None for whatever is no value."""
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, str):
        return value
    number = float(f"{float(value):.{DIGITS}g}")
    if math.isinf(number):
        return None
    return int(number) if number.is_integer() else number


def inline(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Return ``rows`` as the data of a chart, every value passed through `plain`."""
    return alt.InlineData(values=[{key: plain(value) for key, value in row.items()} for row in rows])


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``frame`` as dictionaries by column name."""
    columns = [frame[name].to_numpy(dtype=object).tolist() for name in frame]
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def groups(frame: pd.DataFrame, keys: Sequence[str]) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """Return (values of ``keys``, rows) for each combination that occurs, in order of appearance."""
    return [(tuple(key), records(group)) for key, group in frame.groupby(list(keys), sort=False)]


def rate_text(rate: float) -> str:
    """``997.0`` -> ``"997 requests/s"``; a rate that nobody told reads "no stated rate"."""
    return f"{rate:,.10g} requests/s" if math.isfinite(rate) else "no stated rate"


def rates_of(frame: pd.DataFrame) -> list[float]:
    """Return the distinct rates in ascending order."""
    return sorted({float(rate) for rate in frame["rate_per_s"]})


def workloads_of(frame: pd.DataFrame) -> list[str]:
    """Return the distinct workload labels, by name."""
    return sorted({str(workload) for workload in frame["workload"]})


def metrics_of(frame: pd.DataFrame, wanted: Sequence[str]) -> list[Metric]:
    """Return those of ``wanted`` for which ``frame`` holds at least one value, in that order."""
    present = set(frame.loc[frame["median" if "median" in frame else "value"].notna(), "metric"])
    return [metric(name) for name in wanted if name in present]


def complete(frame: pd.DataFrame, order: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Return ``frame`` with a row for each mesh of ``order`` and each combination of ``keys`` that occurs.

    Added rows hold NaN, so that a mesh which gave no number is shown as "not measured" and not left out.
    """
    cells = frame[list(keys)].drop_duplicates()
    wanted = cells.merge(pd.DataFrame({"mesh": pd.Series(list(order), dtype=frame["mesh"].dtype)}), how="cross")
    return wanted.merge(frame[frame["mesh"].isin(list(order))], how="left", on=[*keys, "mesh"])


def value_text(name: str, value: float | None, *, signed: bool = False) -> str:
    """Return ``value`` of metric ``name`` (stored unit) for people; "not measured" when there is none."""
    if value is None or value != value:
        return NOT_MEASURED
    text = _set(REGISTRY[name].show(value))
    return f"+{text}" if signed and value > 0 and any(digit in text for digit in "123456789") else text


def _set(text: str) -> str:
    """Write a negative number with the minus sign that has the width of a plus, and "times" next to its number."""
    return text.replace("-", "\N{MINUS SIGN}").replace(" ×", "×")


def interval_text(name: str, low: float | None, high: float | None) -> str:
    """Return ``"[100–162]"`` in the shown unit, empty where there is no interval."""
    if low is None or high is None or low != low or high != high:
        return ""
    shown = REGISTRY[name]
    ends = [f"{end * shown.scale:,.{shown.digits}f}" for end in (low, high)]
    return _set(f"[{(' to ' if ends[0].startswith('-') else '–').join(ends)}]")


def estimate_text(name: str, row: Mapping[str, Any], *, signed: bool = False) -> str:
    """Return ``"118 µs [100–162]"`` of a row with median, low and high; "not measured" where there is no median."""
    value = value_text(name, row["median"], signed=signed)
    interval = interval_text(name, row.get("low"), row.get("high")) if value != NOT_MEASURED else ""
    return f"{value} {interval}".strip()


def basis_text(row: Mapping[str, Any]) -> str:
    """Return on how many blocks a summary row stands and what its interval covers, for hovering."""
    blocks = row.get("blocks")
    if blocks is None or blocks != blocks or not blocks:
        return "no value"
    count = f"{int(blocks)} block{'s' if blocks != 1 else ''}"
    coverage = row.get("coverage")
    return f"{count}, interval covers {coverage:.1%}" if coverage else f"{count}, no interval"


def listed(parts: Sequence[str]) -> str:
    """Join ``parts`` as a sentence does: ``"a, b and c"``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
