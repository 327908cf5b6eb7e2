"""What a mesh makes of an intent: its own objects, and for every feature asked an answer, with what it cannot do.

A mesh's `configure` gives back a `Rendering`. It is data: shown side by side, written as YAML, tried on a cluster, or
merged into the application of an experiment.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.errors import BadInputError
from workbench.files.tables import merged
from workbench.intents.design import Target
from workbench.intents.features import FEATURES
from workbench.intents.intent import Intent

Support = Literal["supported", "partial", "unsupported"]
"""supported: as asked; partial: some of it, and `Answer.says` says what is lost; unsupported: none of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of one feature that an intent asks for.

    Attributes
    ----------
    feature
        Name in `workbench.intents.FEATURES`.
    says
        How it is done, or why it cannot be, in a sentence.
    nearest
        What comes nearest, where it is not supported as asked; empty: nothing does.
    """

    feature: str
    support: Support
    says: str
    nearest: str = ""

    def __post_init__(self) -> None:
        if self.feature not in FEATURES:
            raise ValueError(f"{self.feature!r} is not a feature of an intent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """An intent as one mesh's own objects.

    Attributes
    ----------
    mesh
        Label of the mesh, see `MeshSpec.label`.
    objects
        Complete manifests to apply, in order; all of them are the design's own.
    patches
        Manifests of objects that are there already, holding only what is to change: annotations of a Deployment's pod
        template, a Service's, a Namespace's. Server-side apply takes them so; client-side apply does not: it takes away
        what it once applied and a later file does not name.
    values
        Chart -> Helm values, for what only an installation can say.
    files
        Component -> its configuration as text, for data planes that are configured by files (the lab's).
    answers
        One for each feature asked, in the order of `FEATURES`.
    """

    mesh: str
    objects: tuple[Mapping[str, Any], ...] = ()
    patches: tuple[Mapping[str, Any], ...] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()

    @property
    def refused(self) -> tuple[Answer, ...]:
        """Answers of features that are unsupported."""
        return tuple(answer for answer in self.answers if answer.support == "unsupported")

    def require_support(self) -> Rendering:
        """Return itself when every feature is supported as asked.

        Raises
        ------
        BadInputError
            Otherwise: a number under this intent would bear the name of something that did not happen.
        """
        lacking = [answer for answer in self.answers if answer.support != "supported"]
        if lacking:
            told = "; ".join(f"{FEATURES[one.feature].title.lower()}: {one.says}" for one in lacking)
            raise BadInputError(
                f"{self.mesh} cannot be measured under this intent, because it does not support all of it ({told}) "
                "Remove the unsupported features from the intent, or leave out this mesh."
            )
        return self


def rendered(mesh: Any, spec: Any, intent: Intent, target: Target) -> Rendering:
    """Return what a mesh makes of an intent; see `workbench.model.protocols.Mesh.configure`.

    Raises
    ------
    BadInputError
        When the adapter, somebody's own perhaps, answers no intents.
    """
    configure = getattr(mesh, "configure", None)
    if configure is None:
        raise BadInputError(f"The mesh {mesh.name!r} does not support intents: its adapter has no method configure.")
    rendering: Rendering = configure(spec, intent, target)
    return rendering


def unsupported(intent: Intent, says: str, features: Iterable[str] | None = None, nearest: str = "") -> list[Answer]:
    """Return "unsupported" with the same reason for each of ``features`` asked; None: for all that are asked."""
    wanted = set(FEATURES if features is None else features)
    return [
        Answer(feature=one, support="unsupported", says=says, nearest=nearest) for one in intent.asked if one in wanted
    ]


def in_order(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return the answers in the order of `FEATURES`."""
    order = list(FEATURES)
    return tuple(sorted(answers, key=lambda answer: order.index(answer.feature)))


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return (apiVersion, kind, namespace, name) of an object."""
    metadata = manifest.get("metadata", {})
    return manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def patched(
    objects: Sequence[Mapping[str, Any]], patches: Iterable[Mapping[str, Any]]
) -> tuple[tuple[dict[str, Any], ...], tuple[Mapping[str, Any], ...]]:
    """Return (copies of ``objects`` with the patches that mean one of them, the patches that mean none)."""
    made, left = {identity(one): copy.deepcopy(dict(one)) for one in objects}, []
    for patch in patches:
        name = identity(patch)
        if name in made:
            made[name] = merged(made[name], patch)
        else:
            left.append(patch)
    return tuple(made.values()), tuple(left)
