"""The picture of an intent says all of it, and what a mesh does not carry looks so."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "intents"))

from intent_strategies import DESIGNS

from workbench.charts.display import specification, svg
from workbench.charts.geometry import HEIGHT, WIDTH
from workbench.charts.intended import (
    Carrier,
    describe,
    intended,
    intended_rows,
    intended_specification,
)
from workbench.charts.theme import QUIET
from workbench.intents import (
    FEATURES,
    Abort,
    Answer,
    Authorization,
    CircuitBreaking,
    Delay,
    Design,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Timeout,
    unsupported,
)

EVERYTHING = Design(
    intent=Intent(
        name="everything",
        says="All of it at once.",
        mtls=Mtls(mode="strict"),
        split=(Share(version="v1", weight=90), Share(version="v2", weight=10)),
        retries=Retries(attempts=2, per_try_timeout_s=0.25),
        timeout=Timeout(request_s=1),
        delay=Delay(percent=10, seconds=0.1),
        abort=Abort(percent=5),
        circuit_breaking=CircuitBreaking(max_connections=100),
        outlier_detection=OutlierDetection(),
        authorization=Authorization(callers=("client",)),
        rate_limit=RateLimit(requests_per_s=500, burst=50),
        access_log=True,
        metrics=False,
        proxy_threads=2,
        proxy_resources=ProxyResources(cpu_request=0.1, cpu_limit=1, memory_request=64),
    )
)


def rows_of(picture, *parts: str) -> list[dict]:
    return [row for row in specification(picture)["data"]["values"] if row["part"] in parts]


def written(picture) -> str:
    root = ElementTree.fromstring(svg(specification(picture)))
    return " ".join(" ".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("placement", ["sidecar", "node-proxy", "kernel", "none"])
def test_everything_that_is_asked_is_written(placement):
    text = written(intended(EVERYTHING, Carrier(label="a mesh", placement=placement)))
    for words in (
        "everything on a mesh", "2 retries, 250 ms each", "at most 1 s", "10 % held 100 ms",
        "5 % fail, 503",
        "at most 100 connections", "5 failures: out for 30 s", "only client", "at most 500/s", "access log on",
        "metrics off", "2 threads", "0.1 to 1 cores", "64 MiB reserved",
    ):  # fmt: skip
        assert words in text


def test_shares_are_the_width_of_the_arrows_and_are_written():
    picture = intended(EVERYTHING, Carrier(label="a mesh"))
    assert {row["label"] for row in rows_of(picture, "share")} == {"90 %", "10 %"}
    assert {row["weight"] for row in rows_of(picture, "way")} == {100, 90, 10}


def test_what_is_not_carried_is_crossed_out_and_does_not_happen_in_the_picture():
    answers = unsupported(EVERYTHING.intent, "It only moves packets.")
    picture = intended(EVERYTHING, Carrier(label="a mesh", placement="kernel", answers=answers))
    signs = [row for row in rows_of(picture, "sign") if row["says"]]
    assert signs and {row["support"] for row in signs} == {"unsupported"}
    assert {row["how"] for row in signs} == {"It only moves packets."}
    assert not rows_of(picture, "share", "failing", "refused", "lock")
    assert [row["label"] for row in rows_of(picture, "box")] == ["client", "server\nv1", "cross-connect"]


def crossings(answers) -> int:
    """Return how many lines cross signs out, as they are drawn."""
    root = ElementTree.fromstring(svg(specification(intended(EVERYTHING, Carrier(label="a mesh", answers=answers)))))
    marks = [one for one in root.iter() if "mark-rule" in one.get("class", "")]
    return sum(line.get("stroke") == QUIET for mark in marks for line in mark.iter() if line.tag.endswith("line"))


def test_a_line_crosses_out_what_is_unsupported_and_nothing_else():
    names = EVERYTHING.intent.asked
    supported = [Answer(feature=name, support="supported", says="Yes.") for name in names]
    one_less = [Answer(feature=names[-1], support="unsupported", says="No."), *supported[:-1]]
    without = crossings(supported)
    assert crossings(one_less) > without
    assert crossings(unsupported(EVERYTHING.intent, "No.")) > crossings(one_less)


def test_a_mode_that_lets_everybody_in_shows_no_stranger():
    design = Design(intent=Intent(name="open", mtls=Mtls(mode="permissive")))
    assert not rows_of(intended(design, Carrier(label="a mesh")), "refused")
    strict = Design(intent=Intent(name="closed", mtls=Mtls(mode="strict")))
    assert rows_of(intended(strict, Carrier(label="a mesh")), "refused")


@given(DESIGNS)
@settings(max_examples=60, deadline=None)
def test_nothing_stands_outside_the_picture_whatever_is_asked(design):
    answers = [Answer(feature=name, support="partial", says="Half of it.") for name in design.intent.asked]
    for placement in ("sidecar", "node-proxy", "none"):
        rows = intended_rows(design, Carrier(label="a mesh", placement=placement, answers=answers))
        for row in [row for row in rows if row["part"] in ("sign", "box", "zone", "way")]:
            assert 0 <= row["x"] <= WIDTH and 0 <= row["x2"] <= WIDTH + 20
            assert 0 <= row["y"] <= HEIGHT and 0 <= row["y2"] <= HEIGHT + 30


@pytest.mark.parametrize("placement", ["sidecar", "node-proxy", "kernel", "none"])
def test_what_is_made_once_is_what_is_made_each_time(placement):
    for design in (EVERYTHING, Design(intent=Intent(name="nothing"))):
        carrier = Carrier(label="a mesh", placement=placement)
        assert intended_specification(design, carrier) == specification(intended(design, carrier))


def test_it_is_told_in_words():
    answers = (Answer(feature="delay", support="unsupported", says="It cannot."),)
    said = describe(EVERYTHING, Carrier(label="a mesh", answers=answers))
    assert "10 % of the requests go to v2" in said
    assert "Injected delay: unsupported. It cannot." in said
    assert all(FEATURES[name].title in said for name in EVERYTHING.intent.asked)
