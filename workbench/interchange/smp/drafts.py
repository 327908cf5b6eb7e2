"""Results in the form of the specification's first drafts (2020), brought into the form that it has now.

There the load stood in ``client`` with its rate, connections and latencies, and consumption in ``metrics`` of the same
document. The rate is the one that was reached: it has fractions, and the tools that wrote drafts took it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.interchange.documents import Node

_MOVED = {"latencies_ms": "latencies_ms", "rps": "actual_qps"}
"""Field of a draft's client -> the result's field that holds the same now."""

_PARTS = {"sidecars": "sidecar", "mesh_control_plane": "control-plane"}
"""Group in a draft's metrics -> its role; what else stands there is no proxy of the data plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a draft holds that a result has no field for.

    Attributes
    ----------
    connections
        None: not told.
    cores
        Name of a part -> its role (empty: none that is known) and the CPU that it used, in cores.
    """

    connections: int | None
    cores: Mapping[str, tuple[str, float]]


def is_draft(node: Node) -> bool:
    """Whether a document has its load in a client of its own."""
    client = node.get("client")
    held = client.value if client is not None and isinstance(client.value, dict) else {}
    return bool(held.keys() & {*_MOVED, "connections"})


def modern(node: Node) -> tuple[Node, Draft | None]:
    """Return a document in the form of now, and what else a draft says; a document of now as it is, and None."""
    if not is_draft(node):
        return node, None
    client, metrics = node.value["client"].value, node.get("metrics")
    moved = {new: client[old] for old, new in _MOVED.items() if old in client and new not in node.value}
    rest = {name: one for name, one in node.value.items() if name not in ("client", "metrics")}
    held = client.get("connections")
    is_count = held is not None and isinstance(held.value, int) and not isinstance(held.value, bool) and held.value > 0
    draft = Draft(connections=held.value if is_count else None, cores=_cores(metrics))
    return Node(value={**rest, **moved}, line=node.line, twice=node.twice), draft


def _cores(metrics: Node | None) -> dict[str, tuple[str, float]]:
    found = {}
    groups = metrics.value if metrics is not None and isinstance(metrics.value, dict) else {}
    for name, group in groups.items():
        used = next((one for key in ("cpu_mCores", "cpu_mcores") if (one := group.get(key)) is not None), None)
        value = used.value if used is not None else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
            found[name] = (_PARTS.get(name, ""), value / 1000)
    return found
