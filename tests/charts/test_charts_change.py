"""The chart of a change: marks only where something is ranked, both directions, and a pair that shares nothing."""

import pytest
from chart_makings import made, rows_of

from workbench import charts
from workbench.analysis.pairs import between


def test_marks_stand_where_a_metric_is_ranked_and_turn_with_the_pair():
    comparison, _ = made()
    before, after = comparison.order[1], comparison.order[-1]
    there = rows_of(charts.change(between(comparison, before, after), before, after).to_dict())
    back = rows_of(charts.change(between(comparison, after, before), after, before).to_dict())
    assert [row["metric"] for row in there] == [row["metric"] for row in back]
    for one, other in zip(there, back, strict=True):
        assert (one["value"] is None) == (one["verdict"] == "not ranked" or "Failed" in one["metric"])
        if one["value"] is not None:
            assert one["low"] <= one["value"] <= one["high"]
            assert (1 + one["value"]) * (1 + other["value"]) == pytest.approx(1, rel=1e-3)
        assert {one["verdict"], other["verdict"]} in ({"more", "less"}, {"cannot tell apart"}, {"not ranked"})


def test_a_pair_without_a_shared_metric_is_said_to_be_not_measured():
    comparison, _ = made()
    nothing = between(comparison, comparison.order[1], comparison.order[-1]).iloc[:0]
    assert charts.describe_change(nothing, "a", "b") == "From a to b: not measured."
