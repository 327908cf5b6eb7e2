"""Which kind a file is: told by what stands in it, never by its name."""

from __future__ import annotations

import importlib

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import shown
from workbench.interchange.importers.imported import Imported, Importer, Options
from workbench.interchange.importers.settling import settled
from workbench.interchange.importers.source import InputFile

_HOMES = {
    "fortio": ("fortio", "IMPORTER"),
    "nighthawk": ("nighthawk", "IMPORTER"),
    "k6": ("k6", "IMPORTER"),
    "meshery": ("meshery", "IMPORTER"),
    "oha-json": ("oha", "JSON_IMPORTER"),
    "ghz-json": ("ghz", "JSON_IMPORTER"),
    "wrk": ("wrk", "IMPORTER"),
    "hey": ("hey", "IMPORTER"),
    "oha": ("oha", "IMPORTER"),
    "ghz": ("ghz", "IMPORTER"),
    "h2load": ("h2load", "IMPORTER"),
    "k6-csv": ("k6", "CSV_IMPORTER"),
    "hey-csv": ("hey", "CSV_IMPORTER"),
    "oha-csv": ("oha", "CSV_IMPORTER"),
    "h2load-log": ("h2load", "LOG_IMPORTER"),
    "istio-csv": ("istio", "IMPORTER"),
    "smp": ("smp", "IMPORTER"),
    "table": ("table", "IMPORTER"),
}
"""Kind -> module and name of its importer, in the order in which a file is tried."""


def importer(name: str) -> Importer:
    """Return the importer of a kind.

    Raises
    ------
    UnknownNameError
        With the known kinds.
    """
    if name not in _HOMES:
        raise UnknownNameError("kind of file", name, _HOMES)
    module, attribute = _HOMES[name]
    found: Importer = getattr(importlib.import_module(f"workbench.interchange.importers.{module}"), attribute)
    return found


def titles() -> dict[str, str]:
    """Return kind -> what it is, for help and messages."""
    return {name: importer(name).title for name in _HOMES}


def detect(source: InputFile, has_mapping: bool = False) -> Importer:
    """Return the importer of the kind that ``source`` is.

    Parameters
    ----------
    has_mapping
        Whether there is a mapping file, which makes any other table one that it describes.

    Raises
    ------
    BadInputError
        When it is of no known kind; lists them.
    """
    unreadable: BadInputError | None = None
    for name in _HOMES:
        found = importer(name)
        try:
            if found.matches(source):
                return found
        except BadInputError as error:
            unreadable = unreadable or error
    if has_mapping:
        return importer("table")
    if unreadable is not None:
        raise unreadable
    raise BadInputError(
        f"{source.where} is of no kind that can be imported. Known: {'; '.join(titles().values())}. For other tables, "
        "say what their columns mean with --map FILE.toml."
    )


def read(source: InputFile, options: Options, kind: str = "") -> tuple[Importer, list[Imported]]:
    """Return the importer and the runs of a file.

    Parameters
    ----------
    kind
        What it is; empty: told by what stands in it.

    Raises
    ------
    BadInputError
        Whatever is wrong with it, with the place.
    """
    chosen = importer(kind) if kind else detect(source, options.mapping is not None)
    try:
        return chosen, settled(chosen.read(source, options), source.where)
    except RecursionError as error:
        raise BadInputError(f"{source.where} is nested too deeply to be {chosen.title}.") from error
    except (ValueError, ArithmeticError) as error:  # a number that Python cannot read, in a place that should hold one
        raise BadInputError(f"{source.where} is damaged {chosen.title}: {shown(str(error), 160)}.") from error
