"""What must be said at figures stands on every chart that is drawn from them."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench import charts
from workbench.charts.badges import without_badge
from workbench.charts.display import specification
from workbench.model.recording import with_badge

BADGE = "Recorded on a small machine; not yours"


@pytest.fixture
def summary() -> pd.DataFrame:
    numbers = {"median": 1.0, "low": 0.5, "high": 1.5, "coverage": 0.97, "blocks": 6}
    rows = [{"mesh": mesh, "workload": "echo", "rate_per_s": 300.0, "metric": "normalised_cpu", **numbers}
            for mesh in ("baseline", "istio")]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_chart_carries_the_badge_of_its_frame(summary: pd.DataFrame) -> None:
    spec = specification(charts.tax(with_badge(summary, BADGE), ["baseline", "istio"]))
    assert spec["title"]["subtitle"][-1] == BADGE
    assert spec["description"].startswith(f"{BADGE}. ")
    assert BADGE not in without_badge(spec)["title"]["subtitle"]


def test_a_frame_that_is_filtered_and_joined_keeps_its_badge(summary: pd.DataFrame) -> None:
    kept = with_badge(summary, BADGE)[["mesh", "workload", "rate_per_s", "metric", "median", "low", "high"]]
    kept = kept[kept["median"] > 0].assign(coverage=0.9, blocks=6)
    assert specification(charts.tax(kept, ["baseline", "istio"]))["title"]["subtitle"][-1] == BADGE


def test_a_chart_of_measured_figures_has_none(summary: pd.DataFrame) -> None:
    spec = specification(charts.tax(summary, ["baseline", "istio"]))
    assert "usermeta" not in spec
    assert without_badge(spec) == spec


def test_every_chart_of_figures_is_badged() -> None:
    drawing = [name for name in charts.__all__ if not name.startswith("describe_")]
    assert [name for name in drawing if not hasattr(getattr(charts, name), "__wrapped__")] == []


def test_one_panel_alone_takes_the_room_of_two(summary: pd.DataFrame) -> None:
    alone = specification(charts.tax(summary, ["baseline", "istio"]))
    both = pd.concat([summary, summary.assign(rate_per_s=600.0)])
    beside = specification(charts.tax(both, ["baseline", "istio"]))
    assert alone["spec"]["width"] == 2 * beside["spec"]["width"]
