"""From an experiment to its ordered runs: randomized blocks, the baseline in every block, seeded. Pure.

A block contains every cell once. Within a block the meshes are in a new random order, and so are the workloads and
loads of each mesh. Loads are grouped by mesh because starting a data plane is expensive; a fresh start in each block
makes the block the unit of replication. Overhead is computed only within blocks, so slow drifts cancel out.
"""

from __future__ import annotations

import random
from dataclasses import fields, replace

from workbench.fields import check_asked
from workbench.model.experiment import Experiment, MeshSpec, Plan, RunSpec


def with_baseline(experiment: Experiment) -> Experiment:
    """Return the experiment with its baseline among the meshes, as the first if it was missing."""
    if any(mesh.name == experiment.baseline for mesh in experiment.meshes):
        return experiment
    return replace(experiment, meshes=(MeshSpec(name=experiment.baseline), *experiment.meshes))


def make_plan(experiment: Experiment) -> Plan:
    """Order the runs of ``experiment``: the same experiment and seed give the same plan.

    Raises
    ------
    BadInputError
        When it exceeds the limits of what can be measured here (imports may exceed them).
    """
    for one in (experiment, *experiment.workloads, *experiment.loads):
        check_asked(type(one), {field.name: getattr(one, field.name) for field in fields(one)})  # type: ignore[arg-type]  # dataclasses all
    experiment = with_baseline(experiment)
    order = random.Random(experiment.seed)
    runs: list[RunSpec] = []
    for block in range(1, experiment.blocks + 1):
        for mesh in order.sample(experiment.meshes, len(experiment.meshes)):
            for workload in order.sample(experiment.workloads, len(experiment.workloads)):
                for load in order.sample(experiment.loads, len(experiment.loads)):
                    runs.append(
                        RunSpec(
                            ordinal=len(runs) + 1,
                            block=block,
                            mesh=mesh,
                            workload=workload,
                            load=load,
                            is_baseline=mesh.name == experiment.baseline,
                            seed=order.randrange(2**31),
                        )
                    )
    return Plan(experiment=experiment, runs=tuple(runs))
