"""What the kernel says of the node's containers, read beside a run: the truth that kubelets' pages are held to."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from pathlib import Path

from node_machine import CGROUPS, Machine

from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.complaints import statuses

STEP_S = 0.05

RATIO, SECONDS = 0.15, 0.02
"""How near a kubelet's figure of a window of 8 s must be: it reads each container once a second, later where the
machine is busy; a container that is taken for another, or counted twice, is further off."""


class KernelAccount:
    """Reads every container's and the node's CPU counter twenty times a second while it is entered."""

    def __init__(self, machine: Machine, cluster: Cluster) -> None:
        self.root = CGROUPS / "cpuacct" / machine.name
        self.cluster = cluster
        self.names: dict[str, str] = {}
        self.series: dict[str, list[tuple[float, float]]] = {}
        self._end = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._read, self._learn)]

    def __enter__(self) -> KernelAccount:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for one in self._threads:
            one.join()

    def used_s(self, what: str, start_s: float, end_s: float) -> float:
        """Return the CPU seconds of ``NAMESPACE/POD/CONTAINER``, or of the node (``""``), between two moments."""
        return self.at(what, end_s) - self.at(what, start_s)

    def at(self, what: str, moment: float) -> float:
        """Return the counter of ``NAMESPACE/POD/CONTAINER``, or of the node (``""``), at a moment."""
        series = self.series[next(key for key, name in self.names.items() if name == what) if what else ""]
        place = bisect_left(series, (moment, 0.0))
        (t0, v0), (t1, v1) = series[place - 1], series[place]
        assert t0 <= moment <= t1 < t0 + 2, f"the kernel was not read around {moment}"
        return v0 + (v1 - v0) * (moment - t0) / (t1 - t0)

    def _learn(self) -> None:
        """Learn which container bears which name, and where its cgroup is."""
        while not self._end.wait(0.5):
            for pod in self.cluster.listed("v1", "Pod")[0]:
                meta = pod["metadata"]
                for one in statuses(pod):
                    identity = str(one.get("containerID", "")).rpartition("/")[2]
                    if identity:
                        self.names[identity] = "/".join((meta["namespace"], meta["name"], one["name"]))

    def _read(self) -> None:
        places: dict[str, Path] = {"": self.root}
        while not self._end.wait(STEP_S):
            for identity in set(self.names) - set(places):
                found = next(self.root.glob(f"kubepods/*/pod*/{identity}"), None)
                if found is not None:
                    places[identity] = found
            for identity, place in places.items():
                try:
                    value = int((place / "cpuacct.usage").read_text()) / 1e9
                except OSError:
                    continue
                self.series.setdefault(identity, []).append((time.time(), value))
