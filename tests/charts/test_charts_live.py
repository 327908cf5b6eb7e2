"""The chart of a live session: shares that add up, rules only for what came into force within it, and waiting."""

import pandas as pd
import pytest
from chart_makings import live_events, live_frame, rows_of

from workbench import charts
from workbench.charts.display import svg


def test_shares_of_every_second_add_up_and_absent_groups_are_zero():
    rows = rows_of(charts.live_traffic(live_frame(), live_events()).to_dict())
    for panel in ("version", "status"):
        shares = pd.DataFrame([row for row in rows if row["panel"] == panel]).groupby("second")["share"]
        assert shares.sum().to_numpy() == pytest.approx(1.0, abs=1e-4)
        assert shares.size().nunique() == 1, "every group stands in every second"


def test_a_rule_stands_for_each_design_within_the_seconds_that_are_shown():
    spec = charts.live_traffic(live_frame(), live_events()).to_dict()
    assert [row["group"] for row in rows_of(spec) if row["panel"] == "event"] == ["canary", "chaos"]
    picture = svg(spec)
    assert "canary" in picture
    assert "as-it-comes" not in picture


def test_before_the_first_answer_it_says_that_it_waits():
    nothing, none = live_frame().iloc[:0], live_events().iloc[:0]
    assert "waiting for the first" in svg(charts.live_traffic(nothing, none).to_dict())
    assert charts.describe_live_traffic(nothing, none).endswith(".")
