"""The document says what the program does: verbs, kinds, rules, and SQL that works."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
from campaign_making import make_campaign

from workbench.cli.app import app
from workbench.files import shipped
from workbench.interchange.audit import RULES
from workbench.interchange.importers import table
from workbench.interchange.published_figures import figures_of, read_folder
from workbench.interchange.smp.bundle import export_bundle
from workbench.store import Store

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "interchange.md").read_text(encoding="utf-8")


def test_every_verb_stands_there():
    names = {one.name or one.callback.__name__ for one in app.registered_commands}
    smp = {
        f"smp {one.callback.__name__}"
        for group in app.registered_groups
        if group.name == "smp"
        for one in group.typer_instance.registered_commands
    }
    assert smp
    for verb in ("export", "import", "audit", *smp):
        assert verb in names | smp
        assert f"`workbench {verb}" in TEXT, verb


def test_every_rule_of_the_auditor_stands_there_and_no_other():
    assert re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE) == list(RULES)


def test_the_figures_are_counted_right():
    publications = read_folder(shipped.reference())
    assert f"{len(publications)} sources, over 500 values" in TEXT
    assert len(figures_of(publications)) > 500


def test_the_mapping_shown_is_one(tmp_path):
    shown = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)[1]
    assert table._Mapping(shown, "it").layout().latency == "elapsed"


def test_the_sql_shown_works(tmp_path, monkeypatch):
    campaign = make_campaign(tmp_path / "data", blocks=1)
    export_bundle(Store(tmp_path / "data"), [campaign], tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    statements = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    assert len(statements) == 2
    for statement in statements:
        assert duckdb.sql(statement).fetchall()
