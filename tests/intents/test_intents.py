"""Intents check themselves, refuse contradictions in words, and survive their own file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intent_strategies import DESIGNS, INTENTS

from workbench.errors import BadInputError, UnknownNameError, WorkbenchError
from workbench.fields import read_table
from workbench.intents import (
    FEATURES,
    Answer,
    Design,
    Intent,
    Mtls,
    Rendering,
    Share,
    Target,
    Timeout,
    design_from_toml,
    in_order,
    patched,
    read_design,
    unsupported,
    write_design,
)

CANARY = """
name = "canary"
says = "A tenth of the callers get the new version."

[target]
namespace = "shop"
service = "reviews"
port = 9080
caller = "web"

[[split]]
version = "v1"
weight = 90

[[split]]
version = "v2"
weight = 10

[retries]
attempts = 2

[timeout]
request_s = 1
"""


@given(DESIGNS)
@settings(max_examples=150, deadline=None)
def test_a_design_comes_back_from_its_file_as_it_was(design):
    assert design_from_toml(design.toml()) == design


@given(INTENTS)
@settings(max_examples=60, deadline=None)
def test_what_is_asked_is_what_is_there_in_the_order_of_the_features(intent):
    assert list(intent.asked) == [name for name in FEATURES if getattr(intent, name) not in (None, ())]


def test_every_field_of_an_intent_but_name_and_words_is_a_feature():
    assert set(Intent.__dataclass_fields__) == {"name", "says", *FEATURES}


def test_a_design_is_read():
    design = design_from_toml(CANARY)
    assert design.target.host == "reviews.shop.svc.cluster.local"
    assert design.intent.split == (Share(version="v1", weight=90), Share(version="v2", weight=10))
    assert design.intent.timeout == Timeout(request_s=1.0)
    assert design.intent.asked == ("split", "retries", "timeout")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("weight = 90", "weight = 80"), "add up to 90 %"),
        (('version = "v2"', 'version = "v1"'), "v1 twice"),
        (('version = "v2"', 'version = "v9"'), "has the versions v1, v2"),
        (("attempts = 2", "attempts = 0\nper_try_timeout_s = 0.1"), "retries are off"),
        (("attempts = 2", "attempts = 2\non = []"), "nothing counts as a failure"),
        (("attempts = 2", "attempts = 2\nper_try_timeout_s = 3"), "one try may take 3 s"),
        (("attempts = 2", "attempts = 99"), "out of range"),
        (("attempts = 2", "atempts = 2"), "Did you mean 'attempts'"),
        (("attempts = 2", 'attempts = "2"'), "must be a whole number"),
        (("[timeout]", "[tiemout]"), "Did you mean 'timeout'"),
        (("request_s = 1", "request_s = nan"), "must be a number, not nan"),
        (('name = "canary"', 'name = "Canary!"'), "lower-case letters"),
        (("port = 9080", 'port = 9080\nprotocol = "tcp"'), "only connections"),
        (("[timeout]", '[mtls]\nmode = "off"\n[authorization]\ncallers = ["web"]\n[timeout]'), "certificates"),
        (("[timeout]", "[authorization]\n[timeout]"), "allows nothing"),
        (("[timeout]", '[authorization]\npaths = ["a*b"]\n[timeout]'), "must begin with /"),
        (("[timeout]", "[circuit_breaking]\n[timeout]"), "limits nothing"),
        (("[timeout]", "[proxy_resources]\ncpu_request = 2\ncpu_limit = 1\n[timeout]"), "above its limit"),
        (("[timeout]", "[proxy_resources]\n[timeout]"), "are empty"),
        (("[timeout]", "[delay]\npercent = 100\nseconds = 1\n[abort]\npercent = 100\n[timeout]"), "below 100 %"),
        (("[target]", "[target"), "not valid TOML"),
        (("[target]", "[[target]]"), "[target] must be a table"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_file_and_the_reason(change, says):
    old, new = change
    assert old in CANARY
    with pytest.raises(BadInputError) as caught:
        design_from_toml(CANARY.replace(old, new, 1), "canary.toml")
    assert says in str(caught.value)
    assert "canary.toml" in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner)))
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_a_table_is_read_or_refused_in_words(value):
    for name in FEATURES:
        try:
            read_table(Intent, {"name": "a", name: value}, "here")
        except WorkbenchError as error:
            assert "here" in str(error)


def test_files_that_are_not_there_or_no_text_are_told(tmp_path):
    with pytest.raises(BadInputError, match="There is no design file"):
        read_design(tmp_path / "gone.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xff\xff")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_design(tmp_path / "binary.toml")


def test_a_design_is_written_whole(tmp_path):
    design = design_from_toml(CANARY)
    path = write_design(design, tmp_path / "designs" / "canary.toml")
    assert read_design(path) == design
    assert [one.name for one in path.parent.iterdir()] == ["canary.toml"]


def test_a_rendering_that_lacks_something_cannot_be_measured():
    intent = Intent(name="a", mtls=Mtls(mode="strict"), timeout=Timeout(request_s=1))
    answers = in_order([*unsupported(intent, "It has none.", ["timeout"]), *unsupported(intent, "No.", ["mtls"])])
    assert [one.feature for one in answers] == ["mtls", "timeout"]
    rendering = Rendering(mesh="a mesh", answers=answers)
    assert rendering.refused == answers
    with pytest.raises(BadInputError, match=r"a mesh cannot be measured .*timeout: It has none\."):
        rendering.require_support()
    carried = Rendering(mesh="a mesh", answers=(Answer(feature="mtls", support="supported", says="Yes."),))
    assert carried.require_support() is carried


def test_patches_change_copies_of_what_they_name_and_nothing_else():
    server = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": "n"}, "spec": {"a": 1}}
    patch = {"apiVersion": "v1", "kind": "Service", "metadata": {**server["metadata"], "annotations": {"k": "v"}}}
    other = {**patch, "metadata": {**patch["metadata"], "name": "other"}}
    changed, left = patched((server,), (patch, other))
    assert changed[0]["metadata"]["annotations"] == {"k": "v"}
    assert changed[0]["spec"] == {"a": 1}
    assert left == (other,)
    assert "annotations" not in server["metadata"]


def test_unknown_modes_and_protocols_name_the_known_ones():
    with pytest.raises(UnknownNameError, match="strict"):
        Mtls(mode="strikt")
    with pytest.raises(UnknownNameError, match="grpc"):
        Target(protocol="gprc")


def test_a_design_without_wishes_is_a_design():
    assert Design(intent=Intent(name="nothing")).intent.asked == ()
