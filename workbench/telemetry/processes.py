"""``processes``: what processes of this machine consume, read from the kernel's own accounts.

CPU comes from the process CPU clock (nanoseconds, all threads, living and dead, 0.6 µs a reading), never from
``/proc/stat``, which holds other people's processes and aliases with constant-rate load. Memory and context switches
are dearer to read (0.1 ms and more), so they are read at the window's edges and seldom between. The whole machine's
busy time is CPUs x uptime minus idle time, because the busy fields of ``/proc/stat`` are sampled at the tick and idle
is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from workbench.model.protocols import Query
from workbench.model.records import Component

CLOCK_TICKS_PER_S = 100
"""USER_HZ, the unit of ``/proc/stat``: 100 on every Linux architecture that the lab runs on."""

_KIB = 1024
_MEMORY_FIELDS = {b"Rss": "mem_rss_bytes", b"Pss": "mem_pss_bytes", b"Anonymous": "mem_anon_bytes"}
_MEMORY = re.compile(rb"^(Rss|Pss|Anonymous):\s+(\d+) kB$", re.MULTILINE)
_SWITCHES = re.compile(rb"^(?:non)?voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)
_SOME = re.compile(rb"^some .*\btotal=(\d+)$", re.MULTILINE)


def _smaps_rollup(reply: bytes) -> dict[str, float]:
    return {_MEMORY_FIELDS[name]: float(kib) * _KIB for name, kib in _MEMORY.findall(reply)}


def _status(reply: bytes) -> dict[str, float]:
    switches = _SWITCHES.findall(reply)
    return {"ctx_switches": float(sum(map(int, switches)))} if switches else {}


def _machine(reply: bytes) -> dict[str, float]:
    """Parse ``/proc/uptime`` followed by ``/proc/stat``."""
    lines = reply.splitlines()
    uptime = lines[0].split() if lines else []
    totals = next((line.split() for line in lines if line.startswith(b"cpu ")), [])
    cpus = sum(1 for line in lines if re.match(rb"cpu\d", line))
    if len(uptime) < 2 or len(totals) < 9 or not cpus:
        return {}
    waiting, stolen = float(totals[5]) / CLOCK_TICKS_PER_S, float(totals[8]) / CLOCK_TICKS_PER_S
    return {"cpu_time_s": cpus * float(uptime[0]) - float(uptime[1]) - waiting, "steal_s": stolen}


def _pressure(reply: bytes) -> dict[str, float]:
    some = _SOME.search(reply)
    return {"psi_some_s": int(some[1]) / 1e6} if some else {}


_PARSERS = {"smaps_rollup": _smaps_rollup, "status": _status, "machine": _machine, "pressure": _pressure}


class Processes:
    """Reads processes by pid and the machine as the component of role ``node``."""

    name = "processes"

    def queries(self, components: Sequence[Component]) -> tuple[Query, ...]:
        """Return what to read: CPU at every tick; memory, switches and the machine at edges and seldom between."""
        found: list[Query] = []
        for position, component in enumerate(components):
            if component.role == "node":
                found.append(_query(position, "file", "/proc/uptime:/proc/stat", "machine", "fast"))
                found.append(_query(position, "file", "/proc/pressure/cpu", "pressure", "fast"))
                continue
            pid = component.instance
            found.append(_query(position, "cpu-clock", pid, "cpu", "fast"))
            found.append(_query(position, "file", f"/proc/{pid}/smaps_rollup", "smaps_rollup", "slow"))
            found.append(_query(position, "tasks", pid, "status", "slow"))
        return tuple(found)

    def parse(self, query: Query, reply: int | bytes) -> Mapping[str, float]:
        """Turn a reply into metric -> value; an unreadable file gives an empty reply and so no value."""
        if isinstance(reply, int):
            return {"cpu_time_s": reply / 1e9}
        return _PARSERS[query.name](reply)


def _query(component: int, kind: str, target: str, name: str, cadence: str) -> Query:
    return Query(component=component, kind=kind, target=target, name=name, cadence=cadence)


ADAPTER = Processes()
