"""The kernel's accounts of processes, parsed and compared with the truth."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.environments.lab.watch import Watch
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.records import Component
from workbench.telemetry.processes import ADAPTER

ME = Component(name="me", role="application", instance=str(os.getpid()))
NODE = Component(name="node", role="node")


def watched(components, work):
    rows = []
    watch = Watch(components, ADAPTER, lambda _, found: rows.append(found))
    watch.tick(slow=True)
    work()
    watch.tick(slow=True)
    watch.close()
    return watch, rows


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_cpu_is_what_the_kernel_charges_this_process():
    before = resource.getrusage(resource.RUSAGE_SELF)
    watch, _ = watched([ME], lambda: burn(0.2))
    after = resource.getrusage(resource.RUSAGE_SELF)
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert watch.used(0, "cpu_time_s") == pytest.approx(charged, abs=0.03)
    assert watch.used(0, "cpu_time_s") >= 0.2


def test_memory_and_switches_are_read_at_the_edges():
    ballast = bytearray(b"x") * (32 * 2**20)
    watch, rows = watched([ME], lambda: time.sleep(0.02))
    values = rows[-1][0][2]
    assert values["mem_anon_bytes"] > len(ballast)
    assert values["mem_pss_bytes"] <= values["mem_rss_bytes"]
    assert values["mem_rss_bytes"] == pytest.approx(
        int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(), rel=0.1
    )
    assert watch.used(0, "ctx_switches") >= 1
    assert set(values) <= set(SAMPLE_COLUMNS)


def test_the_machines_busy_time_covers_ours():
    watch, _ = watched([ME, NODE], lambda: burn(0.4))
    busy = watch.used(1, "cpu_time_s")
    assert busy >= watch.used(0, "cpu_time_s") - 0.05
    assert busy <= (watch.last_s - watch.first_s) * os.cpu_count() + 0.05
    noise = watch.noise()
    assert noise.cpus == os.cpu_count()
    assert noise.foreign_cores >= -0.2
    assert noise.steal_ratio is not None


def test_a_vanished_process_has_no_value_rather_than_zero():
    gone = Component(name="gone", role="sidecar", instance=str(2**22 - 1))
    watch, rows = watched([gone, ME], lambda: None)
    assert watch.used(0, "cpu_time_s") is None
    assert "cpu_time_s" not in dict(next((values for _, n, values in rows[0] if n == 0), {}))


@given(st.binary(max_size=300), st.sampled_from(["smaps_rollup", "status", "machine", "pressure"]))
def test_no_text_upsets_the_parsers(reply, name):
    query = next(query for query in ADAPTER.queries([ME, NODE]) if query.name == name)
    for metric, value in ADAPTER.parse(query, reply).items():
        assert metric in SAMPLE_COLUMNS
        assert value == value


def test_pressure_is_the_some_line():
    query = next(query for query in ADAPTER.queries([NODE]) if query.name == "pressure")
    text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=7\n"
    assert ADAPTER.parse(query, text) == {"psi_some_s": 1.5}
