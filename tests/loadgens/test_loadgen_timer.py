"""The timer that wakes the loop. A periodic one that was never read once sent all requests of a second in one burst."""

from __future__ import annotations

import os
import select
import time

import pytest

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
