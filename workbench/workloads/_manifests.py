"""Manifests of the user's own, read from a file or a folder: bounded in number and size, and no more than data.

Reading is not acting: the files are part of what was asked, as the experiment's own file is, and the objects read are
stored with the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError
from workbench.files.yaml_text import load_all, unfolded

MOST_FILES, MOST_ENTRIES = 500, 20_000
MOST_BYTES = 8 * 2**20
"""Of all files together; an API server takes 1.5 MB an object."""

MOST_VALUES = 200_000
"""Of one file, with every alias written out."""

_ENDINGS = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RECIPES = {
    **dict.fromkeys(_KUSTOMIZATIONS, ("a Kustomization", "kubectl kustomize")),
    "Chart.yaml": ("the description of a Helm chart", "helm template"),
}
"""Names of files that say how manifests are made, what each is, and what makes the manifests."""


def read(manifests: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object and the file that it stands in; lists are taken apart.

    Raises
    ------
    BadInputError
        When there is nothing to read, too much of it, or something that is not YAML of Kubernetes objects.
    """
    path = Path(manifests)
    if not manifests or not path.exists():
        raise BadInputError(f"There are no manifests at {manifests!r}: set a file or a folder of manifests.")
    found, left = False, MOST_BYTES
    for file in _files(path):
        _refuse_recipe(file)
        text = _text(file, left)
        left -= len(text)
        for one in _documents(text, file):
            found = True
            yield one, str(file)
    if not found:
        raise BadInputError(f"{manifests} contains no Kubernetes object ({', '.join(_ENDINGS)}).")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInputError(f"{path} is neither a file nor a folder: set one of these as the workload's manifests.")
    found: list[Path] = []
    for seen, file in enumerate(_below(path)):
        if seen >= MOST_ENTRIES or len(found) > MOST_FILES:
            raise BadInputError(
                f"The folder {path} is too large to be one application's manifests (at most {MOST_FILES} of "
                f"{MOST_ENTRIES} files): use a folder that contains only the manifests."
            )
        if (file.suffix in _ENDINGS or file.name in _RECIPES) and file.is_file():
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
        raise BadInputError(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(text) > most:
        raise BadInputError(
            f"The manifests are larger than {MOST_BYTES // 2**20} MiB together; {file} exceeds the limit."
        )
    return text


def _documents(text: bytes, file: Path) -> Iterator[dict[str, Any]]:
    for document in load_all(text, str(file), MOST_VALUES):
        for one in unfolded(document):
            if one is None:
                continue
            if not isinstance(one, dict):
                raise BadInputError(f"{file} contains something that is not a Kubernetes object.")
            if str(one.get("apiVersion", "")).startswith("kustomize.config.k8s.io/"):
                raise _recipe(file, "Kustomization")
            yield one


def _refuse_recipe(file: Path) -> None:
    if file.name in _RECIPES:
        raise _recipe(file, file.name)


def _recipe(file: Path, name: str) -> BadInputError:
    what, command = _RECIPES[name]
    return BadInputError(
        f"{file} is {what}, not a manifest: render the manifests with `{command} {file.parent} > FILE` and use FILE."
    )
