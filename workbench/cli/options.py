"""Options that several verbs share, with their help, and the settings that they resolve to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from workbench.errors import BadInputError
from workbench.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option(help="Data folder. Default: WORKBENCH_DATA, else ./data.", show_default=False, metavar="DIR"),
]
Reports = Annotated[
    Path | None,
    typer.Option(
        help="Folder for reports. Default: WORKBENCH_REPORTS, else ./reports.", show_default=False, metavar="DIR"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
NoFail = Annotated[
    bool, typer.Option("--no-fail", help="Exit with 0 although a check says not to believe figures, not with 8.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a plan of more than an hour.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        metavar="NAME=VALUE",
        help="Parameter of the notebook; may be repeated.",
        show_default=False,
    ),
]


def settle(data: Path | None, reports: Path | None = None) -> Settings:
    """Return the settings of this invocation.

    Raises
    ------
    BadInputError
        When a folder's name is taken by something else.
    """
    settings = Settings.resolve(data=data, reports=reports)
    for option, folder in (("--data", settings.data), ("--reports", settings.reports)):
        if folder.exists() and not folder.is_dir():
            raise BadInputError(f"{folder} is not a folder: choose another with {option}.")
    return settings


def read_parameters(given: list[str] | None) -> dict[str, str]:
    """Return NAME -> VALUE of the ``--parameter`` options.

    Raises
    ------
    BadInputError
        When one is not of the form NAME=VALUE.
    """
    found = {}
    for one in given or ():
        name, separator, value = one.partition("=")
        if not separator or not name.strip():
            raise BadInputError(f"--parameter {one!r} is not of the form NAME=VALUE.")
        found[name.strip()] = value
    return found


def refuse_taken(own: Mapping[str, object], given: Mapping[str, object] | None) -> None:
    """Refuse parameters that the command sets itself.

    Raises
    ------
    BadInputError
        With the first of them.
    """
    taken = sorted(set(own) & set(given or {}))
    if taken:
        raise BadInputError(f"The command sets the parameter {taken[0]} of the notebook itself; leave it out.")
