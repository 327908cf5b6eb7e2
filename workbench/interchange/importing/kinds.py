"""Which kind a file is: recognized by its content, never by its name. The kinds are those of all importers."""

from __future__ import annotations

from workbench import adapters
from workbench.errors import BadInputError, UnknownNameError, UnsupportedError
from workbench.interchange.documents import shown
from workbench.interchange.importing.imported import FileKind, Imported, Importer, Options
from workbench.interchange.importing.settling import settled
from workbench.interchange.importing.source import InputFile


def known_kinds() -> dict[str, FileKind]:
    """Return the kinds of all importers by name, in the order in which a file is tried.

    An importer that needs a package that is not installed is left out.

    Raises
    ------
    UnsupportedError
        When two importers have a kind of the same name.
    """
    owners: dict[str, str] = {}
    found: list[FileKind] = []
    for importer in _importers()[0]:
        for kind in importer.kinds:
            if kind.name in owners:
                raise UnsupportedError(
                    f"The importers {owners[kind.name]!r} and {importer.name!r} both read a kind of file called "
                    f"{kind.name!r}: uninstall one of them."
                )
            owners[kind.name] = importer.name
            found.append(kind)
    return {kind.name: kind for kind in sorted(found, key=lambda kind: (kind.order, kind.name))}


def _importers() -> tuple[list[Importer], str]:
    """Return the importers that can be loaded, and why the others cannot; empty when all can."""
    found: list[Importer] = []
    lacking = ""
    for name in adapters.names("importers"):
        try:
            found.append(adapters.load("importers", name))
        except UnsupportedError as error:
            lacking += f" {error}"
    return found, lacking


def kind_named(name: str) -> FileKind:
    """Return the kind called ``name``.

    Raises
    ------
    UnknownNameError
        With the known kinds.
    """
    known = known_kinds()
    if name not in known:
        raise UnknownNameError("kind of file", name, known)
    return known[name]


def detect(source: InputFile, has_mapping: bool = False) -> FileKind:
    """Return the kind that ``source`` is.

    Parameters
    ----------
    has_mapping
        Whether there is a mapping file, which makes any other table one that it describes.

    Raises
    ------
    BadInputError
        When it is of no known kind; lists them.
    """
    known = known_kinds()
    unreadable: BadInputError | None = None
    for kind in known.values():
        try:
            if kind.matches(source) or (has_mapping and kind.by_mapping):
                return kind
        except BadInputError as error:
            unreadable = unreadable or error
    if unreadable is not None:
        raise unreadable
    raise BadInputError(
        f"{source.where} is of an unknown kind. Known: {'; '.join(one.title for one in known.values())}. "
        f"For other tables, describe the columns with --map FILE.toml.{_importers()[1]}"
    )


def read(source: InputFile, options: Options, kind: str = "") -> tuple[FileKind, list[Imported]]:
    """Return the kind and the runs of a file.

    Parameters
    ----------
    kind
        What it is; empty: recognized by its content.

    Raises
    ------
    BadInputError
        Whatever is wrong with it, with the place.
    """
    chosen = kind_named(kind) if kind else detect(source, options.mapping is not None)
    try:
        return chosen, settled(chosen.read(source, options), source.where)
    except RecursionError as error:
        raise BadInputError(f"{source.where} is nested too deeply to be {chosen.title}.") from error
    except (ValueError, ArithmeticError) as error:  # a number that Python cannot read, in a place that should hold one
        raise BadInputError(f"{source.where} is damaged {chosen.title}: {shown(str(error), 160)}.") from error
