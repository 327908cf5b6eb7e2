"""``baseline``: no mesh; every caller dials the service itself. The only one that runs in every environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from workbench.errors import BadInputError
from workbench.intents import Intent, Rendering, Target, in_order, unsupported
from workbench.meshes import _cluster_options as cluster
from workbench.meshes._cluster_pods import placed
from workbench.meshes._sidecars import answer_gate
from workbench.model.cluster_steps import Answers, ClusterApplication, ClusterGate, ClusterStep, PartRule
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Gate, Step
from workbench.model.options import check_profile
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

AnyApplication = TypeVar("AnyApplication", Application, ClusterApplication)


class Baseline:
    """What everything else is compared with."""

    name = "baseline"
    environments: tuple[str, ...] = ("lab", *cluster.ENVIRONMENTS)
    profiles: tuple[str, ...] = ("default",)
    options: Mapping[str, Option] = cluster.PLACEMENT_OPTION

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        self._asked(spec)
        return MeshFacts(
            label=spec.label,
            title="no mesh: the caller connects to the service directly",
            data_plane="none",
            layer="",
            mtls=False,
            archetype=False,
        )

    def install(self, spec: MeshSpec, application: Application | ClusterApplication) -> tuple[Step, ...]:
        """Return nothing to do."""
        self._asked(spec)
        return ()

    def enrol(self, spec: MeshSpec, application: AnyApplication) -> AnyApplication:
        """Return the application as it is; on a cluster with the client where `placement` says.

        Raises
        ------
        BadInputError
            For a placement in the lab, which has one machine.
        """
        placement = self._asked(spec)["placement"]
        if isinstance(application, ClusterApplication):
            return placed(application, placement)
        if "placement" in spec.options:
            raise BadInputError(f"Mesh {spec.name}: the option placement is for clusters; the lab has one machine.")
        return application

    def gates(
        self, spec: MeshSpec, application: Application | ClusterApplication
    ) -> tuple[Gate, ...] | tuple[ClusterGate, ...]:
        """Return the right answer."""
        if isinstance(application, ClusterApplication):
            return (Answers(name="the client's call is answered"),)
        return (answer_gate(application),)

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        """Return nobody: there is no mesh to charge anything to."""
        return ()

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        """Return nothing to do."""
        return ()

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        """Return that nothing carries anything: without a mesh, callers and services do it themselves."""
        self._asked(spec)
        says = "Without a mesh there is no proxy between caller and service."
        nearest = "Libraries in the application, or a NetworkPolicy for who may call whom."
        return Rendering(mesh=spec.label, answers=in_order(unsupported(intent, says, nearest=nearest)))

    def _asked(self, spec: MeshSpec) -> dict[str, Any]:
        check_profile(spec, self.profiles)
        return cluster.settings(spec, self.options)


ADAPTER = Baseline()
