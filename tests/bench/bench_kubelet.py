"""How fast a kubelet's page of many megabytes is read."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from workbench.model.records import Component
from workbench.telemetry.kubelet import Reader

CONTAINERS, TURNS = 480, 7
FAMILIES = 120
FILLER = 'id="/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{n:064d}",image="app@sha256:{n:064d}"'


def page(turn: int, odd: str = "") -> bytes:
    """Return a page like cAdvisor's: 120 families of 480 series, one of them wanted; ``odd`` stands in each label."""
    lines = []
    for family in range(FAMILIES):
        name = "container_cpu_cfs_throttled_seconds_total" if family == FAMILIES // 2 else f"container_metric_{family}"
        lines += [f"# HELP {name} Said by cAdvisor.", f"# TYPE {name} counter"]
        for n in range(CONTAINERS):
            labels = f'container="app",{FILLER.format(n=n)},name="{n:064d}{odd}",namespace="shop",pod="server-{n}"'
            lines.append(f"{name}{{{labels}}} {n + turn}.25 {1767225600000 + 1000 * turn}")
    return ("\n".join(lines) + "\n").encode()


def summary(turn: int) -> bytes:
    """Return a summary like the kubelet's, of as many pods."""
    time_of = {"time": f"2026-01-01T00:00:{turn:02d}Z"}
    cpu = {**time_of, "usageNanoCores": 1234567, "usageCoreNanoSeconds": 10**12 + turn}
    memory = {**time_of, "usageBytes": 10**8, "workingSetBytes": 9 * 10**7, "rssBytes": 8 * 10**7, "pageFaults": 12345}
    figures = {"startTime": "2026-01-01T00:00:00Z", "cpu": cpu, "memory": memory}
    pods = [
        {
            "podRef": {"name": f"server-{n}", "namespace": "shop", "uid": f"{n:036d}"},
            "startTime": "2026-01-01T00:00:00Z",
            "containers": [{"name": "app", **figures}],
            **figures,
        }
        for n in range(CONTAINERS)
    ]
    return json.dumps({"node": {"nodeName": "n1", **figures}, "pods": pods}).encode()


def speeds(read: Callable[[bytes], list[Any]], pages: list[bytes], rows_each: int) -> list[float]:
    """Return MB/s for each page in turn; every reading that is there must be found."""
    found = []
    for text in pages:
        begun = time.perf_counter()
        assert len(read(text)) == rows_each
        found.append(len(text) / 1e6 / (time.perf_counter() - begun))
    return found


def rows() -> list[dict[str, object]]:
    """Megabytes of page per second, at the first sight of the series and afterwards."""
    parts = [Component(name=str(n), role="application", instance=f"n1/shop/server-{n}/app") for n in range(CONTAINERS)]
    told: list[dict[str, object]] = []
    for what, odd in (("cAdvisor", ""), ("cAdvisor, odd labels", r"} \" \\ {")):
        reader, pages = Reader(parts), [page(turn, odd) for turn in range(TURNS)]
        found = speeds(lambda text, reader=reader: reader.cadvisor("n1", text), pages, CONTAINERS)
        size = f"a page of {len(pages[0]) / 1e6:.0f} MB from {what}"
        told += [
            _row(f"{size}, first reading", found[0]),
            _row(f"{size}, later readings", statistics.median(found[1:])),
        ]
    reader, pages = Reader(parts), [summary(turn) for turn in range(TURNS)]
    found = speeds(lambda text: reader.summary("n1", text), pages, 2 * CONTAINERS)
    return [*told, _row(f"a summary of {CONTAINERS} pods, {len(pages[0]) / 1e3:.0f} kB", statistics.median(found))]


def _row(what: str, value: float) -> dict[str, object]:
    return {"what": what, "value": value, "unit": "MB/s", "target": ">= 100"}
