"""The badge of the machine says what was measured, and is green only where that is enough."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.report import trust

UNKNOWN = np.nan


def badge(noisy="", **read):
    values = {"foreign_cores": UNKNOWN, "steal_ratio": UNKNOWN, "psi_ratio": UNKNOWN, **read}
    return trust._noise(SimpleNamespace(runs=pd.DataFrame([{"noisy": noisy, **values}] * 3)))


@pytest.mark.parametrize(
    ("read", "tone", "value"),
    [
        ({}, "warning", "noise not measured"),
        ({"foreign_cores": 0.1}, "info", "noise measured in part"),
        ({"steal_ratio": 0.0}, "info", "noise measured in part"),
        ({"foreign_cores": 0.1, "steal_ratio": 0.0}, "good", "quiet"),
        ({"foreign_cores": 0.1, "psi_ratio": 0.02}, "good", "quiet"),
        (
            {"foreign_cores": 0.1, "steal_ratio": 0.2, "noisy": "the hypervisor took 20 %"},
            "warning",
            "disturbed in 3 of 3",
        ),
    ],
)
def test_green_needs_other_processes_and_what_is_beneath_them(read, tone, value):
    told = badge(**read)
    assert told.tone == tone and value in told.value


def test_what_was_not_measured_is_named():
    told = badge(foreign_cores=0.1)
    assert "CPU of other processes" in told.detail and "hypervisor" in told.detail and "pressure" in told.detail
