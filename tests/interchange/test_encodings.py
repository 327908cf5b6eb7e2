"""Files as PowerShell and editors write them: UTF-16 in both orders, marks, line ends of Windows."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_making import RECORDINGS, read
from text_making import hey, wrk

from workbench.errors import BadInputError
from workbench.interchange.importing.imported import Options
from workbench.interchange.importing.source import HEAD_BYTES, InputFile
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import options_of, receive
from workbench.model.experiment import read_experiment
from workbench.store import Store
from workbench.text.decoding import decoded

ENCODED = {
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16, little end first": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16, big end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16, big end first, without a mark": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize(
    "text",
    [
        hey(),
        wrk(),
        (RECORDINGS / "fortio/normal.json").read_text(),
        (RECORDINGS / "hey/requests.csv").read_text(),
        (RECORDINGS / "k6/arrival.csv").read_text(),
        (RECORDINGS / "h2load/log.tsv").read_text(),
    ],
    ids=["hey", "wrk", "fortio", "hey-csv", "k6-csv", "h2load-log"],
)
def test_every_kind_is_read_in_every_encoding(tmp_path, name, text):
    plain, other = tmp_path / "plain", tmp_path / "other"
    plain.write_bytes(text.encode())
    other.write_bytes(ENCODED[name](text.replace("\n", "\r\n")))
    facts = [
        [(run.tool.name, run.requests, run.errors, run.window_s, run.quantiles, run.histograms) for run in read(path)]
        for path in (plain, other)
    ]
    assert facts[0] == facts[1]


@pytest.mark.parametrize("name", ENCODED)
def test_mapping_files_and_experiments_too(tmp_path, name):
    mapping = 'kind = "runs"\ngenerator = "x"\nlatency_from = "send"\n[columns]\np50 = "mid"\n[units]\np50 = "ms"\n'
    (tmp_path / "m.toml").write_bytes(ENCODED[name](mapping))
    (tmp_path / "t.csv").write_bytes(ENCODED[name]("mid,other\n3.5,a\n"))
    receive(tmp_path / "d", [str(tmp_path / "t.csv")], options_of([], tmp_path / "m.toml", ""), Landing())
    assert len(Store(tmp_path / "d").runs()) == 1
    experiment = 'name = "small"\r\n[[meshes]]\r\nname = "l4-sidecars"\r\n[load]\r\nrates_per_s = [293]\r\n'
    (tmp_path / "e.toml").write_bytes(ENCODED[name](experiment))
    assert read_experiment(tmp_path / "e.toml").name == "small"


def test_the_head_of_a_long_file_may_end_within_a_character(tmp_path):
    for shift in range(4):
        for text in ("x" * shift + "ä" * HEAD_BYTES, "x" * shift + "𝄞" * HEAD_BYTES):
            for one in ("utf-8", "utf-16"):
                (tmp_path / "long").write_bytes(text.encode(one))
                assert text.startswith(InputFile(tmp_path / "long").head)


def test_what_is_no_text_is_named_with_the_way_to_convert_it(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(hey().replace("refused", "refusé").encode("latin-1"))
    with pytest.raises(BadInputError, match="UTF-8"):
        receive(tmp_path, [str(path)], Options(), Landing())
    path.write_bytes(codecs.BOM_UTF16_LE + hey().encode("utf-16-le")[:-1])
    with pytest.raises(BadInputError, match="UTF-16"):
        receive(tmp_path, [str(path)], Options(), Landing())
    path.write_bytes(codecs.BOM_UTF16_LE + (RECORDINGS / "hey/requests.csv").read_text().encode("utf-16-le")[:-1])
    with pytest.raises(BadInputError, match=r"UTF-16"):
        receive(tmp_path, [str(path)], Options(), Landing())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=300))
def test_text_comes_back_whatever_it_was_encoded_in(text):
    assert decoded(text.encode()) == text
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert decoded(mark + text.encode(name)) == text
