"""The pictures are drawn from the data, all of it, with figures under the archetype's own name."""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench import landscape
from workbench.charts import topology
from workbench.charts.display import specification, svg
from workbench.charts.geometry import arrows, rect_of
from workbench.errors import BadInputError
from workbench.landscape.facts import Box, Topology

KNOWN = landscape.read_landscape()
MEASURED = pd.DataFrame(
    [
        {"archetype": archetype, "product": product, "data_plane": "sidecar", "mesh": archetype or product,
         "role": role, "rate_per_s": 1000.0, "cores_per_1000": cores}
        for archetype, product, role, cores in (
            ("l7-sidecars", "", "sidecar", 0.19),
            ("l7-sidecars", "", "application", 0.05),
            ("l7-sidecars", "", "load-generator", 0.07),
            ("", "linkerd", "sidecar", 0.11),
            ("", "istio", "sidecar", 0.23),
        )
    ]
)  # fmt: skip


def texts(picture) -> list[str]:
    root = ElementTree.fromstring(svg(specification(picture)))
    return [" ".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def written(picture) -> str:
    return " ".join(texts(picture))


def rows_of(picture, part: str) -> list[dict]:
    return [row for row in specification(picture)["data"]["values"] if row["part"] == part]


@pytest.mark.parametrize("one", [*KNOWN.meshes.values(), *KNOWN.patterns.values()], ids=lambda one: one.name)
def test_a_heading_fits_the_width(one):
    assert len(f"{one.title}: {one.says}") <= 100


@pytest.mark.parametrize("entry", KNOWN.meshes.values(), ids=lambda entry: entry.name)
def test_each_architecture_is_drawn_whole(entry):
    picture = topology.architecture([entry])
    text = written(picture)
    for box in entry.topology.boxes:
        assert all(line in text for line in box.label.split("\n"))
    assert len(rows_of(picture, "flow")) == len(entry.topology.flows)
    assert entry.title in text
    assert entry.title in topology.describe_architecture(entry)


def test_the_drop_down_offers_every_mesh_and_shows_one():
    spec = specification(topology.architecture(KNOWN.meshes.values()))
    [choice] = [one for one in spec["params"] if one["name"] == "chosen_mesh"]
    assert choice["bind"]["options"] == [entry.title for entry in KNOWN.meshes.values()]
    assert "Octarine" not in written(topology.architecture(KNOWN.meshes.values()))


def test_measured_figures_stand_in_the_picture_under_the_archetypes_name():
    text = written(topology.architecture([KNOWN.meshes["istio-sidecar"]], MEASURED))
    assert "l7-sidecars: sidecar 0.19 cores per 1000/s here, at 1,000/s" in text
    assert "not on this product" in text
    assert "0.05" not in text
    assert "nothing yet in this shape" in written(topology.architecture([KNOWN.meshes["consul"]], MEASURED))
    assert "no archetype" in written(topology.architecture([KNOWN.meshes["octarine"]], MEASURED))


def test_what_was_measured_of_a_product_stands_with_that_product_and_that_mode_alone():
    def drawn(name):
        return written(topology.architecture([KNOWN.meshes[name]], MEASURED))

    assert "on this product: linkerd: sidecar 0.11 cores per 1000/s here" in drawn("linkerd")
    assert "istio: sidecar 0.23" in drawn("istio-sidecar")
    assert "0.23" not in drawn("istio-ambient")
    assert "0.11" not in drawn("consul")


@pytest.mark.parametrize("pattern", KNOWN.patterns.values(), ids=lambda pattern: pattern.name)
def test_each_pattern_is_drawn_with_both_sides(pattern):
    text = written(topology.adoption([pattern]))
    assert "For it" in text
    assert "Against it" in text
    assert pattern.advantages[0].split()[0] in text
    assert pattern.title in topology.describe_adoption(pattern)


@pytest.mark.parametrize("sequence", KNOWN.sequences.values(), ids=lambda sequence: sequence.name)
def test_each_step_has_a_frame_that_shows_it_and_what_came_before(sequence):
    last = len(sequence.steps)
    for step in range(1, last + 1):
        found = texts(topology.sequence(sequence, step))
        assert f"{step}. {sequence.steps[step - 1].title}" in found
        numbers = {int(text) for text in found if text.isdigit()}
        assert numbers == set(range(1, step + 1))
    [slider] = specification(topology.sequence(sequence))["params"]
    assert (slider["value"], slider["bind"]["max"]) == (last, last)
    assert len(topology.steps_table(sequence)) == last
    assert f"{last}. " in topology.describe_sequence(sequence)


@pytest.mark.parametrize("step", [-1, 8])
def test_a_step_that_is_not_there_is_refused(step):
    with pytest.raises(BadInputError, match="steps 1 to 7"):
        topology.sequence(KNOWN.sequences["nsm-one-node"], step)


@given(
    ax=st.floats(1, 5), ay=st.floats(1, 6), bx=st.floats(7, 11), by=st.floats(1, 6), count=st.integers(1, 3)
)  # the two never overlap
def test_arrows_end_at_the_edges_and_run_side_by_side(ax, ay, bx, by, count):
    boxes = [
        Box(id=name, label=name, plane="data plane", x=x, y=y, says="x")
        for name, x, y in (("a", ax, ay), ("b", bx, by))
    ]
    pairs = [("a", "b"), ("b", "a"), ("a", "b")][:count]
    drawn = arrows(Topology(boxes=tuple(boxes)), pairs, 10)
    for (start, end), arrow in zip(pairs, drawn, strict=True):
        assert arrow is not None
        for name, x, y in ((start, arrow.x, arrow.y), (end, arrow.x2, arrow.y2)):
            rect = rect_of(boxes[0] if name == "a" else boxes[1])
            inside = rect.x - 1e-6 <= x <= rect.x2 + 1e-6 and rect.y - 1e-6 <= y <= rect.y2 + 1e-6
            edge = min(abs(x - rect.x), abs(x - rect.x2), abs(y - rect.y), abs(y - rect.y2)) < 1e-6
            assert inside
            assert edge
    middles = {(round(one.middle_x, 3), round(one.middle_y, 3)) for one in drawn if one}
    assert len(middles) == count


@pytest.mark.lab
def test_what_was_really_measured_here_stands_beside_the_meshes_of_its_shape(tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "own.toml").write_text(
        'name = "own"\nblocks = 1\n[[meshes]]\nname = "baseline"\n[[meshes]]\nname = "l7-sidecars"\n'
        "[load]\nrates_per_s = [150]\nduration_s = 0.5\nwarmup_s = 0.0\n"
    )
    wb.run("own", data=tmp_path)
    choice = wb.choose("", data=tmp_path)
    assert set(choice.measured["archetype"]) == {"l7-sidecars"}
    assert (choice.measured["cores_per_1000"] > 0).all()
    table = choice.table.set_index("mesh")["measured here"]
    assert table["Linkerd"].startswith("l7-sidecars: sidecar ")
    assert table["Consul"] == ""
    assert "l7-sidecars: sidecar" in written(topology.architecture([KNOWN.meshes["linkerd"]], choice.measured))
