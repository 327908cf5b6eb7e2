"""From a plan to its deployments: described and checked before anything starts, then deployed and verified.

Consecutive runs of one block, mesh, workload and protocol share a deployment. Because adapters only describe, every
unknown name, profile, option and impossible load is refused here, and `steps_of` can print every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from workbench import adapters
from workbench.model.describing import workload_of
from workbench.model.environment import AnyDeployment, AnyDescribed, AnyEnvironment, AnyOpenEnvironment
from workbench.model.experiment import EnvironmentSpec, Experiment, Plan, RunSpec, Workload
from workbench.model.records import GateResult


def environment_of(spec: EnvironmentSpec) -> AnyEnvironment:
    """Return the environment that ``spec`` names.

    Raises
    ------
    UnknownNameError
        For an unknown name; the message lists the known ones and the nearest.
    """
    found: AnyEnvironment = adapters.load("environments", spec.name)
    return found


def pinned(experiment: Experiment) -> Experiment:
    """Return the experiment with its environment's defaults filled in, such as a cluster's context.

    Raises
    ------
    UnsupportedError, BadInputError
        Where there is no such cluster.
    """
    environment = experiment.environment
    return replace(experiment, environment=environment_of(environment).pinned(environment))


def deployments(plan: Plan) -> tuple[AnyDescribed, ...]:
    """Describe every deployment of ``plan`` in order; start nothing.

    Raises
    ------
    BadInputError
        For unknown adapters, profiles and options, a load that its generator cannot make, a protocol that a workload,
        a generator or a mesh does not support, or a mesh that the experiment's environment cannot run.
    """
    spec = plan.experiment.environment
    environment = environment_of(spec)
    for load in plan.experiment.loads:
        for workload in plan.experiment.workloads:
            workload_of(workload, environment.kind, load.protocol)
            environment.load_of(spec, load, workload, 0)
    beside = _beside(plan.experiment)
    described = (environment.describe(spec, tuple(runs)) for _, runs in groupby(plan.runs, key=_together))
    return tuple(one if one.existing or not beside else replace(one, notes=(*one.notes, beside)) for one in described)


def _together(run: RunSpec) -> tuple[int, str, Workload, str]:
    """Return what the runs of one deployment share."""
    return run.block, run.mesh.label, run.workload, run.load.protocol


def _beside(experiment: Experiment) -> str:
    """Return the note for every other data plane when a mesh is installed already; empty when none is."""
    there = [mesh.label for mesh in experiment.meshes if mesh.existing]
    if not there:
        return ""
    return (
        f"measured while {', '.join(there)} was on the cluster. Without it means that this application was not "
        "enrolled: the mesh's control plane and its parts on every node kept running"
    )


def estimate_s(plan: Plan) -> float:
    """Return about how many seconds the plan takes from start to end."""
    spec = plan.experiment.environment
    return environment_of(spec).estimate_s(spec, plan.runs, sum(1 for _ in groupby(plan.runs, key=_together)))


# `Any`: a step is the environment's own type; printing accepts any of them.
def steps_of(plan: Plan) -> tuple[tuple[RunSpec, tuple[Any, ...]], ...]:
    """Return each deployment's first run and all its steps, in order."""
    return tuple((one.runs[0], one.everything) for one in deployments(plan))


# ---------------------------------------------------------------------- deployed and verified
@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A running deployment, and the evidence of its gates.

    Attributes
    ----------
    failure
        Which gates failed, with their evidence; empty: all passed.
    """

    deployment: AnyDeployment
    gates: tuple[GateResult, ...]

    @property
    def failure(self) -> str:
        """Which gates failed, with their evidence; empty: all passed."""
        return "; ".join(f"gate failed: {gate.name} ({gate.evidence})" for gate in self.gates if not gate.passed)


@contextmanager
def proven(opened: AnyOpenEnvironment, one: AnyDescribed) -> Iterator[Proven]:
    """Start a deployment and try its gates; leaving the context removes it.

    Raises
    ------
    RunFailedError, UnsupportedError
        When it does not start, with its output.
    """
    up = opened.deploy(one.steps, one.application, parts=one.parts, removal=one.removal, existing=one.existing)
    with up as deployment:
        opened.say(f"verifying that traffic goes through {one.facts.label}")
        yield Proven(deployment=deployment, gates=deployment.check(one.gates))
