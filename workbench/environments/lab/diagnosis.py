"""What this machine can do of what the lab needs, and why not."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from workbench.environments.lab.facts import envoy_facts
from workbench.environments.lab.namespaces import probe as probe_namespaces
from workbench.model.records import GateResult


def diagnose() -> tuple[GateResult, ...]:
    """Say what this machine can do and why not."""
    envoy, namespaces = envoy_facts(), probe_namespaces()
    pressure = Path("/proc/pressure/cpu").exists()
    cpus = os.cpu_count() or 1
    load = os.getloadavg()[0]
    return (
        _found("Linux", sys.platform == "linux", sys.platform),
        _found(
            "Envoy (l4-sidecars, l7-sidecars, node-tunnel, node-l7)",
            "missing" not in envoy,
            str(envoy.get("missing") or f"{envoy.get('version')} from {envoy.get('package')}"),
        ),
        _found(
            "network namespaces (cross-connect)",
            not namespaces,
            namespaces or "can be created without root",
        ),
        _found("process CPU clocks", _clock_works(), "nanoseconds for every process of this user"),
        _found(
            "pressure stall information",
            pressure,
            "/proc/pressure/cpu"
            if pressure
            else "this kernel has none; noise is judged by steal and foreign processes alone",
        ),
        _found("two CPUs or more", cpus >= 2, f"{cpus} CPUs"),
        _found("a quiet machine", load < cpus / 2, f"load average {load:.2f} on {cpus} CPUs"),
    )


def _found(name: str, passed: bool, evidence: str) -> GateResult:
    return GateResult(name=name, passed=passed, evidence=evidence)


def _clock_works() -> bool:
    try:
        return time.clock_gettime_ns(((~os.getpid()) << 3) | 2) > 0
    except OSError:
        return False
