"""How long the kernel's data planes take to come and go, and what the lab's launcher adds to a program's start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench import adapters
from workbench.environments.lab.namespaces import Namespaces, probe
from workbench.errors import UnsupportedError
from workbench.model.experiment import MeshSpec, Workload
from workbench.model.lab_steps import Network

REPEATS = 9


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _network(profile: str) -> Network:
    application = adapters.load("workloads", "chain").application(Workload(name="chain"))
    (step,) = adapters.load("meshes", "cross-connect").install(
        MeshSpec(name="cross-connect", profile=profile), application
    )
    return step


def rows() -> list[dict[str, object]]:
    """Return the table's rows.

    Raises
    ------
    UnsupportedError
        When this machine forbids namespaces, with the reason.
    """
    reason = probe()
    if reason:
        raise UnsupportedError(f"network namespaces: {reason}")
    table: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for profile in ("veth", "local", "remote"):
            network, opened, closed = _network(profile), [], []
            for _ in range(REPEATS):
                start = time.perf_counter()
                namespaces = Namespaces.open(network, folder)
                opened.append(time.perf_counter() - start)
                closed.append(_seconds(namespaces.close))
            what = f"cross-connect/{profile}, {len(network.namespaces)} namespaces"
            table.append(_row(f"{what}: set up", opened, "<= 0.5"))
            table.append(_row(f"{what}: remove", closed, ""))
        with Namespaces.open(_network("remote"), folder) as namespaces:
            command = [sys.executable, "-I", "-S", "-c", ""]
            entering = namespaces.enter_command("client", command)
            plain = [_seconds(lambda: subprocess.run(command, check=True)) for _ in range(REPEATS)]
            inside = [_seconds(lambda: subprocess.run(entering, check=True)) for _ in range(REPEATS)]
            table.append(
                _row(
                    "start a program in a namespace, beyond starting it outside",
                    [b - a for a, b in zip(plain, inside, strict=True)],
                    "",
                )
            )
            table.append(
                _row(
                    "read a namespace's packet counters",
                    [_seconds(lambda: namespaces.counters("node-1")) for _ in range(REPEATS)],
                    "",
                )
            )
    table.append(_row("find out whether namespaces can be had", [_seconds(probe) for _ in range(REPEATS)], ""))
    return table


def _row(what: str, seconds: list[float], target: str) -> dict[str, object]:
    return {"what": what, "value": statistics.median(seconds), "unit": "s", "target": target}
