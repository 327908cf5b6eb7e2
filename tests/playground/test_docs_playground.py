"""The documented table of what each mesh can be asked is what the meshes answer."""

from __future__ import annotations

from answers_of_meshes import DOCUMENT, REMAKE, documented, table


def test_the_table_is_what_the_meshes_answer():
    assert documented(DOCUMENT.read_text(encoding="utf-8")) == table(), f"remake it: {REMAKE}"
