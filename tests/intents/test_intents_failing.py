"""How many requests an intent itself asks to fail, whatever a mesh's place for it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intent_strategies import INTENTS

from workbench.intents import (
    Abort,
    CircuitBreaking,
    Delay,
    Intent,
    RateLimit,
    Retries,
    Timeout,
    asked_to_fail,
)

RATES = st.floats(1, 100_000) | st.just(math.inf)


@given(INTENTS, RATES)
def test_it_is_a_range_of_shares(intent, rate):
    low, high = asked_to_fail(intent, rate)
    assert 0 <= low <= high <= 1
    if intent.abort is None:
        assert low == 0
    if not {"abort", "rate_limit", "circuit_breaking", "delay"} & set(intent.asked):
        assert high == 0


@given(st.floats(0, 100), RATES)
def test_without_anything_else_a_fault_is_asked_for_exactly(share, rate):
    low, high = asked_to_fail(Intent(name="a", abort=Abort(percent=share)), rate)
    assert low == pytest.approx(share / 100)
    assert high == pytest.approx(share / 100)


def asks(rate=100.0, **features):
    return asked_to_fail(Intent(name="a", **features), rate)


def test_no_intent_asks_for_nothing():
    assert asked_to_fail(None, 100.0) == (0, 0)
    assert asks(retries=Retries(attempts=2), timeout=Timeout(request_s=1)) == (0, 0)


def test_what_is_sent_again_may_fail_less_often():
    again = {"abort": Abort(percent=50), "retries": Retries(attempts=2)}
    assert asks(**again) == (0.125, 0.5)
    assert asks(**{**again, "abort": Abort(percent=50, status=404)}) == (0.5, 0.5), "no retry is asked of a 404"
    assert asks(**{**again, "retries": Retries(attempts=2, on=("reset",))}) == (0.5, 0.5)


def test_what_is_held_back_longer_than_it_may_take_may_fail():
    limit = Timeout(request_s=1)
    assert asks(delay=Delay(percent=10, seconds=1), timeout=limit) == (0, pytest.approx(0.1))
    assert asks(delay=Delay(percent=10, seconds=0.9), timeout=limit) == (0, 0)


def test_what_is_above_a_limit_may_fail():
    limit = RateLimit(requests_per_s=60)
    assert asks(rate_limit=limit) == (0, pytest.approx(0.4))
    assert asks(rate_limit=limit, rate=50.0) == (0, 0)
    assert asks(rate_limit=limit, rate=math.inf) == (0, 1)
    assert asks(circuit_breaking=CircuitBreaking(max_requests=1)) == (0, 1)
