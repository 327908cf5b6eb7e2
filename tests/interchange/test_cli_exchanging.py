"""The verbs that exchange, as a user calls them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from campaign_making import make_campaign
from import_making import ISTIO, RECORDINGS, written

from workbench.cli import main
from workbench.store import Store


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """The command line in this process, in a folder of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as end:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, end.value.code, out, err)

    return run


def test_export_validate_import_compare(cli, tmp_path):
    campaign = make_campaign(tmp_path / "data", blocks=2)
    done = cli("export", "--smp")
    assert done.returncode == 0 and "4 runs" in done.stdout
    bundle = tmp_path / f"{campaign}-smp"
    assert "16 of 16 documents are valid; 0 errors, 0 warnings." in cli("smp", "validate", bundle).stdout
    told = json.loads(cli("import", bundle, "--data", "other", "--json").stdout)
    assert told["bundles"] == {campaign: campaign}
    assert len(Store(tmp_path / "other").runs()) == 4
    assert "provenance is imported" in cli("compare", "--data", "other").stdout
    again = cli("export", "--smp")
    assert again.returncode == 2 and "--to" in again.stderr


def test_import_says_what_the_tool_does_and_what_is_missing(cli):
    done = cli(
        "import", f"direct={RECORDINGS / 'wrk/latency.txt'}", "--baseline", "direct", "--fact", "payload_bytes=0"
    )
    assert done.returncode == 0
    assert "coordinated omission" in done.stdout and "rate_per_s" in done.stdout
    listed = json.loads(cli("runs", "--json").stdout)
    assert (listed[0]["mesh"], listed[0]["rate_per_s"], listed[0]["provenance"]) == ("direct", None, "imported")
    shown = cli("compare")
    assert shown.returncode == 0 and "at no stated rate" in shown.stdout


def test_an_error_among_the_checks_is_an_exit_code_of_its_own(cli, tmp_path):
    good = json.loads((RECORDINGS / "fortio/normal.json").read_text())
    bad = {**good, "RetCodes": {"-1": sum(good["RetCodes"].values())}}
    files = [written(tmp_path, f"{name}.json", json.dumps(one)) for name, one in (("base", good), ("mesh", bad))]
    cli("import", *(f"{path.stem}={path}" for path in files), "--baseline", "base")
    failed = cli("compare")
    assert failed.returncode == 8 and "nothing-answered" in failed.stderr and "--no-fail" in failed.stderr
    assert "without a mesh" in failed.stdout, "the comparison is shown all the same"
    silenced = cli("compare", "--no-fail")
    assert (silenced.returncode, silenced.stdout) == (0, failed.stdout)
    assert cli("compare", "--json").returncode == 8
    told = cli("report", "--json")
    assert told.returncode == 8 and Path(json.loads(told.stdout)["report"]).is_file()


def test_import_of_something_broken_imports_nothing(cli, tmp_path):
    broken = written(tmp_path, "broken.json", (RECORDINGS / "fortio/normal.json").read_text()[:500])
    done = cli("import", RECORDINGS / "fortio/normal.json", broken)
    assert done.returncode == 2 and f"{broken}, line" in done.stderr and "Traceback" not in done.stderr
    assert cli("runs").returncode == 7


def test_validate_names_line_field_and_rule_and_fails(cli, tmp_path):
    path = written(tmp_path, "it.json", '{"smp_version": "v0.6.1", "id": "x",\n"latency_ms": {}, "test_id": "t"}')
    done = cli("smp", "validate", path)
    assert done.returncode == 2
    assert f"error: {path}, line 2: latency_ms: PerformanceTestResult has no field" in done.stdout
    assert "[unknown-field]" in done.stdout and "0 of 1 documents are valid" in done.stdout
    told = json.loads(cli("smp", "validate", path, "--json").stdout)
    assert not told["valid"] and ("unknown-field", 2) in [(one["rule"], one["line"]) for one in told["findings"]]


def test_schema_is_a_schema(cli):
    schema = json.loads(cli("smp", "schema", "--kind", "result").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert cli("smp", "schema", "--kind", "x").returncode == 2


def test_mark_is_never_called_meshmark_and_shows_its_inputs(cli, tmp_path):
    make_campaign(tmp_path / "data", blocks=2)
    done = cli("smp", "mark", "--profile", "dense")
    assert done.returncode == 0
    assert done.stdout.startswith("MeshMark-style, profile dense")
    assert "memory budget" in done.stdout and "64 MiB" in done.stdout and "latency-tail" in done.stdout
    told = json.loads(cli("smp", "mark", "--json").stdout)
    assert told["marks"][0]["mesh"] == "l4-sidecars" and 0 < told["marks"][0]["mark"] < 100
    assert cli("smp", "mark", "--profile", "best").returncode == 2


def test_audit_of_published_files_and_campaigns(cli, tmp_path):
    published = cli("audit")
    assert published.returncode == 0 and "p50 239.7 ms, p90 226.6 ms" in published.stdout
    assert "Percentile" not in cli("audit", "--rule", "contestant").stdout
    assert cli("audit", "--strict").returncode == 2
    campaign = make_campaign(tmp_path / "data", blocks=1)
    path = written(tmp_path, "istio.csv", ISTIO)
    told = json.loads(cli("audit", campaign, path, "--json").stdout)
    assert told["sets"] == [campaign, str(path)]
    assert {one["rule"] for one in told["findings"]} >= {"one-repetition", "repeat-differs"}
    assert all(one["why"] and one["figure"] for one in told["findings"])
    assert cli("audit", "nothing").returncode == 2


@pytest.mark.parametrize(
    "verb", [["export"], ["import"], ["audit"], ["smp", "validate"], ["smp", "schema"], ["smp", "mark"]]
)
def test_every_verb_has_help(cli, verb):
    done = cli(*verb, "--help")
    assert done.returncode == 0 and done.stdout.split("\n\n")[1].strip()
