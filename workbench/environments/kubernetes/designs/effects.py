"""Watching a design take effect: each object until its controllers have taken it up, or a deadline.

What an object's status can tell differs by kind, and nothing here knows kinds by name beyond Kubernetes' own: a
workload tells its rollout; a custom resource tells what its definition promises (conditions among its printed columns,
or the parents of the Gateway API); of the rest nothing reports back, which is said and not waited for.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.environments.kubernetes import complaints
from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.designs.changes import Effect, Effective, Touched
from workbench.environments.kubernetes.designs.refusals import printable
from workbench.environments.kubernetes.designs.trying import DESIGN_MANAGER
from workbench.environments.kubernetes.waiting import WORKLOADS, explain, unavailable
from workbench.errors import WorkbenchError
from workbench.text.plain import capital

QUIET_S = 3.0
"""How long a status is waited for where nothing promises one."""

_TURN_S = 2.0
"""A watch is opened anew after so long; also how long a watcher may outlive its reader."""

_EXPLAIN_S = 3.0
"""Between two questions to the pods of a workload that does not come up."""

CONDITIONS = ("Accepted", "ResolvedRefs", "Programmed", "Synced", "Reconciled", "Ready")
"""Conditions by which controllers say that they have taken an object up."""

_CONDITION_COLUMN = re.compile(r"""\.status\.conditions\[\?\(@\.type==["'](\w+)["']\)\]\.status""")


_NOT_ALL = re.compile("Unsupported|Invalid|PartiallyInvalid")
"""Reasons with which a controller takes an object up, status True, and leaves out some of what it asks for."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the status of a kind will tell: conditions, of the object itself or of each of its parents."""

    conditions: tuple[str, ...] = ()
    parents: bool = False

    def __bool__(self) -> bool:
        return bool(self.conditions) or self.parents


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """How far an object is."""

    state: Effective
    sentence: str


def _takes_up(kind: object) -> bool:
    """Whether a condition of this type says that an object was taken up: ``Accepted``, ``ZtunnelAccepted`` ..."""
    return kind in CONDITIONS or str(kind).endswith("Accepted")


def promised(crd: Mapping[str, Any] | None, version: str) -> Promise:
    """Return what a custom resource's definition promises of its status; None: nothing is known."""
    for one in ((crd or {}).get("spec") or {}).get("versions") or ():
        if one.get("name") != version:
            continue
        columns = (str(column.get("jsonPath", "")) for column in one.get("additionalPrinterColumns") or ())
        named = (found[1] for path in columns if (found := _CONDITION_COLUMN.search(path)))
        schema = ((one.get("schema") or {}).get("openAPIV3Schema") or {}).get("properties") or {}
        parents = "parents" in ((schema.get("status") or {}).get("properties") or {})
        return Promise(tuple(name for name in named if _takes_up(name)), parents)
    return Promise()


def judged(found: Mapping[str, Any], promise: Promise, *, rolls: bool = False, patient: bool = False) -> ObjectStatus:
    """Return how far an object is.

    Parameters
    ----------
    rolls
        Whether a changed pod template must be rolled out.
    patient
        Whether a status that nothing promises may still come.
    """
    if found["kind"] in WORKLOADS:
        return _workload(found, rolls=rolls)
    if found["kind"] == "Namespace":
        phase = (found.get("status") or {}).get("phase", "Active")
        return ObjectStatus("in-effect" if phase == "Active" else "waiting", f"the namespace is {phase}")
    told = list(_conditions(found))
    missing = [name for name in promise.conditions if not any(kind == name for kind, _, _ in told)]
    if stale := _stale(found, told):
        return ObjectStatus("waiting", stale)
    if bad := [_complaint(kind, where, one) for kind, where, one in told if one.get("status") != "True"]:
        return ObjectStatus("waiting", "; ".join(bad))
    if lost := [one for _, _, one in told if _NOT_ALL.match(str(one.get("reason", "")))]:
        return ObjectStatus("failed", "; ".join(f"{one['reason']}: {one.get('message', 'no message')}" for one in lost))
    if missing or (promise.parents and not told):
        return ObjectStatus("waiting", f"no controller has reported anything yet ({', '.join(missing) or 'no parent'})")
    if told:
        return ObjectStatus("in-effect", ", ".join(dict.fromkeys(f"{kind}{where}" for kind, where, _ in told)))
    if patient and _is_custom(found):
        return ObjectStatus("waiting", "no controller has reported anything yet")
    return ObjectStatus("silent", "the server stores it; no controller reports on it")


def _workload(found: Mapping[str, Any], *, rolls: bool) -> ObjectStatus:
    if not rolls:
        return ObjectStatus("in-effect", "no pod had to be replaced")
    progressing = complaints.condition(found, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return ObjectStatus("failed", f"its rollout has failed: {progressing.get('message', '')}")
    missing = unavailable(found) or _earlier_pods(found)
    if missing:
        return ObjectStatus("waiting", missing)
    return ObjectStatus("in-effect", "its pods were replaced and are available")


def _earlier_pods(found: Mapping[str, Any]) -> str:
    """Return that pods of the earlier template still run: they count as available while the new ones may never be."""
    status = found.get("status") or {}
    earlier = status.get("replicas", 0) - status.get("updatedReplicas", 0) if found["kind"] != "DaemonSet" else 0
    return f"{earlier} of its old pods still run next to the new ones" if earlier > 0 else ""


def _is_custom(found: Mapping[str, Any]) -> bool:
    return "." in str(found["apiVersion"]).rpartition("/")[0]


def _conditions(found: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (type, of which parent, condition) of the conditions that say whether an object was taken up."""
    status = found.get("status") or {}
    for one in status.get("conditions") or ():
        if _takes_up(one.get("type")):
            yield one["type"], "", one
    for parent in (*(status.get("parents") or ()), *(status.get("ancestors") or ())):
        reference = parent.get("parentRef") or parent.get("ancestorRef") or {}
        where = f" by {reference.get('kind', 'Gateway')} {reference.get('name', '')}"
        for one in parent.get("conditions") or ():
            if _takes_up(one.get("type")):
                yield one["type"], where, one


def _complaint(kind: str, where: str, one: Mapping[str, Any]) -> str:
    why = one.get("message") or one.get("reason") or "it gives no reason"
    return f"not {kind}{where}: {why}"


def _stale(found: Mapping[str, Any], told: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    """Return why what the status says is about an earlier form; empty when it is about this one, as far as it tells."""
    generation, status = found["metadata"].get("generation", 0), found.get("status") or {}
    seen = [_number(one.get("observedGeneration")) for one in (status, *(one for _, _, one in told))]
    if any(one is not None and one < generation for one in seen):
        return "its controller has not processed this version yet"
    synced, ours = status.get("lastSyncedTime"), _changed_at(found)
    return "it has not been synced since the change" if synced and ours and str(synced) < ours else ""


def _number(told: object) -> int | None:
    """Return a generation; istiod writes it as text. None where nothing is told, or nothing that is a number."""
    try:
        return int(str(told))
    except ValueError:
        return None


def _changed_at(found: Mapping[str, Any]) -> str:
    entries = found["metadata"].get("managedFields") or ()
    return max((str(one.get("time", "")) for one in entries if one.get("manager") == DESIGN_MANAGER), default="")


# ---------------------------------------------------------------------- watching
@dataclass(slots=True)
class _Watched:
    touched: Touched
    promise: Promise
    said: ObjectStatus | None = None
    done: bool = False
    explained: float = 0.0
    state: Object | None = None


@dataclass(slots=True)
class _Watchers:
    """One watch for each kind and namespace, in threads; what they see comes as (kind, namespace, objects by name)."""

    cluster: Cluster
    seen: queue.SimpleQueue[tuple[tuple[str, str, str], dict[str, Object]]] = field(default_factory=queue.SimpleQueue)
    end: threading.Event = field(default_factory=threading.Event)

    def start(self, places: Iterable[tuple[str, str, str]]) -> None:
        for place in dict.fromkeys(places):
            threading.Thread(target=self._follow, args=(place,), name="workbench-effect", daemon=True).start()

    def _follow(self, place: tuple[str, str, str]) -> None:
        api_version, kind, namespace = place
        while not self.end.is_set():
            try:
                listed, version = self.cluster.listed(api_version, kind, namespace)
                state = {str(one["metadata"]["name"]): one for one in listed}
                self.seen.put((place, dict(state)))
                if not version:
                    self.end.wait(_TURN_S)
                    continue
                for event in self.cluster.watch(self.cluster.kind(api_version, kind), namespace, "", version, _TURN_S):
                    if self.end.is_set():
                        return
                    _note(state, event, api_version, kind)
                    self.seen.put((place, dict(state)))
            except WorkbenchError:
                self.end.wait(_TURN_S)  # the server is away: the deadline is the reader's


def _note(state: dict[str, Object], event: Mapping[str, Any], api_version: str, kind: str) -> None:
    one = event["object"]
    if event["type"] == "DELETED":
        state.pop(str(one["metadata"]["name"]), None)
    elif event["type"] in ("ADDED", "MODIFIED"):
        state[str(one["metadata"]["name"])] = {**one, "apiVersion": api_version, "kind": kind}


def effects(cluster: Cluster, objects: Sequence[Touched], deadline_s: float) -> Iterator[Effect]:
    """Yield every change of how far these objects are, until all are done or the deadline."""
    watched = [_Watched(one, _promise(cluster, one)) for one in objects]
    watchers = _Watchers(cluster)
    watchers.start((one.api_version, one.kind, one.namespace) for one in objects)
    begun = time.monotonic()
    try:
        while not all(one.done for one in watched):
            after_s = time.monotonic() - begun
            if after_s > deadline_s:
                yield from _too_late(cluster, watched, after_s)
                return
            with contextlib.suppress(queue.Empty):
                place, state = watchers.seen.get(timeout=min(0.5, max(0.01, deadline_s - after_s)))
                _take_in(watched, place, state)
            for one in watched:
                told = _told(cluster, one, time.monotonic() - begun)
                if told is not None:
                    yield told
    finally:
        watchers.end.set()


def _promise(cluster: Cluster, one: Touched) -> Promise:
    group, _, version = one.api_version.rpartition("/")
    if "." not in group:
        return Promise()
    try:
        plural = cluster.kind(one.api_version, one.kind).plural
        crd = cluster.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}")
    except WorkbenchError:  # not ours to read, or the server is away: then nothing is promised
        crd = None
    return promised(crd, version)


def _take_in(watched: Iterable[_Watched], place: tuple[str, str, str], state: Mapping[str, Object]) -> None:
    for one in watched:
        touched = one.touched
        if (touched.api_version, touched.kind, touched.namespace) == place:
            one.state = state.get(touched.name, {})


def _told(cluster: Cluster, one: _Watched, after_s: float) -> Effect | None:
    """Return how far an object is by now; None when that has been said, or when nothing is known yet."""
    if one.done or one.state is None:
        return None
    standing = _standing(one, after_s)
    if standing.state == "waiting" and one.touched.kind in WORKLOADS and after_s - one.explained >= _EXPLAIN_S:
        one.explained = after_s
        standing = ObjectStatus("waiting", f"{standing.sentence}: {_why(cluster, one)}")
    elif standing.state == "waiting" and one.said is not None and one.said.sentence.startswith(standing.sentence):
        return None
    if standing == one.said:
        return None
    one.said, one.done = standing, standing.state != "waiting"
    return _effect(one, after_s)


def _why(cluster: Cluster, one: _Watched) -> str:
    """Return what a workload's own pods say."""
    labels = (((one.state or {}).get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return explain(cluster, one.touched.namespace, ",".join(f"{key}={value}" for key, value in labels.items()))


def _standing(one: _Watched, after_s: float) -> ObjectStatus:
    if not one.state:
        return ObjectStatus("failed", "someone deleted it")
    return judged(one.state, one.promise, rolls=one.touched.rolls, patient=after_s < QUIET_S)


def _effect(one: _Watched, after_s: float) -> Effect:
    standing = one.said or ObjectStatus("waiting", "")
    text = printable(standing.sentence)
    return Effect(
        object=one.touched.object,
        state=standing.state,
        sentence=f"{capital(text)}.",
        after_s=round(after_s, 3),
    )


def _too_late(cluster: Cluster, watched: Iterable[_Watched], after_s: float) -> Iterator[Effect]:
    for one in watched:
        if one.done:
            continue
        last = one.said.sentence if one.said else "the API server has no status for it"
        if one.touched.kind in WORKLOADS:
            with contextlib.suppress(WorkbenchError):
                now = _workload(one.state, rolls=True).sentence if one.state else last
                last = f"{now}: {_why(cluster, one)}"
        one.said, one.done = ObjectStatus("failed", f"{last} (watched for {after_s:.0f} s)"), True
        yield _effect(one, after_s)
