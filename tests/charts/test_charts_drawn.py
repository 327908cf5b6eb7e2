"""Every chart is made, checked against Vega-Lite's schema and drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
import vl_convert
from chart_makings import ARGUMENTS, drawn, made, rows_of, told
from frames_factory import SHAPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import charts
from workbench.analysis import Comparison
from workbench.charts.display import specification, svg
from workbench.charts.theme import BASELINE_COLOUR
from workbench.model.recording import MADE_UP

Made = tuple[Comparison, pd.DataFrame]

UNBADGED = ("timeline", "live_traffic")
"""Charts whose frames here do not come out of a comparison, which would say that they are made up."""

HOSTILE = (
    "nul \x00 bell \x07",
    "<script>alert(1)</script>",
    "</script><b>",
    "a'b\"c",
    "${x}",
    "datum['x']",
    "http://x.test/y.png",
    "\\n {{x}}",
)


@pytest.fixture(scope="module")
def three_blocks() -> Made:
    return made()


def text_of(picture: str) -> str:
    return " ".join(ElementTree.fromstring(picture).itertext())


@pytest.mark.parametrize("name", ARGUMENTS)
def test_drawn_with_its_words(name: str, three_blocks: Made) -> None:
    spec = drawn(name, *three_blocks)
    words = told(name, *three_blocks)
    badge = "" if name in UNBADGED else f"{MADE_UP}. "
    assert spec["description"] == f"{badge}{words}"
    assert words.endswith(".") and len(words) > 60
    picture = svg(spec)
    assert len(picture) > 5000
    assert spec["title"]["text"] in text_of(picture)
    assert "NaN" not in picture and "undefined" not in picture and "Infinity" not in picture


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_vega_of_jupyterlab_draws_the_same(name: str, three_blocks: Made) -> None:
    spec = drawn(name, *three_blocks)
    assert vl_convert.vegalite_to_svg(spec, vl_version="5.21") == vl_convert.vegalite_to_svg(spec)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_baseline_no_interval_one_rate(name: str) -> None:
    one = made(blocks=1, rates=(997.0,), meshes=("baseline", "cross-connect", "l7-sidecars"))
    svg(drawn(name, *one))
    assert told(name, *one)


def test_a_quick_specification_is_the_same(three_blocks: Made) -> None:
    comparison, _ = three_blocks
    picture = charts.tax(comparison.summary, comparison.order)
    quick, full = specification(picture), picture.to_dict()
    assert quick["data"]["values"] == rows_of(full)
    assert {key: value for key, value in quick.items() if key != "data"} == {
        key: value for key, value in full.items() if key not in ("data", "datasets")
    }


def test_what_was_not_measured_is_said(three_blocks: Made) -> None:
    memory = drawn("memory", *three_blocks)
    kernel = [row for row in rows_of(memory) if row["mesh"] == "cross-connect"]
    assert kernel and all(row["value"] is None and row["said"] == "not measured" for row in kernel)
    assert text_of(svg(memory)).count("not measured") >= 2
    assert "cross-connect not measured" in told("memory", *three_blocks)


def test_why_there_is_nothing_to_measure_can_be_said(three_blocks: Made) -> None:
    comparison, _ = three_blocks
    spec = charts.memory(comparison.summary, comparison.order, {"baseline": "no data plane"}).to_dict()
    assert {row["said"] for row in rows_of(spec) if row["mesh"] == "baseline" and row["value"] is None} == {
        "no data plane"
    }


def test_a_gauge_that_cannot_be_read_is_named() -> None:
    comparison, latency = made()
    runs = comparison.runs.assign(psi_ratio=np.nan, steal_ratio=None)
    spec = charts.noise(runs, latency, comparison.order).to_dict()
    told = " ".join(spec["title"]["subtitle"])
    assert "PSI" in told and "hypervisor" in told
    assert {row["panel"] for row in rows_of(spec)} == {"Other processes (cores)", "Generator late, p99 (µs)"}


def test_of_very_many_runs_the_worst_are_shown() -> None:
    runs = pd.DataFrame(
        {
            "run_id": [f"r{place}" for place in range(2000)],
            "mesh": "baseline",
            "started_at": pd.date_range("2026-01-01", periods=2000, freq="s", tz="UTC"),
            "cpus": 2,
            "foreign_cores": 0.1,
            "steal_ratio": 0.0,
            "psi_ratio": np.nan,
        }
    )
    runs.loc[777, "foreign_cores"] = 1.9
    latency = pd.DataFrame({"run_id": runs["run_id"], "kind": "send_lag", "p99_s": 1e-4})
    rows = rows_of(charts.noise(runs, latency, ["baseline"]).to_dict())
    foreign = [row["value"] for row in rows if row["kind"] == "run" and row["panel"].startswith("Other")]
    assert len(foreign) <= 250 and max(foreign) == 1.9


def test_a_long_run_becomes_few_rows() -> None:
    times = np.arange(0, 3600, 0.2)
    series = pd.DataFrame(
        {"time_s": times, "component": "echo", "role": "application", "cpu_cores": 0.5, "mem_pss_bytes": 2.0**20}
    )
    assert len(rows_of(charts.timeline(series).to_dict())) < 600


def test_many_parts_of_one_role_are_drawn_as_one() -> None:
    one = {"time_s": 1.0, "role": "sidecar", "cpu_cores": 0.1, "mem_pss_bytes": 2.0**20}
    series = pd.DataFrame([{**one, "component": f"proxy-{place}"} for place in range(30)])
    cpu, memory = rows_of(charts.timeline(series).to_dict())
    assert cpu["component"] == "30 parts" and cpu["value"] == pytest.approx(3.0) and memory["value"] == 30
    assert "30 parts 3.000 cores" in charts.describe_timeline(series)


def test_the_whole_machine_is_not_stacked_on_its_parts(three_blocks: Made) -> None:
    assert "node" not in {row["role"] for row in rows_of(drawn("timeline", *three_blocks))}


def test_units_and_titles_come_from_the_registry(three_blocks: Made) -> None:
    spec = drawn("consumption", *three_blocks)
    assert "For 1000 requests/s, all parts (cores)" in text_of(svg(spec))
    totals = [row["value"] for row in rows_of(spec) if row["kind"] == "total" and row["value"]]
    assert all(0.01 < value < 5 for value in totals), "shown in cores"


def test_the_baseline_is_grey_and_heads_the_rows(three_blocks: Made) -> None:
    spec = drawn("tax", *three_blocks)
    scale = next(layer["encoding"]["color"]["scale"] for layer in spec["spec"]["layer"] if "color" in layer["encoding"])
    assert dict(zip(scale["domain"], scale["range"], strict=True))["baseline"] == BASELINE_COLOUR
    assert spec["spec"]["layer"][1]["encoding"]["y"]["sort"][0] == "baseline"


def test_several_workloads_get_a_drop_down(three_blocks: Made) -> None:
    comparison, _ = three_blocks
    twice = pd.concat([comparison.summary, comparison.summary.assign(workload="chain")])
    spec = charts.tax(twice, comparison.order).to_dict()
    (param,) = spec["params"]
    assert param["bind"]["options"] == ["chain", "echo"]
    assert "(chain)" in charts.describe_tax(twice, comparison.order)


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(
    labels=st.lists(
        st.one_of(st.text(min_size=1, max_size=80).filter(str.strip), st.sampled_from(HOSTILE)),
        min_size=3,
        max_size=3,
        unique=True,
    )
)
def test_any_label_is_shown_and_never_run(labels: list[str]) -> None:
    meshes = ("baseline", "cross-connect", "l7-sidecars")
    comparison, latency = made(dict(zip(meshes, labels, strict=True)), blocks=2, meshes=meshes)
    for name in ARGUMENTS:
        spec = drawn(name, comparison, latency)
        if name in ("consumption", "latency_by_percentile", "timeline"):
            parsed = ElementTree.fromstring(svg(spec))
            assert not list(parsed.iter("{http://www.w3.org/2000/svg}script"))


def test_a_label_that_is_cut_within_a_character_is_drawn() -> None:
    labels = ["a" * n + "\U0001f600" * 60 for n in (1, 2, 3)]  # Vega holds each face as two halves
    meshes = ("baseline", "cross-connect", "l7-sidecars")
    comparison, latency = made(dict(zip(meshes, labels, strict=True)), blocks=2, meshes=meshes)
    assert "aaa" in svg(drawn("latency_by_percentile", comparison, latency))


def test_long_labels_are_cut_in_the_picture_only() -> None:
    label = "l7-sidecars " + "option=value " * 20
    comparison, latency = made({"l7-sidecars": label}, meshes=("baseline", "l7-sidecars"))
    rows = rows_of(drawn("tax", comparison, latency))
    assert {row["mesh"] for row in rows} == {"baseline", label}
    assert max(len(row["name"]) for row in rows) <= 24


def test_every_public_chart_is_tried_here() -> None:
    public = {name for name in charts.__all__ if not name.startswith("describe_")}
    assert public == set(ARGUMENTS)
    assert {f"describe_{name}" for name in public} <= set(charts.__all__)
    assert len(SHAPES) == 7
