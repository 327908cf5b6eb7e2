"""The program: its commands, in the order in which people need them, and its help."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli.applying import apply, check, diff, listed, revert, rights
from workbench.cli.clusters import clean, rbac
from workbench.cli.designing import design
from workbench.cli.exchanging import audit, bring, export, smp
from workbench.cli.machine import doctor, lab
from workbench.cli.measuring import demo, run
from workbench.cli.planning import plan
from workbench.cli.reading import compare, rebuild, report, runs

EXIT_CODES = (
    "Exit codes: 0 done; 1 a bug, or a cell of a notebook failed; 2 bad input; 3 this machine cannot do it; "
    "4 no run finished; 5 interrupted, captured data is kept; 6 a folder, a file or the disk; 7 nothing to show; "
    "8 compared, and a check of severity error stands (--no-fail: 0)."
)

app = typer.Typer(
    name="workbench",
    help="Find out which service mesh to use and what it costs your application.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would take half of the time that --help may take
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"workbench {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error came from; works anywhere on the command line.")
    ] = False,
) -> None:
    """Declare what `main` (traceback) and a callback (version) look at, for the help."""


for verb in (demo, run, plan, runs, compare, report, rebuild, doctor, lab, clean, rbac):
    app.command()(verb)
app.command()(export)
app.command("import")(bring)
app.command()(audit)
app.add_typer(smp, name="smp")
design.command()(check)
design.command()(diff)
design.command()(apply)
design.command()(revert)
design.command("list")(listed)
design.command()(rights)
app.add_typer(design, name="design")
