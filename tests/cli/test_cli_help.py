"""Every verb has help, the help is quick, and nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.cli.app import EXIT_CODES
from workbench.errors import WorkbenchError

VERBS = ("demo", "run", "plan", "runs", "compare", "report", "rebuild", "doctor", "lab", "clean", "rbac")


def test_help_lists_every_verb_and_every_exit_code(cli):
    done = cli("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.startswith("  ")]
    assert tuple(one for one in listed if one in VERBS) == VERBS
    kinds: list[type[WorkbenchError]] = [WorkbenchError, *WorkbenchError.__subclasses__()]
    codes = {cls.exit_code for cls in kinds}
    for code in codes:
        assert f"{code} " in EXIT_CODES


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(here, verb):
    done = here(verb, "--help")
    assert done.returncode == 0
    first = done.stdout.split("\n\n")[1].strip()
    assert first.endswith((".", "minutes."))
    if verb != "lab":
        assert "--json" in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom workbench.cli import main\n"
        "try:\n    main(['run', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pandas','numpy','altair','papermill','duckdb','scipy','rich','jupyter_client','IPython'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version(cli):
    done = cli("--version")
    assert (done.returncode, done.stdout) == (0, "workbench 0.1.0\n")


def test_a_mistyped_verb_is_answered_with_the_nearest(cli):
    done = cli("reprot")
    assert done.returncode == 2
    assert "Did you mean 'report'" in done.stderr
