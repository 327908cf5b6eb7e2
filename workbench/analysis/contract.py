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
from workbench.model.lab_steps import DATA_PLANE_ROLES

BLOCK = ("campaign_id", "block")
"""What identifies a block: blocks are numbered within a campaign, and compared within it only."""

CELL = ("workload", "rate_per_s")
"""What is compared with what: the same workload at the same asked rate."""

BILLED_ROLES = ("application", *DATA_PLANE_ROLES, "load-generator")
"""Who takes part in a request. The node and what is unattributed contain foreign work, a control plane's work does
not follow the requests: none of these three is in a sum per request."""

SHOWN_ROLES = (*BILLED_ROLES, "control-plane")
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

_TEXT, _NUMBERS, _FLAGS = used_as("text"), used_as("number"), used_as("flag")
_COUNTS, _LISTS = used_as("count"), used_as("list")

RUN_COLUMNS = (*_TEXT, *_NUMBERS, *_FLAGS, *_COUNTS, *_LISTS, "started_at")
"""Columns of ``Store.runs()`` that are used here."""

_USAGE = (
    "cpu_s",
    "cpu_cores",
    "mem_pss_bytes",
    "mem_anon_bytes",
    "mem_rss_bytes",
    "mem_working_set_bytes",
    "ctx_switches",
    "cpu_throttled_s",
)
_PART = ("run_id", "component", "role", "node")
CONSUMPTION_COLUMNS = (*_PART, *_USAGE)
"""Columns of ``Store.consumption()`` that are used here."""

_RESERVED = ("cpu_request_cores", "cpu_limit_cores", "memory_request_bytes", "memory_limit_bytes")
RESERVATION_COLUMNS = (*_PART, *_RESERVED)
"""Columns of ``Store.reservations()`` that are used here."""

_SOURCE = ("run_id", "node", "source", "place", "why", "doubt")
SOURCE_COLUMNS = (*_SOURCE, "coarse", "readings", "interval_s", "reach_s")
"""Columns of ``Store.sources()`` that are used here."""

FAILURE_COLUMNS = ("run_id", "failures")
"""Columns of ``Store.failures()`` that are used here."""

QUANTILES = {"latency_p50_s": 0.5, "latency_p90_s": 0.9, "latency_p99_s": 0.99, "latency_p999_s": 0.999}
"""Latency metrics and the quantile they stand for."""

_DURATIONS = ("count", "p50_s", "p90_s", "p99_s", "p999_s", "low_s", "high_s")
LATENCY_COLUMNS = ("run_id", "kind", *_DURATIONS)
"""Columns of ``Store.latency()`` that are used here."""


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
    columns = {
        **_texts(frame, _TEXT),
        **_numbers(frame, _NUMBERS),
        **{name: frame[name].astype(object).eq(True) for name in _FLAGS},
        **{name: pd.to_numeric(frame[name], errors="coerce").fillna(1).astype("int64") for name in _COUNTS},
        **_lists(frame, _LISTS),
        "started_at": frame["started_at"],
    }
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
    _check(consumption, CONSUMPTION_COLUMNS, "consumption")
    return pd.DataFrame({**_texts(consumption, _PART), **_numbers(consumption, _USAGE)})


def clean_reservations(reservations: pd.DataFrame | None) -> pd.DataFrame:
    """Return a checked copy of ``reservations`` with its numbers as float64; an empty one of None.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    frame = pd.DataFrame(columns=list(RESERVATION_COLUMNS)) if reservations is None else reservations
    _check(frame, RESERVATION_COLUMNS, "reservations")
    return pd.DataFrame({**_texts(frame, _PART), **_numbers(frame, _RESERVED)})


def clean_sources(sources: pd.DataFrame | None) -> pd.DataFrame:
    """Return a checked copy of ``sources`` with text as text ("": nothing); an empty one of None.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    frame = pd.DataFrame(columns=list(SOURCE_COLUMNS)) if sources is None else sources
    _check(frame, SOURCE_COLUMNS, "sources")
    numbers = _numbers(frame, ("readings", "interval_s", "reach_s"))
    return pd.DataFrame({**_texts(frame, _SOURCE), "coarse": frame["coarse"].astype(object).eq(True), **numbers})


def clean_latency(latency: pd.DataFrame) -> pd.DataFrame:
    """Return a checked copy of ``latency`` with its numbers as float64.

    Raises
    ------
    BadInputError
        When a column is missing.
    """
    _check(latency, LATENCY_COLUMNS, "latency")
    return pd.DataFrame({**_texts(latency, LATENCY_COLUMNS[:2]), **_numbers(latency, _DURATIONS)})


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
