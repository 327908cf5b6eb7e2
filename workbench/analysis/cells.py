"""One cell of a comparison: what it says of each data plane under one workload at one rate."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import pandas as pd

from workbench.analysis.answering import failure
from workbench.analysis.comparison import Comparison
from workbench.analysis.costing import has_kernel_data_plane
from workbench.analysis.verdicts import EQUAL
from workbench.analysis.words import range_text, with_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A median over blocks with its interval, in a metric's stored unit."""

    name: str
    median: float
    low: float
    high: float
    coverage: float
    blocks: int

    @classmethod
    def of(cls, name: str, row: Mapping[Hashable, Any] | pd.Series) -> Self:
        """Return the value that a row of a summary holds, in the unit of metric ``name``."""
        fields = ("median", "low", "high", "coverage")
        return cls(name=name, blocks=int(row["blocks"]), **{field: float(row[field]) for field in fields})

    def __str__(self) -> str:
        return with_interval(self.name, self.median, self.low, self.high)

    @property
    def change(self) -> str:
        """The value as something that is added or saved."""
        if self.median < 0:
            return f"saves {with_interval(self.name, -self.median, -self.high, -self.low)}"
        return f"adds {self}"

    @property
    def span(self) -> str:
        """The interval alone: ``"-0.002 to 0.010 cores"``."""
        return range_text(self.name, self.low, self.high)

    @property
    def includes_zero(self) -> bool:
        """Whether there is an interval, and nothing added or saved is inside it."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, eq=False)
class Cell:
    """The part of a comparison that an answer speaks of."""

    comparison: Comparison
    workload: str
    rate_per_s: float

    def here(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of this cell."""
        return frame[frame["workload"].eq(self.workload) & frame["rate_per_s"].eq(self.rate_per_s)]

    def of(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Return the rows of one metric in this cell."""
        here = self.here(frame)
        return here[here["metric"].eq(name)]

    def values(self, frame: pd.DataFrame, name: str) -> dict[str, Value]:
        """Return mesh -> value of one metric, the smallest first, without meshes that have none."""
        rows = self.of(frame, name).dropna(subset=["median"]).sort_values("median", kind="stable")
        return {str(row["mesh"]): Value.of(name, row) for row in rows.to_dict("records")}

    @cached_property
    def order(self) -> list[str]:
        """Labels of the data planes with a run in this cell, in the comparison's order."""
        there = set(self.here(self.comparison.runs)["mesh"])
        return [mesh for mesh in self.comparison.order if mesh in there]

    @cached_property
    def added(self) -> pd.DataFrame:
        """What each data plane adds in this cell; see `workbench.analysis.added`."""
        return self.here(self.comparison.added)

    @cached_property
    def saturated(self) -> dict[str, Mapping[Hashable, Any]]:
        """Label -> row of `workbench.analysis.saturation`, in order."""
        rows = {row["mesh"]: row for row in self.here(self.comparison.saturated).to_dict("records")}
        return {mesh: rows[mesh] for mesh in self.order if mesh in rows}

    def equal(self, name: str) -> list[tuple[str, str]]:
        """Return the pairs that metric ``name`` cannot tell apart although there are blocks enough to ask."""
        rows = self.of(self.comparison.verdicts, name)
        rows = rows[rows["verdict"].eq(EQUAL) & rows["blocks"].gt(1)]
        return list(zip(rows["mesh_a"], rows["mesh_b"], strict=True))

    @cached_property
    def baselines(self) -> set[str]:
        """Labels of the baseline, none where it has no counted run."""
        runs = self.comparison.runs
        return set(runs.loc[runs["is_baseline"], "mesh"])

    @cached_property
    def kernel(self) -> set[str]:
        """Labels of the data planes whose CPU is known as a difference only."""
        runs = self.comparison.runs
        return set(runs.loc[has_kernel_data_plane(runs), "mesh"])

    @cached_property
    def failing(self) -> dict[str, str]:
        """Label -> sentence, for the data planes that failed in all or most of their attempts in this cell."""
        here = self.here(self.comparison.runs)
        said = {mesh: failure(here, mesh) for mesh in self.order}
        return {mesh: what for mesh, what in said.items() if what}

    @cached_property
    def incomparable(self) -> set[str]:
        """Labels of the data planes whose latency is that of a limit, not a cost."""
        return {*self.failing, *self.saturated}

    def like_baseline(self, name: str) -> list[str]:
        """Return the meshes without a measurable difference from the baseline in ``name``, in order."""
        alike = {mesh for pair in self.equal(name) if set(pair) & self.baselines for mesh in pair} - self.baselines
        return [mesh for mesh in self.order if mesh in alike]
