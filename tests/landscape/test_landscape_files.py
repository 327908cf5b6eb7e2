"""The shipped landscape is founded, and the checker refuses what is not."""

from __future__ import annotations

import copy
import tomllib
from datetime import date
from typing import Any

import pytest

from workbench import adapters, landscape
from workbench.errors import BadInputError, FaultsError, UnknownNameError
from workbench.files import shipped
from workbench.landscape.reading import entry_from, pattern_from, read_landscape, sequence_from

KNOWN = read_landscape()
FOLDER = shipped.landscape()


def table_of(name: str) -> dict:
    return tomllib.loads((FOLDER / name).read_text())


@pytest.fixture
def mesh() -> dict:
    return copy.deepcopy(table_of("linkerd.toml"))


def test_everyone_asked_for_is_there():
    assert set(KNOWN.meshes) == {
        "istio-sidecar",
        "istio-ambient",
        "linkerd",
        "consul",
        "network-service-mesh",
        "octarine",
        "cilium",
        "kuma",
        "traefik-mesh",
        "open-service-mesh",
    }
    assert len(KNOWN.patterns) == 7
    assert [len(one.steps) for one in KNOWN.sequences.values()][:2] == [7, 11]


@pytest.mark.parametrize("entry", KNOWN.meshes.values(), ids=lambda entry: entry.name)
def test_each_fact_has_a_source_with_a_date_or_is_unknown(entry):
    assert list(entry.facts) == list(landscape.FIELDS)
    for fact in entry.facts.values():
        assert fact.says
        assert (fact.source is not None) == fact.known
        if fact.source:
            assert fact.source.text
            assert date(2017, 1, 1) < fact.source.read <= date(2026, 11, 23)
            assert fact.source.read.isoformat() in fact.cited
        else:
            assert (fact.text, fact.cited) == (landscape.UNKNOWN, "")


@pytest.mark.parametrize("entry", KNOWN.meshes.values(), ids=lambda entry: entry.name)
def test_shapes_and_adapters_are_those_of_the_workbench(entry):
    known = set(adapters.names("meshes"))
    assert set(entry.shapes) <= known
    assert not entry.adapter or entry.adapter in known


def test_history_is_called_history():
    gone = KNOWN.meshes["octarine"]
    assert gone.facts["release"].values == ("withdrawn",)
    assert "not deployable" in gone.says
    assert gone.adapter == ""
    assert KNOWN.meshes["open-service-mesh"].facts["release"].values == ("archived",)


def test_no_picture_leaves_its_grid():
    drawn: list[Any] = [*KNOWN.meshes.values(), *KNOWN.patterns.values(), *KNOWN.sequences.values()]
    for one in drawn:
        for box in one.topology.boxes:
            assert box.w / 2 <= box.x <= 12 - box.w / 2, (one.name, box.id)
            assert box.h / 2 <= box.y <= 7 - box.h / 2, (one.name, box.id)
            assert box.says
        for zone in one.topology.zones:
            assert zone.x >= 0
            assert zone.x + zone.w <= 12
            assert zone.y + zone.h <= 7
        pairs = [(a, b) for n, a in enumerate(one.topology.boxes) for b in one.topology.boxes[n + 1 :]]
        for a, b in pairs:
            apart = abs(a.x - b.x) >= (a.w + b.w) / 2 or abs(a.y - b.y) >= (a.h + b.h) / 2
            assert apart, (one.name, a.id, b.id)


def without(table: dict, *path: str) -> None:
    for name in path[:-1]:
        table = table[name]
    del table[path[-1]]


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda t: without(t, "facts", "mtls", "source"), BadInputError, r"\[facts\.mtls\]: It has no source"),
        (lambda t: t["facts"]["mtls"].update(source="hearsay"), UnknownNameError, "hearsay"),
        (lambda t: without(t, "sources", "docs", "read"), BadInputError, r"\[sources\.docs\] lacks read: a date"),
        (lambda t: t["sources"]["docs"].update(read="lately"), BadInputError, "must be a date"),
        (lambda t: without(t, "facts", "vms"), BadInputError, "does not answer vms"),
        (lambda t: t["facts"].update(speed={}), UnknownNameError, "Unknown key 'speed'"),
        (lambda t: t["facts"]["mtls"].update(values=["always"]), UnknownNameError, "always"),
        (lambda t: t["facts"]["mtls"].update(values="on by default"), BadInputError, "values must be a list"),
        (lambda t: t["facts"]["protocols"].update(not_known=["gRPC"]), BadInputError, "as known and as not known"),
        (lambda t: t["facts"]["mtls"].update(says=" "), BadInputError, "says = ' ' must say something"),
        (lambda t: t["facts"].update(mtls=True), BadInputError, r"\[facts\.mtls\] must be a table"),
        (lambda t: t["sources"].update(idle={"text": "x", "read": date(2026, 1, 1)}), BadInputError, "idle"),
        (lambda t: t["flows"][0].update(end="nobody"), UnknownNameError, "Unknown box 'nobody'"),
        (lambda t: t["flows"][0].update(kind="gossip"), UnknownNameError, "gossip"),
        (lambda t: t["boxes"][0].update(plane="astral"), UnknownNameError, "astral"),
        (lambda t: t["boxes"][0].update(x="left"), BadInputError, r"\[\[boxes\]\] 1: x must be a number"),
        (lambda t: without(t["boxes"][0], "says"), BadInputError, "lacks says"),
        (lambda t: t["boxes"][0].update(id=t["boxes"][1]["id"]), BadInputError, "same id"),
        (lambda t: t.update(boxes=[]), BadInputError, "no boxes"),
        (lambda t: t.update(price=1), UnknownNameError, "Unknown key 'price'"),
        (lambda t: without(t, "title"), BadInputError, "lacks title"),
    ],
)
def test_what_is_not_founded_is_refused_by_file_and_place(mesh, spoil, error, words):
    assert entry_from(mesh, "it.toml").name == "linkerd"
    spoil(mesh)
    with pytest.raises(error, match=words):
        entry_from(mesh, "it.toml")


def test_all_that_is_wrong_with_a_mesh_is_said_at_once(mesh):
    mesh["facts"]["mtls"].update(values=["always"])
    mesh["facts"]["vms"].update(values=["yes"], source="hearsay")
    mesh["facts"]["layer"].update(values=["L9"])
    with pytest.raises(FaultsError) as error:
        entry_from(mesh, "it.toml")
    assert [getattr(one, "name", "") for one in error.value.faults] == ["L9", "always", "hearsay"]


def test_patterns_need_both_sides_and_sequences_need_steps():
    pattern = table_of("patterns/2-ingress.toml")
    with pytest.raises(BadInputError, match="no disadvantages"):
        pattern_from({**pattern, "disadvantages": []}, "it.toml")
    steps = table_of("sequences/1-nsm-one-node.toml")
    with pytest.raises(BadInputError, match="no steps"):
        sequence_from({**steps, "steps": []}, "it.toml")


def test_folders_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="no TOML file of a mesh"):
        read_landscape(tmp_path)
    text = (FOLDER / "kuma.toml").read_text()
    (tmp_path / "a.toml").write_text(text)
    assert list(read_landscape(tmp_path).meshes) == ["kuma"]
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(BadInputError, match="described twice"):
        read_landscape(tmp_path)
    (tmp_path / "b.toml").write_text("name = ")
    with pytest.raises(BadInputError, match=r"b\.toml is not valid TOML"):
        read_landscape(tmp_path)
