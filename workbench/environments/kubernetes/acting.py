"""Carrying steps out and undoing them: what was made is removed, and what was there before is left alone.

The application goes first, while its mesh lives; then a mesh's own way back (`Delete` and `Uninstall` in its order);
then whatever else was made, in reverse; and what the mesh names for deletion once more, because controllers make
some of it anew until they are gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from workbench.environments.kubernetes import journal, snapshot
from workbench.environments.kubernetes.client import Cluster, Object, RefusedError
from workbench.environments.kubernetes.helm import Helm, releases
from workbench.environments.kubernetes.objects import (
    MANAGED,
    RUN,
    is_ours,
    labelled,
    mirrored,
    name_of,
    namespace,
    read_source,
    redacted,
)
from workbench.environments.kubernetes.trust import filled, trust_anchor
from workbench.environments.kubernetes.waiting import awaited, explain, follow, gone, wait
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import (
    ClusterApplication,
    ClusterStep,
    Delete,
    HelmRelease,
    KubernetesObject,
    Manifest,
    TrustAnchor,
    Uninstall,
    Wait,
)

REMOVAL_S = 120.0
"""How long one object may take to go: a namespace full of pods takes half a minute."""

GOING_S = 60.0
"""How long to wait, once everything else is gone, for what the cluster removes by itself, such as a cloud
volume with its disk."""
_GOING_PAUSE_S = 0.5

FURNISHED_S = 10.0
"""How long a new namespace may take to have its ServiceAccount: less than a second; then it is tried without."""

_FIRST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService")
_LAST = ("CustomResourceDefinition", "Namespace")


@dataclass(slots=True, kw_only=True)
class Acting:
    """Does steps for one run and can undo all of them.

    Attributes
    ----------
    run
        The run's label.
    before
        What the cluster held before anything was done; never removed.
    registry
        Registry that holds copies of all images; empty: each image's own.
    say
        Told what is done just now, for progress.
    """

    cluster: Cluster
    run: str
    before: snapshot.Snapshot
    helm: Callable[[], Helm]
    registry: str = ""
    say: Callable[[str], None] = lambda _: None
    _done: list[ClusterStep] = field(default_factory=list)
    _made: list[Object] = field(default_factory=list)
    _application: list[Object] = field(default_factory=list)
    _removal: tuple[ClusterStep, ...] = ()
    _trust: dict[str, Mapping[str, str]] = field(default_factory=dict)
    rendered: list[Object] = field(default_factory=list)

    # ------------------------------------------------------------------ doing
    def prepare(self, removal: Sequence[ClusterStep]) -> None:
        """Note down, on the cluster too, what removal will need."""
        self._removal = tuple(removal)
        noted = [{"step": type(one).__name__, **asdict(one)} for one in self._removal]
        journal.write(self.cluster, self.run, {"before": self.before, "removal": noted})

    def perform(self, steps: Iterable[ClusterStep]) -> None:
        """Do the steps in order.

        Raises
        ------
        RunFailedError
            When one does not work out, with what the cluster says.
        """
        for step in steps:
            self._done.append(step)
            match step:
                case Manifest():
                    self.say(f"applying {step.name}")
                    self.apply([*step.objects, *read_source(step.source)], shared=step.shared)
                case TrustAnchor():
                    self.ensure_namespace(step.namespace)
                    self._trust[step.name] = trust_anchor(self.cluster, step, self.run)
                case HelmRelease():
                    self.say(f"installing {step.name} {step.version}")
                    self._install(step)
                case Wait():
                    self.say(f"waiting until {awaited(step)}")
                    wait(self.cluster, step)
                case Delete() | Uninstall():
                    self._way_back(step)

    def deploy(self, application: ClusterApplication) -> None:
        """Make the application's namespace and everything in it; removed first, while its mesh lives."""
        if self.cluster.get("v1", "Namespace", application.namespace) is not None:
            raise UnsupportedError(
                f"The namespace {application.namespace} exists already; the application needs "
                "its own. Delete it, if it is yours."
            )
        before = len(self._made)
        try:
            self.apply([namespace(application.namespace, application.namespace_metadata)])
            self.apply([*application.objects, application.client])
        finally:
            self._application += self._made[before:]
            del self._made[before:]

    def apply(self, objects: Iterable[KubernetesObject], *, shared: bool = False) -> None:
        """Apply objects in order; shared ones that others made are left as they are."""
        for one in objects:
            there = self._present(one)
            if there is not None and not is_ours(there):
                if shared:
                    continue
                raise UnsupportedError(
                    f"{name_of(one)} exists already and was not made by this run; it is not touched."
                )
            manifest = labelled(mirrored(one, self.registry) if self.registry else one, self.run)
            self._made.append(manifest)
            self.rendered.append(redacted(manifest))
            self._apply_patiently(manifest)
            if one["kind"] == "Namespace":
                self._furnished(one["metadata"]["name"])

    def _furnished(self, place: str) -> None:
        """Wait for a new namespace's ServiceAccount: without it pods are refused, and Jobs try again after 10 s."""
        account = ("default", place)

        def judge(found: Sequence[Object]) -> str:
            names = [(one["metadata"]["name"], one["metadata"]["namespace"]) for one in found]
            return "" if account in names else "there is no ServiceAccount default"

        follow(self.cluster, "v1", "ServiceAccount", judge, time.monotonic() + FURNISHED_S, namespace=place)

    def _present(self, one: Mapping[str, Any]) -> Object | None:
        meta = one["metadata"]
        return self.cluster.get(one["apiVersion"], one["kind"], meta["name"], meta.get("namespace", ""))

    def _apply_patiently(self, manifest: Object, deadline_s: float = 30.0) -> None:
        """Apply; wait a little for a kind that is not served yet, or a webhook that does not answer yet."""
        deadline = time.monotonic() + deadline_s
        while True:
            try:
                self.cluster.apply(manifest)
                return
            except RefusedError as error:
                early = error.status == 404 or "failed calling webhook" in str(error)
                if not early or time.monotonic() > deadline:
                    raise RunFailedError(f"{name_of(manifest)} could not be applied: {error}") from error
                time.sleep(0.5)

    def ensure_namespace(self, name: str) -> None:
        """Make a namespace unless it is there."""
        if self.cluster.get("v1", "Namespace", name) is None:
            self.apply([namespace(name)])

    def _install(self, step: HelmRelease) -> None:
        helm = self.helm()
        self.ensure_namespace(step.namespace)
        try:
            helm.install(replace(step, values=filled(step.values, self._trust)), self.run)
        except RunFailedError as error:
            why = explain(self.cluster, step.namespace, "")
            raise RunFailedError(f"{error} In namespace {step.namespace}: {why}.") from error
        finally:
            self.rendered += [redacted(one) for one in helm.manifests(step.name, step.namespace)]

    def releases(self) -> list[dict[str, Any]]:
        """Return the charts that were installed with the values given to them; keys are placeholders still."""
        return [redacted(asdict(step)) for step in self._done if isinstance(step, HelmRelease)]

    # ------------------------------------------------------------------ undoing
    def undo(self) -> tuple[str, ...]:
        """Remove everything; return what could not be removed and how the cluster differs from before."""
        troubles: list[str] = []
        acts: tuple[Callable[[], None], ...] = (
            partial(self._remove, self._application),
            *(partial(self._way_back, step) for step in self._removal),
            self._uninstall,
            partial(self._remove, self._made),
            *(partial(self._way_back, step) for step in self._removal if isinstance(step, Delete)),
            self._sweep,
        )
        for act in acts:
            try:
                act()
            except (RunFailedError, UnsupportedError) as error:
                troubles.append(str(error))
        self._done.clear()
        self._made.clear()
        self._application.clear()
        self._trust.clear()
        self.rendered.clear()
        return tuple(dict.fromkeys((*troubles, *self.left_behind())))

    def left_behind(self) -> tuple[str, ...]:
        """Return how the cluster differs from before, once what it is removing itself is gone, or after `GOING_S`."""
        deadline = time.monotonic() + GOING_S
        try:
            after = snapshot.take(self.cluster)
            while snapshot.only_volumes_going(self.before, after) and time.monotonic() < deadline:
                time.sleep(_GOING_PAUSE_S)
                after |= snapshot.take(self.cluster, snapshot.VOLUMES)  # nothing else is new
            return snapshot.differences(self.before, after)
        except (RunFailedError, UnsupportedError) as error:
            return (f"the cluster could not be compared with its state before: {error}",)

    def _sweep(self) -> None:
        self._report(sweep(self.cluster, self.run))

    def _report(self, left: Sequence[str]) -> None:
        if left:
            raise RunFailedError("these could not be removed: " + ", ".join(left))

    def _remove(self, objects: Sequence[Object]) -> None:
        ours = [one for one in reversed(objects) if (there := self._present(one)) and is_ours(there, self.run)]
        if ours:
            self.say(f"removing {len(ours)} objects")
        for one in ours:
            self.cluster.delete(one)
        self._see_gone(ours, REMOVAL_S)

    def _see_gone(self, objects: Sequence[Mapping[str, Any]], deadline_s: float) -> None:
        deadline = time.monotonic() + deadline_s
        left = [name_of(one) for one in objects if not gone(self.cluster, one, deadline)]
        self._report(left)

    def _uninstall(self) -> None:
        """Uninstall our releases, newest first, and remove what charts keep although it came with them."""
        made = [step for step in self._done if isinstance(step, HelmRelease)]
        ours = {(name, place) for name, place, _ in releases(self.cluster, f"{RUN}={self.run}")}
        for step in reversed(made):
            if (step.name, step.namespace) in ours:
                self.say(f"uninstalling {step.name}")
                uninstall(self.cluster, self.helm(), step.name, step.namespace, self.before)

    def _way_back(self, step: ClusterStep) -> None:
        way_back(self.cluster, step, self.before, self.helm, self.run)


def way_back(
    cluster: Cluster, step: ClusterStep, before: snapshot.Snapshot, helm: Callable[[], Helm], run: str = ""
) -> None:
    """Do one step of a mesh's removal; other people's releases and objects of before are left alone."""
    if isinstance(step, Delete):
        delete(cluster, step, before)
    elif isinstance(step, Uninstall):
        selector = f"{MANAGED}=mesh-workbench,{RUN}" + (f"={run}" if run else "")
        if (step.release, step.namespace) in {(name, place) for name, place, _ in releases(cluster, selector)}:
            uninstall(cluster, helm(), step.release, step.namespace, before, step.deadline_s)


def uninstall(
    cluster: Cluster, helm: Helm, name: str, place: str, before: snapshot.Snapshot, deadline_s: float = 180.0
) -> None:
    """Uninstall one release of ours, then what its chart keeps (CRDs above all), unless it was there before."""
    parts = helm.manifests(name, place)
    helm.uninstall(name, place, deadline_s)
    kept = []
    for one in parts:
        meta = {**one["metadata"]}
        known = (before.get(one["kind"]) is not None) and not meta.get("namespace")
        if known and not snapshot.was_there(before, one) and cluster.get(one["apiVersion"], one["kind"], meta["name"]):
            kept.append(one)
    for one in kept:
        cluster.delete(one)
    deadline = time.monotonic() + REMOVAL_S
    left = [name_of(one) for one in kept if not gone(cluster, one, deadline)]
    if left:
        raise RunFailedError(f"these parts of {name} could not be removed: {', '.join(left)}")


def delete(cluster: Cluster, step: Delete, before: snapshot.Snapshot) -> None:
    """Delete what a step names and see it gone; what was there before is not touched.

    Raises
    ------
    RunFailedError
        When something stays, although its finalizers were cleared where that is allowed.
    """
    found = [one for asked in step.objects for one in _meant(cluster, asked) if not snapshot.was_there(before, one)]
    for one in found:
        cluster.delete(one)
    deadline = time.monotonic() + (step.deadline_s / 2 if step.strip_finalizers else step.deadline_s)
    stuck = [one for one in found if not gone(cluster, one, deadline)]
    if stuck and step.strip_finalizers:
        for one in stuck:
            cluster.merge(one, {"metadata": {"finalizers": None}})
        deadline = time.monotonic() + step.deadline_s / 2
        stuck = [one for one in stuck if not gone(cluster, one, deadline)]
    if stuck:
        raise RunFailedError(f"{step.name}: {', '.join(map(name_of, stuck))} still exist after {step.deadline_s:g} s")


def _meant(cluster: Cluster, asked: Mapping[str, Any]) -> list[Object]:
    """Return the objects that are there: one by name, or all of the kind that bear the labels."""
    meta = asked.get("metadata") or {}
    if meta.get("name"):
        if meta.get("namespace") == "*":
            return cluster.listed(asked["apiVersion"], asked["kind"], fields=f"metadata.name={meta['name']}")[0]
        found = cluster.get(asked["apiVersion"], asked["kind"], meta["name"], meta.get("namespace", ""))
        return [found] if found else []
    if not meta.get("labels"):
        return []  # "everything of this kind" is never meant
    selector = ",".join(f"{key}={value}" if value else key for key, value in meta["labels"].items())
    place = "" if meta.get("namespace") == "*" else meta.get("namespace", "")
    return cluster.listed(asked["apiVersion"], asked["kind"], place, selector)[0]


def labelled_objects(cluster: Cluster, run: str = "") -> list[Object]:
    """Return everything that bears our labels, but not the Lease and the journal; in the order to delete it in."""
    selector = f"{MANAGED}=mesh-workbench" + (f",{RUN}={run}" if run else f",{RUN}")
    found: list[Object] = []
    for kind in cluster.all_kinds():
        if {"list", "delete"} <= set(kind.verbs) and kind.kind not in ("Event", "Pod", "ReplicaSet", "Endpoints"):
            found += _listed(cluster, kind, selector)
    mine = [
        one for one in found if one["metadata"].get("name") != journal.NAME or one["kind"] not in ("Lease", "ConfigMap")
    ]
    return sorted(mine, key=_place)


def _place(found: Mapping[str, Any]) -> int:
    return 0 if found["kind"] in _FIRST else 2 if found["kind"] in _LAST else 1


def _listed(cluster: Cluster, kind: Any, selector: str) -> list[Object]:
    try:
        return cluster.list_of(kind, selector=selector)[0]
    except RefusedError as error:
        if error.status in (403, 404, 405):
            return []  # not ours to see, so not ours to have made
        raise


def sweep(cluster: Cluster, run: str = "") -> list[str]:
    """Delete everything that bears our labels and return what did not go."""
    found = labelled_objects(cluster, run)
    for one in found:
        cluster.delete(one)
    deadline = time.monotonic() + REMOVAL_S
    return [name_of(one) for one in found if not gone(cluster, one, deadline)]


def digest(objects: Sequence[Object]) -> bytes:
    """Return the rendered manifests, redacted, as they are stored with a run."""
    return json.dumps(list(objects), indent=1, sort_keys=True, default=str).encode()
