"""What about somebody's own manifests changes what is measured: said, not refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.model.cluster_steps import group_of

_GENERATORS = re.compile(
    r"(?:^|[^a-z0-9])(load-?_?gen(?:erator)?s?|load-?_?tests?|vote-?bot|locust|k6|wrk2?|hey|oha|vegeta|jmeter|gatling"
    r"|artillery|ghz|siege|nighthawk|bombardier|h2load|tsung|slow-?_?cooker)(?:$|[^a-z0-9])"
)
"""Words in names of workloads, containers and images by which load generators are known."""

_SCALERS = {
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"),
    ("keda.sh", "ScaledObject"),
    ("autoscaling.internal.knative.dev", "PodAutoscaler"),
}
_FULL_NAME = re.compile(r"(?<![\w.-])([a-z0-9][a-z0-9-]*)\.([a-z0-9][a-z0-9-]*)\.svc(?![\w-])")
_SHORT_NAME = re.compile(r"(?<![\w.-])([a-z0-9][a-z0-9-]*)\.([a-z0-9][a-z0-9-]*)(?=$|[:/,;\s\"'])")


def notes(objects: Iterable[Mapping[str, Any]], namespace: str, others: Iterable[str] = ()) -> tuple[str, ...]:
    """Return sentences about load generators, autoscalers and calls into other namespaces.

    Parameters
    ----------
    namespace
        Where everything is put.
    others
        Namespaces that the manifests themselves named.
    """
    every = tuple(objects)
    found = [*_generators(every), *_scalers(every), *_calls(every, namespace, frozenset(others))]
    return tuple(dict.fromkeys(found))


def _said(one: Mapping[str, Any]) -> str:
    return f"The {one['kind']} {one['metadata']['name']}"


def _generators(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in objects:
        containers = list(_containers(one))
        texts = [str(container.get(key, "")) for container in containers for key in ("name", "image")]
        images = [text.rpartition("/")[2] if "/" in text else text for text in texts]
        if containers and any(_GENERATORS.search(text.lower()) for text in (str(one["metadata"]["name"]), *images)):
            yield (
                f"{_said(one)} looks like a load generator: its requests are added to the measured load. "
                "Leave it out unless you want that."
            )


def _containers(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the containers of every pod in an object, at whatever depth: of Jobs and CronJobs too."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("containers", "initContainers") and isinstance(inner, list):
                yield from (one for one in inner if isinstance(one, Mapping))
            else:
                yield from _containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _containers(inner)


def _scalers(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in objects:
        if (group_of(one), one["kind"]) in _SCALERS:
            yield (
                f"{_said(one)} changes the number or size of pods under load, so runs may differ. "
                "Leave it out, and set a fixed number of replicas."
            )


def _calls(objects: Iterable[Mapping[str, Any]], namespace: str, others: frozenset[str]) -> Iterator[str]:
    for one in objects:
        for text in _texts({key: value for key, value in one.items() if key != "metadata"}):
            named = {(name, place) for name, place in _FULL_NAME.findall(text) if place != namespace}
            named |= {(name, place) for name, place in _SHORT_NAME.findall(text) if place in others}
            for name, place in sorted(named):
                yield (
                    f"{_said(one)} names {name}.{place}, in the namespace {place}: that namespace is not measured, and "
                    f"everything in these manifests goes into {namespace}. Call services in it by their name alone."
                )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
