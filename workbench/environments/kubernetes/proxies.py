"""What the proxies count themselves, read before a load's first request and after its last one, never in between.

Reading statistics costs a proxy CPU, so it must not happen while CPU is measured. The two readings are kept with the
run, and prove of the very load that was measured what the gates proved with one call: it went through the proxies.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.model.cluster_steps import MetricMoved
from workbench.model.records import GateResult

FILE = "proxies.json"

FLUSH_S = 6.0
"""From the last request to the last reading: Envoy shows what it counted every 5 s."""

Reading = Mapping[str, float | None]
"""Pod -> value; None: it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the proxies' counters say about one load."""

    outputs: Mapping[str, bytes] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()


@dataclass(slots=True)
class Counted:
    """The counters that gates name, around one load.

    Attributes
    ----------
    gates
        Whose counters are read.
    read
        Reads one gate's counter in every pod.
    """

    gates: Sequence[MetricMoved]
    read: Callable[[MetricMoved], Reading]
    _before: list[tuple[float, Reading]] = field(default_factory=list)

    def before(self) -> None:
        """Read everything; the load has not begun."""
        self._before = [(time.time(), self.read(gate)) for gate in self.gates]

    def after(self, ended_s: float) -> Evidence:
        """Read everything again, once what was counted until ``ended_s`` can be seen, and return what it proves."""
        if not self.gates:
            return Evidence()
        time.sleep(max(0.0, ended_s + FLUSH_S - time.time()))
        told, results = [], []
        for gate, (at, first) in zip(self.gates, self._before, strict=True):
            last, now = self.read(gate), time.time()
            moved = _moved(first, last)
            told.append(
                {
                    "gate": gate.name,
                    "metric": gate.metric,
                    "labels": dict(gate.labels),
                    "before": {"at_s": at, "by_pod": first},
                    "after": {"at_s": now, "by_pod": last},
                    "moved": moved,
                }
            )
            if moved is not None and not gate.already:
                results.append(
                    GateResult(
                        name=f"{gate.name}, under the load",
                        passed=moved > 0,
                        evidence=f"{gate.series} moved by {moved:g} from before the load to after it",
                        counted=moved if gate.requests else None,
                    )
                )
        return Evidence(outputs={FILE: json.dumps(told, indent=1).encode()}, gates=tuple(results))


def _moved(first: Reading, last: Reading) -> float | None:
    """Return by how much a counter grew over the pods that told it both times; None when none did.

    A proxy that was restarted meanwhile counts from 0 again: then what it counted since is the least that it can be.
    """
    both = [(first[pod], value) for pod, value in last.items() if pod in first]
    known = [
        after - before if after >= before else after
        for before, after in both
        if before is not None and after is not None
    ]
    return sum(known) if known else None
