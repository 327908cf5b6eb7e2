"""A dead container told beside the living one, counters that show 0, null and NaN: unknown, never a figure."""

from __future__ import annotations

import json

import pytest

from workbench import adapters
from workbench.model.protocols import Ask
from workbench.model.records import Component, Window

COMPONENTS = (
    Component(name="db-0/app", role="application", instance="n1/shop/db-0/app", node="n1"),
    Component(name="web/app", role="application", instance="n1/shop/web/app", node="n1"),
    Component(name="n1", role="node", instance="n1", node="n1"),
)
T0 = 1767225600.0
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
WINDOW = (T0 + 60, T0 + 120)


def series(metric, identity, values, pod="db-0", **more):
    labels = {"__name__": metric, "namespace": "shop", "pod": pod, "container": "app", "id": identity, **more}
    return {"metric": labels, "values": [[T0 + at, value if value is None else str(value)] for at, value in values]}


def prometheus(*told):
    reader = adapters.load("telemetry", "prometheus").reader(COMPONENTS, {})
    (ask, _) = reader.after(Window(start_s=WINDOW[0], end_s=WINDOW[1]))
    body = {"status": "success", "data": {"resultType": "matrix", "result": list(told)}}
    return reader, reader.take(ask, json.dumps(body).encode())


def used(reader, position=0):
    values = [row[2]["cpu_time_s"] for row in reader.edges(WINDOW) if row[1] == position and "cpu_time_s" in row[2]]
    return values[1] - values[0] if len(values) == 2 else None


def memory(rows, position=0):
    inside = [row for row in rows if row[1] == position and WINDOW[0] <= row[0] <= WINDOW[1]]
    return {row[2]["mem_working_set_bytes"] for row in inside if "mem_working_set_bytes" in row[2]}


def every(step, begin, end, value):
    return [(at, value(at)) for at in range(begin, end, step)]


@pytest.mark.parametrize("until", [31, 61, 91, 121, 196])
@pytest.mark.parametrize("begin", [-15, 0, 30])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_the_living_twin_alone_counts(until, begin, names):
    old, new = names
    reader, rows = prometheus(
        series(CPU, old, every(15, -15, until, lambda at: 500.0)),
        series(MEMORY, old, every(15, -15, until, lambda at: 900e6 - at)),
        series(CPU, new, every(15, begin, 196, lambda at: 50 + at * 0.1)),
        series(MEMORY, new, every(15, begin, 196, lambda at: 50e6)),
    )
    assert used(reader) == pytest.approx(6.0)
    assert memory(rows) == {50e6}


def test_a_restart_within_the_window_is_unknown_and_the_living_one_has_its_memory():
    reader, rows = prometheus(
        series(CPU, "a", [*every(15, -15, 90, lambda at: 500 + at * 0.2), (90, 517.0), (105, 517.0), (120, 517.0)]),
        series(MEMORY, "a", every(15, -15, 135, lambda at: 900e6)),
        series(CPU, "b", every(15, 90, 196, lambda at: at - 89.0)),
        series(MEMORY, "b", every(15, 90, 196, lambda at: 50e6)),
    )
    assert used(reader) is None
    assert {at - T0 for at, place, values in rows if values.get("mem_working_set_bytes") == 900e6} == set(
        range(-15, 90, 15)
    )


def test_one_container_under_two_names_is_one_container():
    values = every(15, -15, 196, lambda at: 50 + at * 0.1)
    reader, _ = prometheus(
        series(CPU, "a", values), series(CPU, "b", values[3:]), series(CPU, "a", values, job="other")
    )
    assert used(reader) == pytest.approx(6.0)


def test_two_that_stand_and_of_which_nobody_knows_who_lives_are_unknown():
    still = every(15, -15, 196, lambda at: 9.0)
    reader, rows = prometheus(series(CPU, "a", still), series(CPU, "b", still))
    assert used(reader) is None
    assert rows == []


def test_a_namesake_on_another_node_does_not_count():
    _, rows = prometheus(
        series(MEMORY, "b", every(15, 0, 196, lambda at: 50e6), node="n1"),
        series(MEMORY, "a", every(15, 15, 196, lambda at: 900e6 + at), node="n2"),
    )
    assert memory(rows) == {50e6}


def test_values_that_are_none_are_passed_over_and_hide_no_others():
    good = every(15, -15, 196, lambda at: 50 + at * 0.1)
    holes = [(at, value if at not in (0, 60, 75) else {0: None, 60: "NaN", 75: 0}[at]) for at, value in good]
    reader, rows = prometheus(
        series(CPU, "a", holes),
        series(MEMORY, "a", [(60, 0), (75, "NaN"), (90, None), (105, "+Inf"), (120, 7e6)]),
        {"metric": {"__name__": CPU}},
        {"metric": None, "values": None},
        7,
        series(CPU, "w", good, pod="web"),
    )
    assert used(reader) == pytest.approx(6.0)
    assert used(reader, 1) == pytest.approx(6.0)
    assert memory(rows) == {7e6}


# ---------------------------------------------------------------------- kubelets
def stamp(at):
    return f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}Z"


def pod(at, cpu_s, bytes_, *, name="db-0", started="2025-12-31T00:00:00Z"):
    container = {
        "name": "app",
        "startTime": started,
        "cpu": {"time": stamp(at), "usageCoreNanoSeconds": cpu_s if cpu_s is None else int(cpu_s * 1e9)},
        "memory": {"time": stamp(at), "workingSetBytes": bytes_},
    }
    return {"podRef": {"name": name, "namespace": "shop"}, "containers": [container]}


def summary(reader, *pods):
    ask = next(one for one in reader.during() if "summary" in one.path)
    return reader.take(ask, json.dumps({"node": {"nodeName": "n1"}, "pods": list(pods)}).encode())


def kubelet():
    return adapters.load("telemetry", "kubelet").reader(COMPONENTS)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_pods_of_one_name_the_newer_is_told(turned):
    reader, rows = kubelet(), []
    for at in range(45, 136, 15):
        pods = [pod(at, 500.0, 900e6), pod(at, 1 + at * 0.1, 50e6, started=stamp(30))]
        rows += summary(reader, *(reversed(pods) if turned else pods))
    assert used(reader) == pytest.approx(6.0)
    assert memory(rows) == {50e6}


def test_one_null_hides_nothing_else_of_a_summary():
    reader, rows = kubelet(), []
    for at in range(45, 136, 15):
        broken = [{"podRef": None}, {"containers": [None]}, 7, None, {"podRef": {"name": "x"}, "containers": {}}]
        rows += summary(
            reader, *broken, pod(at, None if at == 75 else 0.0 if at == 90 else 9 + at * 0.1, None if at < 100 else 0),
            pod(at, 5 + at * 0.2, 8e6, name="web"),
        )  # fmt: skip
    assert used(reader) == pytest.approx(6.0)
    assert used(reader, 1) == pytest.approx(12.0)
    assert memory(rows) == set()
    assert memory(rows, 1) == {8e6}


def text(reader, page, *lines):
    ask = next(one for one in reader.during() if one.path == page)
    return reader.take(ask, ("\n".join(lines) + "\n").encode())


def line(family, value, at, **more):
    labels = ",".join(
        f'{key}="{one}"' for key, one in {"container": "app", "namespace": "shop", "pod": "db-0", **more}.items()
    )
    return f"{family}{{{labels}}} {value}" + ("" if at is None else f" {int((T0 + at) * 1000)}")


def test_of_two_lines_of_one_container_the_newer_start_is_read():
    reader = kubelet()
    start = "container_start_time_seconds"
    for at in range(45, 136, 15):
        text(
            reader, "metrics/resource", line(start, T0 - 900, None), line(start, T0 + 30, None),
            line(CPU, 500, at), line(CPU, 1 + at * 0.1, at),
        )  # fmt: skip
    assert used(reader) == pytest.approx(6.0)
    unknown = kubelet()
    for at in range(45, 136, 15):
        text(unknown, "metrics/resource", line(CPU, 500, at), line(CPU, 1 + at * 0.1, at))
    assert used(unknown) is None


def test_throttling_is_the_living_containers():
    reader, family = kubelet(), "container_cpu_cfs_throttled_seconds_total"
    rows = []
    for at in range(45, 136, 15):
        rows += text(
            reader, "metrics/cadvisor", line("container_start_time_seconds", T0 - 900, None, id="/old"),
            line("container_start_time_seconds", T0, None, id="/new"),
            line(family, 77, at, id="/old"), line(family, "NaN" if at == 75 else 2, at, id="/new"),
        )  # fmt: skip
    assert {row[2]["cpu_throttled_s"] for row in rows} == {2.0}


@pytest.mark.parametrize("zero", [75, 90])
@pytest.mark.parametrize(("started", "right"), [(T0 - 900, 6.0), (None, None)])
def test_a_counter_that_shows_nothing_once_is_no_restart_and_no_figure(zero, started, right):
    reader = kubelet()
    for at in range(45, 136, 15):
        known = [] if started is None else [line("container_start_time_seconds", started, None)]
        text(reader, "metrics/resource", *known, line(CPU, 0 if at == zero else 500 + at * 0.1, at))
    assert used(reader) == (right if right is None else pytest.approx(right))


def test_one_bad_answer_of_metrics_server_hides_no_other():
    reader = adapters.load("telemetry", "metrics-api").reader(COMPONENTS)
    rows = []
    for at in (15, 30):
        base = {"timestamp": stamp(at), "window": "15s"}
        items = [
            None, {}, {"metadata": {"name": "x", "namespace": "shop"}, **base, "containers": None},
            {**base, "metadata": {"name": "db-0", "namespace": "shop"},
             "containers": [{"name": "app", "usage": {"cpu": None, "memory": "0"}}]},
            {**base, "metadata": {"name": "web", "namespace": "shop"},
             "containers": [{"name": "app", "usage": {"cpu": "100m", "memory": "8M"}}]},
        ]  # fmt: skip
        rows += reader.take(
            Ask(via="api", path="/apis/metrics.k8s.io/v1beta1/pods"), json.dumps({"items": items}).encode()
        )
    assert {row[1] for row in rows} == {1}
    assert rows[-1][2] == {"cpu_time_s": pytest.approx(3.0), "mem_working_set_bytes": 8e6}
