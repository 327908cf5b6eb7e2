"""``workbench design`` as a person calls it."""

from __future__ import annotations

import json

import pytest
import yaml
from design_objects import GROUP, apply_as, config_map, route
from rig_objects import namespace
from test_cluster_cli import verb

PLACE = "rig-cli"


@pytest.fixture(scope="module")
def shop(cluster, kinds):
    cluster.apply(namespace(PLACE))
    yield PLACE
    cluster.delete(namespace(PLACE))


@pytest.fixture
def design(plane):
    def call(*arguments):
        return verb("design", *arguments, "--kubeconfig", str(plane.kubeconfig))

    return call


@pytest.fixture
def file(tmp_path):
    def write(*objects, name="canary"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)

    return write


def test_from_check_to_revert(design, file, shop, cluster):
    apply_as(cluster, "kubectl", config_map(PLACE, keep="1"))
    good = file(route(PLACE, timeout="5s"), {**config_map(PLACE), "data": {"added": "2"}})
    done = design("check", good)
    assert done.returncode == 0, done.stderr
    assert "context rig, server 127.0.0.1:" in done.stderr
    assert f"yes  Route {PLACE}/web: the server would accept it." in done.stdout
    done = design("diff", good)
    assert "Route rig-cli/web: created" in done.stdout and "+  added: '2'" in done.stdout
    done = design("apply", good)
    assert done.returncode == 0, done.stderr
    assert "silent" in done.stdout and "workbench design revert canary --context rig" in done.stdout
    listed = json.loads(design("list", "--json").stdout)
    assert listed["context"] == "rig" and [one["name"] for one in listed["designs"]] == ["canary"]
    done = design("revert", "canary")
    assert "The design canary is reverted completely." in done.stdout
    assert design("revert", "canary").stdout == "No design canary is in force on rig.\n"


def test_bad_designs_are_sentences_and_exit_codes(design, file, shop, tmp_path):
    done = design("check", file(route(PLACE, mode="OFF")))
    assert done.returncode == 2
    assert "NO  " in done.stdout and "spec.mode: Unsupported value" in done.stdout
    assert "rig would not accept 1 of 1 objects" in done.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    for given, told in (
        ((str(broken),), "cannot be read as YAML"),
        ((str(tmp_path / "none.yaml"),), "There is no file"),
        ((file(), "--name", "../x"), "cannot be called '../x'"),
        ((file(), "--mesh", "some"), "leave out --mesh"),
        ((file(name="empty"),), "nothing to apply"),
        ((file("text", name="text"),), "The object 1 of the design is not a table"),
    ):
        done = design("apply", *given)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert told in done.stderr


def test_a_design_is_what_a_mesh_makes_of_it(design, file, shop):
    done = design("check", "canary", "--mesh", "istio")
    assert done.returncode == 2
    assert "the whole group networking.istio.io is missing: install the mesh, or its CRDs." in done.stdout
    done = design("check", "canary")
    assert (done.returncode, "choose the mesh with --mesh" in done.stderr) == (2, True)
    assert "Unknown design 'canari'" in design("apply", "canari", "--mesh", "istio").stderr


def test_rights_prints_a_role_for_exactly_these_objects(design, file, shop):
    done = design("rights", file(route(PLACE)))
    role = yaml.safe_load(done.stdout)
    assert role["metadata"]["name"] == "mesh-workbench-design-canary"
    assert any(rule["apiGroups"] == [GROUP] and rule["resources"] == ["routes"] for rule in role["rules"])
    assert "missing" not in done.stderr
