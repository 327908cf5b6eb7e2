"""One registry of metrics, and adapters found by name."""

from __future__ import annotations

import math

import pytest

from workbench import adapters
from workbench.errors import UnknownNameError
from workbench.model import metrics


def test_every_metric_says_what_it_means_and_prints_itself():
    for name, metric in metrics.REGISTRY.items():
        assert name == metric.name
        assert metric.definition.endswith(".")
        assert metric.show(None) == metric.show(math.nan) == "–"
        assert metric.show(1.0 / metric.scale) != metric.show(2.5 / metric.scale)


def test_values_are_shown_in_the_shown_unit():
    assert metrics.metric("cpu_per_request_s").show(123.4e-6) == "123.4 µs"
    assert metrics.metric("mem_pss_bytes").show(3 * 2**20) == "3.0 MiB"
    assert metrics.metric("normalised_cpu").show(3.876) == "3.88 ×"
    assert metrics.metric("latency_p50_s").axis_title == "Latency p50 (µs)"


def test_unknown_metric_lists_the_known():
    with pytest.raises(UnknownNameError, match="Did you mean 'normalised_cpu'"):
        metrics.metric("normalized_cpu")


@pytest.mark.parametrize("group", list(adapters.SINGULAR))
def test_every_adapter_of_every_group_loads_and_bears_its_own_name(group):
    assert adapters.names(group)
    for name in adapters.names(group):
        assert adapters.load(group, name).name == name


def test_unknown_adapter_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown mesh 'l7-sidecar'\. Did you mean 'l7-sidecars'\?"):
        adapters.load("meshes", "l7-sidecar")
