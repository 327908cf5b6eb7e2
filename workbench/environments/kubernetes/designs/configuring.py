"""A design meets a cluster: checked, compared, applied, watched and reverted; nothing of it by halves.

::

    with open_configuration(spec) as cluster:
        cluster.check(objects)           # a verdict on each, by the API server itself; nothing is changed
        cluster.differences(objects)     # what would change
        applied = cluster.apply("canary", objects)
        for effect in cluster.watch(applied):
            ...
        cluster.revert("canary")         # from any machine: what was there is remembered on the cluster

It stands beside runs and keeps out of their way: it acts only while it holds the Lease that a run would hold, so a
design never changes a cluster under a measurement. Everything bears the design's label, and reverting goes by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from workbench.environments.kubernetes import journal
from workbench.environments.kubernetes.answers import sensible
from workbench.environments.kubernetes.client import Cluster, Object, RefusedError
from workbench.environments.kubernetes.designs import memory
from workbench.environments.kubernetes.designs.changes import (
    Applied,
    Difference,
    Effect,
    Restored,
    Reverted,
    Say,
    Verdict,
)
from workbench.environments.kubernetes.designs.differing import difference
from workbench.environments.kubernetes.designs.effects import effects
from workbench.environments.kubernetes.designs.memory import Kept, Memory, by_key, check_name, kept_of, now
from workbench.environments.kubernetes.designs.permitting import Rights, rights
from workbench.environments.kubernetes.designs.restoring import found_by_label, undo
from workbench.environments.kubernetes.designs.trying import Probe, Trial, apply_as_design, design_of, whole
from workbench.environments.kubernetes.options import Options
from workbench.errors import BadInputError, RunFailedError, UnsupportedError, WorkbenchError
from workbench.model.experiment import EnvironmentSpec

PATIENCE_S = 15.0
"""How long one call waits for an API server that is away: somebody sits before it, unlike before a run."""

LEASE_S = 60
"""A design that is being applied and has said nothing for so long is over."""

EFFECT_S = 120.0
"""How long `watch` waits: a Deployment of a few pods rolls out within a minute."""

_SHOWN = 4

Objects = Iterable[Mapping[str, Any]]


@contextmanager
def open_configuration(spec: EnvironmentSpec, say: Say = lambda _: None) -> Iterator[Configuration]:
    """Open the cluster of a kubeconfig's context for designs.

    Parameters
    ----------
    say
        Told what is being done.

    Raises
    ------
    UnsupportedError
        Without a usable kubeconfig, or when the API server does not answer.
    """
    options = Options.read(spec)
    cluster = Cluster.connect(options.context, options.kubeconfig)
    cluster.patience_s = PATIENCE_S
    cluster.version()
    yield Configuration(cluster, say)


class Configuration:
    """A cluster on which designs are tried.

    Attributes
    ----------
    context, server
        Which cluster, to be shown wherever something is asked of it.
    """

    def __init__(self, cluster: Cluster, say: Say = lambda _: None) -> None:
        self.cluster, self.say = cluster, say
        self.context, self.server = cluster.context, cluster.server

    # ------------------------------------------------------------------ asking
    @sensible
    def check(
        self, objects: Objects, patches: Objects = (), *, name: str = "", force: bool = False
    ) -> tuple[Verdict, ...]:
        """Return what the API server and its webhooks say of every object; nothing is changed.

        Parameters
        ----------
        objects
            Complete manifests.
        patches
            Parts of objects that must be there: only these fields are meant.
        name
            Of the design, where it has one: another design's objects are then refused.
        force
            Whether fields that others hold would be taken.

        Raises
        ------
        BadInputError
            When something is not a Kubernetes object.
        UnsupportedError
            When the API server does not answer.
        """
        return tuple(one.verdict for one in self._probes(name, objects, patches, force=force))

    @sensible
    def differences(self, objects: Objects, patches: Objects = (), *, name: str = "") -> tuple[Difference, ...]:
        """Return what applying would change, object by object; conflicts are shown as if they were forced."""
        found = []
        for one in self._probes(name, objects, patches):
            if one.after is None:
                found.append(Difference(object=one.verdict.object, change=None, diff="", verdict=one.verdict))
                continue
            found.append(
                Difference(
                    object=one.verdict.object,
                    change=memory.touched(one).change,
                    diff=difference(one.live, one.after),
                    verdict=one.verdict,
                    rolls=one.live is not None and memory.touched(one).rolls,
                )
            )
        return tuple(found)

    @sensible
    def applied(self) -> tuple[Applied, ...]:
        """Return the designs that are in force, by name, whoever applied them."""
        return tuple(one.applied(self.context) for one in memory.every(self.cluster))

    @sensible
    def rights(self, objects: Objects, patches: Objects = (), *, name: str = "design") -> Rights:
        """Return the rights that a design takes, as a ClusterRole, and those that are missing."""
        return rights(self.cluster, (*whole(objects), *whole(patches, "patch")), check_name(name))

    def _probes(self, name: str, objects: Objects, patches: Objects = (), *, force: bool = False) -> tuple[Probe, ...]:
        if name:
            check_name(name)
        wanted, changed = whole(objects), whole(patches, "patch")
        return Trial(self.cluster, name, force=force).probe(_namespaces_first(wanted), changed)

    # ------------------------------------------------------------------ acting
    @sensible
    def apply(self, name: str, objects: Objects, patches: Objects = (), *, force: bool = False) -> Applied:
        """Apply a design, all of it or nothing; one of the same name that is in force is replaced.

        Parameters
        ----------
        force
            Take fields that other field managers hold; they get them back when the design is reverted.

        Raises
        ------
        BadInputError
            When an object would be refused, with the server's reason; nothing was changed.
        UnsupportedError
            When a kind is not served here, or a run works on the cluster; nothing was changed.
        RunFailedError
            When the cluster refused after all; what had been applied was reverted.
        """
        check_name(name)
        objects, patches = tuple(objects), tuple(patches)
        with self._alone(name) as holding:
            old = memory.read(self.cluster, name) or Memory(name=name, by="", at="")
            probes = self._probes(name, objects, patches, force=force)
            self._refuse(probes)
            if any(one.taken for one in old.kept):
                old = self._begin_anew(old, force=force)
                probes = self._probes(name, objects, patches, force=force)
                self._refuse(probes)
            kept = tuple(self._kept(one, by_key(old.kept)) for one in probes)
            dropped = tuple(one for one in old.kept if one.key not in by_key(kept))
            new = Memory(name=name, by=journal.holder_name("design"), at=now(), kept=kept)
            memory.write(self.cluster, replace(new, kept=(*kept, *dropped)))
            try:
                self._carry_out(probes, holding, force=force)
                for one in reversed(dropped):
                    self.say(f"reverting {one.touched.object}, which the design no longer contains")
                    undo(self.cluster, one, name)
            except (RunFailedError, UnsupportedError) as error:
                raise RunFailedError(f"{error} {self._taken_back(name, (*kept, *dropped))}") from error
            done = replace(new, complete=True)
            memory.write(self.cluster, done)
        return done.applied(self.context)

    def _refuse(self, probes: Sequence[Probe]) -> None:
        if not probes:
            raise BadInputError("The design has no object for this mesh, so there is nothing to apply.")
        failed = [one.verdict for one in probes if not one.verdict.passed]
        if not failed:
            return
        told = " ".join(one.sentence for one in failed[:_SHOWN])
        more = f" And {len(failed) - _SHOWN} more." if len(failed) > _SHOWN else ""
        kind = UnsupportedError if any(one.standing == "not-served" for one in failed) else BadInputError
        raise kind(
            f"Nothing was applied to {self.context}, because the cluster would not accept all of it. {told}{more}"
        )

    def _begin_anew(self, old: Memory, *, force: bool) -> Memory:
        """Undo a design that took fields by force before its new form takes them: what was there is known only then."""
        if not force:
            raise BadInputError(
                f"The design {old.name} in force took over fields by force: replace it with --force too, or "
                "revert it first. Nothing was changed."
            )
        _, troubles = self._undo_all(old.name, old.kept)
        if troubles:
            raise RunFailedError(f"The earlier form of the design could not be reverted: {'; '.join(troubles)}.")
        memory.forget(self.cluster, old.name)
        return Memory(name=old.name, by="", at="")

    @staticmethod
    def _kept(probe: Probe, old: Mapping[tuple[str, str, str, str], Kept]) -> Kept:
        """Return what to remember: of an object that the design's earlier form changed, what was there before that."""
        new = kept_of(probe)
        known = old.get(new.key)
        if known is None or known.taken or not design_of(probe.live):
            return new
        touched = replace(new.touched, change=known.touched.change)
        return replace(new, touched=touched, before=known.before, uid=known.uid)

    def _carry_out(self, probes: Sequence[Probe], holding: journal.Holding, *, force: bool) -> None:
        for one in probes:
            if holding.lost:
                raise UnsupportedError(f"This design lost its Lease on the cluster: {holding.lost}.")
            self.say(f"applying {one.verdict.object}")
            apply_as_design(self.cluster, one.wanted, force=force)

    def _taken_back(self, name: str, kept: Sequence[Kept]) -> str:
        try:
            _, troubles = self._undo_all(name, kept)
        except UnsupportedError as error:
            troubles = [str(error)]
        if troubles:
            return (
                "Not everything could be reverted "
                f"({'; '.join(troubles)}). Try again with: workbench design revert {name}"
            )
        memory.forget(self.cluster, name)
        return "The applied part was reverted."

    def watch(self, applied: Applied, deadline_s: float = EFFECT_S) -> Iterator[Effect]:
        """Yield how the objects of a design take effect, until all have or the deadline; each change once.

        The last event of each object is "in-effect", "silent" or "failed"; at the deadline it says what the cluster
        says about it.
        """
        return effects(self.cluster, applied.objects, deadline_s)

    @sensible
    def revert(self, name: str) -> Reverted:
        """Undo a design, whoever applied it and from wherever; a second time there is nothing to do.

        Raises
        ------
        RunFailedError
            When something could not be undone; the design stays listed, and reverting it can be tried again.
        UnsupportedError
            When a run works on the cluster.
        """
        check_name(name)
        with self._alone(name):
            known = memory.read(self.cluster, name)
            kept = known.kept if known else found_by_label(self.cluster, name)
            done, troubles = self._undo_all(name, kept)
            if troubles:
                raise RunFailedError(
                    f"Not all of the design {name} could be reverted on {self.context}: {'; '.join(troubles)}. "
                    "Try again."
                )
            memory.forget(self.cluster, name)
        return Reverted(name=name, context=self.context, objects=done)

    def _undo_all(self, name: str, kept: Sequence[Kept]) -> tuple[tuple[Restored, ...], list[str]]:
        """Undo objects, the last first and namespaces at the end; return what became of them and what went wrong."""
        done, troubles = [], []
        last = [one for one in kept if one.touched.kind == "Namespace"]
        for one in (*(one for one in reversed(kept) if one not in last), *last):
            self.say(f"reverting {one.touched.object}")
            try:
                done.append(undo(self.cluster, one, name))
            except RunFailedError as error:
                troubles.append(f"{one.touched.object}: {error}")
        return tuple(done), troubles

    @contextmanager
    def _alone(self, name: str) -> Iterator[journal.Holding]:
        """Hold the Lease that a run would hold: never while one works on the cluster, and none begins meanwhile."""
        holder = journal.holder_name(f"design {name}")
        holding = journal.Holding(self.cluster, f"design-{name}", holder, LEASE_S)
        try:
            holding.take()
        except RefusedError as error:
            raise UnsupportedError(
                f"You have no right to apply designs on {self.context}: {error.said}. `workbench design "
                "rights` prints the rights that a design needs."
            ) from error
        try:
            yield holding
        finally:
            with contextlib.suppress(WorkbenchError):  # it runs out by itself
                holding.give_back()


def _namespaces_first(objects: Sequence[Object]) -> tuple[Object, ...]:
    return tuple(sorted(objects, key=lambda one: one["kind"] != "Namespace"))
