"""Randomized blocks: what every plan keeps."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workbench.model.experiment import Experiment, Load, MeshSpec, Workload
from workbench.model.plan import make_plan


def experiments():
    return st.builds(
        lambda meshes, rates, payloads, blocks, seed: Experiment(
            name="x",
            meshes=tuple(MeshSpec(name=name) for name in meshes),
            loads=tuple(Load(rate_per_s=rate) for rate in rates),
            workloads=tuple(Workload(payload_bytes=payload) for payload in payloads),
            blocks=blocks,
            seed=seed,
        ),
        st.lists(st.sampled_from(["baseline", "a", "b", "c"]), min_size=1, unique=True),
        st.lists(st.integers(1, 1000), min_size=1, max_size=3, unique=True),
        st.lists(st.integers(0, 1000), min_size=1, max_size=2, unique=True),
        st.integers(1, 5),
        st.integers(0, 2**32),
    )


def cell(run):
    return run.mesh.label, run.workload, run.load


@given(experiments())
def test_every_block_holds_every_cell_once_and_the_baseline(experiment):
    plan = make_plan(experiment)
    for block in range(1, experiment.blocks + 1):
        cells = Counter(cell(run) for run in plan.runs if run.block == block)
        assert set(cells.values()) == {1}
        meshes = {label for label, _, _ in cells}
        assert meshes == {mesh.label for mesh in experiment.meshes} | {"baseline"}
        assert len(cells) == len(meshes) * len(experiment.loads) * len(experiment.workloads)
    assert [run.ordinal for run in plan.runs] == list(range(1, len(plan.runs) + 1))
    assert all(run.is_baseline == (run.mesh.name == "baseline") for run in plan.runs)


@given(experiments())
def test_same_seed_same_plan(experiment):
    assert make_plan(experiment) == make_plan(experiment)


@given(experiments())
def test_runs_of_one_mesh_and_block_stand_together(experiment):
    seen, last = set(), None
    for run in make_plan(experiment).runs:
        key = (run.block, run.mesh.label)
        if key != last:
            assert key not in seen
            seen.add(key)
        last = key


def test_orders_differ_between_blocks():
    experiment = Experiment(
        name="x", meshes=tuple(MeshSpec(name=name) for name in "abcdef"), loads=(Load(rate_per_s=1),), blocks=5
    )
    orders = {
        block: tuple(run.mesh.name for run in make_plan(experiment).runs if run.block == block) for block in range(1, 6)
    }
    assert len(set(orders.values())) > 1
