"""What the meshes share when they answer an intent: what each feature adds, put together into objects; units and names.

A feature gives a `FeaturePart`: its answer and fragments of objects. Fragments of one object are merged, so that a
split, its retries and its timeout come out as one; `Finish` gives what has been put together its last shape.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.files.tables import merged
from workbench.intents import (
    Answer,
    Intent,
    ProxyResources,
    RateLimit,
    Rendering,
    Support,
    Target,
    identity,
    in_order,
    short_name,
)
from workbench.model.experiment import MeshSpec

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a mesh is asked: itself in a profile, the intent, the service."""

    spec: MeshSpec
    intent: Intent
    target: Target

    def name(self, what: str = "") -> str:
        """Return the name of an object of this design."""
        return short_name("-".join(part for part in (self.intent.name, self.target.service, what) if part))

    @property
    def pods(self) -> dict[str, str]:
        """Labels by which the service selects its pods."""
        return {self.target.selector: self.target.service}

    @property
    def deployments(self) -> tuple[str, ...]:
        """Names of the Deployments whose pods answer."""
        further = self.target.versions[1:] if self.intent.split else ()
        return self.target.deployments or (
            self.target.service,
            *(self.target.version_service(version) for version in further),
        )

    def manifest(self, api_version: str, kind: str, spec: Manifest, name: str = "") -> dict[str, Any]:
        """Return an object of this design in the target's namespace."""
        metadata = {"name": name or self.name(), "namespace": self.target.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": dict(spec)}

    def annotated_pods(self, annotations: Mapping[str, str], *, caller: bool = True) -> tuple[Manifest, ...]:
        """Return patches that put ``annotations`` on the pods of the service, and of its caller unless told not to.

        Those of all versions: half a service with mTLS, or with a proxy of another size, is what nobody asked for.
        """
        names = dict.fromkeys((*self.deployments, *((self.target.caller,) if caller else ())))
        template = {"metadata": {"annotations": dict(annotations)}}
        return tuple(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": self.target.namespace},
                "spec": {"template": template},
            }
            for name in names
        )

    def annotated_service(self, annotations: Mapping[str, str]) -> Manifest:
        """Return the patch that puts ``annotations`` on the Service."""
        metadata = {"name": self.target.service, "namespace": self.target.namespace, "annotations": dict(annotations)}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePart:
    """What becomes of one feature: its answer, and what it adds to objects, patches and values."""

    says: str
    support: Support = "supported"
    nearest: str = ""
    objects: tuple[Manifest, ...] = ()
    patches: tuple[Manifest, ...] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


Maker = Callable[[Asked, Any], FeaturePart]
"""Answers one feature; it is given what the intent says of it."""

Finish = Callable[[Asked, dict[str, Any]], Manifest]
"""Gives an object of which all fragments are there its last shape."""


def cannot(says: str, nearest: str = "") -> FeaturePart:
    """Return the answer "unsupported"."""
    return FeaturePart(says=says, support="unsupported", nearest=nearest)


def rendered(asked: Asked, makers: Mapping[str, Maker], finish: Finish | None = None) -> Rendering:
    """Ask the maker of every feature that the intent asks for, and put together what they give."""
    parts = {feature: makers[feature](asked, getattr(asked.intent, feature)) for feature in asked.intent.asked}
    objects = _together(one for part in parts.values() for one in part.objects)
    values: dict[str, Any] = {}
    for part in parts.values():
        values = merged(values, part.values)
    return Rendering(
        mesh=asked.spec.label,
        objects=tuple(finish(asked, one) if finish else one for one in objects),
        patches=tuple(_together(one for part in parts.values() for one in part.patches)),
        values=values,
        answers=in_order(
            Answer(feature=feature, support=part.support, says=part.says, nearest=part.nearest)
            for feature, part in parts.items()
        ),
    )


def _together(fragments: Iterable[Manifest]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for one in fragments:
        place = identity(one)
        found[place] = merged(found[place], one) if place in found else copy.deepcopy(dict(one))
    return list(found.values())


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, one at least."""
    return max(1, round(seconds * 1000))


def seconds_text(seconds: float) -> str:
    """Return a time as protobuf and Go read it, to the millisecond.

    >>> seconds_text(1.5), seconds_text(0.25), seconds_text(10)
    ('1.5s', '0.25s', '10s')
    """
    whole, rest = divmod(milliseconds(seconds), 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + "s"


def number(value: float, digits: int = 4) -> int | float:
    """Return ``value`` without digits that mean nothing: 10 for 10.0."""
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def cores_text(cores: float) -> str:
    """Return CPU as Kubernetes writes it.

    >>> cores_text(0.1), cores_text(2)
    ('100m', '2')
    """
    milli = max(1, round(cores * 1000))
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def memory_text(mebibytes: int) -> str:
    """Return memory as Kubernetes writes it."""
    return f"{mebibytes}Mi"


def resources(wanted: ProxyResources) -> dict[str, dict[str, str]]:
    """Return a proxy's requests and limits as a container has them; only what was asked."""
    made: dict[str, dict[str, str]] = {}
    for kind, cpu, memory in (
        ("requests", wanted.cpu_request, wanted.memory_request),
        ("limits", wanted.cpu_limit, wanted.memory_limit),
    ):
        one: dict[str, str] = {}
        if cpu is not None:
            one["cpu"] = cores_text(cpu)
        if memory is not None:
            one["memory"] = memory_text(memory)
        if one:
            made[kind] = one
    return made


def size_annotations(prefix: str, wanted: ProxyResources) -> dict[str, str]:
    """Return ``PREFIXcpu-request`` and its like, as sidecars are sized by annotations of their pods."""
    sizes = resources(wanted)
    return {
        f"{prefix}{what}-{kind.removesuffix('s')}": sizes[kind][what]
        for what in ("cpu", "memory")
        for kind in ("requests", "limits")
        if what in sizes.get(kind, {})
    }


def bucket(limit: RateLimit) -> tuple[int, int, float]:
    """Return a token bucket that lets this rate through: (its size, tokens at a time, seconds between two times)."""
    tokens = max(1, round(limit.requests_per_s))
    return max(limit.burst, tokens), tokens, tokens / limit.requests_per_s
