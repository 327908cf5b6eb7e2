"""Pages of a real kubelet: what is read from them is what the kernel had counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench import adapters
from workbench.model.records import Component

FOLDER = Path(__file__).parents[1] / "recordings" / "kubelet"
TOLD = json.loads((FOLDER / "recordings.json").read_text())
NODE = TOLD["node"]
TURNS = ("first", "second")


def components():
    found = []
    for one in TOLD["containers"]:
        _, pod, container = one.split("/")
        role = "load-generator" if pod.startswith("client") else "application"
        found.append(Component(name=f"{pod}/{container}", role=role, instance=f"{NODE}/{one}"))
    return (
        *found,
        Component(name=NODE, role="node", instance=NODE),
        Component(name=f"{NODE}, unattributed", role="unattributed", instance=f"{NODE}/"),
    )


def page(turn, name):
    return (FOLDER / f"{turn}-{name}").read_bytes()


def reader():
    return adapters.load("telemetry", "kubelet").reader(components())


def kernel():
    """Yield (component's position, when, what the kernel had counted) of each reading."""
    instances = [one.instance for one in components()]
    for turn in TOLD["kernel_cpu_s"]:
        for name, (at, counted) in turn.items():
            yield instances.index(f"{NODE}/{name}" if name else NODE), at, counted


def test_cpu_is_what_the_kernel_had_counted_at_the_moment_that_is_told():
    read = reader()
    rows = [row for turn in TURNS for row in read.resource(NODE, page(turn, "resource.txt"))]
    found = {(position, at): values["cpu_time_s"] for at, position, values in rows}
    for position, at, counted in kernel():
        assert found[position, at] == pytest.approx(counted, abs=0.02)
    assert len(found) == 2 * (len(TOLD["containers"]) + 1)


def test_the_summary_tells_the_same_counters_with_times_cut_to_seconds():
    exact = {
        (position, int(at)): values["cpu_time_s"]
        for at, position, values in reader().resource(NODE, page("first", "resource.txt"))
    }
    rows = reader().summary(NODE, page("first", "summary-cpu-and-memory.json"))
    told = {(position, at): values["cpu_time_s"] for at, position, values in rows if "cpu_time_s" in values}
    assert all(at == int(at) for _, at in told)
    assert told == exact


def test_memory_and_throttling_of_every_container_are_read():
    read, names = reader(), [one.name for one in components()]
    memory = {names[position] for _, position, values in read.summary(NODE, page("first", "summary.json")) if values}
    assert memory == {one.name for one in components() if one.role != "unattributed"}
    held = [read.cadvisor(NODE, page(turn, "cadvisor.txt")) for turn in TURNS]
    server = next(position for position, name in enumerate(names) if name.startswith("server-"))
    ((_, position, before),), ((_, _, after),) = held
    assert position == server
    assert after["cpu_throttled_s"] > before["cpu_throttled_s"] > 0


def test_the_bill_of_a_real_node_closes_between_two_readings():
    read = reader()
    for turn in TURNS:
        read.resource(NODE, page(turn, "resource.txt"))
    latest = max(at for _, at, _ in list(kernel())[:3])
    edges = (latest + 1, latest + 20)
    at = {(moment, position): values["cpu_time_s"] for moment, position, values in read.edges(edges)}
    used = [at[edges[1], position] - at[edges[0], position] for position in range(len(components()))]
    *parts, node, left = used
    assert min(used) > 0
    assert sum(parts) + left == pytest.approx(node, abs=1e-9)


@pytest.mark.parametrize("name", ["summary.json", "summary-cpu-and-memory.json"])
def test_a_page_cut_short_gives_nothing(name):
    whole = page("first", name)
    assert reader().summary(NODE, whole[: len(whole) // 2]) == []
