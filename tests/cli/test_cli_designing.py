"""`workbench design`: what a design asks, and each mesh's own objects for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from workbench.cli.app import app


def test_a_shipped_design_is_shown_in_words(here):
    done = here("design", "show", "resilient")
    assert done.returncode == 0
    assert "failing or slow instance" in done.stdout
    assert "attempts 2, per try timeout 0.25 s" in done.stdout


def test_shown_as_json_it_is_the_design(here):
    done = here("design", "show", "canary", "--json")
    assert [share["weight"] for share in json.loads(done.stdout)["design"]["intent"]["split"]] == [90, 10]


def test_every_mesh_is_put_side_by_side_with_what_it_cannot_do(here):
    done = here("design", "render", "chaos")
    assert done.returncode == 0
    head = next(line for line in done.stdout.splitlines() if "istio/ambient" in line)
    assert head.split()[0] == "baseline"
    assert "Injected delay: Ambient mode without a waypoint forwards connections" in done.stdout
    assert "Nearest: Istio's profile waypoint" in done.stdout


def test_one_mesh_names_its_objects_and_yaml_prints_them(here):
    done = here("design", "render", "canary", "--mesh", "istio")
    assert "makes  VirtualService" in done.stdout
    done = here("design", "render", "canary", "--mesh", "istio", "--yaml")
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout) if one]
    assert kinds == ["DestinationRule", "VirtualService"]


def test_a_file_of_ones_own_is_found_by_name_and_by_path(here, tmp_path):
    own = tmp_path / "data" / "designs" / "mine.toml"
    own.parent.mkdir(parents=True)
    own.write_text('name = "mine"\n[timeout]\nrequest_s = 2\n')
    for which in ("mine", own):
        done = here("design", "render", which, "--mesh", "istio", "--json")
        (rendering,) = json.loads(done.stdout)["renderings"]
        assert rendering["objects"][0]["spec"]["http"][0]["timeout"] == "2s"


def test_what_it_costs_is_an_experiment_that_can_be_planned(here, tmp_path):
    done = here("design", "cost", "chaos", "--blocks", "2")
    assert "# 5 % of the requests fail on purpose" in done.stdout
    (tmp_path / "cost.toml").write_text(done.stdout)
    planned = here("plan", tmp_path / "cost.toml")
    assert planned.returncode == 0
    assert "l7-sidecars with chaos" in planned.stdout
    refused = here("design", "cost", "lean-proxy")
    assert refused.returncode == 2
    assert "without reservations" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "canry"), "Did you mean 'canary'"),
        (("show", "nowhere.toml"), "There is no design file"),
        (("render", "canary", "--mesh", "isto"), "Unknown mesh 'isto'"),
        (("render", "canary", "--mesh", "istio/waypont"), "Unknown profile 'waypont'"),
        (("render", "canary", "--yaml"), "objects of one mesh"),
    ],
)
def test_what_there_is_not_is_told_in_one_line(here, arguments, words):
    done = here("design", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_contradictory_design_is_refused(here, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('name = "bad"\n[[split]]\nversion = "v1"\nweight = 60\n')
    done = here("design", "render", path)
    assert done.returncode == 2
    assert "add up to 60 %" in done.stderr


@pytest.mark.parametrize("verb", ["show", "render", "check", "diff", "apply", "revert", "list", "rights"])
def test_every_verb_of_designs_has_help_and_json_and_stands_in_the_docs(verb):
    done = CliRunner().invoke(app, ["design", verb, "--help"])
    assert done.exit_code == 0
    assert done.stdout.split("\n\n")[1].strip().endswith(".")
    assert "--json" in done.stdout
    assert f"workbench design {verb}" in (Path(__file__).parents[2] / "docs" / "playground.md").read_text()


def test_without_a_cluster_the_verbs_say_so(here, tmp_path):
    for arguments in (["list"], ["revert", "canary"], ["check", "canary", "--mesh", "istio"]):
        done = here("design", *arguments, "--kubeconfig", str(tmp_path / "none"))
        assert (done.returncode, "There is no usable kubeconfig" in done.stderr) == (3, True)
