"""YAML as kubectl reads it; every expected value is what sigs.k8s.io/yaml v1.6.0 makes of the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInputError
from workbench.files.yaml_text import DEEPEST, dumped, load, load_all, unfolded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0o644", 420), ("0O17", 15), ("0644", 420), ("-0o7", -7), ("08", 8), ("0x1F", 31), ("+0x10", 16),
        ("0b101", 5), ("-0b11", -3), ("1_000", 1000), ("0x_1", 1), ("_1", "_1"), ("1e3", 1000), ("1.0", 1), ("1.", 1),
        (".5", 0.5), ("+.5", 0.5), ("._5", "._5"), ("1_0.5", 10.5), ("1e400", "1e400"), ("1.5e-7", 1.5e-7),
        ("18446744073709551615", 18446744073709551615), ("-9223372036854775808", -(2**63)), ("1e21", 1e21),
        ("12:30:45", "12:30:45"), ("1:20", "1:20"), ("190:20:30.15", "190:20:30.15"),
        ("2024-05-01", "2024-05-01"), ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("y", True), ("YES", True), ("on", True), ("n", False), ("Off", False), ("tRUE", "tRUE"), ("nO", "nO"),
        ("~", None), ("", None), ("Null", None), ("nULL", "nULL"), ("250m", "250m"), ("=", "="), ("<<", "<<"),
        ("'0o644'", "0o644"), ('"yes"', "yes"), ("!!str 0644", "0644"), ("!!int '5'", 5), ("!!float 5", 5),
        ("!!binary aGk=", "hi"), ("!ours 5", "5"), ("! 5", "5"), ("!!str", ""),
    ],
)  # fmt: skip
def test_a_scalar_is_what_kubectl_makes_of_it(text, value):
    found = load(f"a: {text}\n", "t")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes: 1\n1: 2\n1.5: 3\n1e6: 4\n.inf: 5\n0o10: 6\n",
         {"true": 1, "1": 2, "1.5": 3, "1e+06": 4, ".inf": 5, "8": 6}),
        ("a: 1\na: 2\n", {"a": 2}),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n", {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}),
        ("a: &x {b: 1}\nd:\n  b: 3\n  <<: *x\n", {"a": {"b": 1}, "d": {"b": 1}}),
        ("a: &x {b: 1}\nz: &z {b: 2, c: 3}\nd: {<<: [*x, *z]}\n",
         {"a": {"b": 1}, "z": {"b": 2, "c": 3}, "d": {"b": 1, "c": 3}}),
        ("d: {'<<': {a: 1}}", {"d": {"<<": {"a": 1}}}),
        ("a: &e\nb: *e\n", {"a": None, "b": None}),
        ('{"a":\t1e3,\n\t"b": [1.0]}', {"a": 1000, "b": [1]}),
        ("\ufeffa: 1\r\nb: on\r\n", {"a": 1, "b": True}),
    ],
)  # fmt: skip
def test_tables_names_and_merges(text, value):
    assert load(text, "t") == value


@pytest.mark.parametrize(
    "text",
    ["a: .nan", "a: .inf", "a: !!int x", "a: !!float yes", "{[1]: 2}", "~: 1", "a: *no", "a: &a [*a]", "d: {<<: 1}",
     "a: [", "a: @x", "a: \x07", "\ta: 1", "[" * 100_000, "{" * 5000, '{"a":' * 5000, "- " * 5000 + "1"],
)  # fmt: skip
def test_what_kubectl_refuses_is_refused_with_the_line(text):
    with pytest.raises(BadInputError, match=r"^t(, line [12])?: "):
        load(text, "t")


def test_few_lines_may_not_stand_for_billions():
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(BadInputError, match="more than"):
        load(bomb, "t")


def test_a_repeated_part_is_a_part_of_its_own():
    found = load("a: &x {b: [1]}\nc: *x\n", "t")
    found["a"]["b"].append(2)
    assert found["c"] == {"b": [1]}


def test_lists_are_unfolded_and_lists_of_one_kind_say_it():
    text = (
        "kind: List\napiVersion: v1\nitems:\n- {kind: A, apiVersion: v1}\n- kind: List\n  items: [{kind: B}]\n"
        "---\nkind: DeploymentList\napiVersion: apps/v1\nitems: [{metadata: {name: x}}]\n---\n---\nkind: C\n"
    )
    found = [one for part in load_all(text, "t") for one in unfolded(part)]
    assert [one and one["kind"] for one in found] == ["A", "B", "Deployment", None, "C"]
    assert found[2]["apiVersion"] == "apps/v1"


def test_windows_text_and_several_json_values():
    assert load("a: 1\r\n".encode("utf-16"), "t") == {"a": 1}
    assert load_all('{"a": 1}\n{"b": 2}', "t") == [{"a": 1}, {"b": 2}]
    with pytest.raises(BadInputError, match="line 2: not UTF-8"):
        load(b"a: 1\nb: \xff\n", "t")


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")))
    | st.sampled_from(["0o644", "1e3", "y", "n", "on", "0x1", "1_0", "~", "<<", "=", "1:20", "2024-05-01", "no "]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abyn01", max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_PLAIN)
def test_what_is_written_is_read_again_as_it_was(value):
    assert load(dumped(value), "t") == value


@given(st.text())
def test_no_text_is_more_than_refused(text):
    try:
        load_all(text, "t")
    except BadInputError as error:
        assert str(error).startswith("t")


def test_nesting_up_to_the_limit_is_read():
    assert load("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), "t")
