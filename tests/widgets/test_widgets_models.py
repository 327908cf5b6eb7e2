"""What the widgets show and do, without a widget: choices, queries, drafts, launches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts.display import svg
from workbench.errors import BadInputError, NothingToShowError, UnknownNameError
from workbench.model.experiment import EnvironmentSpec, Load, MeshSpec, Workload, experiment_from_toml, read_experiment
from workbench.settings import Settings
from workbench.store import Store
from workbench.widgets import launching
from workbench.widgets.drafting import Draft, known_meshes, preview, read_rates
from workbench.widgets.exploring import Choice, Explorer
from workbench.widgets.launching import Launches
from workbench.widgets.linked import describe, linked, picture, rows_of
from workbench.widgets.quantities import QUANTITIES
from workbench.widgets.saving import FORMATS, save


@pytest.fixture(scope="module")
def explorer(explored) -> Explorer:
    return Explorer(explored)


NAMES = st.sampled_from(["baseline", "l4-sidecars", "l7-sidecars", "node-l7", "cross-connect", "gone", ""])
CHOICES = st.builds(
    Choice,
    environment=st.sampled_from(["lab", "elsewhere", ""]),
    campaigns=st.just(()) | st.just(("gone",)),
    workload=st.sampled_from(["echo", "gone", ""]),
    meshes=st.lists(NAMES, max_size=4).map(tuple),
    rates=st.lists(st.sampled_from([293.0, 997.0, 5.0]), max_size=3).map(tuple),
    blocks=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    roles=st.lists(st.sampled_from(["application", "sidecar", "node", "gone"]), max_size=3).map(tuple),
    quantity=st.sampled_from(list(QUANTITIES)),
    run=st.sampled_from(["", "gone"]),
)


@given(choice=CHOICES)
def test_any_choice_settles_on_what_there_is_and_stays_there(explorer, choice):
    settled = explorer.settled(choice)
    there = explorer.options(settled)
    assert settled.environment in there.environments
    for chosen, known in (
        (settled.campaigns, there.campaigns),
        (settled.meshes, there.meshes),
        (settled.rates, there.rates),
        (settled.blocks, there.blocks),
        (settled.roles, there.roles),
    ):
        assert chosen
        assert set(chosen) <= set(known)
    assert settled.run in there.runs
    assert explorer.settled(settled) == settled


def test_the_view_is_what_its_query_answers_and_agrees_with_the_store(explorer, explored):
    view = explorer.look(replace(explorer.default(), quantity="cpu_per_request_s"))
    again = explored.query(view.query, view.params)
    pd.testing.assert_frame_equal(view.rows.drop(columns="workload"), again.drop(columns="workload"))
    runs = explored.runs().set_index("run_id")
    usage = explored.consumption(view.params["run_ids"])
    by_hand = usage.groupby(["run_id", "role"])["cpu_s"].sum()
    for row in view.rows.itertuples():
        run = runs.loc[row.run_id]
        expected = by_hand[row.run_id, row.role] / (run["requests"] - run["errors"])
        assert row.cpu_per_request_s == pytest.approx(expected)
    assert set(view.rows["role"]) == {"application", "sidecar", "node-proxy", "load-generator"}


def test_runs_that_failed_are_told_and_not_shown(explorer, explored):
    view = explorer.look(explorer.default())
    assert any("2 runs do not count: failed (gate mtls" in note for note in view.notes)
    failed = set(explored.runs(status="failed")["run_id"])
    assert len(failed) == 2
    assert not failed & set(view.rows["run_id"])


def test_unlike_circumstances_are_pointed_out_and_not_mixed(explorer):
    both = explorer.options(explorer.default()).campaigns
    assert len(both) == 2
    view = explorer.look(replace(explorer.default(), campaigns=both))
    assert "duration_s (1 against 2)" in view.notes[0]
    assert len(set(view.rows["campaign_id"])) == 1


def test_blocks_can_be_left_out_as_the_brush_does_it(explorer):
    view = explorer.look(replace(explorer.default(), blocks=(2,)))
    assert set(view.rows["block"]) == {2}
    assert set(view.latency["run_id"]) == set(view.rows["run_id"])
    assert explorer.named(view.choice.campaigns[0]).startswith("quick, ")


def test_a_mesh_keeps_its_colour_when_others_are_left_out(explorer):
    def colours(view):
        scale = linked(view)["vconcat"][0]["hconcat"][0]["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    all_of_them = colours(explorer.look(explorer.default()))
    few = colours(explorer.look(replace(explorer.default(), meshes=("l7-sidecars", "node-l7"))))
    assert len(few) == 2
    assert few.items() <= all_of_them.items()


def test_a_panel_without_rows_says_so(explorer):
    def titles(view):
        spec = linked(view)
        return [panel["title"]["text"] for row in spec["vconcat"] for panel in row.get("hconcat", [row])]

    view = explorer.look(explorer.default())
    assert not [title for title in titles(view) if "not measured" in title]
    bare = replace(view, latency=view.latency.iloc[:0], peaks=view.peaks.iloc[:0], moments=view.moments.iloc[:0])
    assert [place for place, title in enumerate(titles(bare)) if title.endswith(": not measured")] == [3, 4, 5]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_drawn_and_said(explorer, quantity):
    view = explorer.look(replace(explorer.default(), quantity=quantity))
    drawn = svg(linked(view))
    if view.rows[quantity].notna().any():
        assert drawn.count('aria-roledescription="bar"') or drawn.count("<path") > 30
        assert view.totals[quantity].notna().all()
    else:
        assert "not measured" in describe(view)
    assert picture(view).to_dict()["vconcat"]


def test_rows_carry_nothing_that_json_does_not_know(explorer):
    for row in rows_of(explorer.look(explorer.default())):
        assert all(isinstance(value, str | int | float) for value in row.values())


def test_every_format_is_written_and_reads_back(explorer, explored, tmp_path):
    view = explorer.look(explorer.default())
    files = {form: save(view, form, tmp_path / "out") for form in FORMATS}
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert files["svg"].read_text().startswith("<svg")
    page = files["html"].read_text()
    assert "jsdelivr" not in page.split("</head>")[0] and 'src="http' not in page
    pd.testing.assert_frame_equal(
        pd.read_csv(files["csv"]), view.rows.reset_index(drop=True), check_dtype=False, check_exact=False
    )
    kept = explored.query("SELECT * FROM read_parquet(?) ORDER BY started_at_s, run_id, role", [str(files["parquet"])])
    pd.testing.assert_frame_equal(kept, view.rows, check_dtype=False)
    with pytest.raises(UnknownNameError, match="parquet"):
        save(view, "xlsx", tmp_path)


def test_an_empty_store_and_unknown_names_are_said_in_words(explorer, tmp_path):
    with pytest.raises(NothingToShowError, match="workbench demo"):
        Explorer(Store(tmp_path)).default()
    with pytest.raises(UnknownNameError, match="campaign"):
        explorer.default("gone")
    with pytest.raises(UnknownNameError, match="quantity"):
        explorer.settled(Choice(quantity="joy"))


# ---------------------------------------------------------------------- drafts
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
OPTIONS = st.dictionaries(TEXT, st.booleans() | st.integers(-9, 9) | TEXT | st.lists(st.integers(0, 9)), max_size=3)


@given(
    question=TEXT,
    options=OPTIONS,
    rates=st.lists(st.floats(1, 1e5), min_size=1, max_size=3, unique=True).map(tuple),
    blocks=st.integers(1, 50),
    duration=st.floats(0.2, 1e4),
    payload=st.integers(0, 2**20),
)
def test_a_draft_survives_its_file(question, options, rates, blocks, duration, payload):
    draft = Draft(
        name="a-1",
        question=question,
        environment=EnvironmentSpec(options=options),
        meshes=(MeshSpec(name="baseline"), MeshSpec(name="m", profile="p", version="1", options=options)),
        workloads=(Workload(payload_bytes=payload),),
        rates=rates,
        load=Load(rate_per_s=rates[0], duration_s=duration),
        blocks=blocks,
    )
    assert Draft.of(experiment_from_toml(draft.toml())) == draft


def smoke() -> Draft:
    return Draft.of(read_experiment(Path(__file__).parents[2] / "data" / "experiments" / "smoke.toml"))


def test_a_preview_says_what_would_happen_and_starts_nothing():
    found = preview(smoke())
    assert (found.problem, found.runs) == ("", 3)
    assert 5 < found.about_s < 20
    assert list(found.does["mesh"]) != []
    assert (
        "echo" in found.does.set_index("mesh").loc["l7-sidecars", "starts"]
        or found.does["starts"].str.len().gt(3).all()
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "no/slash"}, "folder name"),
        ({"rates": ()}, "rates_per_s"),
        ({"rates": (0.5,)}, "out of range"),
        ({"meshes": ()}, "lacks meshes"),
        ({"meshes": (MeshSpec(name="istoi"),)}, "Did you mean 'istio'"),
        ({"meshes": (MeshSpec(name="istio"),)}, "cannot run in the environment 'lab'"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_in_words(change, words):
    assert words in preview(replace(smoke(), **change)).problem


def test_what_can_be_chosen_can_run_there():
    names = {mesh.name for mesh in known_meshes("lab")}
    assert {"baseline", "l7-sidecars", "cross-connect"} <= names
    assert "istio" not in names
    assert read_rates(" 293, 997 997 ") == (293.0, 997.0)
    with pytest.raises(ValueError, match="many"):
        read_rates("many")


# ---------------------------------------------------------------------- launches
@pytest.fixture(autouse=True)
def nobody_stays_behind() -> Iterator[None]:
    yield
    while launching._children:
        launching._children.popitem()[1].wait(30)


def ended(launches: Launches, campaign_id: str, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = launches.state(campaign_id)
        if state.ended:
            return state
        time.sleep(0.1)
    raise AssertionError(f"{campaign_id} has not ended: {launches.state(campaign_id)}")


def tiny(blocks: int) -> Draft:
    draft = smoke()
    meshes = (MeshSpec(name="baseline"), MeshSpec(name="node-l7"))
    load = replace(draft.load, duration_s=0.6, warmup_s=0.0, connections=4)
    return replace(draft, meshes=meshes, rates=(150.0,), blocks=blocks, load=load)


@pytest.mark.lab
def test_a_launch_is_watched_stopped_found_again_and_continued(tmp_path):
    launches = Launches(Settings.resolve(data=tmp_path / "data", reports=tmp_path / "reports"))
    assert launches.known() == ()
    campaign_id = launches.start("smoke", tiny(3).toml())
    assert launches.running() == campaign_id
    seen, deadline = [], time.monotonic() + 60
    while time.monotonic() < deadline and not any(state.parts for state in seen):
        seen.append(launches.state(campaign_id))
        time.sleep(0.05)
    assert {state.status for state in seen} <= {"starting", "running"}
    assert {"application", "load-generator"} <= {part.role for part in seen[-1].parts} or seen[-1].run
    with pytest.raises(BadInputError, match="still running"):
        launches.resume(campaign_id)
    launches.stop(campaign_id)
    stopped = ended(launches, campaign_id)
    assert stopped.status == "interrupted"
    assert stopped.done < stopped.total == 6

    elsewhere = Launches(Settings.resolve(data=tmp_path / "data", reports=tmp_path / "reports"))
    assert elsewhere.known() == (campaign_id,)
    deadline = time.monotonic() + 20
    while elsewhere.running() and time.monotonic() < deadline:
        time.sleep(0.1)
    elsewhere.resume(campaign_id)
    deadline = time.monotonic() + 30
    while elsewhere.state(campaign_id).ended and time.monotonic() < deadline:
        time.sleep(0.05)
    done = ended(elsewhere, campaign_id)
    assert (done.status, done.total) == ("finished", 6)
    assert [words for _, words in done.log][-1] == done.message


def test_what_cannot_start_says_why(tmp_path):
    launches = Launches(Settings.resolve(data=tmp_path / "data", reports=tmp_path / "reports"))
    campaign_id = launches.start("odd", 'name = "odd"\n')
    state = ended(launches, campaign_id)
    assert state.status == "not started"
    assert "lacks meshes" in state.message
    assert "lacks load" in state.message, "all that is wrong"
    with pytest.raises(UnknownNameError, match="campaign"):
        launches.state("gone")
