"""Kubelets' pages: figures keep their own times, counters are interpolated, bills close, damage gives nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import adapters
from workbench.model.records import Component, Window
from workbench.telemetry._counters import interpolated

COMPONENTS = (
    Component(name="server/app", role="application", instance="n1/shop/server/app", node="n1"),
    Component(name="server/proxy", role="sidecar", instance="n1/shop/server/proxy", node="n1"),
    Component(name="n1", role="node", instance="n1", node="n1"),
    Component(name="n1, unattributed", role="unattributed", instance="n1/", node="n1"),
    Component(name="n1, kubelet", role="system", instance="n1/@kubelet", node="n1"),
    Component(name="dns/dns/coredns", role="system", instance="n1/dns/dns/coredns", node="n1"),
)


def reader():
    return adapters.load("telemetry", "kubelet").reader(COMPONENTS)


def figures(cpu_s, at):
    time = f"2026-01-01T00:00:{at:02d}Z"
    cpu = {"time": time, "usageCoreNanoSeconds": int(cpu_s * 1e9), "usageNanoCores": 5}
    return {"cpu": cpu, "memory": {"time": time, "workingSetBytes": 10, "rssBytes": 7, "usageBytes": 99}}


def page(app, proxy, node, *, system=(), started=""):
    containers = [{"name": "app", **figures(*app)}, {"name": "proxy", **figures(*proxy)}, {"name": "new"}]
    pods = [{"podRef": {"namespace": "shop", "name": "server", "uid": "u"}, "containers": containers}]
    if started:
        containers[1]["startTime"] = started
    daemons = [{"name": name, **figures(*told)} for name, told in system]
    return json.dumps(
        {"node": {"nodeName": "n1", "systemContainers": daemons, **figures(*node)}, "pods": pods}
    ).encode()


T0 = 1767225600.0


def test_readings_keep_their_own_times_and_repeated_ones_are_dropped():
    read = reader()
    rows = read.summary("n1", page((1, 5), (2, 7), (9, 6)))
    assert (T0 + 5, 0, {"cpu_time_s": 1.0}) in rows
    assert (T0 + 7, 1, {"mem_working_set_bytes": 10.0, "mem_anon_bytes": 7.0}) in rows
    assert len(rows) == 6
    assert read.summary("n1", page((1, 5), (2, 7), (9, 6))) == []
    assert len(read.summary("n1", page((3, 15), (2, 7), (9, 6)))) == 2


def test_the_bill_closes_at_the_edges():
    read = reader()
    read.summary("n1", page((0, 0), (0, 10), (0, 5)))
    read.summary("n1", page((20, 20), (10, 30), (60, 25)))
    read.summary("n1", page((40, 40), (20, 50), (120, 45)))
    at = {(moment - T0, position): values["cpu_time_s"] for moment, position, values in read.edges((T0 + 15, T0 + 35))}
    used = [at[35.0, position] - at[15.0, position] for position in range(4)]
    assert used == pytest.approx([20, 10, 60, 30])
    assert used[3] == pytest.approx(used[2] - used[0] - used[1])


def test_the_nodes_daemons_are_told_from_what_is_left():
    """What the kubelet tells of itself is the system's; a pod of others that is not told stays in what is left."""
    read = reader()
    read.summary("n1", page((0, 0), (0, 0), (0, 0), system=[("kubelet", (0, 0)), ("pods", (0, 0))]))
    read.summary("n1", page((20, 40), (10, 40), (60, 40), system=[("kubelet", (8, 40)), ("pods", (50, 40))]))
    at = {position: values["cpu_time_s"] for moment, position, values in read.edges((T0, T0 + 40)) if moment > T0}
    assert at == pytest.approx({0: 20, 1: 10, 2: 60, 3: 22, 4: 8})


def test_the_bill_does_not_close_around_a_billed_container_that_is_unknown():
    read = reader()
    for at, node in ((0, 0), (40, 60)):
        containers = [{"name": "app", **figures(at / 2, at)}]
        pods = [{"podRef": {"namespace": "shop", "name": "server"}, "containers": containers}]
        read.summary("n1", json.dumps({"node": figures(node, at), "pods": pods}).encode())
    assert {position for _, position, _ in read.edges((T0 + 1, T0 + 39))} == {0, 2}


def test_a_container_that_was_restarted_in_the_window_has_no_figure_although_it_counts_more_again():
    read = reader()
    read.summary("n1", page((0, 0), (1, 0), (0, 0), started="2026-01-01T00:00:00Z"))
    read.summary("n1", page((10, 20), (2, 20), (30, 20), started="2026-01-01T00:00:10Z"))
    read.summary("n1", page((20, 40), (9, 40), (60, 40), started="2026-01-01T00:00:10Z"))
    assert {position for _, position, _ in read.edges((T0 + 5, T0 + 35))} == {0, 2}
    assert {position for _, position, _ in read.edges((T0 + 25, T0 + 35))} >= {0, 1, 2, 3}


def test_a_restart_is_known_by_the_start_time_where_cpu_comes_with_exact_times():
    read = reader()
    for at, cpu, started in ((0, 1.0, 100.0), (20, 2.0, 110.0), (40, 9.0, 110.0)):
        named = '{container="proxy",namespace="shop",pod="server"}'
        text = (
            f"container_cpu_usage_seconds_total{named} {cpu} {int((T0 + at) * 1e3)}\n"
            f"container_start_time_seconds{named} {started}\n"
        )
        assert len(read.resource("n1", text.encode())) == 1
    assert read.edges((T0 + 5, T0 + 35)) == []
    assert len(read.edges((T0 + 25, T0 + 35))) == 2


def test_how_well_a_node_was_read_is_said():
    read = reader()
    for at in range(0, 50, 12):
        read.summary("n1", page((at, at), (at, at), (at, at)))
    (use,) = read.used(Window(start_s=T0 + 10, end_s=T0 + 40))
    said = (use.source, use.node, use.coarse, use.readings, use.interval_s, use.reach_s)
    assert said == ("kubelet", "n1", False, 3, 12.0, 10.0)
    (blind,) = reader().used(Window(start_s=T0 + 10, end_s=T0 + 40))
    assert (blind.readings, blind.interval_s, blind.reach_s) == (0, None, None)


def test_without_a_reading_on_both_sides_there_is_no_figure_and_no_residual():
    read = reader()
    read.summary("n1", page((0, 0), (0, 10), (0, 0)))
    read.summary("n1", page((20, 20), (10, 12), (60, 25)))
    assert {position for _, position, _ in read.edges((T0 + 15,))} == {0, 2}


def test_a_restart_between_two_readings_gives_no_figure():
    assert interpolated([(0.0, 5.0), (10.0, 1.0), (20.0, 3.0)], 5.0) is None
    assert interpolated([(0.0, 5.0), (10.0, 1.0), (20.0, 3.0)], 15.0) == 2.0


@pytest.mark.parametrize(
    "damaged", [b"", b"null", b"[]", b"{}", b'{"node": 1}', b'{"node": {}, "pods": [{}]}', b"\xff"]
)
def test_damaged_pages_give_nothing(damaged):
    read = reader()
    assert read.summary("n1", damaged) == []
    assert read.cadvisor("n1", damaged) == []


def test_throttling_comes_from_cadvisor_with_its_own_time():
    text = (
        "# TYPE container_cpu_cfs_throttled_seconds_total counter\n"
        'container_cpu_cfs_throttled_seconds_total{container="proxy",namespace="shop",pod="server"} 1.5 1767225605000\n'
        'container_cpu_cfs_throttled_seconds_total{container="",namespace="shop",pod="server"} 9 1767225605000\n'
    )
    assert reader().cadvisor("n1", text.encode()) == [(T0 + 5, 1, {"cpu_throttled_s": 1.5})]


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=6), st.floats(0, 1), st.floats(0.1, 8))
def test_a_steady_counter_is_interpolated_exactly(gaps, share, rate):
    times = [sum(gaps[:n]) for n in range(len(gaps))]
    moment = times[0] + share * (times[-1] - times[0])
    assert interpolated([(at, rate * at) for at in times], moment) == pytest.approx(rate * moment, abs=1e-6)


def resource(app, node):
    """As kubelets v1.34 write it; times in milliseconds."""
    name = "container_cpu_usage_seconds_total"
    return (
        f"# TYPE {name} counter\n"
        f'{name}{{container="app",namespace="shop",pod="server"}} {app[0]} {int((T0 + app[1]) * 1e3)}\n'
        f'{name}{{container="app",namespace="other",pod="server"}} 9 {int((T0 + app[1]) * 1e3)}\n'
        "# TYPE node_cpu_usage_seconds_total counter\n"
        f"node_cpu_usage_seconds_total {node[0]} {int((T0 + node[1]) * 1e3)}\n"
    ).encode()


def test_cpu_is_read_where_times_are_exact_and_from_the_summary_where_they_are_not_told():
    read = reader()
    assert read.resource("n1", resource((1.0, 5.25), (9.0, 6.75))) == [
        (T0 + 5.25, 0, {"cpu_time_s": 1.0}),
        (T0 + 6.75, 2, {"cpu_time_s": 9.0}),
    ]
    rows = read.summary("n1", page((1, 5), (2, 7), (9, 6)))
    assert [(position, values) for _, position, values in rows if "cpu_time_s" in values] == [(1, {"cpu_time_s": 2.0})]


def test_a_page_of_exact_times_that_comes_later_replaces_what_the_summary_said():
    read = reader()
    read.summary("n1", page((1, 5), (2, 7), (9, 6)))
    read.resource("n1", resource((1.0, 5.5), (9.0, 6.5)))
    read.resource("n1", resource((3.0, 15.5), (19.0, 16.5)))
    (row,) = [values for _, position, values in read.edges((T0 + 10.5,)) if position == 0]
    assert row["cpu_time_s"] == pytest.approx(2.0)
