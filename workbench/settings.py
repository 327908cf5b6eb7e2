"""Where things are: resolved once, at the edge, into one frozen object that is passed down.

The only module that reads the process's environment for choices of the user. The command line and the facade
call `Settings.resolve`; everything below gets paths as arguments.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import BadInputError


def _home(cwd: Path) -> Path:
    """Return the folder that ``data/`` and ``reports/`` stand in: ``cwd``, or the one above ``notebooks/``.

    JupyterLab starts a notebook's kernel in the notebook's own folder; its runs belong beside the others.
    """
    return cwd.parent if cwd.name == "notebooks" else cwd


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise BadInputError(
            "The current folder was removed. Change to one that exists (`cd`) and try again."
        ) from error


def _expanded(chosen: str) -> Path:
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise BadInputError(f"{chosen} begins with ~, and this user has no home folder. Write the path out.") from error


def _checked(path: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise BadInputError(
            f"The path {str(path)!a} is not UTF-8 text, so the index cannot store it. Choose other folders: --data, "
            "--reports."
        ) from error
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the workbench reads and writes; all paths absolute.

    Attributes
    ----------
    data
        Run folders, the index and the user's own experiments (``data/experiments``). ``--data``, else
        ``WORKBENCH_DATA``, else ``data`` in the current folder: measurements belong to the project that they
        were taken for, not to the user's home.
    reports
        Reports. ``--reports``, else ``WORKBENCH_REPORTS``, else ``reports`` in the current folder.
    """

    data: Path
    reports: Path

    @classmethod
    def resolve(
        cls,
        *,
        data: str | Path | None = None,
        reports: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Settings:
        """Settle every setting: the argument, else the environment variable, else the default.

        Parameters
        ----------
        data, reports
            What the user gave; None or empty: nothing.
        environ, cwd
            The process's own unless given.

        Raises
        ------
        BadInputError
            When the current folder is gone, there is no home for a ``~``, or a folder's path is no UTF-8 text.
        """
        environ = os.environ if environ is None else environ
        cwd = _current_folder() if cwd is None else cwd

        def settle(given: str | Path | None, variable: str, default: str) -> Path:
            chosen = str(given or "") or environ.get(variable, "")
            return _checked(cwd / _expanded(chosen) if chosen else _home(cwd) / default)

        return cls(
            data=settle(data, "WORKBENCH_DATA", "data"),
            reports=settle(reports, "WORKBENCH_REPORTS", "reports"),
        )

    def child_environment(self) -> dict[str, str]:
        """Return this process's environment with what makes a child resolve to the same settings.

        A Jupyter server among the children prefers this installation's kernel to any that the user has elsewhere.
        """
        return {
            **os.environ,
            "WORKBENCH_DATA": str(self.data),
            "WORKBENCH_REPORTS": str(self.reports),
            "JUPYTER_PREFER_ENV_PATH": "1",
        }
