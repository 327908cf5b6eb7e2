"""An experiment in the making, without a widget: its fields, its file, its plan, what it would do and how long.

What is started is the file that a draft writes, read back by the same reader as anybody's: a draft can ask for nothing
that a file could not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench import adapters
from workbench.campaigns.deployments import deployments, estimate_s
from workbench.errors import WorkbenchError
from workbench.model.experiment import (
    EnvironmentSpec,
    Experiment,
    Load,
    MeshSpec,
    Workload,
    experiment_from_toml,
    experiment_toml,
)
from workbench.model.plan import make_plan, with_baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What you ask for, not yet checked. The fields are those of `workbench.model.experiment.Experiment` and `Load`."""

    name: str
    question: str = ""
    environment: EnvironmentSpec
    meshes: tuple[MeshSpec, ...] = ()
    workloads: tuple[Workload, ...]
    rates: tuple[float, ...] = ()
    load: Load
    blocks: int = 3
    seed: int = 1
    baseline: str = "baseline"
    rerun_noisy: bool = False

    @classmethod
    def of(cls, experiment: Experiment) -> Draft:
        """Return the draft that asks for ``experiment``, baseline included; its first load says all but the rates."""
        experiment = with_baseline(experiment)
        return cls(
            name=experiment.name,
            question=experiment.question,
            environment=experiment.environment,
            meshes=experiment.meshes,
            workloads=experiment.workloads,
            rates=tuple(load.rate_per_s for load in experiment.loads),
            load=experiment.loads[0],
            blocks=experiment.blocks,
            seed=experiment.seed,
            baseline=experiment.baseline,
            rerun_noisy=experiment.rerun_noisy,
        )

    def toml(self) -> str:
        """Return the experiment file."""
        return experiment_toml(self)

    def experiment(self) -> Experiment:
        """Return the checked experiment.

        Raises
        ------
        BadInputError
            With what cannot be, in words.
        """
        return experiment_from_toml(self.toml(), "this experiment")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """What a draft would do.

    Attributes
    ----------
    problem
        Why it cannot be started, in words; empty: it can, and the rest holds.
    runs, about_s
        How many runs, and about how many seconds from start to end.
    order
        The runs in their order: block, mesh, workload, rate_per_s, duration_s.
    does
        One row for each data plane: mesh, title, starts (what is brought up for it).
    """

    problem: str = ""
    runs: int = 0
    about_s: float = 0.0
    order: pd.DataFrame
    does: pd.DataFrame


def preview(draft: Draft) -> Preview:
    """Plan ``draft`` without starting anything."""
    try:
        experiment = draft.experiment()
        plan = make_plan(experiment)
        described = deployments(make_plan(replace(experiment, blocks=1)))
    except WorkbenchError as error:
        return Preview(problem=str(error), order=pd.DataFrame(), does=pd.DataFrame())
    order = pd.DataFrame(
        {
            "block": [run.block for run in plan.runs],
            "mesh": [run.mesh.label for run in plan.runs],
            "workload": [run.workload.name for run in plan.runs],
            "rate_per_s": [run.load.rate_per_s for run in plan.runs],
            "duration_s": [run.load.duration_s for run in plan.runs],
        }
    )
    does = {
        one.facts.label: (one.facts.title, ", ".join(str(getattr(step, "name", step)) for step in _named(one)))
        for one in described
    }
    return Preview(
        runs=len(plan.runs),
        about_s=estimate_s(plan),
        order=order,
        does=pd.DataFrame([(mesh, *rest) for mesh, rest in does.items()], columns=["mesh", "title", "starts"]),
    )


def _named(one: Any) -> list[Any]:
    return [step for step in one.everything if getattr(step, "name", "")]


def known_meshes(environment: str) -> tuple[MeshSpec, ...]:
    """Return every data plane, in every profile, that can run in ``environment``."""
    found = []
    for name in adapters.names("meshes"):
        mesh = adapters.load("meshes", name)
        if environment in mesh.environments:
            found += [MeshSpec(name=name, profile=profile) for profile in mesh.profiles]
    return tuple(found)


def read_rates(text: str) -> tuple[float, ...]:
    """Return the rates in ``text``, separated by commas or blanks.

    Raises
    ------
    ValueError
        When one is no number.
    """
    return tuple(dict.fromkeys(float(one) for one in text.replace(",", " ").split()))
