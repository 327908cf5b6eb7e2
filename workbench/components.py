"""The parts of a run: who is watched, whom that is charged to, what is set aside for them, and where it was read.

Half of `workbench.records`, through which everybody takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.steps import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What a container's manifest, as it runs, sets aside for it and allows it; None: it says nothing, which is not 0.

    Cores and bytes. Without a request nothing is set aside; without a limit nothing holds it back.
    """

    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: float | None = None
    memory_limit_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One watched part.

    Attributes
    ----------
    name
        ``"backend-sidecar"``, ``"load-generator"``, ``"node"``.
    role
        Whom its consumption is charged to.
    instance
        Process id or container id, for provenance.
    node
        Machine of a cluster that it runs on; empty where there is only one.
    reserved
        What is set aside for it; None where nobody sets anything aside, or it was not read.
    """

    name: str
    role: Role
    instance: str = ""
    node: str = ""
    reserved: Reserved | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUse:
    """A source of telemetry that a run's consumption was read from, and how well it served.

    Attributes
    ----------
    source
        ``"kubelet"``, ``"prometheus"``, ``"metrics-api"``.
    place
        Where it was asked: ``"/metrics/resource, /stats/summary and /metrics/cadvisor of the kubelets"``.
    node
        Which node's consumption it told.
    coarse
        True for averages over windows of its own, from which counters were put together again.
    readings
        Different times within the window at which the node's own CPU counter was read.
    interval_s
        Median time between two of its readings; None with fewer than two.
    reach_s
        How far outside the window, at worst, the readings lie that its counters' values at the edges rest on; None
        where they lie on one side only, so that there is no value.
    why
        Why this one, where it was not the first choice.
    doubt
        Why its figures are less sure; empty: nothing is known against them.
    """

    source: str
    place: str
    node: str = ""
    coarse: bool = False
    readings: int = 0
    interval_s: float | None = None
    reach_s: float | None = None
    why: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One part that is up, and what is set aside for it.

    Attributes
    ----------
    component, role
        As in `Component`.
    where
        Node and namespace of a container; of a process of the lab, its network namespace or this machine.
    program
        Image of a container, program of a process.
    ready
        Whether it says that it can work.
    requested_cores, requested_bytes, limit_cores, limit_bytes
        What its pod reserves for it and may not pass; None where nothing is said.
    """

    component: str
    role: Role
    where: str
    program: str
    ready: bool
    requested_cores: float | None = None
    requested_bytes: float | None = None
    limit_cores: float | None = None
    limit_bytes: float | None = None
