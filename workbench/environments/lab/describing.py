"""What a deployment in the lab needs, described before anything is started."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import BadInputError
from workbench.intents import Target
from workbench.model.deployment import Described
from workbench.model.describing import facts_of, generator_of, intent_rendered, mesh_of, versions_of, workload_of
from workbench.model.experiment import Load, RunSpec, Workload
from workbench.model.lab_steps import Application, Gate, Job, Step
from workbench.model.protocols import LabMesh, LabWorkload, LoadGenerator

KIND = "lab"
LAB_NAMESPACE = "lab"
"""What the lab's identities call theirs; it has no namespaces of Kubernetes' kind."""

_DEPLOY_S = 0.6
_RUN_OVERHEAD_S = 0.2
"""Measured on a 2-core machine: an archetype comes up, is proven and removed in 0.3 to 0.8 s; a run's generator starts
and its files are written in 0.1 to 0.3 s. Only the first estimate uses them; later ones use the campaign's own pace."""


def target_of(application: Application, workload: Workload) -> Target:
    """Return the service that the client calls, as the target of an intent."""
    return Target(namespace=LAB_NAMESPACE, service=application.entry, versions=versions_of(workload))


def describe(runs: Sequence[RunSpec]) -> Described[Application, Step, Gate]:
    """Describe the deployment that ``runs`` share.

    Raises
    ------
    BadInputError
        For adapters, options and intents that do not go together or not in the lab.
    """
    spec, workload, protocol = runs[0].mesh, runs[0].workload, runs[0].load.protocol
    if spec.existing:
        raise BadInputError(f"The mesh {spec.name!r} has existing = true, which works on clusters only: remove it.")
    mesh: LabMesh = mesh_of(spec, KIND)
    adapter: LabWorkload = workload_of(workload, KIND, protocol)
    application = adapter.application(workload)
    intent_rendered(mesh, spec, target_of(application, workload), "/")
    enrolled = mesh.enrol(spec, application)
    return Described(
        runs=tuple(runs),
        facts=facts_of(mesh.facts(spec), spec, protocol),
        steps=mesh.install(spec, application),
        application=enrolled,
        gates=mesh.gates(spec, enrolled),
        starts=tuple(service.process for service in enrolled.services),
    )


def load_of(load: Load, workload: Workload, seed: int) -> Job:
    """Return the program that makes a run's load.

    Raises
    ------
    BadInputError
        When the generator cannot make it.
    """
    generator: LoadGenerator = generator_of(load.generator, KIND)
    return generator.job(load, workload, seed)


def estimate_s(runs: Sequence[RunSpec], deployments: int) -> float:
    """Return about how many seconds the runs take in so many deployments."""
    return sum(run.load.duration_s + run.load.warmup_s + _RUN_OVERHEAD_S for run in runs) + _DEPLOY_S * deployments
