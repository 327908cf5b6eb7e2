"""The playground without a widget: designs by name, and what every mesh makes of one.

The view (`workbench.widgets.player`) binds controls to it; a notebook may use it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench import adapters
from workbench.charts.intended import Carrier
from workbench.errors import BadInputError, StoreError
from workbench.files import shipped
from workbench.intents import Design, Rendering, read_design, write_design
from workbench.model.experiment import MeshSpec
from workbench.playground import answers_table, distinct, mesh_specs, render_all, to_yaml
from workbench.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

_BELOW_CONNECTIONS: Final = ("L2", "L3", "L2/L3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One design as every mesh carries it.

    Attributes
    ----------
    renderings, carriers
        By the mesh's label: its objects and answers; its place in the picture.
    specs
        By the mesh's label.
    """

    design: Design
    renderings: Mapping[str, Rendering] = field(default_factory=dict)
    carriers: Mapping[str, Carrier] = field(default_factory=dict)
    specs: Mapping[str, MeshSpec] = field(default_factory=dict)

    @property
    def answers(self) -> pd.DataFrame:
        """Feature by mesh: what is supported, and how; see `workbench.playground.answers_table`."""
        return answers_table(self.renderings.values())

    def yaml(self, mesh: str) -> str:
        """Return one mesh's objects as YAML with what it cannot do as comments."""
        return to_yaml(self.renderings[mesh], self.design)


class Playground:
    """The designs of a data folder, and every mesh that answers them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def known(self) -> dict[str, Path]:
        """Return the designs that can be opened: name -> file, the user's own before the shipped ones."""
        return {name: files[0] for name, files in shipped.design_files(self.settings.data).items()}

    def open(self, asked: str) -> Design:
        """Return the design of this name or file.

        Raises
        ------
        BadInputError
            When there is none, or it is none.
        """
        return read_design(shipped.design_file(asked, self.settings.data))

    def look(self, design: Design, environment: str = "kubernetes") -> Played:
        """Ask every mesh of ``environment`` what it makes of ``design``; equal answers of profiles are given once."""
        specs = {spec.label: spec for spec in mesh_specs(environment)}
        renderings = {one.mesh: one for one in distinct(render_all(design, specs.values(), environment))}
        return Played(
            design=design,
            renderings=renderings,
            carriers={label: carrier_of(specs[label], one) for label, one in renderings.items()},
            specs={label: specs[label] for label in renderings},
        )

    def save(self, design: Design) -> Path:
        """Write ``design`` among the user's own and return its file; one of the same name is replaced.

        Raises
        ------
        StoreError
            When it cannot be written.
        """
        return write_design(design, self.settings.data / "designs" / f"{design.intent.name}.toml")

    def export(self, played: Played, mesh: str) -> Path:
        """Write one mesh's objects as YAML beside the designs and return the file.

        Raises
        ------
        BadInputError
            When there is nothing to apply.
        StoreError
            When it cannot be written.
        """
        rendering = played.renderings[mesh]
        if not (rendering.objects or rendering.patches):
            raise BadInputError(f"{mesh} has no objects for {played.design.intent.name}: there is nothing to export.")
        name = f"{played.design.intent.name}-{mesh.replace('/', '-').replace(' ', '-')}.yaml"
        path = self.settings.data / "designs" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(played.yaml(mesh), encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"The objects cannot be written to {path}: {error}. Choose another data folder."
            ) from error
        return path


def carrier_of(spec: MeshSpec, rendering: Rendering) -> Carrier:
    """Return how a mesh stands in the picture of an intent."""
    facts: Any = adapters.load("meshes", spec.name).facts(spec)
    below = facts.layer in _BELOW_CONNECTIONS and facts.data_plane != "none"
    placement = "kernel" if below else facts.data_plane
    return Carrier(label=spec.label, placement=placement, answers=rendering.answers)
