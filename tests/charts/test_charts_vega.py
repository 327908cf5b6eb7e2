"""Vega is made once, kept, and made again when what is kept is no use."""

from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from workbench.charts import vega


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    def make(snippet: str) -> str:
        made.append(snippet)
        return "script µ"

    monkeypatch.setattr(vl_convert, "javascript_bundle", make)
    return made


def test_made_once(tmp_path: Path, counted: list[str]) -> None:
    folder = tmp_path / "a" / "b"
    assert vega.vega_bundle(folder) == vega.vega_bundle(folder) == "script µ"
    assert len(counted) == 1
    assert [one.suffix for one in folder.iterdir()] == [".js"]


def test_where_nothing_can_be_kept(tmp_path: Path, counted: list[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert vega.vega_bundle(blocked / "inside") == "script µ"
    assert vega.vega_bundle(blocked / "inside") == "script µ"
    assert len(counted) == 2


def test_damaged(tmp_path: Path, counted: list[str]) -> None:
    vega.vega_bundle(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"\xff\xfe\x00")
    assert vega.vega_bundle(tmp_path) == "script µ"
    assert kept.read_text(encoding="utf-8") == "script µ"
    assert len(counted) == 2


def test_the_real_one_names_no_cdn() -> None:
    script = vega.vega_bundle()
    assert len(script) > 500_000 and "vegaEmbed" in script
    assert "jsdelivr" not in script and "unpkg" not in script
