"""What a check is, and what it may look at.

Part of the sixth stage; `workbench.analysis.checks` and `workbench.analysis.impossible` hold the checks themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from workbench.analysis.selection import Selection

Severity = Literal["info", "warning", "error"]
"""info: to know; warning: believe less; error: do not believe the figures in its scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to know before believing a comparison.

    Attributes
    ----------
    name
        Stable identifier: ``"too-few-blocks"``.
    severity
        See `Severity`.
    scope
        What it is about: ``"all runs"``, a mesh, a cell, the names of runs.
    figure
        The figure that it rests on, with its unit.
    message
        One sentence that says what is the case.
    next_step
        One sentence that says what to do.
    """

    name: str
    severity: Severity
    scope: str
    figure: str
    message: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What checks look at; `wide`, `cpu` and `latency` share the index of ``runs``.

    Attributes
    ----------
    runs
        The counted runs.
    wide
        Their costs, a column for each metric.
    cpu
        CPU seconds in the window by role.
    latency
        The latency rows that their figures come from.
    selection
        What counts and what does not.
    consumption
        All consumption rows.
    verdicts
        The pairwise comparisons.
    node_bill, resources, sources
        Of the counted runs on clusters; see `workbench.analysis.resources`. Empty in the lab.
    """

    runs: pd.DataFrame
    wide: pd.DataFrame
    cpu: pd.DataFrame
    latency: pd.DataFrame
    selection: Selection
    consumption: pd.DataFrame
    verdicts: pd.DataFrame
    node_bill: pd.DataFrame
    resources: pd.DataFrame
    sources: pd.DataFrame
