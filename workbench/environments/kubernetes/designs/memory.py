"""What a design found on the cluster, remembered on the cluster: one labelled ConfigMap for each design in force.

Written before anything is changed and gone when everything is undone, so that a design can be reverted from another
machine, or after the kernel that applied it has died. It holds names, which fields were taken from whom, and the
earlier values of these fields alone; everything else about earlier contents is a digest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.environments.kubernetes.client import MANAGER, Cluster, Object
from workbench.environments.kubernetes.designs.changes import Applied, Touched
from workbench.environments.kubernetes.designs.differing import pruned
from workbench.environments.kubernetes.designs.ownership import (
    Holder,
    Paths,
    fields_of,
    held_by,
    holdings,
    paths_of,
    picked,
)
from workbench.environments.kubernetes.designs.trying import DESIGN_MANAGER, Probe
from workbench.environments.kubernetes.journal import NAMESPACE
from workbench.environments.kubernetes.objects import DESIGN, MANAGED, redacted
from workbench.environments.kubernetes.waiting import WORKLOADS
from workbench.errors import BadInputError, UnsupportedError

VERSION = 1
"""Of what is written. 1: the first."""

LONGEST_NAME = 40
_LARGEST = 900_000
"""Bytes of a packed memory; a ConfigMap may hold 1 MiB."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_CONTENT = "design.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Fields that somebody else held and that the design took by force."""

    holder: Holder
    paths: Paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is remembered of one object.

    Attributes
    ----------
    before
        Digest of what was there; empty: nothing was, the design created it.
    uid
        Of what was there.
    paths
        The fields that the design holds.
    taken
        The fields that it took.
    values
        The earlier values of these, as a part of the object.
    """

    touched: Touched
    before: str = ""
    uid: str = ""
    paths: Paths = frozenset()
    taken: tuple[Taken, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """By what it is found again: group, kind, namespace, name."""
        one = self.touched
        return one.api_version.rpartition("/")[0], one.kind, one.namespace, one.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of a design."""

    name: str
    by: str
    at: str
    kept: tuple[Kept, ...] = ()
    complete: bool = False

    def applied(self, context: str) -> Applied:
        """Return it as it is handed out."""
        objects = tuple(one.touched for one in self.kept)
        return Applied(name=self.name, context=context, by=self.by, at=self.at, objects=objects, complete=self.complete)


def check_name(name: Any) -> str:
    """Return the name of a design, if it can be a label's value and part of an object's name.

    Raises
    ------
    BadInputError
        Otherwise, with one that can.
    """
    if isinstance(name, str) and len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return name
    near = re.sub(r"[^a-z0-9]+", "-", str(name).lower())[:LONGEST_NAME].strip("-") or "design"
    raise BadInputError(
        f"A design on a cluster cannot be called {str(name)[:60]!r}: at most {LONGEST_NAME} lower-case letters, digits "
        f"and dashes between them. Call it {near!r}."
    )


def digest(found: Mapping[str, Any]) -> str:
    """Return a digest of what an object's authors say; our labels and servers' bookkeeping do not count."""
    text = json.dumps(pruned(found), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def kept_of(probe: Probe) -> Kept:
    """Return what must be remembered of an object before it is applied.

    Raises
    ------
    UnsupportedError
        When a secret would have to be remembered.
    """
    after, live = probe.after, probe.live
    if after is None:
        raise ValueError(f"{probe.verdict.object} would be rejected")
    mine = held_by(after, DESIGN_MANAGER)
    if live is None:
        return Kept(touched=touched(probe), paths=mine)
    meta = live["metadata"]
    taken = _taken(live, after) if probe.verdict.managers else ()
    values = picked(live, frozenset().union(*(one.paths for one in taken)))
    if redacted(values) != values:
        raise UnsupportedError(
            f"{probe.verdict.object}: a field to take over by force looks like a secret. The workbench "
            "stores no secrets, so it could not restore the field; change it by hand."
        )
    return Kept(touched=touched(probe), before=digest(live), uid=meta["uid"], paths=mine, taken=taken, values=values)


def touched(probe: Probe) -> Touched:
    """Return what becomes of an object when it is applied."""
    after, live, meta = probe.after or {}, probe.live, probe.wanted["metadata"]
    same = live is not None and pruned(live) == pruned(after)
    template = ((live or {}).get("spec") or {}).get("template")
    rolls = probe.wanted["kind"] in WORKLOADS and template != (after.get("spec") or {}).get("template")
    return Touched(
        api_version=probe.wanted["apiVersion"],
        kind=probe.wanted["kind"],
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        change="created" if live is None else "unchanged" if same else "changed",
        rolls=rolls,
    )


def _taken(live: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Taken, ...]:
    """Return the fields that others held and would hold no more."""
    left = holdings(after)
    found = []
    for who, held in holdings(live).items():
        lost = (held - left.get(who, frozenset())) if who.manager != DESIGN_MANAGER else frozenset()
        if lost:
            found.append(Taken(holder=who, paths=lost))
    return tuple(found)


# ---------------------------------------------------------------------- on the cluster
def write(cluster: Cluster, memory: Memory) -> None:
    """Write a design's memory.

    Raises
    ------
    UnsupportedError
        When it is too large for a ConfigMap.
    """
    content = {"version": VERSION, **asdict(memory), "kept": [_packed(one) for one in memory.kept]}
    packed = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    if len(packed) > _LARGEST:
        raise UnsupportedError(
            f"The design {memory.name} has too many objects to be recorded on the cluster; split it."
        )
    names = "\n".join(one.touched.object for one in memory.kept)
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": _place(memory.name),
                "namespace": NAMESPACE,
                "labels": {MANAGED: MANAGER, DESIGN: memory.name},
            },
            "data": {"by": memory.by, "at": memory.at, "objects": names},
            "binaryData": {_CONTENT: packed},
        }
    )


def _place(name: str) -> str:
    return f"mesh-workbench-design-{name}"


def _packed(kept: Kept) -> Object:
    taken = [{"holder": asdict(one.holder), "fields": fields_of(one.paths)} for one in kept.taken]
    return {**asdict(kept), "paths": fields_of(kept.paths), "taken": taken}


def _unpacked(told: Mapping[str, Any]) -> Kept:
    taken = (Taken(holder=Holder(**one["holder"]), paths=paths_of(one["fields"])) for one in told["taken"])
    return Kept(
        **{**told, "touched": Touched(**told["touched"]), "paths": paths_of(told["paths"]), "taken": tuple(taken)}
    )


def read(cluster: Cluster, name: str) -> Memory | None:
    """Return what is remembered of a design; None: nothing.

    Raises
    ------
    UnsupportedError
        When somebody changed it so that it cannot be read.
    """
    found = cluster.get("v1", "ConfigMap", _place(name), NAMESPACE)
    return _memory(found) if found is not None and _ours(found) else None


def every(cluster: Cluster) -> tuple[Memory, ...]:
    """Return what is remembered of all designs, by name."""
    found, _ = cluster.listed("v1", "ConfigMap", NAMESPACE, f"{MANAGED}={MANAGER},{DESIGN}")
    return tuple(_memory(one) for one in sorted(found, key=lambda one: str(one["metadata"]["name"])))


def _ours(found: Mapping[str, Any]) -> bool:
    labels = found["metadata"].get("labels") or {}
    return labels.get(MANAGED) == MANAGER and DESIGN in labels


def _memory(found: Mapping[str, Any]) -> Memory:
    place = f"ConfigMap {NAMESPACE}/{found['metadata']['name']}"
    try:
        content = json.loads(gzip.decompress(base64.b64decode(found["binaryData"][_CONTENT])))
        version = content.pop("version")
        if version > VERSION:
            raise UnsupportedError(
                f"{place} was written by a newer version of the workbench; revert that design with it."
            )
        return Memory(**{**content, "kept": tuple(map(_unpacked, content["kept"]))})
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise UnsupportedError(
            f"{place}, the record of the state before a design, is damaged. Delete it and revert the design "
            "again: objects with its label are then removed, and fields taken over by force stay as they are."
        ) from error


def forget(cluster: Cluster, name: str) -> None:
    """Remove a design's memory."""
    found = cluster.get("v1", "ConfigMap", _place(name), NAMESPACE)
    if found is not None and _ours(found):
        cluster.delete(found)


def now() -> str:
    """Return the time, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def by_key(kept: Iterable[Kept]) -> dict[tuple[str, str, str, str], Kept]:
    """Return the objects by what they are found again."""
    return {one.key: one for one in kept}
