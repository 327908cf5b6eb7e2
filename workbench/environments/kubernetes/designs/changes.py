"""What `Configuration` says: verdicts, differences, what was applied, its effect, what was reverted. Frozen and light.

Nothing here imports a Kubernetes client, so widgets and notebooks may name these types where there is no cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Acceptance = Literal["accepted", "refused", "conflict", "not-served", "no-namespace", "absent"]
"""accepted: the server would take it; refused: it would not; conflict: another field manager holds a field that would
change; not-served: its CRD is missing; no-namespace: its namespace is; absent: it is a change of an object that is not
there."""

Change = Literal["created", "changed", "unchanged"]

Effective = Literal["waiting", "in-effect", "silent", "failed"]
"""silent: the server holds it, and nothing on this cluster reports what becomes of it."""

Outcome = Literal["deleted", "restored", "left", "gone"]
"""deleted: it was created by the design; restored: its fields are as before; left: somebody else's by now, not touched;
gone: somebody deleted it meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the API server says of one object.

    Attributes
    ----------
    object
        Its kind, namespace and name, for people.
    sentence
        What the server, or a webhook, says: which field, why, and what to do.
    fields
        Paths of the fields that are meant, as far as the server names them: ``spec.http[0].timeout``.
    managers
        Who holds them, in a conflict or when they would be taken by force.
    warnings
        What the server remarks beside: versions that will go.
    """

    object: str
    standing: Acceptance
    sentence: str
    fields: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it can be applied."""
        return self.standing == "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What applying one object would change.

    Attributes
    ----------
    change
        None: the server would not take it, see `verdict`.
    diff
        Unified difference as YAML, without what servers keep for themselves and without our labels; secrets are not in
        it. Empty when nothing changes.
    rolls
        Whether pods would be replaced: a pod template changes.
    """

    object: str
    change: Change | None
    diff: str
    verdict: Verdict
    rolls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One object that a design applied.

    Attributes
    ----------
    rolls
        Whether pods are replaced because of it: a pod template changed.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    change: Change
    rolls: bool = False

    @property
    def object(self) -> str:
        """Kind, namespace and name, for people."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A design that is in force.

    Attributes
    ----------
    context
        Of the kubeconfig that it was asked through, just now.
    by, at
        Who applied it (user, machine, process) and when (ISO 8601, UTC).
    complete
        False: applying it was interrupted; revert it.
    """

    name: str
    context: str
    by: str
    at: str
    objects: tuple[Touched, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One step of an object's taking effect.

    Attributes
    ----------
    sentence
        What its status, or its pods, say.
    after_s
        Seconds since the watching began.
    """

    object: str
    state: Effective
    sentence: str
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of one object when its design was reverted.

    Attributes
    ----------
    as_before
        Whether it is as it was before the design. False: somebody else has changed it meanwhile, see `sentence`.
    """

    object: str
    outcome: Outcome
    sentence: str = ""
    as_before: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """What became of a design's objects; none: nothing of it was in force."""

    name: str
    context: str
    objects: tuple[Restored, ...] = ()

    @property
    def as_before(self) -> bool:
        """Whether everything is as it was: nobody else has changed anything meanwhile."""
        return all(one.as_before for one in self.objects)


Say = Callable[[str], None]
"""Told what is being done, for progress."""
