"""What archetypes with proxies on nodes have in common: how they are asked, enrolled and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

from workbench.intents import Answer, Intent, Rendering, Target
from workbench.meshes import _envoy as envoy
from workbench.meshes._wishes import Wishes, application_of, of_others, wishes
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Endpoint, Step
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts


class NodeProxies(ABC):
    """An archetype whose proxies belong to nodes; each file says what they do.

    Attributes
    ----------
    said
        What must be shown beside its numbers, but for its label.
    """

    name: str
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = ("default",)
    options: Mapping[str, Option] = envoy.COMMON_OPTIONS
    said: MeshFacts

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be shown beside its numbers."""
        self.asked(spec)
        return replace(self.said, label=spec.label)

    def asked(self, spec: MeshSpec) -> tuple[Wishes, Wishes]:
        """Return what is asked for the service that the client calls, and for the others."""
        check_profile(spec, self.profiles)
        wanted = wishes(spec, self.options)
        return wanted, of_others(wanted, spec, self.options)

    @abstractmethod
    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return the proxies of all nodes."""

    @abstractmethod
    def answers(self, intent: Intent) -> tuple[Answer, ...]:
        """Return what it makes of each feature asked."""

    @abstractmethod
    def door(self, caller: str, callee: str, application: Application) -> Endpoint:
        """Return the port of a proxy that ``caller`` dials to reach ``callee``."""

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return a copy in which every caller dials a node's proxy."""
        doors = {f"{one}>{other}": self.door(one, other, application) for one, other in application.edges()}
        return application.rewired(doors)

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return the proxies' whole configuration, the one that an experiment with this intent uses."""
        steps = self.install(replace(spec, intent=intent), application_of(target))
        return Rendering(mesh=spec.label, files=envoy.shown(steps), answers=self.answers(intent))
