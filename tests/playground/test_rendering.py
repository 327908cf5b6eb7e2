"""One design side by side: every mesh and profile, as YAML that can be read back, as a table."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from intent_strategies import DESIGNS

from workbench.errors import BadInputError, UnknownNameError
from workbench.files import shipped
from workbench.intents import FEATURES, Answer, Design, Intent, Rendering, Timeout, read_design
from workbench.model.experiment import MeshSpec
from workbench.playground import answers_table, distinct, mesh_specs, render_all, to_yaml

DESIGN_FILES = sorted((shipped.home() / "data" / "designs").glob("*.toml"))


@pytest.fixture(params=DESIGN_FILES, ids=lambda path: path.stem)
def design(request):
    return read_design(request.param)


def test_five_designs_are_shipped_each_with_its_own_name_and_a_sentence():
    designs = {path.stem: read_design(path) for path in DESIGN_FILES}
    assert set(designs) == {"canary", "chaos", "lean-proxy", "locked-down", "resilient"}
    for stem, one in designs.items():
        assert one.intent.name == stem
        assert one.intent.says.endswith((".", "?"))
        assert one.intent.asked


def test_every_mesh_of_a_cluster_answers_every_feature(design):
    renderings = render_all(design)
    assert [one.mesh for one in renderings] == [spec.label for spec in mesh_specs()]
    assert renderings[0].mesh == "baseline"
    for one in renderings:
        assert tuple(answer.feature for answer in one.answers) == design.intent.asked


@given(DESIGNS)
@settings(max_examples=25, deadline=None)
def test_yaml_is_the_objects_and_the_rest_is_comment(design):
    for one in distinct(render_all(design)):
        text = to_yaml(one, design)
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
        assert documents == [*one.objects, *one.patches]
        assert "&id" not in text
        for answer in one.answers:
            assert FEATURES[answer.feature].title in text


def test_comments_say_mesh_design_patches_values_and_what_is_not_carried():
    design = Design(intent=Intent(name="slow", says="Words\nin two lines.", timeout=Timeout(request_s=1)))
    patch = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": "n"}}
    answer = Answer(feature="timeout", support="unsupported", says="It has none.", nearest="Patience.")
    text = to_yaml(Rendering(mesh="m", patches=(patch,), values={"chart": {"a": 1}}, answers=(answer,)), design)
    assert "# slow for the mesh m: Words in two lines." in text
    assert "--server-side" in text
    assert "changed: Service server." in text
    assert "# Timeout: Unsupported: It has none. Nearest: Patience." in text
    assert "#     chart:\n#       a: 1" in text
    assert list(yaml.safe_load_all(text))[-1] == patch


def test_meshes_are_chosen_by_label_or_spec(design):
    first, second = render_all(design, ["istio/ambient", MeshSpec(name="istio", version="1.31.0")])
    assert (first.mesh, second.mesh) == ("istio/ambient", "istio 1.31.0")


def test_meshes_and_profiles_that_there_are_not_are_refused_by_name(design):
    with pytest.raises(UnknownNameError, match="istio"):
        render_all(design, ["isto"])
    with pytest.raises(UnknownNameError, match="waypoint"):
        render_all(design, ["istio/waypont"])


class Mute:
    name, profiles = "mute", ("default",)


def test_a_mesh_without_answers_is_refused_when_named(design, monkeypatch):
    monkeypatch.setattr("workbench.playground.rendering.adapters.load", lambda group, name: Mute())
    with pytest.raises(BadInputError, match="does not support intents"):
        render_all(design, ["mute"])


def test_profiles_that_say_the_same_are_shown_once(design):
    labels = [one.mesh for one in distinct(render_all(design))]
    assert "istio" in labels
    assert "istio/equal" not in labels


def test_the_table_has_a_row_for_each_feature_and_mesh(design):
    renderings = render_all(design)
    frame = answers_table(renderings)
    assert list(frame.columns) == ["feature", "title", "mesh", "support", "says", "nearest"]
    assert len(frame) == len(renderings) * len(design.intent.asked)
    assert set(frame["support"]) <= {"supported", "partial", "unsupported"}
    assert answers_table([]).empty
