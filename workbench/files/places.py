"""Where the user's things are on this machine: left out of what is stored and of what is sent.

Records, events, raw output and executed notebooks go through `Places.text` or `Places.kept` when they are written,
reports, notebooks' pages and bundles when they are made: they tell no secret and no absolute path.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.text.redaction import redacted_text

_ROOTS = (
    "Users|Volumes|builds|data|etc|home|media|mnt|nix|opt|private|root|run|scratch|snap|srv|tmp|usr|var|work"
    "|workspace|workspaces"
)
"""Where paths of machines begin; beside them, whatever stands in this machine's root."""
_SERVED = frozenset({"proc", "sys", "dev"})
"""What the kernel serves under the same name everywhere: no secret of anybody."""
_COLOUR = r"(?<=\[\dm)|(?<=\[\d\dm)|(?<=;\dm)|(?<=;\d\dm)|(?<=\\[nrt])"
"""What is not part of a word, though it ends with a letter: a terminal's colour, a line break that is written out."""
_BEFORE = rf"(?:{_COLOUR}|(?<=file://)|(?<![\w./~@%…\\-]))"
"""A path begins here: not within a word or a URL, but also after a terminal's colour."""
_PART = r"[^\s/\"'`<>|:;,()\[\]{}*?\\\x1b&#]+"
_WINDOWS = re.compile(r"\b[A-Za-z]:\\{1,2}Users\\{1,2}[^\s\"'<>|:]*?([^\s\"'<>|:\\]+)(?=[\s\"'<>|:]|\Z)")


_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "application/pdf"})
"""Outputs of notebooks that are not text, though nbformat writes them as one."""


_DISTRIBUTION = re.compile(r"HISTFA[A-Za-z0-9+/]*={0,2}")


def _is_distribution(key: object, value: object) -> bool:
    """Whether this is a record's histogram in base64, of which every character counts."""
    return key == "encoded" and isinstance(value, str) and _DISTRIBUTION.fullmatch(value) is not None


@lru_cache(maxsize=1)
def _absolute() -> re.Pattern[str]:
    try:
        here = {re.escape(name) for name in (one.name for one in Path("/").iterdir())} - _SERVED
    except OSError:
        here = set()
    return re.compile(rf"{_BEFORE}/(?:{'|'.join(sorted({*_ROOTS.split('|'), *here}))})(?:/+{_PART})*/*(?![\w])")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the user's things are, to be left out of what is stored and sent.

    Attributes
    ----------
    data
        The data folder: what is in it is named from there. None: there is none.
    """

    data: Path | None = None

    def relative(self, text: str) -> str:
        """Return text without absolute paths: within the data folder from there, within the home as ``~/...``.

        Of any other the last name is left, after ``…/``.
        """
        if "/" not in text and "\\" not in text:
            return text
        for folder, stands in self._known():
            text = re.sub(
                rf"(?:{_COLOUR}|(?<![\w.~-])){re.escape(folder)}(?:(/+)(?=[\w.~@+-])|/*(?![\w.-]|/[\w.~@+-]))",
                _within(stands),
                text,
            )
        text = _absolute().sub(lambda found: f"…/{found[0].rstrip('/').rpartition('/')[2]}", text)
        return _WINDOWS.sub(r"…\\\1", text)

    def kept(self, value: Any) -> Any:
        """Return plain data as it may be stored: no text in it tells a secret or an absolute path; names stay."""
        if isinstance(value, Mapping):
            return {
                self.text(key) if isinstance(key, str) else key: one
                if key in _PICTURES or _is_distribution(key, one)
                else self.kept(one)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.kept(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def option(self, value: Any) -> Any:
        """Return an option of an experiment so that `placed` finds again what its paths name.

        A path elsewhere than in the home or the data folder is told from the data folder: ``../charts``.
        """
        if isinstance(value, Mapping):
            return {key: self.option(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.option(one) for one in value]
        if not isinstance(value, str) or not value.startswith("/") or self.data is None or "\n" in value:
            return value
        told = self.relative(value)
        if told == value:
            return value
        if not told.startswith("…"):
            return told if told.startswith("~") else f"./{told}"
        return os.path.relpath(value, self.data.absolute())

    def text(self, text: str) -> str:
        """Return a text as it may be stored or sent: without secrets, without absolute paths."""
        return self.relative(redacted_text(text))

    def content(self, content: bytes) -> bytes:
        """Return a file's content as it may be stored; what is not text, or data such as payloads, stays as it is."""
        try:
            told = content.decode()
        except UnicodeDecodeError:
            return content
        if "\0" in told:
            return content
        clean = self.relative(redacted_text(told, by_lot=False))
        return content if clean == told else clean.encode()

    def _known(self) -> list[tuple[str, str]]:
        """Return (folder, what stands for it), the longest first."""
        known = _homes()
        if self.data is not None:
            known |= {str(one): "" for one in _spellings(self.data)}
        return sorted(known.items(), key=lambda one: -len(one[0]))


def _within(stands: str) -> Callable[[re.Match[str]], str]:
    return lambda found: (f"{stands}/" if stands else "") if found[1] else (stands or ".")


def _spellings(path: Path) -> set[Path]:
    """Return a folder's absolute path as it is written and as it is behind links; none for the root itself."""
    found = {path.absolute()}
    with suppress(OSError, RuntimeError):
        found.add(path.resolve())
    return {one for one in found if len(one.parts) > 1}


def _homes() -> dict[str, str]:
    """Return this user's home, as the environment has it and as the system's list of users has it."""
    homes: set[Path] = set()
    with suppress(RuntimeError):
        homes.add(Path.home())
    with suppress(KeyError):
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return {str(one): "~" for home in homes if home.is_absolute() for one in _spellings(home)}


def placed(text: str, data: Path) -> str:
    """Return the path that `Places.option` wrote so that it leads where it led."""
    if text.startswith("~/"):
        return str(Path(text).expanduser())
    if text.startswith(("../", "./")):
        there = Path(os.path.normpath(data.absolute() / text))
        return str(there) if there.exists() else text
    return text


def private_notebook(document: dict[str, Any], places: Places) -> dict[str, Any]:
    """Return a notebook (nbformat 4, as JSON) as it may be stored or sent: its sources, outputs and metadata.

    What papermill notes of where it read and wrote becomes names of files.
    """
    noted = (document.get("metadata") or {}).get("papermill")
    if isinstance(noted, dict):
        for name in ("input_path", "output_path"):
            if isinstance(noted.get(name), str):
                noted[name] = Path(noted[name]).name
    kept: dict[str, Any] = places.kept(_joined(document))
    return kept


def _joined(value: Any) -> Any:
    """Return nested data in which every text is in one piece, where nbformat parts it into lines."""
    if isinstance(value, dict):
        return {key: _joined(one) for key, one in value.items()}
    if isinstance(value, list):
        lines = len(value) > 1 and all(isinstance(one, str) for one in value)
        if lines and all(one.endswith("\n") for one in value[:-1]):
            return "".join(value)
        return [_joined(one) for one in value]
    return value


def data_of(path: Path) -> Path | None:
    """Return the data folder that a file among the runs is in; None for any other file."""
    return next((one.parent for one in path.parents if one.name == "runs"), None)
