"""Manifests of the user's own, read from a file or a folder: bounded in number and size, and no more than data.

Reading is not acting: the files are part of what was asked, as the experiment's own file is, and the objects read are
stored with the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.decoding import decoded
from workbench.errors import BadInput

MOST_FILES, MOST_ENTRIES = 500, 20_000
MOST_BYTES = 8 * 2**20
"""Of all files together; an API server takes 1.5 MB an object."""

MOST_VALUES = 200_000
"""Of one file, with every alias written out: a few lines of YAML can stand for billions."""

_ENDINGS = (".yaml", ".yml", ".json")


def read(manifests: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object and the file that it stands in; lists are taken apart.

    Raises
    ------
    BadInput
        When there is nothing to read, too much of it, or something that is no YAML of Kubernetes objects.
    """
    path = Path(manifests)
    if not manifests or not path.exists():
        raise BadInput(f"There are no manifests at {manifests!r}: give the workload a file or a folder of them.")
    found, left = False, MOST_BYTES
    for file in _files(path):
        text = _text(file, left)
        left -= len(text)
        for one in _documents(text, file):
            found = True
            yield one, str(file)
    if not found:
        raise BadInput(f"{manifests} holds no Kubernetes object ({', '.join(_ENDINGS)}).")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path} is neither a file nor a folder: give the workload one of these.")
    found: list[Path] = []
    for seen, file in enumerate(_below(path)):
        if seen >= MOST_ENTRIES or len(found) > MOST_FILES:
            raise BadInput(
                f"The folder {path} is too large to be one application's manifests (at most {MOST_FILES} of "
                f"{MOST_ENTRIES} files): name the folder that holds them and nothing else."
            )
        if file.suffix in _ENDINGS and file.is_file():
            found.append(file)
    return sorted(found)


def _below(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)


def _text(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            text = opened.read(most + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(text) > most:
        raise BadInput(f"The manifests are larger than {MOST_BYTES // 2**20} MiB together; {file} is where it ends.")
    return text


def _documents(text: bytes, file: Path) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(decoded(text)))
        _count(documents)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadInput(f"{file} cannot be read as YAML: {why}.") from error
    for document in documents:
        if document is None:
            continue
        listed = isinstance(document, dict) and document.get("kind") == "List"
        for one in (document.get("items") or []) if listed else [document]:
            if not isinstance(one, dict):
                raise BadInput(f"{file} holds something that is no Kubernetes object.")
            yield one


def _count(value: Any) -> None:
    """Walk through ``value`` as whoever writes it out will; a value that holds itself never ends."""
    left, waiting = MOST_VALUES, [value]
    while waiting:
        one = waiting.pop()
        left -= 1
        if left < 0:
            raise ValueError(f"written out it holds more than {MOST_VALUES} values")
        waiting.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
