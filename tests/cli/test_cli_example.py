"""The example on the command line: with nothing else on the machine, and never mixed with anything."""

from __future__ import annotations

import json

import pytest

BADGE = "Recorded 2026-11-27 on one two-core virtual machine"
CAMPAIGN = "20261127T150723-four-meshes-9654"


def test_compare_shows_the_badge_at_the_answer_and_under_every_table(here, tmp_path):
    done = here("compare", "example")
    assert (done.returncode, done.stderr) == (0, "")
    headline, *tables = done.stdout.split("\n\n")
    tables = [one for one in tables if not one.startswith(("warning", "error"))]
    assert len(tables) == 3
    assert all(one.splitlines()[-1].startswith(BADGE) for one in (headline, *tables))
    assert {"istio/ambient-equal", "linkerd/equal", "consul/equal", "nsm/equal"} <= set(done.stdout.split())
    assert list(tmp_path.iterdir()) == [], "and nothing is written, no index either"


def test_compare_as_json_says_where_the_figures_come_from(here):
    told = json.loads(here("compare", "example", "--json").stdout)
    assert told["badge"].startswith(BADGE)
    assert told["circumstances"]["provenance"] == "recorded"
    assert told["campaigns"] == [CAMPAIGN]


def test_report_writes_one_page_whose_name_says_what_it_is(here, tmp_path):
    done = here("report", "example")
    target = tmp_path / "reports" / f"example-{CAMPAIGN}.html"
    assert (done.returncode, done.stdout.strip()) == (0, str(target))
    assert target.read_text().count(BADGE) > 20
    assert not (tmp_path / "data").exists()


def test_runs_lists_and_shows_them_with_the_badge(here):
    assert here("runs", "example").stdout.splitlines()[-1].startswith(BADGE)
    of_one = here("runs", "example/four-meshes-by-rate", "--most", 100, "--json")
    assert {row["provenance"] for row in json.loads(of_one.stdout)} == {"recorded"}
    assert len(json.loads(of_one.stdout)) == 30
    shown = here("runs", f"example/{CAMPAIGN}-0001").stdout
    assert shown.count(BADGE) == 5


@pytest.mark.parametrize("verb", ["compare", "report"])
def test_it_is_refused_beside_other_campaigns(here, verb):
    done = here(verb, "example", "20260101T000000-mine-0000")
    assert done.returncode == 2
    assert "example cannot be compared with 20260101T000000-mine-0000" in done.stderr


def test_it_is_not_exported_as_if_it_were_your_own(here):
    done = here("export", "example")
    assert done.returncode == 2
    assert "Choose a campaign of your own" in done.stderr


@pytest.mark.parametrize("verb", ["compare", "report", "runs"])
def test_without_its_name_it_is_not_shown_and_the_message_names_it(here, verb):
    done = here(verb)
    assert done.returncode == 7
    assert "workbench demo" in done.stderr and "workbench report example" in done.stderr
    assert BADGE not in done.stdout


def test_an_unknown_part_of_it_is_answered_with_the_known(here):
    done = here("compare", "example/five-meshes")
    assert done.returncode == 2
    assert "four-meshes-by-rate" in done.stderr


def test_it_is_read_only_when_it_is_given_as_a_data_folder(here, tmp_path):
    from workbench.files import shipped

    before = sorted(shipped.example().iterdir())
    done = here("compare", "--data", shipped.example())
    assert BADGE in done.stdout
    assert sorted(shipped.example().iterdir()) == before
