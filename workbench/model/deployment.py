"""One deployment, described: what an environment is to bring up, prove and load, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from workbench.model.cluster_steps import PartRule
from workbench.model.experiment import RunSpec
from workbench.model.records import MeshFacts

A = TypeVar("A")
"""The application, as an environment describes it."""
S = TypeVar("S")
"""A step that an environment can carry out."""
G = TypeVar("G")
"""A gate that it can try."""
L = TypeVar("L")
"""A load that it can run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Generic[A, S, G]):
    """What one deployment needs. Consecutive runs of one block, mesh, workload and protocol share it.

    Attributes
    ----------
    runs
        The runs that it is for, in order.
    facts
        What must be shown beside the mesh's numbers.
    steps
        What brings the mesh up, in order.
    application
        The application as the mesh enrolled it.
    gates
        What must hold before a number counts.
    starts
        What brings the application up, after `steps`; for plans and to see whether it can be done here.
    prepares, prepares_where
        What comes up before the mesh to watch it, and the condition under which it does. An empty condition: always.
    parts
        Whom each container is charged to. Empty where every process is started, and so known, by the environment.
    removal
        The way back, in order. Empty where whatever is brought up ends with this program.
    notes
        What about the application or its mesh changes what is measured, in sentences; kept with every run.
    existing
        True: the mesh is there already. It is used as it stands, neither installed nor removed.
    outlives
        True: what is brought up outlives this program, so it is removed by `removal`, and the rest by its label.
    """

    runs: tuple[RunSpec, ...]
    facts: MeshFacts
    steps: tuple[S, ...]
    application: A
    gates: tuple[G, ...]
    starts: tuple[S, ...] = ()
    prepares: tuple[S, ...] = ()
    prepares_where: str = ""
    parts: tuple[PartRule, ...] = ()
    removal: tuple[S, ...] = ()
    notes: tuple[str, ...] = ()
    existing: bool = False
    outlives: bool = False

    @property
    def everything(self) -> tuple[S, ...]:
        """The steps, and what brings the application up after them."""
        return (*self.steps, *self.starts)
