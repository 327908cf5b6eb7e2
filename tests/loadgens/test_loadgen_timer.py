"""The timer that wakes the loop. A periodic one that was never read once sent all requests of a second in one burst."""

from __future__ import annotations

import os
import select
import socket
import statistics
import time
from array import array

import pytest
from loadgen_lab import Server

from workbench.loadgens._openloop.loop import OpenLoop
from workbench.loadgens._openloop.program import make_message
from workbench.loadgens._openloop.timer import Timer


@pytest.fixture
def timer():
    one = Timer()
    yield one
    os.close(one.fd)


def ready(timer: Timer, seconds: float) -> bool:
    with select.epoll() as poll:
        poll.register(timer.fd, select.EPOLLIN)
        return bool(poll.poll(seconds))


def test_it_fires_at_its_time_and_not_before(timer):
    due = time.monotonic_ns() + 30_000_000
    timer.arm(due)
    assert not ready(timer, 0)
    assert ready(timer, 5)
    assert time.monotonic_ns() >= due


def test_it_fires_again_and_again_though_nobody_reads_it(timer):
    for _ in range(20):
        due = time.monotonic_ns() + 2_000_000
        timer.arm(due)
        assert not ready(timer, 0), "an expired timer that was armed anew must be silent until its new time"
        assert ready(timer, 5), "an armed timer must fire though the last expiry was never read"
        assert time.monotonic_ns() >= due


def test_a_time_in_the_past_fires_at_once(timer):
    timer.arm(time.monotonic_ns() - 1)
    assert ready(timer, 5)


def test_a_ticking_timer_is_silent_once_read_until_its_next_tick(timer):
    first, every = time.monotonic_ns() + 5_000_000, 20_000_000
    timer.arm(first, every)
    for tick in range(5):
        assert ready(timer, 5)
        assert time.monotonic_ns() >= first + tick * every
        timer.read()
    assert time.monotonic_ns() >= first + 4 * every


def test_reading_what_has_not_fired_is_no_error(timer):
    timer.arm(time.monotonic_ns() + 10**9)
    timer.read()
    assert not ready(timer, 0)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.0])
def test_the_loop_keeps_its_schedule_however_its_timer_ticks(share):
    """Ticks that come before their time are made good; 0: the timer is armed anew for every request."""
    gap, requests, body = 20_000_000, 30, b"x" * 10
    with Server() as server:
        where = ("127.0.0.1", server.port)
        loop = OpenLoop(where, socket.AF_INET, make_message("lab", body), body)
        loop.open(2)
        start = time.monotonic_ns() + 20_000_000
        due = array("q", [start + place * gap for place in range(requests)])
        loop.run(due, int(gap * share), (start, due[-1] + gap), 5 * 10**9)
    assert set(loop.status) == {200}
    late = [sent - scheduled for sent, scheduled in zip(loop.sent, due, strict=True)]
    assert min(late) >= 0
    assert statistics.median(late) < gap / 5, "a request must not wait for the tick after the early one"
    for connection in loop.by_fd.values():
        connection.sock.close()
    loop.epoll.close()
    os.close(loop.timer.fd)
