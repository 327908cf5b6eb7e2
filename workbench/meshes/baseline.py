"""``baseline``: no mesh; every caller dials the service itself."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.meshes._sidecars import answer_gate, check_profile
from workbench.protocols import Option
from workbench.records import MeshFacts
from workbench.spec import MeshSpec
from workbench.steps import Application, Gate, Step


class Baseline:
    """What everything else is compared with."""

    name = "baseline"
    environments: tuple[str, ...] = ("lab",)
    profiles: tuple[str, ...] = ("default",)
    options: Mapping[str, Option] = {}

    def facts(self, spec: MeshSpec) -> MeshFacts:
        """Return what must be said beside its numbers."""
        check_profile(spec, self.profiles)
        return MeshFacts(
            label=spec.label,
            title="no mesh: the caller dials the service on loopback",
            data_plane="none",
            layer="",
            mtls=False,
            archetype=False,
        )

    def install(self, spec: MeshSpec, application: Application) -> tuple[Step, ...]:
        """Return nothing to do."""
        check_profile(spec, self.profiles)
        return ()

    def enrol(self, spec: MeshSpec, application: Application) -> Application:
        """Return the application as it is."""
        return application

    def gates(self, spec: MeshSpec, application: Application) -> tuple[Gate, ...]:
        """Return the right answer."""
        return (answer_gate(application),)


ADAPTER = Baseline()
