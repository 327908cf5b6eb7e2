"""An intent within an experiment: checked against the application, rendered by the mesh, merged into what is deployed.

A data plane that does not carry all of an intent is refused before anything starts: its numbers would bear the name of
something that did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import BadInputError
from workbench.intents import Design, Rendering, Target, identity, merged, patched, rendered
from workbench.model.cluster_steps import ClusterApplication, ClusterStep, HelmRelease, is_one
from workbench.model.experiment import MeshSpec, Workload
from workbench.model.lab_steps import Application

LAB_NAMESPACE = "lab"
"""What the lab's identities call theirs; it has no namespaces of Kubernetes' kind."""

_PORTS = {"http": 80, "https": 443}
_SPEAKS = {"https": "http", "h2c": "http2"}
"""Scheme of a URL -> what a target speaks, where they differ."""

_NOTHING = Rendering(mesh="")


def target_of(application: Application | ClusterApplication, workload: Workload) -> Target:
    """Return the service that the application's client calls, as the target of an intent."""
    versions = tuple(f"v{n}" for n in range(1, workload.versions + 1))
    if isinstance(application, Application):
        return Target(namespace=LAB_NAMESPACE, service=application.entry, versions=versions)
    url = urlsplit(application.url)
    metadata, service = application.client["metadata"], (url.hostname or "").split(".")[0]
    return Target(
        namespace=application.namespace,
        service=service,
        deployments=_answering(application, service),
        port=url.port or _PORTS.get(url.scheme, 80),
        protocol=_SPEAKS.get(url.scheme, url.scheme),
        caller=metadata["name"],
        versions=versions,
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


def intended(mesh: Any, spec: MeshSpec, workload: Workload, application: Application | ClusterApplication) -> Rendering:
    """Return what the mesh makes of its intent; an empty rendering when none is asked.

    Raises
    ------
    BadInputError
        When the intent does not fit the application, or the mesh does not carry all of it.
    """
    if spec.intent is None:
        return _NOTHING
    design = Design(intent=spec.intent, target=target_of(application, workload))
    path = "/" if isinstance(application, Application) else urlsplit(application.url).path or "/"
    _require_answers(design, path)
    return rendered(mesh, spec, design.intent, design.target).require_support()


def _require_answers(design: Design, path: str) -> None:
    """Refuse an intent under which not one of the load's requests, POST ``path``, could be answered."""
    intent = design.intent
    asked, delay, timeout = intent.authorization, intent.delay, intent.timeout
    why = ""
    if intent.abort is not None and intent.abort.percent == 100:
        why = "every request is answered with an error on purpose"
    elif delay and timeout and delay.percent == 100 and delay.seconds >= timeout.request_s:
        why = f"every request is held back {delay.seconds:g} s, and none may take longer than {timeout.request_s:g} s"
    elif asked is not None and asked.callers and design.target.caller not in asked.callers:
        why = f"authorization lets {', '.join(asked.callers)} in, and the load comes from {design.target.caller}"
    elif asked is not None and asked.methods and "POST" not in asked.methods:
        why = f"authorization lets {', '.join(asked.methods)} in, and the load is made of POST"
    elif asked is not None and asked.paths and not any(_covers(one, path) for one in asked.paths):
        why = f"authorization lets {', '.join(asked.paths)} in, and the load calls {path}"
    if why:
        raise BadInputError(
            f"The intent {intent.name!r} cannot be measured: {why}, so that no request would be answered. "
            "Change it for the measurement."
        )


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def configured_cluster(
    mesh: Any, spec: MeshSpec, application: ClusterApplication, rendering: Rendering
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
    enrolled: ClusterApplication = mesh.enrol(
        spec, replace(application, objects=changed[:-1], client=changed[-1], namespace_metadata=metadata)
    )
    ours, new = patched(enrolled.objects, rendering.objects)
    return steps, replace(enrolled, objects=(*ours, *new))


def _with_values(step: ClusterStep, values: Mapping[str, Mapping[str, Any]]) -> ClusterStep:
    if isinstance(step, HelmRelease) and step.chart.rpartition("/")[2] in values:
        return replace(step, values=merged(step.values, values[step.chart.rpartition("/")[2]]))
    return step
