"""The index stays within its bounds, moves the right way, and is not given where something was not measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.interchange.smp.meshmark import CLASSES, PROFILES, RATIOS, index

RATIO = st.floats(0, 1)
WEIGHTS = st.sampled_from([one.weights for one in PROFILES.values()])


@given(st.fixed_dictionaries(dict.fromkeys(RATIOS, RATIO)), WEIGHTS)
def test_it_lies_between_0_and_100(ratios, weights):
    assert 0 <= index(ratios, weights) <= 100 + 1e-9


@given(st.fixed_dictionaries(dict.fromkeys(RATIOS, RATIO)), WEIGHTS, st.sampled_from(sorted(RATIOS)), RATIO)
def test_a_better_ratio_never_lowers_it(ratios, weights, name, more):
    better = {**ratios, name: max(ratios[name], more)}
    assert index(better, weights) >= index(ratios, weights) - 1e-9


@pytest.mark.parametrize("profile", PROFILES)
def test_as_good_as_no_mesh_is_100(profile):
    assert index(dict.fromkeys(RATIOS, 1.0), PROFILES[profile].weights) == pytest.approx(100)


def test_a_class_that_was_not_measured_gives_no_index():
    known = dict.fromkeys(RATIOS, 0.5)
    assert index(known, {}) == 50
    assert index({**known, "latency-tail": None}, {}) == 50
    assert index({**known, "memory": None}, {}) is None
    assert sorted(name for names in CLASSES.values() for name in names) == sorted(RATIOS)
