"""The playground without a browser: controls and designs follow each other, contradictions change nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "intents"))

from intent_strategies import DESIGNS

import workbench as wb
from workbench.errors import BadInputError
from workbench.intents import FEATURES, Design, Intent, read_design
from workbench.widgets import launching
from workbench.widgets.background import Background
from workbench.widgets.wishes import GROUPS, Wishes


@pytest.fixture
def player(tmp_path):
    made = wb.play("canary", data=tmp_path / "data")
    made.mesh = "istio"
    return made


@pytest.fixture(scope="module")
def wishes():
    return Wishes(lambda: None)


@given(design=DESIGNS)
@settings(max_examples=40, deadline=None)
def test_controls_give_back_the_design_they_show(wishes, design):
    if design.intent.split and any(not share.weight for share in design.intent.split):
        return  # a share of nothing is a slider at nothing
    wishes.show(design)
    found = wishes.value
    assert found.target == design.target
    assert found.intent.asked == design.intent.asked
    for name in design.intent.asked:
        assert _near(getattr(found.intent, name), getattr(design.intent, name)), name


def _near(found, asked):
    """Sliders and number fields round to what they can show."""
    if not hasattr(asked, "__dataclass_fields__"):
        return found == asked
    pairs = [(getattr(found, name), getattr(asked, name)) for name in asked.__dataclass_fields__]
    return all(
        abs(mine - theirs) <= 1e-6 + 0.01 * abs(theirs) if isinstance(theirs, float) else set_(mine) == set_(theirs)
        for mine, theirs in pairs
    )


def set_(value):
    return set(value) if isinstance(value, tuple) else value


def test_every_feature_has_its_control():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(FEATURES)


def test_every_feature_can_be_asked_for_as_it_is_first_offered(player):
    for name, wish in player._wishes._wishes.items():
        wish._tick.value = True
        assert name in player.design.intent.asked
    assert set(player.design.intent.asked) == set(FEATURES)
    assert player.chart.to_dict()
    for label in player.played.renderings:
        assert player.design.intent.name in player.played.yaml(label)


def test_a_contradiction_is_told_and_changes_nothing(player):
    before = player.design
    retries = player._wishes._wishes["retries"]
    retries._tick.value = True
    asked = player.design
    assert asked != before
    fields = {field.name: field for field in retries._fields}
    fields["per_try_timeout_s"].control.value = "soon"
    assert "is not a number" in player._told.value
    assert player.design == asked
    fields["per_try_timeout_s"].control.value = "0.5"
    assert "is not a number" not in player._told.value
    assert player.design.intent.retries.per_try_timeout_s == 0.5
    fields["attempts"].control.value = 0
    assert "retries are off" in player._told.value
    assert player.design.intent.retries.attempts == 2


def test_the_split_gives_the_rest_to_the_first_version(player):
    [slider] = player._wishes._split._sliders
    slider.value = 35
    assert [(share.version, share.weight) for share in player.design.intent.split] == [("v1", 65), ("v2", 35)]
    assert "65 %" in player._wishes._split._rest.value


def test_another_mesh_is_another_picture_and_other_objects(player):
    assert player.mesh == "istio"
    carried = player.chart.to_dict()
    player._meshes.value = "baseline"
    assert player.mesh == "baseline"
    assert player.chart.to_dict() != carried
    assert "VirtualService" in player._objects.value


def test_designs_are_saved_opened_and_exported(player, tmp_path):
    player._wishes._name.value = "my-canary"
    assert player._known.value == ""
    player._save.click()
    path = tmp_path / "data" / "designs" / "my-canary.toml"
    assert read_design(path) == player.design
    assert player._known.value == "my-canary"
    player._known.value = "chaos"
    assert player.design.intent.name == "chaos"
    player._known.value = "my-canary"
    player._export.click()
    assert "VirtualService" in (tmp_path / "data" / "designs" / "my-canary-istio.yaml").read_text()
    player._meshes.value = "baseline"
    player._export.click()
    assert "nothing to export" in player._told.value


def test_what_cannot_be_saved_is_told(player, tmp_path):
    (tmp_path / "data").write_text("in the way")
    player._save.click()
    assert "cannot be written" in player._told.value


def test_a_design_that_is_broken_on_disk_is_told_and_the_view_stays(player, tmp_path):
    folder = tmp_path / "data" / "designs"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text('name = "broken"\n[retries]\nattempts = 99\n')
    player._wishes._name.value = "canary-2"  # the list of designs is read again
    player._known.value = "broken"
    assert "out of range" in player._told.value
    assert player.design.intent.name == "canary-2"


def test_hostile_words_are_shown_and_not_run(player):
    player._wishes._words.value = "<script>alert(1)</script>"
    assert "<script>" not in player._file.value + player._objects.value + player._answers.value
    assert "&lt;script&gt;" in player._file.value


def test_a_design_that_is_not_there_names_the_known_ones(tmp_path):
    with pytest.raises(BadInputError, match="canary"):
        wb.play("canry", data=tmp_path)


@pytest.mark.lab
def test_the_labs_proxies_follow_the_design(player):
    panel = dict(player._panels)["In the lab"]
    assert panel._stop.disabled and panel._apply.disabled
    panel._start.click()
    try:
        assert "canary</b> is in force" in panel._told.value
        abort = player._wishes._wishes["abort"]
        abort._tick.value = True  # followed at once
        assert panel.live.applied.design == player.design
        panel._follow.value = False
        abort._tick.value = False
        assert panel.live.applied.design != player.design
        panel._apply.click()
        assert panel.live.applied.design == player.design
        panel._revert.click()
        assert panel.live.applied.design.intent.abort is not None
        panel.look()
        assert panel._picture.spec["description"]
        assert "Traffic split" in panel._counters.value
    finally:
        panel._stop.click()
    assert panel.live is None
    assert "It ends when you press Stop" in panel._told.value


@pytest.mark.lab
def test_one_click_measures_what_the_design_costs(player):
    panel = dict(player._panels)["What it costs"]
    panel._blocks.value = 1
    assert "3 runs in 1 randomized blocks" in panel._told.value
    panel._measure.click()
    deadline = time.monotonic() + 90
    while not panel.look():
        assert time.monotonic() < deadline
        time.sleep(0.3)
    while launching._children:  # it leaves a moment after its campaign has ended
        launching._children.popitem()[1].wait(30)
    assert "From l7-sidecars to l7-sidecars with canary" in panel._state.value
    assert panel._picture.spec["description"]
    panel._where.value = "l4-sidecars"
    assert "does not support all of it" in panel._told.value
    assert panel._measure.disabled


def test_without_a_cluster_the_panel_says_so_and_what_to_do(player, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    [(_, panel)] = [one for one in player._panels if one[0] == "On a cluster"]
    for button in panel._buttons:
        button.click()
        assert "kubeconfig" in panel._said.value
        assert not button.disabled


def test_a_design_without_wishes_says_what_to_do(player):
    player.design = Design(intent=Intent(name="empty"))
    assert "tick a feature" in player._answers.value


def test_what_is_said_in_the_middle_of_an_act_is_said_on_the_kernels_own_thread():
    said = []

    async def act():
        background = Background(lambda _: None, said.append)
        say = partial(background.meanwhile, lambda: said.append(threading.current_thread() is threading.main_thread()))
        background.do(lambda: (threading.current_thread() is threading.main_thread(), say())[0], said.append)
        while background.working:
            await asyncio.sleep(0.01)

    asyncio.run(act())
    assert said == [True, False], "shown meanwhile on the main thread, done beside it"
