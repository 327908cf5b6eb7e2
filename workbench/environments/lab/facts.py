"""What must be known about this machine to judge its numbers."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.environments.lab.envoy import envoy_program, file_sha256
from workbench.errors import UnsupportedError
from workbench.model.records import Facts

_KIB_PER_GIB = 2**20


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{re.escape(name)}\s*[:=]\s*\"?(.*?)\"?$", text, re.MULTILINE)
    return found[1] if found else ""


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def envoy_facts() -> Mapping[str, Any]:
    """Version line, SHA-256 and origin of the Envoy that runs; ``{"missing": reason}`` when there is none."""
    try:
        envoy = envoy_program()
        said = subprocess.run([envoy.path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except UnsupportedError as error:
        return {"missing": str(error)}
    except (OSError, subprocess.SubprocessError) as error:
        return {"missing": f"Envoy does not start on this machine: {error}"}
    build = re.search(r"version:\s*(\S+)", said)
    release = re.search(r"\b\d+\.\d+\.\d+\b", build[1]) if build else None
    return {
        "version": release[0] if release else said.strip(),
        "build": build[1] if build else "",
        "sha256": file_sha256(envoy.path),
        "package": envoy.source,
    }


def machine() -> dict[str, Any]:
    """Processor, memory, kernel and how the machine is governed."""
    cpuinfo, memory = _read("/proc/cpuinfo"), _field(_read("/proc/meminfo"), "MemTotal")
    kib = re.match(r"\d+", memory)
    return {
        "cpu": _field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": round(int(kib[0]) / _KIB_PER_GIB, 1) if kib else None,
        "kernel": platform.release(),
        "system": _field(_read("/etc/os-release"), "PRETTY_NAME") or platform.system(),
        "virtual": "hypervisor" in _field(cpuinfo, "flags").split(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip() or None,
        "user": "root" if os.getuid() == 0 else "ordinary",
    }


def lab_facts() -> Facts:
    """Everything known about the lab on this machine; the fingerprint covers what numbers depend on."""
    software = {
        "python": platform.python_version(),
        "workbench": _package("mesh-workbench"),
        "uvloop": _package("uvloop"),
        "envoy": envoy_facts(),
    }
    known = machine()
    decisive = {key: known[key] for key in ("cpu", "architecture", "cpus", "memory_gib", "kernel", "governor")}
    decisive |= {"python": software["python"], "uvloop": software["uvloop"], "platform": sys.platform}
    decisive["envoy"] = envoy_facts().get("sha256")
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    return Facts(environment="lab", fingerprint=digest, details={"machine": known, "software": software})
