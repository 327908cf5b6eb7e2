"""metrics.k8s.io: averages become counters again, and everything that was read so is marked as coarse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import adapters
from workbench.model.records import Component, Window

COMPONENTS = (
    Component(name="server/app", role="application", instance="n1/shop/server/app", node="n1"),
    Component(name="n1", role="node", instance="n1", node="n1"),
    Component(name="n1, unattributed", role="unattributed", instance="n1/", node="n1"),
)
T0 = 1767225600.0


def reader():
    return adapters.load("telemetry", "metrics-api").reader(COMPONENTS)


def stamp(at: int) -> str:
    return f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}Z"


def take(read, at: int, app: str, node: str, window: str = "15s"):
    nodes, pods = read.during()
    base = {"timestamp": stamp(at), "window": window}
    of_app = {"name": "app", "usage": {"cpu": app, "memory": "10Mi"}}
    pod = {"metadata": {"name": "server", "namespace": "shop"}, **base, "containers": [of_app]}
    whole = {"metadata": {"name": "n1"}, **base, "usage": {"cpu": node, "memory": "1Gi"}}
    return read.take(nodes, json.dumps({"items": [whole]}).encode()) + read.take(
        pods, json.dumps({"items": [pod]}).encode()
    )


def test_averages_add_up_to_counters_with_the_servers_own_times():
    read = reader()
    rows = take(read, 15, "250m", "2")
    assert (T0 + 15, 0, {"cpu_time_s": 3.75, "mem_working_set_bytes": 10 * 2**20}) in rows
    assert take(read, 15, "250m", "2") == [], "the same answer again says nothing new"
    take(read, 30, "500m", "2")
    take(read, 45, "500000000n", "2000000u", "1m15s")
    used = {place: values["cpu_time_s"] for at, place, values in read.edges((T0, T0 + 45)) if at > T0}
    assert used == pytest.approx({0: 3.75 + 7.5 + 7.5, 1: 90.0, 2: 90.0 - 18.75})
    (use,) = read.used(Window(start_s=T0 + 10, end_s=T0 + 40))
    assert (use.source, use.coarse, use.readings) == ("metrics-api", True, 2)


@given(st.lists(st.integers(1, 4000), min_size=2, max_size=8))
def test_a_counter_holds_exactly_what_the_averages_say(millicores):
    read = reader()
    for turn, value in enumerate(millicores, start=1):
        take(read, 15 * turn, f"{value}m", "4")
    end = T0 + 15 * len(millicores)
    (value,) = [values["cpu_time_s"] for at, place, values in read.edges((T0, end)) if (at, place) == (end, 0)]
    assert value == pytest.approx(sum(millicores) * 15e-3)


@pytest.mark.parametrize("damaged", [b"", b"null", b"{}", b'{"items": [{}]}', b'{"items": 3}', b"\xff"])
def test_damaged_answers_give_nothing(damaged):
    read = reader()
    assert all(read.take(ask, damaged) == [] for ask in read.during())
