"""A cluster in use: opened, described, deployed to, and left as it was."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any

from workbench.environments.kubernetes import collecting, journal, snapshot
from workbench.environments.kubernetes.acting import Acting, labelled_objects
from workbench.environments.kubernetes.answers import sense, sensible
from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.collecting import Collector
from workbench.environments.kubernetes.deployment import ClusterDeployment
from workbench.environments.kubernetes.facts import cluster_facts
from workbench.environments.kubernetes.helm import Helm, find_helm, releases
from workbench.environments.kubernetes.objects import RUN, is_ours, name_of, pods_of
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.rights import free_on, too_small
from workbench.environments.kubernetes.sources import Choice, choose
from workbench.environments.kubernetes.waiting import wait
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import (
    ClusterApplication,
    ClusterStep,
    HelmRelease,
    Manifest,
    PartRule,
    Wait,
)
from workbench.model.records import Facts

APPLICATION_S = 180.0
"""How long the application may take to come up: its image is pulled onto a new node first."""


class OpenCluster:
    """A cluster that this run works on, and nobody else."""

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self.options, self.say = options, say
        self.run = f"wb-{secrets.token_hex(4)}"
        self.cluster = Cluster.connect(options.context, options.kubeconfig)
        self._holding = journal.Holding(self.cluster, self.run, journal.holder_name(self.run))
        self.before: Mapping[str, Mapping[str, Any]] = {}
        self.left_behind: tuple[str, ...] = ()
        self._helm: Helm | None = None
        self._choice: Choice | None = None
        self._facts: Facts | None = None
        self._charts: dict[str, tuple[Object, ...]] = {}

    @property
    def choice(self) -> Choice:
        """The source of telemetry that is used here, chosen when it is first needed."""
        if self._choice is None:
            self._choice = choose(self.cluster, self.options.telemetry, self.options.prometheus)
        return self._choice

    @property
    def telemetry(self) -> str:
        """Name of the adapter that reads what runs here."""
        return self.choice.name

    @sensible
    def __enter__(self) -> OpenCluster:
        self.cluster.version()
        self._refuse_leftovers()
        self._holding.take()
        try:
            self.before = snapshot.take(self.cluster)
            journal.write(self.cluster, self.run, {"before": self.before, "removal": []})
        except BaseException:
            self._holding.give_back()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = labelled_objects(self.cluster, self.run)
        if left:  # `workbench clean` needs the journal; the Lease runs out by itself
            self._holding.stop()
            return
        journal.forget(self.cluster)
        self._holding.give_back()

    def _refuse_leftovers(self) -> None:
        wrote, _ = journal.read(self.cluster)
        holder = journal.holder_of(self.cluster)
        if wrote and not holder:
            raise UnsupportedError(
                f"On the cluster of context {self.cluster.context} an interrupted run ({wrote}) left things behind; "
                "remove them first with: workbench clean"
            )

    def helm(self) -> Helm:
        """Return Helm, looked for when it is first needed."""
        if self._helm is None:
            self._helm = find_helm(self.cluster, self.options.helm, self.options.charts)
        return self._helm

    @sensible
    def facts(self) -> Facts:
        """Return the cluster's circumstances, looked at once."""
        if self._facts is None:
            try:
                helm = self.helm().version()
            except UnsupportedError:
                helm = ""
            source = {"source": self.choice.name, "place": self.choice.place, "why": self.choice.why}
            self._facts = cluster_facts(self.cluster, self.run, helm, source)
        return self._facts

    # ------------------------------------------------------------------ refusing
    @sensible
    def refuses(self, steps: Sequence[ClusterStep], *, existing: bool = False) -> str:
        """Why these steps cannot be done here; empty when they can. Changes nothing."""
        charts = [step for step in steps if isinstance(step, HelmRelease)]
        try:
            if charts:
                self.helm()
        except UnsupportedError as error:
            return str(error)
        foreign = self._foreign(steps)
        if foreign and not existing:
            return (
                f"{foreign} exists already; this run did not create it and does not touch it. Remove it, or measure it "
                "as it is with existing = true in its [[meshes]]"
            )
        if foreign:
            return ""  # it stands already; nothing is installed
        try:
            rendered = [one for chart in charts for one in self._rendered(chart)]
        except RunFailedError as error:
            return str(error)
        described = [one for step in steps if isinstance(step, Manifest) for one in step.objects]
        manifests = [one for one in (*described, *rendered) if pods_of(one)]
        return too_small(manifests, self._free()) if manifests else ""

    def _rendered(self, chart: HelmRelease) -> tuple[Object, ...]:
        """Return what a chart would make, asked once: its repository is far away."""
        known = json.dumps(asdict(chart), sort_keys=True)
        if known not in self._charts:
            self._charts[known] = self.helm().rendered(chart)
        return self._charts[known]

    def _free(self) -> dict[str, tuple[float, float]]:
        return free_on(self.cluster.listed("v1", "Node")[0], self.cluster.listed("v1", "Pod")[0])

    def _foreign(self, steps: Sequence[ClusterStep]) -> str:
        """Return a part of these steps that is there and not ours; empty without one."""
        known = {(name, place): borne for name, place, borne in releases(self.cluster, "")}
        for step in steps:
            if isinstance(step, HelmRelease):
                borne = known.get((step.name, step.namespace))
                if borne is not None and borne.get(RUN) != self.run:
                    return f"the Helm release {step.namespace}/{step.name}"
            elif isinstance(step, Manifest) and not step.shared:
                for one in step.objects:
                    meta = one["metadata"]
                    there = self.cluster.get(one["apiVersion"], one["kind"], meta["name"], meta.get("namespace", ""))
                    if there is not None and not is_ours(there, self.run):
                        return name_of(there)
            elif isinstance(step, Wait) and step.condition == "webhooks":
                held = {
                    *self.before.get("MutatingWebhookConfiguration", ()),
                    *self.before.get("ValidatingWebhookConfiguration", ()),
                }
                there_already = sorted(held & set(step.names))
                if there_already:
                    return f"the webhook configuration {there_already[0]}"
        return ""

    # ------------------------------------------------------------------ deploying
    @contextmanager
    def deploy(
        self,
        steps: Sequence[ClusterStep],
        application: ClusterApplication,
        *,
        removal: Sequence[ClusterStep] = (),
        parts: Sequence[PartRule] = (),
        existing: bool = False,
    ) -> Iterator[ClusterDeployment]:
        """Bring a mesh and an application up; leaving the context removes both and compares with before.

        What could not be removed, or was left behind, is in `left_behind` afterwards.
        """
        if self._holding.lost:
            raise UnsupportedError(f"This run no longer owns the cluster: {self._holding.lost}.")
        existing = existing and bool(self._foreign(steps))
        acting = Acting(
            cluster=self.cluster,
            run=self.run,
            before=self.before,
            helm=self.helm,
            registry=self.options.registry,
            say=self.say,
        )
        acting.prepare(() if existing else removal)
        collector = Collector(self.cluster) if self.choice.collector else None
        try:
            with sense(self.cluster.who):
                if collector:  # before the mesh, which might take hold of it
                    acting.perform(collecting.steps(collecting.image_of(application.client)))
                    collector.start()
                if not existing:
                    acting.perform(steps)
                self.say("deploying the application")
                acting.deploy(application)
                wait(
                    self.cluster,
                    Wait(condition="available", namespace=application.namespace, deadline_s=APPLICATION_S),
                )
            yield ClusterDeployment(
                cluster=self.cluster,
                application=application,
                parts=tuple(parts),
                acting=acting,
                choice=self.choice,
                collector=collector,
                poll_s=self.options.poll_s,
            )
        finally:
            self.say("removing the application and the mesh")
            self.left_behind = acting.undo()
