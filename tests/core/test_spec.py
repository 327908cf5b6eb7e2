"""Experiments as written: what is read, and what is refused with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from workbench.errors import BadInputError, FaultsError, UnknownNameError
from workbench.model.experiment import (
    Experiment,
    Load,
    MeshSpec,
    RunSpec,
    Workload,
    experiment_from_toml,
    read_experiment,
)
from workbench.model.plan import make_plan

GOOD = """
name = "small"
[[meshes]]
name = "l4-sidecars"
[meshes.options]
mtls = false
[load]
rates_per_s = [293, 997.5]
"""


def test_reads_what_is_written_and_fills_in_defaults():
    experiment = experiment_from_toml(GOOD)
    assert [load.rate_per_s for load in experiment.loads] == [293.0, 997.5]
    assert experiment.meshes == (MeshSpec(name="l4-sidecars", options={"mtls": False}),)
    assert experiment.meshes[0].label == "l4-sidecars mtls=False"
    assert experiment.workloads == (Workload(),)
    assert experiment.environment.name == "lab"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name =", "nmae ="), "Did you mean 'name'?"),
        (("rates_per_s", "rate_per_s"), "Did you mean 'rates_per_s'?"),
        (("[293, 997.5]", "[]"), "needs rates_per_s"),
        (("[293, 997.5]", "[0]"), "from 1 to 100000"),
        (("[293, 997.5]", "[inf]"), "must be a number, not inf"),
        (("[293, 997.5]", "[nan]"), "must be a number, not nan"),
        (("[293, 997.5]", "[293, 293]"), "a rate twice"),
        (("[293, 997.5]", '["fast"]'), "must be a number"),
        (("[293, 997.5]", "[293]\nduration_s = 1e9"), "Seconds measured."),
        (("[293, 997.5]", "[293]\narrival = 'bursty'"), "Known: constant, poisson"),
        (("[293, 997.5]", "[293]\nconnections = 2.5"), "must be a whole number"),
        (("[293, 997.5]", "[293]\nconnections = true"), "must be a whole number"),
        (('"small"', '"../etc"'), "cannot be part of a folder name"),
        (('name = "small"', ""), "lacks name"),
        (('name = "l4-sidecars"', 'profile = "x"'), "lacks name"),
        (("[[meshes]]", "[meshes]"), "[[meshes]] tables"),
        (("[meshes.options]", "[[meshes]]\nname = 'l4-sidecars'\n[meshes.options]"), None),
        (("[load]", "[lode]"), "Did you mean 'load'?"),
        (('name = "small"', 'name = "small"\nblocks = 0'), "from 1 to 1000"),
        (('name = "small"', 'name = "small"\nenvironment = "lab"'), "must be a table"),
    ],
)
def test_bad_input_is_named_with_its_place_and_the_mend(change, words):
    text = GOOD.replace(*change)
    assert text != GOOD
    if words is None:
        experiment_from_toml(text, "mine.toml")
        return
    with pytest.raises(BadInputError) as error:
        experiment_from_toml(text, "mine.toml")
    assert words in str(error.value)
    assert "mine.toml" in str(error.value)


def test_all_faults_of_an_experiment_are_listed_at_once_each_with_its_place():
    text = """
name = "../up"
blokcs = 3
[[meshes]]
name = "l4-sidecars"
[[meshes]]
profile = 7
[meshes.intent]
name = "canary"
split = [{version = "v1", weight = 101}]
mtls = {mode = "stric"}
[load]
rates_per_s = [293, 0, "fast"]
arrival = "bursty"
"""
    with pytest.raises(FaultsError) as error:
        experiment_from_toml(text, "mine.toml")
    found = [str(one) for one in error.value.faults]
    assert str(error.value) == "\n".join(found)
    wanted = [
        ("mine.toml: Experiment.name = '../up'", "folder name"),
        ("key 'blokcs' in mine.toml.", "Did you mean 'blocks'?"),
        ("mine.toml: [[meshes]] 2: profile", "must be text, not 7"),
        ("mine.toml: [[meshes]] 2: [intent]: [[split]] 1: Share.weight = 101", "from 0 to 100"),
        ("mode 'stric' in mine.toml: [[meshes]] 2: [intent]: [mtls].", "Did you mean 'strict'?"),
        ("mine.toml: [[meshes]] 2 lacks name",),
        ("arrival 'bursty' in mine.toml: [load].", "Known: constant, poisson."),
        ("mine.toml: [load]: Load.rate_per_s = 0 ", "from 1 to 100000"),
        ("mine.toml: [load]: rates_per_s must be a number", "'fast'"),
    ]
    for line, words in zip(found, wanted, strict=True):
        assert all(word in line for word in words), line


def test_one_fault_is_an_error_of_its_own_type_and_a_mistyped_key_is_not_missing_too():
    with pytest.raises(UnknownNameError) as error:
        experiment_from_toml(GOOD.replace("name =", "nmae =", 1), "mine.toml")
    assert (error.value.name, error.value.faults) == ("nmae", (error.value,))


@pytest.mark.parametrize(
    "change",
    [{"rate_per_s": 0.5}, {"rate_per_s": 5e6}, {"connections": 16_384}, {"duration_s": 0.05}, {"warmup_s": 1e4}],
)
def test_what_others_measured_is_a_load_but_cannot_be_asked_for(change):
    load = Load(**{"rate_per_s": 100.0, **change})
    assert TypeAdapter(Load).validate_python(TypeAdapter(Load).dump_python(load)) == load
    experiment = Experiment(name="x", meshes=(MeshSpec(name="l4-sidecars"),), loads=(load,))
    with pytest.raises(BadInputError, match=f"Load.{next(iter(change))} .* out of range"):
        make_plan(experiment)


@pytest.mark.parametrize(
    "change", [{"rate_per_s": 0}, {"rate_per_s": -1}, {"connections": 0}, {"duration_s": float("nan")}]
)
def test_what_nobody_can_measure_is_no_load(change):
    with pytest.raises(BadInputError, match="out of range"):
        Load(**{"rate_per_s": 100.0, **change})


def test_one_mesh_twice_is_refused_but_not_with_other_options():
    same = GOOD + "[[meshes]]\nname = 'baseline'\n[[meshes]]\nname = 'baseline'\n"
    with pytest.raises(BadInputError, match="baseline twice"):
        experiment_from_toml(same)


def test_a_missing_or_unreadable_file_is_one_sentence(tmp_path):
    with pytest.raises(BadInputError, match="There is no experiment file"):
        read_experiment(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_experiment(tmp_path / "binary.toml")
    (tmp_path / "torn.toml").write_text("name = ")
    with pytest.raises(BadInputError, match="not valid TOML"):
        read_experiment(tmp_path / "torn.toml")


@given(st.text())
def test_no_text_gives_anything_but_an_experiment_or_bad_input(text):
    try:
        assert isinstance(experiment_from_toml(text), Experiment)
    except BadInputError as error:
        assert str(error)


numbers = st.floats(1, 100_000)


@given(
    st.builds(
        RunSpec,
        ordinal=st.integers(1, 9),
        block=st.integers(1, 9),
        mesh=st.builds(MeshSpec, name=st.text(), options=st.dictionaries(st.text(), st.integers() | st.text())),
        workload=st.builds(Workload, payload_bytes=st.integers(0, 2**20)),
        load=st.builds(Load, rate_per_s=numbers, connections=st.integers(1, 4096)),
        is_baseline=st.booleans(),
        seed=st.integers(0, 2**31),
    )
)
def test_a_run_spec_survives_json(spec):
    adapter = TypeAdapter(RunSpec)
    assert adapter.validate_json(adapter.dump_json(spec)) == spec


def test_unknown_name_lists_the_known_and_the_nearest():
    error = UnknownNameError("mesh", "l7-sidecar", ["l7-sidecars", "baseline"], "x.toml")
    assert (
        str(error) == "Unknown mesh 'l7-sidecar' in x.toml. Did you mean 'l7-sidecars'? Known: baseline, l7-sidecars."
    )
