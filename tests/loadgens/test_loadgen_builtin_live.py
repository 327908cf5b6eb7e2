"""The built-in generator in a process of its own against a real server that behaves in every bad way."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from itertools import cycle

import numpy
import pytest
from loadgen_lab import Server, carry_out, free_port, reply

from workbench.loadgens.builtin import ADAPTER
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import quantiles


def run(folder, port, payload_bytes=256, seed=1, meanwhile=lambda _process: None, **asked):
    standard = {"rate_per_s": 200, "duration_s": 0.6, "warmup_s": 0.2, "connections": 8}
    load = Load(**(standard | asked))
    job = ADAPTER.job(load, Workload(payload_bytes=payload_bytes), seed)
    output = carry_out(job, port, folder, meanwhile)
    result = ADAPTER.parse(load, output)
    times = ADAPTER.requests(output)
    assert result.requests == len(times["status"]) == round(load.rate_per_s * load.duration_s)
    assert sum(result.counts_by_status.values()) == result.requests
    return result, times


def high(result, kind, q=0.99):
    return quantiles(result.histograms[kind], [q])[0]


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_requests_go_out_on_their_schedule_and_come_back(arrival, tmp_path):
    with Server() as server:
        result, times = run(tmp_path, server.port, arrival=arrival, seed=5)
        assert server.requests == 160 and server.connections == 8
    assert result.counts_by_status == {"200": 120}
    gaps = numpy.diff(times["scheduled_ns"]) / 1e9
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.05)
    assert gaps.std() < 1e-8 if arrival == "constant" else gaps.std() == pytest.approx(1 / 200, rel=0.5)
    assert (times["sent_ns"] >= times["scheduled_ns"]).all() and (times["done_ns"] > times["sent_ns"]).all()
    assert result.cpu_per_request_s > 0


def test_the_seed_decides_the_arrivals(tmp_path):
    found = []
    with Server() as server:
        for seed in (1, 1, 2):
            asked = {"arrival": "poisson", "duration_s": 0.2, "warmup_s": 0, "seed": seed}
            found.append(run(tmp_path, server.port, **asked)[1]["scheduled_ns"].tolist())
    assert found[0] == found[1] != found[2]


def test_sending_never_comes_in_bursts(tmp_path):
    """A periodic timer that is never read sends a second's requests at once; service times then still look well."""
    with Server() as server:
        result, times = run(tmp_path, server.port, rate_per_s=100, duration_s=1.3)
    late = (times["sent_ns"] - times["scheduled_ns"]) / 1e9
    assert numpy.median(late) < 0.05
    tenths = numpy.histogram(times["sent_ns"] / 1e9, bins=13, range=(0, 1.3))[0]
    assert numpy.count_nonzero(tenths) >= 10, "requests must leave in every tenth of a second, or nearly"
    assert high(result, "send_lag", 0.5) < 0.05


def test_a_stall_is_seen_from_the_schedule_and_not_from_the_send(tmp_path):
    stalled_until = [0.0]

    def answer(number, body):
        if number == 60:
            stalled_until[0] = time.monotonic() + 0.2
        time.sleep(max(0.0, stalled_until[0] - time.monotonic()))
        return reply(body)

    with Server(answer) as server:
        result, times = run(tmp_path, server.port, connections=1)
    assert result.errors == 0
    assert numpy.count_nonzero(times["done_ns"] - times["scheduled_ns"] > 50_000_000) >= 25
    assert numpy.count_nonzero(times["done_ns"] - times["sent_ns"] > 150_000_000) <= 3
    assert high(result, "from_schedule", 0.9) > 0.05
    assert high(result, "from_send", 0.9) < 0.05
    assert high(result, "send_lag", 0.9) < 0.05, "waiting for the connection is not the generator's own lag"


def test_too_few_connections_show_as_waiting(tmp_path):
    def answer(_number, body):
        time.sleep(0.02)
        return reply(body)

    with Server(answer) as server:
        result, times = run(tmp_path, server.port, connections=2, duration_s=0.5)
    assert result.errors == 0
    assert result.requests == 100 and result.achieved_rate_per_s < 150
    assert high(result, "from_schedule", 0.9) > 0.2
    assert high(result, "from_send", 0.5) < 0.06
    assert high(result, "send_lag", 0.5) < 0.02
    assert (times["ready_ns"] < times["sent_ns"]).any()


def test_a_server_that_closes_after_every_answer_is_dialled_again(tmp_path):
    with Server(lambda _number, body: reply(body, extra="Connection: close\r\n")) as server:
        result, _ = run(tmp_path, server.port)
        assert server.connections >= 160
    assert result.counts_by_status == {"200": 120}


def test_a_server_that_closes_silently_after_an_answer_costs_at_most_those_in_flight(tmp_path):
    """The connection is found closed while it is idle, before a request is lost on it."""

    class Closing(Server):
        def hang_up(self, connection):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        def _converse(self, connection):
            timer = threading.Timer(0.3, self.hang_up, [connection])
            timer.start()
            super()._converse(connection)

    with Closing() as server:
        result, _ = run(tmp_path, server.port, duration_s=1.0)
        assert server.connections > 8
    assert result.errors <= 5
    assert result.counts_by_status["200"] >= 195


def test_broken_connections_are_failures_of_one_request_each(tmp_path):
    with Server(lambda number, body: None if number % 5 == 4 else reply(body)) as server:
        result, times = run(tmp_path, server.port)
    assert result.counts_by_status["connection-broken"] == pytest.approx(24, abs=3)
    assert result.counts_by_status["200"] == 120 - result.counts_by_status["connection-broken"]
    assert result.histograms["from_send"].count == result.counts_by_status["200"]
    assert (times["done_ns"] >= 0).all()


def test_wrong_answers_are_told_apart(tmp_path):
    kinds = cycle(
        [
            lambda body: reply(body),
            lambda body: reply(body, 500),
            lambda body: reply(body[:-1] + b"X"),
            lambda body: reply(body[:-1]),
            lambda body: b"garbage\r\n\r\n",
            lambda body: reply(body) + b"more",
            lambda body: b"HTTP/1.1 204 No Content\r\n\r\n",
            lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 256\r\nConnection: close\r\n\r\nshort",
        ]
    )
    with Server(lambda _number, body: next(kinds)(body)) as server:
        result, _ = run(tmp_path, server.port, warmup_s=0, duration_s=0.8)
    found = result.counts_by_status
    assert set(found) == {"200", "204", "500", "wrong-body", "malformed-answer", "connection-broken"}
    assert found["wrong-body"] == pytest.approx(40, abs=4) and found["malformed-answer"] == pytest.approx(40, abs=4)
    assert all(found[kind] == pytest.approx(20, abs=4) for kind in ("200", "204", "500", "connection-broken"))
    assert result.errors == 160 - found["200"]


def test_chunked_and_interim_answers_are_right_ones(tmp_path):
    def answer(number, body):
        if number % 2:
            return b"HTTP/1.1 100 Continue\r\n\r\n" + reply(body)
        half = len(body) // 2
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]))
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    with Server(answer) as server:
        result, _ = run(tmp_path, server.port)
    assert result.counts_by_status == {"200": 120}


def test_answers_in_small_pieces_and_large_bodies(tmp_path):
    class Piecemeal(Server):
        def _converse(self, connection):
            whole = connection.sendall

            class Slow:
                def __getattr__(self, name):
                    return getattr(connection, name)

                def sendall(self, data):
                    for start in range(0, len(data), 30_000):
                        whole(data[start : start + 30_000])
                        time.sleep(0.001)

            super()._converse(Slow())

    with Piecemeal() as server:
        result, _ = run(tmp_path, server.port, payload_bytes=300_000, rate_per_s=20, warmup_s=0, duration_s=0.5)
    assert result.counts_by_status == {"200": 10}


def test_a_server_that_is_down_fails_every_request_once(tmp_path):
    result, times = run(tmp_path, free_port())
    assert result.counts_by_status == {"connect-failed": 120}
    assert numpy.ma.count(times["sent_ns"]) == 0
    assert result.cpu_per_request_s is None and result.achieved_rate_per_s == 0


def test_a_server_that_comes_back_is_found_again(tmp_path):
    port = free_port()
    server = Server.__new__(Server)

    def open_late():
        Server.__init__(server, port=port)
        server.__enter__()

    timer = threading.Timer(0.7, open_late)
    timer.start()
    try:
        result, times = run(tmp_path, port, warmup_s=0, duration_s=1.2)
    finally:
        timer.join()
        server.__exit__()
    assert set(result.counts_by_status) == {"connect-failed", "200"}
    assert (times["status"][-60:] == 200).all()


def test_a_server_that_never_answers_ends_in_time_outs(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.loadgens.builtin._timeout_s", lambda _workload: 0.5)
    silent = threading.Event()
    with Server(lambda _number, _body: silent.wait(10) and None) as server:
        result, times = run(tmp_path, server.port, connections=3, duration_s=0.3)
        silent.set()
    assert result.counts_by_status == {"timeout": 60}
    waited = (times["done_ns"] - times["scheduled_ns"]) / 1e9
    assert (waited >= 0.5).all() and waited.max() < 2
    # The three connections are taken by warm-up requests, whose time-outs free them for the later ones.
    assert numpy.ma.count(times["sent_ns"]) < 60


def test_a_generator_that_gets_no_cpu_accuses_itself(tmp_path):
    def starve(process):
        time.sleep(0.7)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        process.send_signal(signal.SIGCONT)

    with Server() as server:
        result, _ = run(tmp_path, server.port, duration_s=1.0, meanwhile=starve)
    assert "late: send-lag p99" in result.limited
    assert high(result, "send_lag") > 0.1
    assert high(result, "from_schedule") > 0.1, "what a user would have felt is in the latency all the same"


def test_an_unknown_host_is_said(tmp_path):
    job = ADAPTER.job(Load(rate_per_s=10, duration_s=0.2), Workload(), 1)
    arguments = tuple(one.replace("${target.host}", "no-such-host.invalid") for one in job.arguments)
    with pytest.raises(AssertionError, match=r"cannot find the host 'no-such-host\.invalid'"):
        carry_out(replace(job, arguments=arguments), 1, tmp_path)


def test_more_connections_than_the_machine_allows_are_said(tmp_path):
    """The limit is lowered for the generator's process alone."""
    limit = ["-c", "import os, resource, sys; resource.setrlimit(7, (20, 20)); os.execv(sys.argv[1], sys.argv[1:])"]
    job = ADAPTER.job(Load(rate_per_s=10, duration_s=0.2, connections=64), Workload(), 1)
    limited = replace(job, arguments=(*limit, sys.executable, *job.arguments))
    with Server() as server, pytest.raises(AssertionError, match="cannot open 64 connections: Too many open files"):
        carry_out(limited, server.port, tmp_path)
