"""Numbers as charts show them."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts import rows


@given(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(10**12), 10**12), st.text()))
def test_plain_is_json_and_keeps_five_digits(value: object) -> None:
    kept = rows.plain(value)
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    if isinstance(value, float) and abs(value) < 1e300:
        assert kept == pytest.approx(value, rel=1e-4)
    if isinstance(value, float) and not math.isfinite(value):
        assert kept is None


def test_missing_is_said_never_zero() -> None:
    row = {"median": math.nan, "low": math.nan, "high": math.nan}
    assert rows.estimate_text("cpu_per_request_s", row) == "not measured"
    assert rows.value_text("cpu_per_request_s", None) == "not measured"
    assert rows.plain(pd.NaT) is None


def test_estimates() -> None:
    row = {"median": 118e-6, "low": 100e-6, "high": 162e-6}
    assert rows.estimate_text("cpu_per_request_s", row) == "118.0 µs [100.0–162.0]"
    assert rows.estimate_text("cpu_per_request_s", row, signed=True) == "+118.0 µs [100.0–162.0]"
    below = {"median": -2.5e-6, "low": -14e-6, "high": 13e-6}
    assert rows.estimate_text("cpu_per_request_s", below, signed=True) == "−2.5 µs [−14.0 to 13.0]"
    assert rows.estimate_text("normalised_cpu", {"median": 1.22, "low": math.nan, "high": math.nan}) == "1.22×"
    assert rows.estimate_text("cpu_per_request_s", {"median": 1e-9}, signed=True) == "0.0 µs"


def test_basis() -> None:
    assert rows.basis_text({"blocks": 6, "coverage": 0.96875}) == "6 blocks, interval covers 96.9%"
    assert rows.basis_text({"blocks": 1, "coverage": 0.0}) == "1 block, no interval"
    assert rows.basis_text({"blocks": math.nan}) == "no value"


def test_complete_adds_meshes_without_a_number() -> None:
    frame = pd.DataFrame({"mesh": ["a"], "rate_per_s": [1.0], "median": [2.0]})
    full = rows.complete(frame, ["a", "b"], ["rate_per_s"])
    assert list(full["mesh"]) == ["a", "b"]
    assert full["median"].isna().tolist() == [False, True]
