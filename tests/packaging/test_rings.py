"""Every test has a ring, by its place, its fixtures or its marker; what cannot run here says why."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.errors import UnsupportedError

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def rules(request):
    """The module tests/conftest.py."""
    return request.config.pluginmanager.get_plugin(str(TESTS / "conftest.py"))


class Item(SimpleNamespace):
    """As much of a test as the rules look at."""

    def __init__(self, place, fixtures=(), markers=()):
        super().__init__(path=TESTS / place, fixturenames=fixtures, markers=list(markers))

    def get_closest_marker(self, name):
        return name if name in self.names else None

    def add_marker(self, marker):
        self.markers.append(marker)

    @property
    def names(self):
        return [one if isinstance(one, str) else one.name for one in self.markers]


class Config(SimpleNamespace):
    def getoption(self, name):
        return getattr(self, name.strip("-").replace("-", "_"))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Item("core/test_spec.py"), {"quick"}),
        (Item("node/meshes/test_new.py"), {"node"}),
        (Item("cluster/test_new.py", ("browser",)), {"rig", "browser"}),
        (Item("telemetry/test_new.py", ("plane",)), {"rig"}),
        (Item("store/test_store_recovery.py"), {"slow"}),
        (Item("core/test_new.py", (), ("lab",)), {"lab"}),
        (Item("cli/test_new.py", ("measured_once",)), {"lab", "slow"}),
    ],
)
def test_the_ring_follows_from_place_fixtures_and_marker(rules, item, expected):
    rules.pytest_collection_modifyitems(Config(with_cluster=False), [item])
    assert set(item.names) - {"skip", "xdist_group"} == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Item("core/test_spec.py"), "core/test_spec.py"),
        (Item("cli/test_new.py"), "cli/test_new.py"),
        (Item("cli/test_new.py", ("measured_once",)), "lab"),
        (Item("lab/test_new.py"), "lab"),
        (Item("cluster/test_new.py", ("browser",)), "rig"),
        (Item("node/test_new.py"), "node"),
    ],
)
def test_what_shares_one_thing_runs_one_after_another(rules, item, expected):
    rules.pytest_collection_modifyitems(Config(with_cluster=False), [item])
    assert [one.args for one in item.markers if one != "skip" and getattr(one, "name", "") == "xdist_group"] == [
        (expected,)
    ]


def test_groups_are_kept_together_by_what_is_installed(request):
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("runs in one process, not in groups")
    assert request.node.nodeid.endswith("@packaging/test_rings.py")


def test_every_test_of_this_run_has_a_ring(request, rules):
    known = {rules.QUICK, *rules.OUTSIDE_QUICK}
    assert [
        item.nodeid for item in request.session.items if not known & {one.name for one in item.iter_markers()}
    ] == []


def test_rings_are_declared_and_tables_name_what_is_there(rules):
    options = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    declared = {one.partition(":")[0] for one in options["markers"]}
    used = {*rules.RINGS_OF_PLACES.values(), *rules.RINGS_OF_FIXTURES.values(), *rules.WHY_NOT}
    assert declared == {rules.QUICK, *rules.OUTSIDE_QUICK}
    assert used <= declared


def test_a_place_that_is_gone_is_not_overlooked(rules, monkeypatch):
    monkeypatch.setitem(rules.RINGS_OF_PLACES, "gone/test_gone.py", "slow")
    with pytest.raises(pytest.UsageError, match=r"gone/test_gone\.py"):
        rules.pytest_collection_modifyitems(Config(with_cluster=False), [])


def test_without_envoy_the_labs_tests_are_skipped_with_the_reason(rules, monkeypatch):
    def missing():
        raise UnsupportedError("no Envoy for this machine")

    monkeypatch.setattr(rules, "envoy_path", missing)
    lab, other = Item("lab/test_new.py"), Item("core/test_new.py")
    rules.pytest_collection_modifyitems(Config(with_cluster=False), [lab, other])
    reasons = [one.kwargs.get("reason") for one in lab.markers if not isinstance(one, str)]
    assert [one for one in reasons if one] == ["no Envoy for this machine"]
    assert "skip" not in other.names


def test_a_users_cluster_is_asked_for(rules):
    asked, unasked = Item("kubernetes/test_with_cluster.py", (), ("cluster",)), Item("a/test_b.py", (), ("cluster",))
    rules.pytest_collection_modifyitems(Config(with_cluster=True), [asked])
    rules.pytest_collection_modifyitems(Config(with_cluster=False), [unasked])
    assert ("skip" in asked.names, "skip" in unasked.names) == (False, True)


def test_the_quick_ring_does_not_import_the_others(rules):
    quick, all_of_it = Config(markexpr="quick"), Config(markexpr="")
    for place in ("cluster", "node", "store/test_store_recovery.py"):
        assert rules.pytest_ignore_collect(TESTS / place, quick) is True
        assert rules.pytest_ignore_collect(TESTS / place, all_of_it) is None
    assert rules.pytest_ignore_collect(TESTS / "core", quick) is None
    assert rules.pytest_ignore_collect(TESTS, quick) is None
