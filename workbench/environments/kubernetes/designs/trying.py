"""Trying a design on the API server, with nothing changed: server-side dry runs with strict field validation.

The one place that applies as the field manager of designs, dry or not. Every object gets a verdict; an object of a
namespace that the design itself makes is tried in the namespace ``default`` under a name that nobody has, because
servers judge nothing in a namespace that is not there.
"""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from workbench.environments.kubernetes.answers import understood
from workbench.environments.kubernetes.answers import whole as body_of
from workbench.environments.kubernetes.client import MANAGER, Cluster, Object, RefusedError
from workbench.environments.kubernetes.designs.changes import Verdict
from workbench.environments.kubernetes.designs.refusals import no_namespace, verdict, verdict_on
from workbench.environments.kubernetes.objects import DESIGN, MANAGED, name_of
from workbench.errors import BadInputError

DESIGN_MANAGER = "mesh-workbench-design"
"""Field manager of everything that designs apply; not that of runs, so that neither undoes the other's fields."""

_BORROWED = "default"
_UNTOUCHABLE = ("Secret",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One object, tried.

    Attributes
    ----------
    wanted
        The manifest with our labels, as it would be applied.
    live
        What is there; None: nothing.
    after
        What would be there; None where the server would not take it.
    patch
        Whether it only changes an object that must be there.
    """

    wanted: Object
    live: Object | None
    after: Object | None
    verdict: Verdict
    patch: bool = False


def apply_as_design(
    cluster: Cluster, manifest: Mapping[str, Any], *, force: bool = False, dry_run: bool = False
) -> tuple[Object, tuple[str, ...]]:
    """Apply one object server-side with strict validation; return it as the server holds it, and its remarks."""
    query = {"fieldManager": DESIGN_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
    if dry_run:
        query["dryRun"] = "All"
    path = f"{cluster.path_of(manifest)}?{urlencode(query)}"
    answer = cluster.request("patch", path, dict(manifest), content_type="application/apply-patch+yaml")
    found: Object = understood(body_of(answer), cluster.who, f"PATCH {path}")
    return found, _warnings(answer)


def _warnings(answer: Any) -> tuple[str, ...]:
    told = answer.headers.getlist("Warning") if hasattr(answer.headers, "getlist") else ()
    return tuple(found[1] for one in told if (found := re.search(r'^\d+ \S+ "(.*)"$', one)))


# ---------------------------------------------------------------------- reading what is asked
_SEGMENT = re.compile(r"[^/%\x00-\x20]{1,253}")


def whole(objects: Iterable[Any], what: str = "object") -> tuple[Object, ...]:
    """Return the objects of a design, checked for what every object must have.

    Raises
    ------
    BadInputError
        When one has no apiVersion, kind or name, a name that could mean another object, or stands there twice.
    """
    found: dict[tuple[str, ...], Object] = {}
    for number, one in enumerate(objects, 1):
        place = f"The {what} {number} of the design"
        if not isinstance(one, Mapping):
            raise BadInputError(f"{place} is not a table with apiVersion, kind and metadata, but {type(one).__name__}.")
        key = _identity(one, place)
        if key in found:
            raise BadInputError(f"{place}, {name_of(one)}, is there twice; remove one.")
        found[key] = copy.deepcopy(dict(one))
    return tuple(found.values())


def _identity(one: Mapping[str, Any], place: str) -> tuple[str, ...]:
    meta = one.get("metadata")
    if not isinstance(meta, Mapping):
        raise BadInputError(f"{place} has no metadata with a name.")
    told = {"apiVersion": one.get("apiVersion"), "kind": one.get("kind"), "metadata.name": meta.get("name")}
    if meta.get("namespace") is not None:
        told["metadata.namespace"] = meta["namespace"]
    for key, value in told.items():
        if not isinstance(value, str) or not value:
            raise BadInputError(f"{place} has no {key}, or its {key} is not text: {value!r}.")
        parts = value.split("/") if key == "apiVersion" else [value]
        if len(parts) > 2 or any(part in (".", "..") or not _SEGMENT.fullmatch(part) for part in parts):
            raise BadInputError(f"{place} has the {key} {value[:80]!r}, which no object can have.")
    for key in ("labels", "annotations"):
        if not isinstance(meta.get(key, {}), Mapping):
            raise BadInputError(f"{place} has metadata.{key} that is not a table.")
    return one["apiVersion"].rpartition("/")[0], one["kind"], meta.get("namespace") or "", meta["name"]


def marked(manifest: Mapping[str, Any], design: str, *, created: bool) -> Object:
    """Return a copy with our labels. What was there before keeps its own ``managed-by``: others select by it."""
    copied = copy.deepcopy(dict(manifest))
    labels = {**(copied["metadata"].get("labels") or {}), DESIGN: design}
    if created:
        labels[MANAGED] = MANAGER
    copied["metadata"] = {**copied["metadata"], "labels": labels}
    return copied


def design_of(found: Mapping[str, Any] | None) -> str:
    """Return the design that an object belongs to; empty without one."""
    return str((found["metadata"].get("labels") or {}).get(DESIGN, "")) if found else ""


# ---------------------------------------------------------------------- trying
class Trial:
    """Tries the objects of one design."""

    def __init__(self, cluster: Cluster, design: str, *, force: bool = False) -> None:
        self.cluster, self.design, self.force = cluster, design, force
        self._namespaces: dict[str, bool] = {}

    def probe(self, objects: Sequence[Object], patches: Sequence[Object] = ()) -> tuple[Probe, ...]:
        """Return what the server says of every object, those of a design before those that are only changed."""
        own = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace" and one["apiVersion"] == "v1"}
        return (
            *(self._one(one, own, patch=False) for one in objects),
            *(self._one(one, own, patch=True) for one in patches),
        )

    def _one(self, one: Object, own_namespaces: set[str], *, patch: bool) -> Probe:
        try:
            return self._probed(one, own_namespaces, patch=patch)
        except RefusedError as error:  # already looking is forbidden
            return Probe(wanted=one, live=None, after=None, verdict=verdict_on(one, error), patch=patch)

    def _probed(self, one: Object, own_namespaces: set[str], *, patch: bool) -> Probe:
        said = self._unfit(one)
        if said is not None:
            return Probe(wanted=one, live=None, after=None, verdict=said, patch=patch)
        meta = one["metadata"]
        kind = self.cluster.kind(one["apiVersion"], one["kind"])
        place = str(meta.get("namespace") or "") if kind.namespaced else ""
        if not kind.namespaced:
            meta.pop("namespace", None)
        live = self.cluster.get(one["apiVersion"], one["kind"], meta["name"], place)
        said = self._misplaced(one, live, place, own_namespaces, patch=patch)
        if said is not None:
            return Probe(wanted=one, live=live, after=None, verdict=said, patch=patch)
        created = live is None or (live["metadata"].get("labels") or {}).get(MANAGED) == MANAGER
        wanted = marked(one, self.design or design_of(live) or "unnamed", created=created)
        borrowed = bool(place) and not self._there(place)
        after, verdict = self._tried(wanted, borrowed=borrowed)
        return Probe(wanted=wanted, live=live, after=after, verdict=verdict, patch=patch)

    def _unfit(self, one: Object) -> Verdict | None:
        """Return why an object cannot be part of a design here, before its server is asked about it."""
        if one["kind"] in _UNTOUCHABLE and one["apiVersion"] == "v1":
            why = (
                "designs cannot contain Secrets, because their former values could not be "
                "stored safely; apply it yourself"
            )
            return verdict(one, "refused", why)
        try:
            kind = self.cluster.kind(one["apiVersion"], one["kind"])
        except RefusedError as error:
            if error.status != 404:
                raise
            return verdict(one, "not-served", self._not_served(one))
        if kind.namespaced and not one["metadata"].get("namespace"):
            why = "it names no namespace, and its kind needs one"
            return verdict(one, "refused", why, fields=("metadata.namespace",))
        return None

    def _not_served(self, one: Object) -> str:
        group = one["apiVersion"].rpartition("/")[0]
        served = [found["groupVersion"] for found in self._versions(group)]
        holding = [version for version in served if any(k.kind == one["kind"] for k in self.cluster.kinds_of(version))]
        if holding:
            return f"the cluster serves this kind only in {', '.join(holding)}, not in {one['apiVersion']}"
        rest = f"it serves only other kinds of the group {group}" if served else f"the whole group {group} is missing"
        return f"the cluster does not serve {one['kind']} of {one['apiVersion']}; {rest}: install the mesh, or its CRDs"

    def _versions(self, group: str) -> Sequence[Mapping[str, Any]]:
        try:
            found = self.cluster.json("get", f"/apis/{group}")
        except RefusedError:
            return ()
        return found.get("versions") or ()

    def _misplaced(
        self, one: Object, live: Object | None, place: str, own_namespaces: set[str], *, patch: bool
    ) -> Verdict | None:
        other = design_of(live)
        if other and self.design and other != self.design:
            why = f"it belongs to the design {other}, which is in force; revert that one first"
            return verdict(one, "refused", why)
        if place and not self._there(place) and place not in own_namespaces:
            return verdict(one, "no-namespace", no_namespace(place))
        if patch and live is None:
            named = "; if it has another name, set that in target.deployments" if one["kind"] == "Deployment" else ""
            return verdict(one, "absent", f"there is no such object to change; deploy the application first{named}")
        if live is not None and live["metadata"].get("deletionTimestamp"):
            return verdict(one, "refused", "it is being deleted; wait until it is gone")
        return None

    def _there(self, namespace: str) -> bool:
        if namespace not in self._namespaces:
            self._namespaces[namespace] = self.cluster.get("v1", "Namespace", namespace) is not None
        return self._namespaces[namespace]

    def _tried(self, wanted: Object, *, borrowed: bool) -> tuple[Object | None, Verdict]:
        tried = _elsewhere(wanted) if borrowed else wanted
        try:
            after, warnings = apply_as_design(self.cluster, tried, dry_run=True)
            said = verdict(wanted, "accepted", "the server would accept it", warnings=warnings)
        except RefusedError as error:
            said = verdict_on(wanted, error)
            if said.standing != "conflict":
                return None, said
            try:
                after, warnings = apply_as_design(self.cluster, tried, force=True, dry_run=True)
            except RefusedError as worse:
                return None, verdict_on(wanted, worse)
            said = replace(self._taken(wanted, said) if self.force else said, warnings=warnings)
        return (_back(after, wanted) if borrowed else after), said

    def _taken(self, wanted: Object, conflict: Verdict) -> Verdict:
        why = f"{', '.join(conflict.fields)} would be taken over from {' and '.join(conflict.managers)}, by force"
        return verdict(wanted, "accepted", why, fields=conflict.fields, managers=conflict.managers)


def _elsewhere(wanted: Object) -> Object:
    """Return the object under a name and in a namespace where it can be tried."""
    name = f"workbench-trial-{secrets.token_hex(4)}"
    return {**wanted, "metadata": {**wanted["metadata"], "namespace": _BORROWED, "name": name}}


def _back(after: Object, wanted: Object) -> Object:
    told = wanted["metadata"]
    return {**after, "metadata": {**after["metadata"], "namespace": told["namespace"], "name": told["name"]}}
