"""Machines and clusters as the specification has them: nodes with cores and memory, the version of Kubernetes.

Environments record their facts in their own words; what is read of them here is what any of them may have: a
``machine``, or ``nodes`` of a ``cluster`` with Kubernetes' quantities. What is not there is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workbench.interchange.smp.messages import EnvironmentNode
from workbench.model.records import Facts

_MB = 1e6
_MACHINE = ("kernel", "architecture", "system", "virtual", "clocksource")
_CLUSTER = ("platform", "network")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti|)")
_SUFFIXES = {"m": 1e-3, "": 1.0, "k": 1e3, "Ki": 2.0**10, "M": 1e6, "Mi": 2.0**20, "G": 1e9, "Gi": 2.0**30}


def quantity(text: object) -> float | None:
    """Return a quantity of Kubernetes (``"3920m"``, ``"16384Ki"``) as a number; None when it is none."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return None
    return float(found[1]) * {**_SUFFIXES, "T": 1e12, "Ti": 2.0**40}[found[2]]


def _table(facts: Facts, name: str) -> Mapping[str, Any]:
    found = facts.details.get(name)
    return found if isinstance(found, Mapping) else {}


def kubernetes_version(facts: Facts) -> str:
    """Return the cluster's version; empty where there is no cluster."""
    return str(_table(facts, "cluster").get("kubernetes") or "")


def surrounding_labels(facts: Facts) -> dict[str, object]:
    """Return what else is known of the machine or cluster, by name; its address is not among it."""
    machine, cluster = _table(facts, "machine"), _table(facts, "cluster")
    first = next(iter(_listed(facts)), {})
    return {
        **{f"machine.{name}": machine.get(name, first.get(name)) for name in _MACHINE},
        **{f"cluster.{name}": cluster.get(name) for name in _CLUSTER},
    }


def _listed(facts: Facts) -> list[Mapping[str, Any]]:
    found = facts.details.get("nodes")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def nodes_of(facts: Facts) -> tuple[EnvironmentNode, ...]:
    """Return the nodes; a machine is one."""
    machine = _table(facts, "machine")
    if machine:
        memory = machine.get("memory_gib")
        return (
            EnvironmentNode(
                type=str(machine.get("cpu") or ""),
                cores=_whole(machine.get("cpus")),
                mem_mb=round(memory * 2**30 / _MB) if isinstance(memory, int | float) else 0,
            ),
        )
    return tuple(
        EnvironmentNode(
            type=str(one.get("type") or ""),
            cores=_whole(one.get("cores")),
            mem_mb=round((quantity(one.get("memory")) or 0.0) / _MB),
        )
        for one in _listed(facts)
    )


def _whole(value: object) -> int:
    return round(quantity(value) or 0.0)
