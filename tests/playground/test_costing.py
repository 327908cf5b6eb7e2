"""What a design would cost: an experiment that can be run, the same mesh without and with it, and its answer."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "intents"))

from intent_strategies import DESIGNS

from workbench.analysis import compare
from workbench.analysis.pairs import PAIR_COLUMNS, between
from workbench.api import experiments
from workbench.campaigns.deployments import deployments, estimate_s
from workbench.errors import BadInputError, UnknownNameError
from workbench.intents import (
    Abort,
    Authorization,
    Delay,
    Design,
    Intent,
    ProxyResources,
    RateLimit,
    Share,
    Target,
    design_from_toml,
)
from workbench.intents.words import in_words
from workbench.model.experiment import experiment_from_toml, experiment_toml
from workbench.model.plan import make_plan
from workbench.playground.costing import costing

DESIGN_FILES = sorted((Path(__file__).parents[2] / "data" / "designs").glob("*.toml"))
CANARY = Design(
    intent=Intent(name="canary", split=(Share(version="blue", weight=90), Share(version="green", weight=10))),
    target=Target(service="reviews", caller="web", versions=("blue", "green")),
)


@given(DESIGNS)
@settings(max_examples=25, deadline=None)
def test_whatever_is_designed_is_an_experiment_or_refused_in_words(design):
    try:
        asked = costing(design)
    except BadInputError as error:
        assert str(error).endswith(".")
        return
    assert experiment_from_toml(asked.toml) == asked.experiment
    assert [mesh.label for mesh in asked.experiment.meshes] == ["baseline", asked.without, asked.with_design]


@pytest.mark.parametrize("path", DESIGN_FILES, ids=lambda path: path.stem)
def test_the_shipped_designs_can_be_measured_on_the_lab_or_say_why_not(path):
    design = design_from_toml(path.read_text())
    if design.intent.proxy_resources is not None:
        with pytest.raises(BadInputError, match="without reservations"):
            costing(design)
        return
    asked = costing(design)
    plan = make_plan(asked.experiment)
    assert {one.facts.label for one in deployments(plan)} == {"baseline", asked.without, asked.with_design}
    assert estimate_s(plan) < 90


def test_it_is_the_same_mesh_but_for_the_design_in_every_block():
    asked = costing(CANARY)
    baseline, without, with_design = asked.experiment.meshes
    assert baseline.name == "baseline"
    assert without.intent is None
    assert with_design.intent.split == (Share(version="v1", weight=90), Share(version="v2", weight=10))
    assert (without.name, without.options) == (with_design.name, with_design.options)
    assert asked.experiment.workloads[0].versions == 2
    assert asked.experiment.blocks == 6


@pytest.mark.parametrize(
    ("intent", "says", "rate"),
    [
        (Intent(name="a", rate_limit=RateLimit(requests_per_s=100)), "below the rate limit", 80),
        (Intent(name="a", delay=Delay(percent=100, seconds=2)), "no more than 400 at a time", 200),
        (
            Intent(name="a", authorization=Authorization(callers=("web",), methods=("GET",), paths=("/a",))),
            "allows the load: the ca",
            997,
        ),
    ],
)
def test_a_load_under_which_the_design_works_is_chosen_and_told(intent, says, rate):
    asked = costing(Design(intent=intent))
    assert says in " ".join(asked.notes)
    assert asked.experiment.loads[0].rate_per_s == rate
    deployments(make_plan(asked.experiment))


@pytest.mark.parametrize(
    ("mesh", "intent", "says"),
    [
        ("l7-sidecars", Intent(name="a", proxy_resources=ProxyResources(cpu_limit=1.0)), "without reservations"),
        ("l4-sidecars", Intent(name="a", abort=Abort(percent=1)), "see no requests"),
        ("baseline", Intent(name="a", abort=Abort(percent=1)), "Without a mesh"),
        ("l7-sidecars", Intent(name="a", delay=Delay(percent=1, seconds=60)), "longer than a run can wait"),
        ("nonesuch", Intent(name="a"), "nonesuch"),
    ],
)
def test_what_cannot_be_measured_is_refused(mesh, intent, says):
    with pytest.raises((BadInputError, UnknownNameError), match=says):
        costing(Design(intent=intent), mesh)


def test_an_experiment_for_a_cluster_has_a_clusters_load():
    asked = costing(CANARY, "istio", environment="kubernetes", blocks=3)
    load = asked.experiment.loads[0]
    assert (load.generator, load.duration_s, asked.experiment.blocks) == ("fortio", 60.0, 3)
    deployments(make_plan(asked.experiment))


def test_an_intent_in_one_line():
    assert in_words(CANARY.intent) == "traffic split: blue 90 %, green 10 %"
    several = Intent(
        name="a", delay=Delay(percent=5, seconds=0.25), rate_limit=RateLimit(requests_per_s=20), metrics=True
    )
    assert (
        in_words(Intent(name="a", authorization=Authorization(callers=("web", "shop"))))
        == "authorization: callers web shop"
    )
    assert in_words(several) == "injected delay: 5 %, 0.25 s; rate limit: 20 requests/s, burst 1; proxy metrics: on"
    assert in_words(Intent(name="a")) == "nothing is asked"


@pytest.mark.lab
def test_the_answer_of_a_real_measurement_stands_on_blocks(tmp_path):
    asked = costing(Design(intent=Intent(name="slow", delay=Delay(percent=100, seconds=0.02))), blocks=2)
    text = asked.toml.replace("duration_s = 2.3", "duration_s = 0.6").replace(
        "rates_per_s = [997.0]", "rates_per_s = [97]"
    )
    campaign = experiments.run(experiment_from_toml(text), data=tmp_path)
    store = experiments.open_store(tmp_path)
    runs = store.runs(campaign_id=campaign).assign(noisy="")  # other tests run next to this one: not what is asked here
    comparison = compare(runs, store.consumption(), store.latency())
    answer = asked.answer(comparison)
    assert list(answer.columns) == PAIR_COLUMNS
    median = answer.set_index("metric").loc["latency_p50_s"]
    assert median["after"] - median["before"] == pytest.approx(0.02, abs=0.01)
    assert median["low"] <= median["difference"] <= median["high"]
    assert median["verdict"] == "more"
    assert median["blocks"] == 2
    turned = between(comparison, asked.with_design, asked.without).set_index("metric").loc["latency_p50_s"]
    assert turned["difference"] == pytest.approx(-median["difference"])
    assert turned["ratio"] == pytest.approx(1 / median["ratio"])
    assert turned["verdict"] == "less"
    report = experiments.write_report(campaign, data=tmp_path, target=tmp_path / "report.html").read_text()
    assert "l7-sidecars with slow" in report
    assert "asked: injected delay: 100 %, 0.02 s" in report
    with pytest.raises(UnknownNameError, match="nonesuch"):
        between(comparison, "nonesuch", asked.without)


def test_the_file_of_any_experiment_is_read_back_the_same():
    for name in ("quick", "thorough", "four-meshes"):
        experiment = experiments.experiment(name)
        assert experiment_from_toml(experiment_toml(experiment)) == experiment
