"""The choice by needs: who remains, and that everyone who does not has a reason with a source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench import landscape
from workbench.errors import UnknownNameError
from workbench.landscape import FIELDS, MATCHES, NEEDS, NOT_KNOWN, RULED_OUT, choose, parse_needs
from workbench.landscape.needs import AVAILABLE, STANDINGS

MESHES = landscape.read_landscape().meshes
some_needs = st.lists(st.sampled_from(list(NEEDS.values())), max_size=6, unique=True)


def standings(needs) -> dict[str, str]:
    return {one.entry.name: one.standing for one in choose(MESHES.values(), needs)}


@given(needs=some_needs, more=st.sampled_from(list(NEEDS.values())), place=st.integers(0, 6))
def test_a_further_need_never_brings_one_back(needs, more, place):
    before = standings(needs)
    after = standings([*needs[:place], more, *needs[place:]])
    assert all(STANDINGS.index(after[name]) >= STANDINGS.index(before[name]) for name in before)


@given(needs=some_needs)
def test_everyone_who_does_not_remain_has_a_reason(needs):
    for one in choose(MESHES.values(), needs):
        assert bool(one.reasons) == (one.standing != MATCHES)
        for verdict in one.reasons:
            assert verdict.standing == one.standing
            assert verdict.why
            assert verdict.fact == one.entry.facts[verdict.need.field]
            if verdict.standing == RULED_OUT:
                assert verdict.fact.source is not None
                assert verdict.fact.cited


@given(needs=some_needs, seed=st.randoms(use_true_random=False))
def test_the_order_of_needs_and_their_repetition_change_nothing(needs, seed):
    shuffled = [*needs, *needs]
    seed.shuffle(shuffled)
    assert standings(shuffled) == standings(needs)


@given(needs=some_needs)
def test_needs_come_back_from_their_text(needs):
    text = " ,  ".join(need.label.upper() for need in needs)
    assert parse_needs(text) == tuple(needs)
    assert parse_needs([need.label for need in needs]) == tuple(needs)


def test_each_need_is_answered_by_words_of_its_field_and_divides_the_meshes():
    for need in (AVAILABLE, *NEEDS.values()):
        assert set(need.any_of) <= set(FIELDS[need.field].allowed)
        if need is not AVAILABLE:
            assert MATCHES in set(standings([need]).values()), need.label


def test_the_example_of_the_issue():
    found = choose(MESHES.values(), parse_needs("mTLS, no privileged pods, gRPC, VMs"))
    by_name = {one.entry.name: one for one in found}
    assert {name for name, one in by_name.items() if one.standing == MATCHES} == {"istio-sidecar", "linkerd", "consul"}
    assert by_name["kuma"].standing == NOT_KNOWN
    assert "SYS_ADMIN" in by_name["istio-ambient"].reasons[0].why
    assert {one.need.label for one in by_name["network-service-mesh"].reasons} == {"mTLS", "no privileged pods", "gRPC"}
    assert "withdrawn" in by_name["octarine"].reasons[0].why


def test_two_needs_must_agree_on_one_way_of_installing():
    both = parse_needs("no privileged pods, no NET_ADMIN in pods")
    assert standings(both[:1])["istio-sidecar"] == standings(both[1:])["istio-sidecar"] == MATCHES
    [verdict] = next(one for one in choose(MESHES.values(), both) if one.entry.name == "istio-sidecar").reasons
    assert "no single way of installing" in verdict.why


def test_what_cannot_be_had_falls_without_being_asked():
    none = standings([])
    assert {name for name, one in none.items() if one != MATCHES} == {"octarine", "open-service-mesh"}


def test_an_unknown_need_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'mTLS'"):
        parse_needs("mTSL")


def test_a_choice_on_an_empty_store_is_complete_and_leaves_nothing(tmp_path):
    choice = wb.choose("mTLS, VMs", data=tmp_path / "none")
    assert choice.measured.empty
    assert set(choice.table["mesh"]) == {entry.title for entry in MESHES.values()}
    assert (choice.table["why"] != "").all()
    assert list(choice.matrix.columns) == ["available", "mTLS", "VMs"]
    assert choice.matrix.loc["Octarine (history)", "available"] == RULED_OUT
    assert "mTLS, VMs" in choice.sentence
    assert choice.sentence.split(". ")[0] in choice._repr_html_()
    assert not (tmp_path / "none").exists()


def test_a_choice_that_nobody_meets_says_so(tmp_path):
    choice = wb.choose("L2/L3, retries", data=tmp_path)
    assert choice.remaining == []
    assert "No mesh meets all of them" in choice.sentence


def test_tables_show_every_fact_and_say_unknown():
    facts = landscape.facts_table(MESHES.values())
    assert len(facts) == len(MESHES) * len(FIELDS)
    assert ((facts["answer"] == "unknown") == (facts["source"] == "")).all()
    assert landscape.overview(landscape.read_landscape()).shape == (len(FIELDS), len(MESHES))
    assert len(landscape.needs_table()) == len(NEEDS)
    assert len(landscape.patterns_table(landscape.read_landscape())) == 7
