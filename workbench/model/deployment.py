"""The description of one deployment: what an environment will start, verify and load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from workbench.model.cluster_steps import PartRule
from workbench.model.experiment import RunSpec
from workbench.model.records import MeshFacts

A = TypeVar("A")
"""An environment's type for the application."""
S = TypeVar("S")
"""An environment's type for a step."""
G = TypeVar("G")
"""Its type for a gate."""
L = TypeVar("L")
"""Its type for a load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Generic[A, S, G]):
    """One deployment's needs. Consecutive runs of one block, mesh, workload and protocol share it.

    Attributes
    ----------
    runs
        Its runs, in order.
    facts
        The facts to show with the mesh's numbers.
    steps
        The steps that install the mesh, in order.
    application
        The application as the mesh enrolled it.
    gates
        The gates that must pass before a number counts.
    starts
        The steps that start the application, after `steps`; for plans and to check whether they can run here.
    prepares, prepares_where
        The steps that start telemetry before the mesh, and their condition. An empty condition: always.
    parts
        The role that each container is charged to. Empty if the environment starts, and so knows, every process.
    removal
        The removal, in order. Empty if everything ends with this program.
    notes
        Properties of the application or its mesh that affect the measurement, in sentences; stored with every run.
    existing
        True: the mesh is installed already. It is used as it is, neither installed nor removed.
    outlives
        True: the deployment outlives this program, so it is removed by `removal`, and the rest by its label.
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
        """The steps, followed by those that start the application."""
        return (*self.steps, *self.starts)
