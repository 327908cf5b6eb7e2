"""Documents of others: right values, right lines, and nothing hostile gets through."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInputError
from workbench.interchange.documents import parse, parse_json, parse_yaml, read_file, shown, text_of

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_the_standard_library_reads_it(value, indent):
    text = json.dumps(value, indent=indent)
    assert parse_json(text, "it").plain == json.loads(text)


@given(JSON, st.integers(0, 200), TEXT)
def test_broken_json_is_refused_or_read_the_same(value, place, insert):
    whole = json.dumps(value)
    text = whole[: place % (len(whole) + 1)] + insert + whole[place % (len(whole) + 1) :]
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(BadInputError, match=r"^it, line \d+: "):
            parse_json(text, "it")
    else:
        if wanted == wanted and "NaN" not in text and "Infinity" not in text:
            assert parse_json(text, "it").plain == wanted


def test_every_value_knows_its_line():
    text = '{\n "a": 1,\n "b": [\n  true,\n  {"c": "x"}\n ]\n}'
    root = parse_json(text, "it")
    assert (root.line, root.get("a").line, root.get("b").line) == (1, 2, 3)
    assert [one.line for one in root.get("b").value] == [4, 5]


def test_yaml_says_the_same_with_its_lines():
    root = parse_yaml("a: 1\nb:\n- true\n- {c: x}\nwhen: 2026-01-01T00:00:00Z\nbase60: 1:30\nnothing:\n", "it")[0]
    assert root.plain == {
        "a": 1,
        "b": [True, {"c": "x"}],
        "when": "2026-01-01T00:00:00Z",
        "base60": "1:30",
        "nothing": None,
    }
    assert [one.line for one in root.get("b").value] == [3, 4]


def test_names_given_twice_are_kept_in_mind():
    assert parse_json('{"a": 1,\n"a": 2}', "it").twice == (("a", 2),)
    assert parse_yaml("a: 1\na: 2\n", "it")[0].twice == (("a", 2),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "line 1: the JSON ends too early"),
        ('{\n"a": 1\n"b": 2}', "line 3: '\"b\"' where a comma or '}' was expected"),
        ('{"a" 1}', "no colon after the name 'a'"),
        ("{'a': 1}", "not JSON at"),
        ('{"a": 01}', "not JSON at"),
        ('{"a": NaN}', "not JSON at"),
        ('{"a": nan}', "not JSON at"),
        ('{"a": 1} x', "more after the end of the JSON"),
        ("[" * 100_000, "nested more than 64 levels"),
        ("[" + "1" * 5000 + "]", "a number of 5000 digits"),
        ('{"' + "x" * 10_000_000 + '": 1}', "a name of 10,000,000 characters"),
        ("a: &x [1, 2]\nb: *x\n", "line 2: YAML aliases"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1: YAML tags"),
        ("a: [1, 2\nb: 3\n", "not YAML"),
        ("? [a]\n: b\n", "a name must be text"),
        ("- " * 3000 + "x", "it"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, said):
    with pytest.raises(BadInputError) as told:
        parse(text, "it")
    assert said in str(told.value)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a\nb\xff", "line 2: not UTF-8"),
        (b"a\n\n\0", "line 3: contains a NUL"),
    ],
)
def test_what_is_no_text_is_refused(content, said):
    with pytest.raises(BadInputError, match=said):
        text_of(content, "it")


def test_compressed_and_missing_files_and_folders_are_refused(tmp_path):
    bomb = tmp_path / "bomb.json"
    bomb.write_bytes(gzip.compress(b"0" * 1_000_000))
    with pytest.raises(BadInputError, match=r"compressed \(gzip\)"):
        read_file(bomb)
    with pytest.raises(BadInputError, match="not a regular file"):
        read_file(tmp_path)
    with pytest.raises(BadInputError, match="There is no file"):
        read_file(tmp_path / "none")
    with pytest.raises(BadInputError, match="not a regular file"):
        read_file(__import__("pathlib").Path("/dev/zero"))
    with pytest.raises(BadInputError, match="may have 0 MiB"):
        read_file(bomb, 10)


def test_foreign_text_in_messages_is_short_and_harmless():
    assert shown("a\x1b[31m\nb") == "'a\\x1b[31m\\nb'"
    assert len(shown("x" * 1000)) == 60
