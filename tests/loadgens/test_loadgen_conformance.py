"""What every load generator must do, found by name; a new one is covered by being there."""

from __future__ import annotations

import dataclasses
import re
import shutil
import socket
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loadgen_lab import Server, carry_out, free_port, reply

from workbench import adapters
from workbench.errors import BadInputError, RunFailedError
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import quantiles
from workbench.model.lab_steps import Job
from workbench.model.protocols import JobOutput
from workbench.model.records import LATENCY_KINDS, LoadResult, Noise, Window

NAMES = adapters.names("loadgens")
ARRIVALS = ("constant", "poisson")
PLACEHOLDERS = {"${target.host}", "${target.port}", "${dir}"}


@pytest.fixture(params=NAMES)
def adapter(request):
    return adapters.load("loadgens", request.param)


@pytest.fixture
def present(adapter):
    """The adapter, where the program that it needs is there."""
    if adapter.traits.needs and shutil.which(adapter.traits.needs) is None:
        pytest.skip(f"{adapter.traits.needs} is not on PATH: {adapter.traits.install_hint}")
    return adapter


def load_for(adapter, **changes) -> Load:
    standard = {"rate_per_s": 100, "duration_s": 0.6, "warmup_s": 0.2, "connections": 4, "generator": adapter.name}
    return Load(**(standard | changes))


def unusual(load: Load, **changes) -> Load:
    """A load that the spec of today refuses, as a future one might not."""
    copy = dataclasses.replace(load)
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


def output_of(**outputs: bytes) -> JobOutput:
    return JobOutput(
        window=Window(start_s=1.0, end_s=2.0), outputs=outputs, stdout="", stderr="", cpu_s=None, noise=Noise()
    )


def test_there_are_the_known_ones():
    assert {"builtin", "fortio"} <= set(NAMES)


def test_it_says_what_it_is(adapter):
    traits = adapter.traits
    assert traits.title and set(traits.arrivals) <= set(ARRIVALS) and traits.arrivals
    assert traits.latency_from in ("schedule", "send")
    assert bool(traits.needs) == bool(traits.install_hint)


def test_describing_does_nothing(adapter, monkeypatch, tmp_path):
    def refuse(*_args, **_kwargs):
        raise AssertionError("an adapter acted")

    for owner, name in ((socket, "socket"), (subprocess, "Popen"), (subprocess, "run")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.chdir(tmp_path)
    job = adapter.job(load_for(adapter), Workload(), 1)
    assert isinstance(job, Job) and not list(tmp_path.iterdir())


def test_the_same_asked_is_the_same_job(adapter):
    load = load_for(adapter)
    assert adapter.job(load, Workload(), 1) == adapter.job(load, Workload(), 1)
    assert adapter.job(load, Workload(), 1) != adapter.job(load_for(adapter, rate_per_s=101), Workload(), 1)
    assert adapter.job(load, Workload(), 1) != adapter.job(load, Workload(payload_bytes=2048), 1)


def test_a_job_names_its_target_its_files_and_an_end(adapter):
    load = load_for(adapter)
    job = adapter.job(load, Workload(), 1)
    used = set(re.findall(r"\$\{[^}]*\}", " ".join(job.arguments)))
    assert {"${target.host}", "${target.port}"} <= used <= PLACEHOLDERS
    assert job.outputs and job.announces
    assert job.deadline_s > load.warmup_s + load.duration_s


def test_arrivals_that_it_cannot_make_are_refused(adapter):
    for arrival in (*set(ARRIVALS) - set(adapter.traits.arrivals), "bursts"):
        with pytest.raises(BadInputError, match=arrival):
            adapter.job(unusual(load_for(adapter), arrival=arrival), Workload(), 1)


def test_an_unknown_protocol_is_refused(adapter):
    with pytest.raises(BadInputError, match="gopher"):
        adapter.job(unusual(load_for(adapter), protocol="gopher"), Workload(), 1)


def test_no_output_is_a_failed_run(adapter):
    with pytest.raises(RunFailedError, match=r"it was not written|left no"):
        adapter.parse(load_for(adapter), output_of())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_is_a_failed_run(adapter, data):
    load = load_for(adapter)
    content = st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode), st.just(b"{}"), st.just(b"[1]"))
    outputs = {name: data.draw(content) for name in adapter.job(load, Workload(), 1).outputs}
    with pytest.raises(RunFailedError):
        adapter.parse(load, output_of(**outputs))


def check_result(adapter, load: Load, result: LoadResult) -> None:
    assert result.generator == adapter.name and result.generator_version
    assert result.latency_from == adapter.traits.latency_from and result.arrival == load.arrival
    assert result.asked_rate_per_s == load.rate_per_s
    assert sum(result.counts_by_status.values()) == result.requests
    assert result.requests - result.counts_by_status.get("200", 0) == result.errors
    assert set(result.histograms) <= set(LATENCY_KINDS)


def test_it_makes_the_asked_load(present, tmp_path):
    load = load_for(present)
    with Server() as server:
        output = carry_out(present.job(load, Workload(), 1), server.port, tmp_path)
    result = present.parse(load, output)
    check_result(present, load, result)
    assert output.window.duration_s == pytest.approx(load.duration_s, abs=1e-3)
    assert 0.5 * load.rate_per_s * load.duration_s <= result.requests <= 1.02 * load.rate_per_s * load.duration_s
    assert result.errors == 0
    p50 = quantiles(result.histograms["from_send"], [0.5])[0]
    assert 1e-5 < p50 < 0.2


@pytest.mark.parametrize("payload_bytes", [0, 70_000, 1_048_576])
def test_it_sends_payloads_of_any_size(present, payload_bytes, tmp_path):
    sizes = set()

    def answer(_number, body):
        sizes.add(len(body))
        return reply(body)

    load = load_for(present, rate_per_s=20, duration_s=0.4, warmup_s=0, connections=2)
    with Server(answer) as server:
        output = carry_out(present.job(load, Workload(payload_bytes=payload_bytes), 1), server.port, tmp_path)
    result = present.parse(load, output)
    assert sizes == {payload_bytes}
    assert result.counts_by_status.keys() == {"200"}


def test_failures_are_counted(present, tmp_path):
    load = load_for(present)
    with Server(lambda number, body: reply(b"no", 500) if number % 4 == 3 else reply(body)) as server:
        output = carry_out(present.job(load, Workload(), 1), server.port, tmp_path)
    result = present.parse(load, output)
    check_result(present, load, result)
    assert result.counts_by_status["500"] == pytest.approx(result.requests / 4, abs=3)


def test_a_server_that_is_down_is_a_result_of_errors(present, tmp_path):
    load = load_for(present)
    result = present.parse(load, carry_out(present.job(load, Workload(), 1), free_port(), tmp_path))
    check_result(present, load, result)
    assert result.requests == result.errors > 0
    assert result.histograms["from_send"].count == 0


def test_its_program_starts_without_the_workbench(adapter):
    """What the job runs imports nothing but the standard library, so that it is ready at once."""
    job = adapter.job(load_for(adapter), Workload(), 1)
    if job.program != "python":
        return  # a program of its own language
    assert job.arguments[:2] == ("-I", "-S")
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", *job.arguments[:3]],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}
    assert "sys" in imported or "time" in imported
    assert not {one for one in imported if one.split(".")[0] in ("workbench", "numpy", "hdrh", "pandas")}
