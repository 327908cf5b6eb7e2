"""From a plan to what each deployment needs, described and checked before anything is started.

Consecutive runs of one block, mesh and workload share a deployment. Because adapters only describe, every unknown name,
profile, option and impossible load is refused here, and `steps_of` can print all that would be done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from workbench import adapters
from workbench.campaigns.intent_applied import configured_cluster, intended
from workbench.errors import BadInputError
from workbench.intents.words import in_words
from workbench.model.cluster_steps import (
    ClusterApplication,
    ClusterGate,
    ClusterLoad,
    ClusterStep,
    Manifest,
    MetricMoved,
    PartRule,
)
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Plan, RunSpec, Workload
from workbench.model.lab_steps import Application, Gate, Job, Step
from workbench.model.protocols import LoadGenerator, Mesh
from workbench.model.records import MeshFacts

_DEPLOY_S = 0.6
_RUN_OVERHEAD_S = 0.2
"""Measured on a 2-core machine: an archetype comes up, is proven and removed in 0.3 to 0.8 s; a run's generator starts
and its files are written in 0.1 to 0.3 s. Only the first estimate uses them; later ones use the campaign's own pace."""


_CLUSTER_DEPLOY_S = 150.0
"""A guess until a campaign has its own pace: charts take a minute or two to come, and half of it to go."""

EDGE_S = 20.0
"""How long a cluster's load lasts beyond the window at both ends, so that kubelets read counters on either side: they
read a container every 10 to 15 s, with jitter (cAdvisor's housekeeping)."""

CLUSTERS = ("kubernetes",)
"""Environments whose applications are made of manifests, and whose meshes say their parts and the way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploying:
    """What one deployment needs, described: consecutive runs of one block, mesh, workload and protocol share it.

    `parts` and `removal` are of clusters only, where nobody knows by a process id what belongs to whom, and where what
    was installed outlives this program.
    """

    runs: tuple[RunSpec, ...]
    facts: MeshFacts
    steps: tuple[Step | ClusterStep, ...]
    application: Application | ClusterApplication
    gates: tuple[Gate | ClusterGate, ...]
    parts: tuple[PartRule, ...] = ()
    removal: tuple[ClusterStep, ...] = ()

    @property
    def of_clusters(self) -> dict[str, Any]:
        """What a cluster's `deploy` must know besides; nothing elsewhere."""
        on_cluster = isinstance(self.application, ClusterApplication)
        return {"parts": self.parts, "removal": self.removal} if on_cluster else {}

    @property
    def everything(self) -> tuple[Step | ClusterStep, ...]:
        """The steps and what brings the application up after them."""
        if isinstance(self.application, ClusterApplication):
            objects = (*self.application.objects, self.application.client)
            return (*self.steps, Manifest(name="the application", objects=objects))
        return (*self.steps, *(service.process for service in self.application.services))


def pinned(experiment: Experiment) -> Experiment:
    """Return the experiment with what its environment takes from a default said by name: a cluster's context.

    Raises
    ------
    UnsupportedError, BadInputError
        Where there is no such cluster.
    """
    pin = getattr(adapters.load("environments", experiment.environment.name), "pinned", None)
    return replace(experiment, environment=pin(experiment.environment)) if pin else experiment


def deployments(plan: Plan) -> tuple[Deploying, ...]:
    """Describe every deployment of ``plan`` in order; nothing is started.

    Raises
    ------
    BadInputError
        For unknown adapters, profiles and options, a load that its generator cannot make, a protocol that a workload,
        a generator or a mesh does not speak, or a mesh that the experiment's environment cannot run.
    """
    environment = plan.experiment.environment.name
    adapters.load("environments", environment)
    for load in plan.experiment.loads:
        for workload in plan.experiment.workloads:
            _workload(workload, environment, load.protocol)
            job_of(load, workload, 0, plan.experiment.environment)
    grouped = groupby(plan.runs, key=_together)
    return tuple(_describe(tuple(runs), environment) for _, runs in grouped)


def _together(run: RunSpec) -> tuple[int, str, Workload, str]:
    """Return what the runs of one deployment have in common."""
    return run.block, run.mesh.label, run.workload, run.load.protocol


def _describe(runs: tuple[RunSpec, ...], environment: str) -> Deploying:
    spec, workload, protocol = runs[0].mesh, runs[0].workload, runs[0].load.protocol
    mesh: Mesh = adapters.load("meshes", spec.name)
    if environment not in mesh.environments:
        raise BadInputError(
            f"The mesh {spec.name!r} cannot run in the environment {environment!r}, "
            f"only in {', '.join(mesh.environments)}."
        )
    if environment in CLUSTERS:
        return _describe_on_cluster(runs, adapters.load("meshes", spec.name), environment)
    application: Application = _workload(workload, environment, protocol).application(workload)
    intended(mesh, spec, workload, application)
    enrolled = mesh.enrol(spec, application)
    return Deploying(
        runs=runs,
        facts=_facts(mesh, spec, protocol),
        steps=mesh.install(spec, application),
        application=enrolled,
        gates=mesh.gates(spec, enrolled),
    )


def _describe_on_cluster(runs: tuple[RunSpec, ...], mesh: Any, environment: str) -> Deploying:
    spec, workload, protocol = runs[0].mesh, runs[0].workload, runs[0].load.protocol
    adapter = _workload(workload, environment, protocol)
    application: ClusterApplication = adapter.cluster_application(workload, protocol)
    rendering = intended(mesh, spec, workload, application)
    steps, enrolled = configured_cluster(mesh, spec, application, rendering)
    gates = mesh.gates(spec, enrolled)
    _require_counters(spec, gates)
    return Deploying(
        runs=runs,
        facts=_facts(mesh, spec, protocol),
        steps=steps,
        application=enrolled,
        gates=gates,
        parts=mesh.parts(spec),
        removal=mesh.remove(spec, enrolled),
    )


def _require_counters(spec: MeshSpec, gates: tuple[ClusterGate, ...]) -> None:
    """Refuse an intent that switches off the counters by which its mesh's traffic is proven."""
    needing = [gate.name for gate in gates if isinstance(gate, MetricMoved)]
    if needing and spec.intent is not None and spec.intent.metrics is False:
        raise BadInputError(
            f"The intent {spec.intent.name!r} cannot be measured with {spec.label}: metrics = false switches off the "
            f"proxies' counters, and only these prove that {needing[0]!r}. Leave metrics out for the measurement."
        )


def _facts(mesh: Any, spec: MeshSpec, protocol: str) -> MeshFacts:
    """Return what must be said beside its numbers, the intent among it, and what a load has no use for."""
    facts: MeshFacts = mesh.facts(spec)
    if protocol == "tcp" and facts.layer == "L7":
        facts = replace(facts, features=(*facts.features, "under this load connections only: TCP has no requests"))
    return facts if spec.intent is None else replace(facts, title=f"{facts.title}; asked: {in_words(spec.intent)}")


def _workload(workload: Workload, environment: str, protocol: str) -> Any:
    adapter = adapters.load("workloads", workload.name)
    if environment not in adapter.environments:
        raise BadInputError(
            f"The workload {workload.name!r} cannot run in the environment {environment!r}, "
            f"only in {', '.join(adapter.environments)}."
        )
    if protocol not in adapter.protocols[environment]:
        spoken = (f"{', '.join(known)} in the environment {place}" for place, known in adapter.protocols.items())
        raise BadInputError(
            f"The workload {workload.name!r} cannot be called in {protocol!r} here: it speaks {'; '.join(spoken)}."
        )
    return adapter


def load_generator(name: str) -> LoadGenerator:
    """Return the load generator ``name``."""
    generator: LoadGenerator = adapters.load("loadgens", name)
    return generator


def job_of(load: Load, workload: Workload, seed: int, environment: EnvironmentSpec) -> Job | ClusterLoad:
    """Return what makes the load in this environment.

    Raises
    ------
    BadInputError
        When the generator cannot make it, or cannot run there.
    """
    generator = load_generator(load.generator)
    if environment.name not in CLUSTERS:
        return generator.job(load, workload, seed)
    make = getattr(generator, "cluster_load", None)
    if make is None:
        raise BadInputError(
            f"The load generator {load.generator!r} is a process of this machine and cannot run on a cluster: "
            'choose generator = "fortio".'
        )
    load_on_cluster: ClusterLoad = make(load, workload, float(environment.options.get("edge_s", EDGE_S)))
    return load_on_cluster


def estimate_s(plan: Plan) -> float:
    """Return about how many seconds the plan takes from start to end."""
    deploying = sum(1 for _ in groupby(plan.runs, key=_together))
    environment = plan.experiment.environment
    if environment.name not in CLUSTERS:
        loads = sum(run.load.duration_s + run.load.warmup_s + _RUN_OVERHEAD_S for run in plan.runs)
        return loads + _DEPLOY_S * deploying
    edge_s = float(environment.options.get("edge_s", EDGE_S))
    loads = sum(run.load.duration_s + max(run.load.warmup_s, edge_s) + edge_s for run in plan.runs)
    return loads + _CLUSTER_DEPLOY_S * deploying


def steps_of(plan: Plan) -> tuple[tuple[RunSpec, tuple[Step | ClusterStep, ...]], ...]:
    """Return, for each deployment in order, its first run and every step that would be taken."""
    return tuple((one.runs[0], one.everything) for one in deployments(plan))


def collector_of(plan: Plan, one: Deploying) -> tuple[tuple[ClusterStep, ...], str]:
    """Return how a deployment's pod that asks the kubelets comes up, before all else, and where only.

    No steps where there is none. The second is empty where the pod is sure to come; otherwise it says what about the
    cluster decides.

    Raises
    ------
    BadInputError
        For options that the environment does not know.
    """
    spec = plan.experiment.environment
    describe = getattr(adapters.load("environments", spec.name), "collector", None)
    if describe is None or not isinstance(one.application, ClusterApplication):
        return (), ""
    steps, only_where = describe(spec, one.application.client)
    return steps, only_where
