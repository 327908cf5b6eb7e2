"""Undoing one object of a design: deleted where the design made it, its fields as before where it was there.

The API server does the work: a manager that applies less than before gives up its fields, and the server removes those
that nobody else holds. Fields that were taken by force get their earlier values and their earlier holder again. What
somebody else has changed since is theirs, stays as it is, and is said.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.environments.kubernetes.client import MANAGER, Cluster, Object, RefusedError
from workbench.environments.kubernetes.designs.changes import Outcome, Restored, Touched
from workbench.environments.kubernetes.designs.memory import Kept, Taken, digest
from workbench.environments.kubernetes.designs.ownership import (
    Holder,
    Paths,
    fields_of,
    held_by,
    holders,
    holdings,
    paths_of,
    picked,
    said,
)
from workbench.environments.kubernetes.designs.trying import DESIGN_MANAGER, apply_as_design, design_of
from workbench.environments.kubernetes.objects import DESIGN, MANAGED, name_of
from workbench.environments.kubernetes.waiting import gone
from workbench.errors import RunFailedError
from workbench.text.plain import capital

REMOVAL_S = 120.0
"""How long one object may take to go."""

_TRIES = 5
_SHOWN = 4
_CONTENT = ("f:spec", "f:data")
_UNKNOWN = "unknown"
"""Digest of what was there, where nobody remembers it."""


def undo(cluster: Cluster, kept: Kept, design: str) -> Restored:
    """Make one object as it was before ``design``, if it still is the design's.

    Raises
    ------
    RunFailedError
        When the server refuses, or the object does not go.
    """
    one = kept.touched
    live = cluster.get(one.api_version, one.kind, one.name, one.namespace)
    if live is None:
        return _missing(kept)
    live = {**live, "apiVersion": one.api_version, "kind": one.kind}
    if design_of(live) != design:
        return _not_ours(kept, live)
    if kept.before:
        return _restored(cluster, kept, live, design)
    if one.kind == "Namespace" and (strangers := _strangers(cluster, one.name, design)):
        _release(cluster, live, {})
        told = ", ".join(strangers[:_SHOWN]) + (" and more" if len(strangers) > _SHOWN else "")
        return _left(
            kept, f"it stays, without our labels, because it contains objects that are not the design's: {told}"
        )
    return _deleted(cluster, kept, live)


def _missing(kept: Kept) -> Restored:
    if not kept.before:
        return Restored(object=kept.touched.object, outcome="gone", sentence="It was gone already.")
    why = "Someone has deleted it since; it is not recreated."
    return Restored(object=kept.touched.object, outcome="gone", sentence=why, as_before=False)


def _not_ours(kept: Kept, live: Object) -> Restored:
    if kept.before and digest(live) == kept.before:
        return Restored(object=kept.touched.object, outcome="restored", sentence="It had not been changed.")
    return _left(kept, "it no longer has the design's label, so it belongs to someone else; it was left alone")


def _left(kept: Kept, why: str) -> Restored:
    sentence = f"{capital(why)}."
    return Restored(object=kept.touched.object, outcome="left", sentence=sentence, as_before=False)


# ---------------------------------------------------------------------- created objects
def _deleted(cluster: Cluster, kept: Kept, live: Object) -> Restored:
    changed_by = _authors(live)
    delete_this(cluster, live)
    if not gone(cluster, live, time.monotonic() + REMOVAL_S):
        raise RunFailedError(f"{kept.touched.object} still exists after {REMOVAL_S:g} s; something blocks its deletion")
    sentence = f"{' and '.join(changed_by)} had changed it meanwhile; it was deleted anyway." if changed_by else ""
    return Restored(object=kept.touched.object, outcome="deleted", sentence=sentence)


def delete_this(cluster: Cluster, live: Mapping[str, Any]) -> None:
    """Ask for the deletion of this very object, not of another one that bears its name by now."""
    body = {"propagationPolicy": "Background", "preconditions": {"uid": live["metadata"]["uid"]}}
    try:
        cluster.json("delete", cluster.path_of(live), body)
    except RefusedError as error:
        if error.status not in (404, 409):
            raise


def _authors(live: Object) -> tuple[str, ...]:
    """Return who else has written an object's content."""
    others = ((who, held) for who, held in holdings(live).items() if who.manager != DESIGN_MANAGER)
    found = {who.manager for who, held in others if not who.subresource and any(path[0] in _CONTENT for path in held)}
    return tuple(sorted(found))


_OF_EVERY_NAMESPACE = ("ServiceAccount default", "ConfigMap kube-root-ca.crt")
_FOLLOWING = ("Event", "Endpoints", "EndpointSlice", "PodMetrics")


def _strangers(cluster: Cluster, namespace: str, design: str) -> list[str]:
    """Return what a namespace holds that is not the design's and follows from nothing else that is there.

    What may not be listed could be there, so it counts: deleting the namespace would delete it.
    """
    found: list[Object] = []
    hidden: list[str] = []
    for kind in cluster.all_kinds():
        if not kind.namespaced or "list" not in kind.verbs or kind.kind in _FOLLOWING:
            continue
        try:
            listed = cluster.list_of(kind, namespace)[0]
        except RefusedError as error:
            if error.status == 403:
                hidden.append(f"perhaps objects of kind {kind.kind}, which you have no right to list")
            elif error.status not in (404, 405):
                raise
            continue
        found += [one for one in listed if not _follows(one, design)]
    return [*(f"{one['kind']} {one['metadata']['name']}" for one in found), *hidden]


def _follows(one: Mapping[str, Any], design: str) -> bool:
    meta = one["metadata"]
    label = f"{one['kind']} {meta['name']}"
    return bool(meta.get("ownerReferences")) or design_of(one) == design or label in _OF_EVERY_NAMESPACE


# ---------------------------------------------------------------------- objects that were there
def _restored(cluster: Cluster, kept: Kept, live: Object, design: str) -> Restored:
    mine = held_by(live, DESIGN_MANAGER)
    others = kept.paths - mine
    still = frozenset().union(*(one.paths for one in kept.taken)) & mine
    values = picked(kept.values, still)
    if still:  # the label stays until all is done, so that a revert that was interrupted can be tried again
        meta = values.get("metadata") or {}
        values["metadata"] = {**meta, "labels": {**(meta.get("labels") or {}), DESIGN: design}}
    after = _release(cluster, live, values)
    if still:
        after = _hand_back(cluster, after, kept.taken, still)
    outcome: Outcome = "restored"
    if kept.before == _UNKNOWN:
        why = "There is no record of the state before; the fields that only the design set are removed."
    elif digest(after) == kept.before:
        return Restored(object=kept.touched.object, outcome=outcome)
    else:
        who = holders(after, others, DESIGN_MANAGER) if others else _later(live)
        outcome = "left" if others else "restored"
        why = f"{' and '.join(who) or 'Someone'} changed {_told(others)} meanwhile; those stay as they are."
    return Restored(object=kept.touched.object, outcome=outcome, sentence=why, as_before=False)


def _told(paths: Paths) -> str:
    """Return which fields are meant, for people."""
    fields = sorted({said(path) for path in paths})
    more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    return f"{', '.join(fields[:_SHOWN])}{more}" if fields else "other fields"


def _later(live: Object) -> tuple[str, ...]:
    """Return who has written to an object since the design did, by the server's clock."""
    entries = live["metadata"].get("managedFields") or ()
    ours = max((str(one.get("time", "")) for one in entries if one.get("manager") == DESIGN_MANAGER), default="")
    return tuple(sorted({str(one.get("manager")) for one in entries if str(one.get("time", "")) > ours}))


def _release(cluster: Cluster, live: Object, values: Mapping[str, Any]) -> Object:
    """Apply only ``values`` as the design's manager, so that it gives up all else; return what is there then."""
    meta = {key: live["metadata"][key] for key in ("name", "namespace", "uid") if key in live["metadata"]}
    kept = {key: value for key, value in values.items() if key != "metadata"}
    wanted = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        **kept,
        "metadata": {**(values.get("metadata") or {}), **meta},
    }
    return apply_as_design(cluster, wanted)[0]


def _hand_back(cluster: Cluster, live: Object, taken: Iterable[Taken], paths: Paths) -> Object:
    """Give fields back to whom they were taken from, in the server's bookkeeping; their values stand already."""
    back = {one.holder: one.paths & paths for one in taken}
    for _ in range(_TRIES):
        entries = [
            one
            for one in live["metadata"].get("managedFields") or ()
            if not (one.get("manager") == DESIGN_MANAGER and one.get("operation") == "Apply")
        ]
        live["metadata"]["managedFields"] = _with(entries, back)
        (live["metadata"].get("labels") or {}).pop(DESIGN, None)
        try:
            return cluster.replace(live)
        except RefusedError as error:
            if error.status != 409:
                raise
        meta = live["metadata"]
        found = cluster.get(live["apiVersion"], live["kind"], meta["name"], meta.get("namespace", ""))
        if found is None:
            return live
        live = found
    raise RunFailedError(f"{name_of(live)} keeps changing; try again")


def _with(entries: Iterable[Mapping[str, Any]], back: Mapping[Holder, Paths]) -> list[Object]:
    """Return entries of ``managedFields`` with these fields put back into their holders'."""
    left = dict(back)
    found = []
    for one in entries:
        more = left.pop(Holder.of(one), frozenset())
        found.append({**one, "fieldsV1": fields_of(paths_of(one.get("fieldsV1") or {}) | more)} if more else dict(one))
    for who, paths in left.items():
        if paths:
            entry = {"manager": who.manager, "operation": who.operation, "apiVersion": who.api_version}
            entry |= {"subresource": who.subresource} if who.subresource else {}
            found.append({**entry, "fieldsType": "FieldsV1", "fieldsV1": fields_of(paths)})
    return found


def found_by_label(cluster: Cluster, design: str) -> tuple[Kept, ...]:
    """Return everything that bears a design's label, where its memory is gone."""
    kept = []
    for kind in cluster.all_kinds():
        if {"list", "patch", "delete"} <= set(kind.verbs):
            try:
                listed = cluster.list_of(kind, selector=f"{DESIGN}={design}")[0]
            except RefusedError as error:
                if error.status in (403, 404, 405):
                    continue
                raise
            kept += [_kept(one) for one in listed]
    return tuple(kept)


def _kept(one: Mapping[str, Any]) -> Kept:
    meta = one["metadata"]
    created = (meta.get("labels") or {}).get(MANAGED) == MANAGER
    touched = Touched(
        api_version=one["apiVersion"],
        kind=one["kind"],
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        change="created" if created else "changed",
    )
    return Kept(touched=touched, before="" if created else _UNKNOWN, uid=meta["uid"])
