"""Own numbers beside published ones: nothing mixed, nothing averaged, every published value with its source."""

from __future__ import annotations

import math

import numpy as np
import pytest
from campaign_making import make_campaign

from workbench import analysis
from workbench.charts.published_chart import OTHERS, beside_published, describe_beside_published
from workbench.files import shipped
from workbench.interchange.beside import COLUMNS, MOST_PUBLISHED, beside, for_chart
from workbench.interchange.published_figures import figures_of, read_folder
from workbench.store import Store


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A comparison of a measured campaign, and its consumption."""
    home = tmp_path_factory.mktemp("own")
    campaign = make_campaign(home, blocks=3)
    store = Store(home)
    runs = store.runs(campaign_id=campaign)
    return analysis.compare(runs, store.consumption(), store.latency()), store.consumption()


@pytest.fixture(scope="module")
def publications():
    return read_folder(shipped.reference())


@pytest.fixture(scope="module")
def shown(own, publications):
    return beside(*own, publications)


def test_rows_say_who_and_published_ones_their_source(shown):
    assert list(shown.rows.columns) == list(COLUMNS)
    assert set(shown.rows["who"]) == {"own", OTHERS}
    published = shown.rows[shown.rows["who"] == OTHERS]
    assert published["source"].str.len().gt(10).all() and published["confidence"].ne("").all()
    assert published["definition"].ne("").all() and published["said"].ne("").all()
    assert not any(published["confidence"].str.startswith("S"))


def test_published_values_are_as_published_and_never_averaged(shown, publications):
    values = {(one.mesh, one.origin.id, one.published_value) for one in figures_of(publications)}
    for row in shown.rows[shown.rows["who"] == OTHERS].to_dict("records"):
        number = float(row["said"].removeprefix("about ").split()[0])
        assert (row["mesh"], row["source_id"], number) in values


def test_own_values_are_those_of_the_comparison(own, shown):
    comparison, _ = own
    rows = shown.rows[shown.rows["who"] == "own"].set_index("panel")
    cores = comparison.summary.query("metric == 'cores_per_1000_rps' and mesh == 'l4-sidecars'")["median"].iloc[0]
    # sidecars and a gateway: three proxies
    assert rows.loc["CPU of one proxy at 1000 requests/s (cores)", "value"] == pytest.approx(cores / 3)
    added = comparison.overhead.query("metric == 'latency_p90_s'")["median"].iloc[0]
    assert rows.loc["Added latency p90 (ms)", "value"] == pytest.approx(added * 1e3)
    assert shown.rate_per_s == 100.0


def test_secondary_figures_come_only_when_asked_for(own, publications):
    rows = beside(*own, publications, secondary=True).rows
    assert rows["confidence"].str.startswith("S").any()


def test_reasons_name_what_differs(shown):
    told = " ".join(shown.reasons)
    for word in (
        "archetypes",
        "100 requests/s",
        "scheduled send",
        "closed loops",
        "RSS",
        "environment lab",
        "0.2 to 1",
    ):
        assert word in told, word


def test_a_comparison_that_has_nothing_alike_gives_nothing(own, publications):
    comparison, consumption = own
    nothing = beside(comparison, consumption, [])
    assert nothing.rows.empty and nothing.reasons == () and nothing.publications == ()
    assert for_chart(nothing.rows).empty
    assert "no published figures" in describe_beside_published(nothing.rows)


def test_the_chart_has_hollow_marks_for_others_and_room(shown, own):
    rows = for_chart(shown.rows)
    counts = rows[rows["who"] == OTHERS].groupby("panel").size()
    assert counts.max() <= MOST_PUBLISHED
    spec = beside_published(rows, own[0].order).to_dict()
    marks = {(row["who"], row["sign"], row["fill"] == "#ffffff") for row in spec["datasets"][spec["data"]["name"]]}
    assert marks == {("own", "circle", False), (OTHERS, "diamond", True)}
    words = describe_beside_published(rows)
    assert "istio-documentation" in words and "l4-sidecars" in words
    assert spec["description"] == words


def test_several_sources_stand_in_a_panel_of_few(shown):
    rows = for_chart(shown.rows)
    cpu = rows[rows["panel"].str.startswith("CPU of one proxy") & (rows["who"] == OTHERS)]
    assert set(cpu["source_id"]) == {"istio-documentation", "istio-example-2020-08"}
    assert np.isfinite(cpu["value"]).all() and not math.isnan(cpu["rate_per_s"].iloc[0])
