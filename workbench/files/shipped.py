"""What comes with the workbench: notebooks, experiments, designs, data, an example; in a checkout and in a wheel.

A wheel carries them in ``workbench/_shipped``; in a checkout they stand at its top level, where people look.
Experiments and designs are found by name, the user's own in ``data/experiments`` and ``data/designs`` before the
shipped ones.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from workbench.errors import BadInputError, UnknownNameError, UnsupportedError

_PACKAGE = Path(__file__).resolve().parents[1]


def home() -> Path:
    """Return the folder that holds ``notebooks/``, ``data/experiments/`` and ``data/reference/``.

    Raises
    ------
    UnsupportedError
        When neither a wheel's nor a checkout's are there.
    """
    for folder in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (folder / "notebooks").is_dir() and (folder / "data" / "experiments").is_dir():
            return folder
    raise UnsupportedError(
        f"The workbench in {_PACKAGE} is missing its shipped notebooks and experiments: reinstall it."
    )


def notebooks() -> tuple[Path, ...]:
    """Return the shipped notebooks in their order."""
    return tuple(sorted((home() / "notebooks").glob("[0-9]*.ipynb")))


def notebook(name: str) -> Path:
    """Return the shipped notebook with this stem, such as ``"20_run_an_experiment"``.

    Raises
    ------
    UnknownNameError
        With the shipped ones.
    """
    known = {path.stem: path for path in notebooks()}
    if name not in known:
        raise UnknownNameError("notebook", name, known)
    return known[name]


def jupyter_config() -> Path:
    """Return the folder of settings that JupyterLab begins with here; the user's own go before them."""
    return home() / "jupyter" / "config"


def reference() -> Path:
    """Return the folder of published figures that measurements are shown beside."""
    return home() / "data" / "reference"


def landscape() -> Path:
    """Return the folder of what is known of each mesh, see `workbench.landscape`."""
    return home() / "data" / "landscape"


def example() -> Path:
    """Return the data folder of the example: a recording of four meshes with their own programs."""
    return home() / "data" / "example"


def _name_in(path: Path) -> str:
    """Return the name that file ``path`` gives itself; the file's stem when it cannot be read."""
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        return path.stem
    return name if isinstance(name, str) else path.stem


def experiment_files(data: Path) -> dict[str, tuple[Path, ...]]:
    """Return the experiments that can be called by name.

    Parameters
    ----------
    data
        The data folder; its ``experiments/`` are the user's own.

    Returns
    -------
    dict
        Name -> files that bear it, the one in force first. The user's own hide shipped ones of the same name;
        more than one file of the *same* folder is left to `experiment_file` to refuse.
    """
    return _files("experiments", data)


def experiment_file(asked: str, data: Path) -> Path:
    """Return the file of the experiment that was asked for.

    Parameters
    ----------
    asked
        A name, or the path of a file (anything with a slash or ending in ``.toml``).
    data
        The data folder.

    Raises
    ------
    UnknownNameError
        With the known names and the nearest.
    BadInputError
        When two files of one folder bear the name, or the path leads to no file.
    """
    return _file("experiment", asked, data)


def design_files(data: Path) -> dict[str, tuple[Path, ...]]:
    """Return the designs that can be called by name, as `experiment_files` does the experiments."""
    return _files("designs", data)


def design_file(asked: str, data: Path) -> Path:
    """Return the file of the design that was asked for, as `experiment_file` does that of an experiment."""
    return _file("design", asked, data)


def _files(kind: str, data: Path) -> dict[str, tuple[Path, ...]]:
    found: dict[str, list[Path]] = {}
    own, shipped = data / kind, home() / "data" / kind
    folders = (own,) if own.resolve() == shipped.resolve() else (own, shipped)
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(_name_in(path), []).append(path)
    return {name: tuple(found[name]) for name in sorted(found)}


def _file(what: str, asked: str, data: Path) -> Path:
    if "/" in asked or asked.endswith(".toml"):
        path = Path(asked).expanduser()
        if not path.is_file():
            raise BadInputError(f"There is no {what} file {path}.")
        return path
    known = _files(f"{what}s", data)
    if asked not in known:
        raise UnknownNameError(what, asked, known)
    first, *others = known[asked]
    twins = [path for path in others if path.parent == first.parent]
    if twins:
        files = " and ".join(str(path) for path in (first, *twins))
        raise BadInputError(f"Two {what}s are called {asked!r}: {files}. Rename one of them, or give the file's path.")
    return first
