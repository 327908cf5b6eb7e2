"""How fast a kubelet's page of many megabytes is read."""

from __future__ import annotations

import statistics
import time

from workbench.records import Component
from workbench.telemetry.kubelet import Reader

CONTAINERS, TURNS = 400, 7
FAMILIES = 120
FILLER = 'id="/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{n:064d}",image="app@sha256:{n:064d}"'


def page(turn: int) -> bytes:
    """Return a page like cAdvisor's: 120 families of 400 series, of which one is wanted."""
    lines = []
    for family in range(FAMILIES):
        name = "container_cpu_cfs_throttled_seconds_total" if family == FAMILIES // 2 else f"container_metric_{family}"
        lines += [f"# HELP {name} Said by cAdvisor.", f"# TYPE {name} counter"]
        for n in range(CONTAINERS):
            labels = f'container="app",{FILLER.format(n=n)},name="{n:064d}",namespace="shop",pod="server-{n}"'
            lines.append(f"{name}{{{labels}}} {n + turn}.25 {1767225600000 + 1000 * turn}")
    return ("\n".join(lines) + "\n").encode()


def rows() -> list[dict[str, object]]:
    """Megabytes of page per second, at the first sight of the series and afterwards."""
    parts = [Component(name=str(n), role="application", instance=f"n1/shop/server-{n}/app") for n in range(CONTAINERS)]
    reader, found = Reader(parts), []
    for turn in range(TURNS):
        text = page(turn)
        begun = time.perf_counter()
        assert len(reader.cadvisor("n1", text)) == CONTAINERS
        found.append(len(text) / 1e6 / (time.perf_counter() - begun))
    size = f"a page of {len(page(0)) / 1e6:.0f} MB from cAdvisor"
    return [
        {"what": f"{size}, first reading", "value": found[0], "unit": "MB/s", "target": ">= 100"},
        {"what": f"{size}, later readings", "value": statistics.median(found[1:]), "unit": "MB/s", "target": ">= 100"},
    ]
