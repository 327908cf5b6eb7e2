"""Which campaign "latest" is where figures are compared: one that can answer, and it is said which were passed over."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from store_makings import FACTS, finished, mesh_facts, small_plan, watch

from workbench.api.selecting import campaign, select
from workbench.cli import main
from workbench.model.records import Noise
from workbench.playground.costing import COST_OF
from workbench.store.campaign_writer import CampaignWriter


def _measured(data: Path, name: str, blocks: int, noisy: bool = False) -> str:
    plan = small_plan(name, blocks=blocks)
    made = CampaignWriter.create(data, plan, f'name = "{name}"\n', FACTS)
    for spec in plan.runs:
        writer = made.begin(spec, mesh_facts(spec.mesh.label))
        start = time.time()
        watch(writer, start)
        run = replace(finished(writer, start), provenance="measured")
        writer.finish(replace(run, noise=Noise(steal_ratio=0.5, cpus=2)) if noisy else run)
    made.finish("finished")
    return made.campaign_id


@pytest.mark.parametrize(
    ("name", "blocks", "noisy", "reason"),
    [
        ("smoke", 1, False, "one complete block"),
        (f"{COST_OF}chaos", 3, False, "prices one design"),
        ("busy", 3, True, "other work disturbed"),
    ],
)
def test_a_newer_campaign_that_cannot_answer_is_passed_over_and_named(tmp_path, name, blocks, noisy, reason):
    good = _measured(tmp_path, "real", 3)
    newer = _measured(tmp_path, name, blocks, noisy)
    chosen = select(data=tmp_path)
    assert chosen.campaigns == (good,)
    ((passed, why),) = chosen.passed_over
    assert (passed, reason in why) == (newer, True)
    assert newer in str(chosen.told)
    assert select(name, data=tmp_path).campaigns == (newer,), "by its name it is there"
    assert campaign(data=tmp_path) == newer, "what is continued or exported is the last one that was started"


def test_where_none_can_answer_the_newest_is_taken(tmp_path):
    _measured(tmp_path, "smoke", 1)
    last = _measured(tmp_path, "smoke", 1)
    chosen = select(data=tmp_path)
    assert (chosen.campaigns, chosen.passed_over) == ((last,), ())


def test_the_newest_that_can_answer_passes_over_none(tmp_path):
    _measured(tmp_path, "real", 3)
    last = _measured(tmp_path, "real", 3)
    assert (select(data=tmp_path).campaigns, select(data=tmp_path).passed_over) == ((last,), ())


def test_the_command_says_it_on_standard_error(tmp_path, capsys):
    good = _measured(tmp_path, "real", 3)
    newer = _measured(tmp_path, "smoke", 1)
    with pytest.raises(SystemExit):
        main(["compare", "--no-fail", "--json", "--data", str(tmp_path)])
    out, err = capsys.readouterr()
    assert json.loads(out)["campaigns"] == [good]
    assert newer in err and "name the campaign or its experiment" in err
