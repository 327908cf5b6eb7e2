"""What the analysis expects of the store's frames, said once and checked before anything is computed.

First stage of the reading half after the store: frames come in as `workbench.store.Store` gives them, are checked
for their columns, copied, and brought to plain floats and text, so that no later stage meets ``None``, nullable
integers or a frame that somebody else still holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.errors import BadInputError, NothingToShowError
from workbench.model.columns import used_as
from workbench.model.lab_steps import CONTROL_ROLES, DATA_PLANE_ROLES

BLOCK = ("campaign_id", "block")
"""What identifies a block: blocks are numbered within a campaign, and compared within it only."""

CELL = ("workload", "rate_per_s")
"""What is compared with what: the same workload at the same asked rate."""

BILLED_ROLES = ("application", *DATA_PLANE_ROLES, "load-generator")
"""Who takes part in a request. The node and what is unattributed contain foreign work, a control plane's work does
not follow the requests: none of these three is in a sum per request."""

SHOWN_ROLES = (*BILLED_ROLES, *CONTROL_ROLES)
"""What can be looked at: who takes part in a request, and what a mesh brings besides."""

LIKE = (
    "environment",
    "fingerprint",
    "provenance",
    "generator",
    "generator_version",
    "arrival",
    "latency_from",
    "protocol",
    "connections",
    "duration_s",
    "warmup_s",
)
"""Circumstances that must be equal wherever runs are compared or pooled. The rate and the workload with its payload,
delay and fan-out are not here: they make cells of their own, which are never mixed either."""

NO_RATE = float("inf")
"""Rate of imported runs of which none is told: a closed loop, as fast as its answers come. Such runs make a cell."""

RUN_COLUMNS = (*used_as("runs"), "started_at")
"""Columns of ``Store.runs()`` that are used here."""

FAILURE_COLUMNS = ("run_id", "failures")
"""Columns of ``Store.failures()`` that are used here."""

QUANTILES = {"latency_p50_s": 0.5, "latency_p90_s": 0.9, "latency_p99_s": 0.99, "latency_p999_s": 0.999}
"""Latency metrics and the quantile they stand for."""


def _check(frame: pd.DataFrame, columns: Sequence[str], source: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise BadInputError(
            f"The frame of {source} has no columns {', '.join(missing)}: pass the frame of Store.{source}() unchanged."
        )


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series]:
    return {name: pd.to_numeric(frame[name], errors="coerce").astype("float64") for name in columns}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]  # any scalar will do


def _texts(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series]:
    """Return columns of Python's own strings: in one block of a frame they are taken much faster than apart."""
    return {
        name: pd.Series([_text(value) for value in frame[name].tolist()], frame.index, dtype=object) for name in columns
    }


def _lists(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series]:
    def plain(value: object) -> list[str]:
        return [str(one) for one in value] if isinstance(value, list | tuple | np.ndarray) else []

    return {name: pd.Series([plain(value) for value in frame[name]], frame.index, dtype=object) for name in columns}


def _taken(frame: pd.DataFrame, table: str) -> dict[str, pd.Series]:
    """Return the columns of a table's frame that are used here, each as its use says."""
    counts = {name: pd.to_numeric(frame[name], errors="coerce") for name in used_as(table, "count")}
    return {
        **_texts(frame, used_as(table, "text")),
        **_numbers(frame, used_as(table, "number")),
        **{name: frame[name].astype(object).eq(True) for name in used_as(table, "flag")},
        **{name: numbers.fillna(1).astype("int64") for name, numbers in counts.items()},
        **_lists(frame, used_as(table, "list")),
    }


def _clean(frame: pd.DataFrame | None, table: str, source: str) -> pd.DataFrame:
    """Return a checked copy of the frame of ``Store.<source>()``; an empty one of None."""
    columns = used_as(table)
    frame = pd.DataFrame(columns=list(columns)) if frame is None else frame
    _check(frame, columns, source)
    return pd.DataFrame(_taken(frame, table))


def clean_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a checked copy of ``runs``: numbers as float64 (NaN: unknown), text as text ("": unknown).

    A rate that is not known becomes `NO_RATE`, so that its runs are compared among themselves.

    Raises
    ------
    BadInputError
        When a column is missing.
    NothingToShowError
        When there is no run at all.
    """
    _check(runs, RUN_COLUMNS, "runs")
    if runs.empty:
        raise NothingToShowError(
            "There is no run to compare: measure first (workbench run) or choose another campaign."
        )
    frame = runs.reset_index(drop=True)
    columns = {**_taken(frame, "runs"), "started_at": frame["started_at"]}
    columns["rate_per_s"] = columns["rate_per_s"].fillna(NO_RATE)
    return pd.DataFrame({name: columns[name] for name in frame.columns if name in columns})


def with_failures(runs: pd.DataFrame, failures: pd.DataFrame | None) -> pd.DataFrame:
    """Return cleaned ``runs`` with a column ``failures``: their kinds of failed requests, empty where none is told."""
    frame = pd.DataFrame(columns=list(FAILURE_COLUMNS)) if failures is None else failures
    _check(frame, FAILURE_COLUMNS, "failures")
    told = dict(zip(*(frame[name].map(_text) for name in FAILURE_COLUMNS), strict=True))
    return runs.assign(failures=[told.get(run_id, "") for run_id in runs["run_id"]])


def clean_consumption(consumption: pd.DataFrame) -> pd.DataFrame:
    """Return a checked copy of ``consumption`` with its numbers as float64.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    return _clean(consumption, "consumption", "consumption")


def clean_reservations(reservations: pd.DataFrame | None) -> pd.DataFrame:
    """Return a checked copy of ``reservations`` with its numbers as float64; an empty one of None.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    return _clean(reservations, "components", "reservations")


def clean_sources(sources: pd.DataFrame | None) -> pd.DataFrame:
    """Return a checked copy of ``sources`` with text as text ("": nothing); an empty one of None.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    return _clean(sources, "sources", "sources")


def clean_latency(latency: pd.DataFrame) -> pd.DataFrame:
    """Return a checked copy of ``latency`` with its numbers as float64.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    return _clean(latency, "latency", "latency")


def _payload_text(size: float) -> str:
    whole = int(size)
    return f"{whole // 1024} KiB" if whole and whole % 1024 == 0 else f"{whole} B"


_PARAMETERS = {
    "payload_bytes": _payload_text,
    "server_delay_s": lambda value: f"delay {value * 1000:g} ms",
    "fan_out": lambda value: f"fan-out {value:g}",
}


def workload_labels(runs: pd.DataFrame) -> pd.Series:
    """Return a name for each run's workload that tells all workloads of ``runs`` apart.

    The workload's own name, followed by those parameters that differ between workloads of that name:
    ``"echo"`` alone, or ``"echo, 1 KiB"`` beside ``"echo, 16 KiB"``.
    """
    labels = runs["workload"].copy()
    for _, group in runs.groupby("workload", sort=False):
        differing = [column for column in _PARAMETERS if group[column].nunique(dropna=False) > 1]
        for column in differing:
            told = group[column].map(_PARAMETERS[column], na_action="ignore").fillna("unknown")
            labels.loc[group.index] = labels.loc[group.index] + ", " + told
    return labels
