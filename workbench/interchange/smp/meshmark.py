"""An index in the manner of MeshMark, under the name of its profile and with every input shown.

MeshMark itself, "value against overhead" from 0 to 100, cannot be computed from what is published: its classes are not
listed, its weights not given, and its formulas contradict each other. What stands here is this project's reading:
100 times the mean over classes of the weighted mean of their ratios, each ratio from 0 to 1 with 1 for "as good as no
mesh". It is called "MeshMark-style, profile NAME" and never MeshMark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from workbench.analysis import Comparison
from workbench.errors import NothingToShowError, UnknownNameError

MIB = 2.0**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Weights and budgets.

    Attributes
    ----------
    weights
        Ratio -> weight added to 1, from -0.5 to 0.5 as MeshMark has it.
    memory_budget_bytes
        Memory of a proxy at which its ratio is 0.
    """

    name: str
    about: str
    weights: Mapping[str, float]
    memory_budget_bytes: float


RATIOS = {
    "cpu": "the application's and the load's share of all CPU of a request: 1 / (1 + normalised CPU)",
    "memory": "the unused share of a proxy's memory budget: 1 - RSS of a proxy / budget",
    "latency-median": "median latency without a mesh divided by that with it",
    "latency-tail": "p99 latency without a mesh divided by that with it",
    "throughput": "requests answered correctly divided by requests scheduled",
}
"""Ratio -> how it is computed, between 0 and 1."""

CLASSES = {
    "cpu": ("cpu",),
    "memory": ("memory",),
    "latency": ("latency-median", "latency-tail"),
    "throughput": ("throughput",),
}
"""Class -> its ratios."""

PROFILES = {
    one.name: one
    for one in (
        Profile(name="even", about="all ratios alike", weights={}, memory_budget_bytes=128 * MIB),
        Profile(
            name="interactive",
            about="latency weighs 50 % more, memory 50 % less",
            weights={"latency-median": 0.5, "latency-tail": 0.5, "memory": -0.5},
            memory_budget_bytes=128 * MIB,
        ),
        Profile(
            name="dense",
            about="CPU and memory weigh 50 % more, latency 50 % less",
            weights={"cpu": 0.5, "memory": 0.5, "latency-median": -0.5, "latency-tail": -0.5},
            memory_budget_bytes=64 * MIB,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A data plane's index with its inputs; None: not measured, and then there is no index."""

    mesh: str
    mark: float | None
    ratios: Mapping[str, float | None]

    def as_row(self) -> dict[str, object]:
        """Return it as a row of a table."""
        shown = {name: None if value is None else round(value, 3) for name, value in self.ratios.items()}
        return {"data plane": self.mesh, "index": None if self.mark is None else round(self.mark, 1), **shown}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Indices of all data planes, and everything that went into them.

    Attributes
    ----------
    title
        What it is, with the profile's name.
    inputs
        Name -> what it is, in words.
    """

    title: str
    marks: tuple[Mark, ...]
    inputs: Mapping[str, str]


def marks(comparison: Comparison, profile: str = "even") -> Marks:
    """Return the index of each data plane at the highest rate of the main workload.

    Raises
    ------
    UnknownNameError
        With the known profiles.
    NothingToShowError
        When there is no data plane beside the baseline.
    """
    if profile not in PROFILES:
        raise UnknownNameError("profile", profile, PROFILES)
    chosen = PROFILES[profile]
    cell = _cell(comparison.summary, comparison)
    meshes = comparison.meshes
    baselines = list(meshes.loc[meshes["is_baseline"], "mesh"])
    others = [mesh for mesh in comparison.order if mesh not in baselines]
    if not others:
        raise NothingToShowError("There is no data plane other than the baseline, so there is nothing to index.")
    base = cell.get(baselines[0], {}) if baselines else {}
    found = []
    for mesh in others:
        ratios = _ratios(cell.get(mesh, {}), base, chosen)
        found.append(Mark(mesh=mesh, mark=index(ratios, chosen.weights), ratios=ratios))
    inputs = {
        "profile": f"{chosen.name}: {chosen.about}",
        "memory budget": f"{chosen.memory_budget_bytes / MIB:g} MiB a proxy",
        **{f"weight of {name}": f"{1 + chosen.weights.get(name, 0.0):g}" for name in RATIOS},
        **RATIOS,
        "classes": "; ".join(f"{name} ({', '.join(ratios)})" for name, ratios in CLASSES.items()),
    }
    return Marks(title=f"MeshMark-style, profile {chosen.name}", marks=tuple(found), inputs=inputs)


def _cell(summary: pd.DataFrame, comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return mesh -> metric -> median of the main workload at its highest rate."""
    workload = str(comparison.runs["workload"].value_counts().index[0])
    rows = summary[summary["workload"].eq(workload)]
    rows = rows[rows["rate_per_s"].eq(rows["rate_per_s"].max()) & rows["median"].notna()]
    found: dict[str, dict[str, float]] = {}
    for mesh, metric, median in rows[["mesh", "metric", "median"]].itertuples(index=False, name=None):
        found.setdefault(str(mesh), {})[str(metric)] = float(median)
    return found


def _ratios(here: Mapping[str, float], base: Mapping[str, float], profile: Profile) -> dict[str, float | None]:
    tax, memory = here.get("normalised_cpu"), here.get("rss_per_replica_bytes")
    achieved, errors = here.get("achieved_ratio"), here.get("error_ratio")
    return {
        "cpu": None if tax is None else _within(1 / (1 + max(tax, 0.0))),
        "memory": None if memory is None else _within(1 - memory / profile.memory_budget_bytes),
        "latency-median": _quotient(base.get("latency_p50_s"), here.get("latency_p50_s")),
        "latency-tail": _quotient(base.get("latency_p99_s"), here.get("latency_p99_s")),
        "throughput": None if achieved is None or errors is None else _within(achieved * (1 - errors)),
    }


def _quotient(base: float | None, here: float | None) -> float | None:
    return None if not base or not here else _within(base / here)


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))


def index(ratios: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """Return 100 times the mean over classes of the weighted means of their ratios; None where a class has none.

    From 0 to 100 whatever the weights, since those of a class divide out.
    """
    means = []
    for names in CLASSES.values():
        known = [(ratios[name], 1 + weights.get(name, 0.0)) for name in names if ratios.get(name) is not None]
        if not known:
            return None
        total = math.fsum(weight for _, weight in known)
        means.append(math.fsum((value or 0.0) * weight for value, weight in known) / total)
    return 100 * math.fsum(means) / len(means)
