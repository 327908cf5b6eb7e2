"""What a deployment on a cluster needs, described before anything is started; no cluster is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from workbench.environments.kubernetes import collecting
from workbench.environments.kubernetes.options import KIND, Options
from workbench.errors import BadInputError
from workbench.files.tables import merged
from workbench.intents import Rendering, Target, identity, patched
from workbench.model.cluster_load import ClusterLoad
from workbench.model.cluster_steps import (
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    HelmRelease,
    Manifest,
    MetricMoved,
    is_one,
)
from workbench.model.deployment import Described
from workbench.model.describing import facts_of, generator_of, intent_rendered, mesh_of, versions_of, workload_of
from workbench.model.experiment import Load, MeshSpec, RunSpec, Workload
from workbench.model.protocols import ClusterLoadGenerator, ClusterMesh, ClusterWorkload

_DEPLOY_S = 150.0
"""A guess until a campaign has its own pace: charts take a minute or two to come, and half of it to go."""

_PORTS = {"http": 80, "https": 443}
_SPEAKS = {"https": "http", "h2c": "http2"}
"""Scheme of a URL -> what a target speaks, where they differ."""


def describe(options: Options, runs: Sequence[RunSpec]) -> Described[ClusterApplication, ClusterStep, ClusterGate]:
    """Describe the deployment that ``runs`` share.

    Raises
    ------
    BadInputError
        For adapters, options and intents that do not go together or not on a cluster.
    """
    spec, workload, protocol = runs[0].mesh, runs[0].workload, runs[0].load.protocol
    mesh: ClusterMesh = mesh_of(spec, KIND)
    application = _application(runs)
    path = urlsplit(application.url).path or "/"
    rendering = intent_rendered(mesh, spec, target_of(application, workload), path)
    steps, enrolled = configured(mesh, spec, application, rendering)
    gates = mesh.gates(spec, enrolled)
    _require_counters(spec, gates)
    prepares, prepares_where = _prepares(options, enrolled.client)
    return Described(
        runs=tuple(runs),
        facts=facts_of(mesh.facts(spec), spec, protocol),
        steps=steps,
        application=enrolled,
        gates=gates,
        starts=(Manifest(name="the application", objects=(*enrolled.objects, enrolled.client)),),
        prepares=prepares,
        prepares_where=prepares_where,
        parts=mesh.parts(spec),
        removal=mesh.remove(spec, enrolled),
        notes=enrolled.notes,
        existing=spec.existing or options.existing,
        outlives=True,
    )


def _application(runs: Sequence[RunSpec]) -> ClusterApplication:
    """Return the application without a mesh; its client's pod holds every generator of the runs."""
    workload, protocol = runs[0].workload, runs[0].load.protocol
    adapter: ClusterWorkload = workload_of(workload, KIND, protocol)
    application = adapter.cluster_application(workload, protocol)
    for name in dict.fromkeys(run.load.generator for run in runs):
        generator: ClusterLoadGenerator = generator_of(name, KIND)
        application = replace(application, client=generator.client(application.client))
    return application


def _prepares(options: Options, client: Mapping[str, Any]) -> tuple[tuple[ClusterStep, ...], str]:
    """Return how the pod that asks the kubelets comes up, and the condition under which it does; see `collecting`."""
    if options.telemetry == "collector":
        return collecting.steps(collecting.image_of(client)), ""
    if options.telemetry or options.prometheus:
        return (), ""
    return collecting.steps(collecting.image_of(client)), collecting.ONLY_WHERE


def _require_counters(spec: MeshSpec, gates: tuple[ClusterGate, ...]) -> None:
    """Refuse an intent that switches off the counters by which its mesh's traffic is proven."""
    needing = [gate.name for gate in gates if isinstance(gate, MetricMoved)]
    if needing and spec.intent is not None and spec.intent.metrics is False:
        raise BadInputError(
            f"The intent {spec.intent.name!r} cannot be measured with {spec.label}: metrics = false switches off the "
            f"proxies' counters, which are needed to verify that {needing[0]!r}. Leave metrics out for the measurement."
        )


def load_of(options: Options, load: Load, workload: Workload) -> ClusterLoad:
    """Return the load for the generator in the client's pod.

    Raises
    ------
    BadInputError
        When the generator cannot make it.
    """
    generator: ClusterLoadGenerator = generator_of(load.generator, KIND)
    return generator.cluster_load(load, workload, options.edge_s)


def estimate_s(options: Options, runs: Sequence[RunSpec], deployments: int) -> float:
    """Return about how many seconds the runs take in so many deployments."""
    loads = (run.load.duration_s + max(run.load.warmup_s, options.edge_s) + options.edge_s for run in runs)
    return sum(loads) + _DEPLOY_S * deployments


# ---------------------------------------------------------------------- intents
def target_of(application: ClusterApplication, workload: Workload) -> Target:
    """Return the service that the application's client calls, as the target of an intent."""
    url = urlsplit(application.url)
    metadata, service = application.client["metadata"], (url.hostname or "").split(".")[0]
    return Target(
        namespace=application.namespace,
        service=service,
        deployments=_answering(application, service),
        port=url.port or _PORTS.get(url.scheme, 80),
        protocol=_SPEAKS.get(url.scheme, url.scheme),
        caller=metadata["name"],
        versions=versions_of(workload),
    )


def _answering(application: ClusterApplication, service: str) -> tuple[str, ...]:
    """Return the names of the Deployments that the Service ``service`` selects, all versions of it."""
    selectors = [
        one.get("spec", {}).get("selector") or {}
        for one in application.objects
        if is_one(one, "Service") and one["metadata"]["name"] == service
    ]
    return tuple(
        one["metadata"]["name"]
        for one in application.objects
        if is_one(one, "Deployment")
        and any(wanted and wanted.items() <= _pod_labels(one).items() for wanted in selectors)
    )


def _pod_labels(one: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = one["spec"]["template"].get("metadata", {}).get("labels") or {}
    return labels


def configured(
    mesh: ClusterMesh, spec: MeshSpec, application: ClusterApplication, rendering: Rendering
) -> tuple[tuple[ClusterStep, ...], ClusterApplication]:
    """Return (the mesh's steps, the enrolled application), both with what the intent changes.

    Raises
    ------
    BadInputError
        When the rendering changes an object that the application does not have.
    """
    steps = tuple(_with_values(step, rendering.values) for step in mesh.install(spec, application))
    changed, left = patched((*application.objects, application.client), rendering.patches)
    namespaces = [one for one in left if is_one(one, "Namespace") and one["metadata"]["name"] == application.namespace]
    others = [one for one in left if one not in namespaces]
    if others:
        _, kind, namespace, name = identity(others[0])
        raise BadInputError(
            f"The intent of {spec.label} changes the {kind} {namespace}/{name}, which the application does not have."
        )
    metadata = dict(application.namespace_metadata)
    for one in namespaces:
        metadata = merged(
            metadata, {key: one["metadata"][key] for key in ("labels", "annotations") if key in one["metadata"]}
        )
    enrolled = mesh.enrol(
        spec, replace(application, objects=changed[:-1], client=changed[-1], namespace_metadata=metadata)
    )
    ours, new = patched(enrolled.objects, rendering.objects)
    return steps, replace(enrolled, objects=(*ours, *new))


def _with_values(step: ClusterStep, values: Mapping[str, Mapping[str, Any]]) -> ClusterStep:
    if isinstance(step, HelmRelease) and step.chart.rpartition("/")[2] in values:
        return replace(step, values=merged(step.values, values[step.chart.rpartition("/")[2]]))
    return step
