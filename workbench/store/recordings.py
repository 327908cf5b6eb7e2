"""Recordings: data folders that are only read, because they say with a file of their own where they come from."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import BadInputError, StoreError
from workbench.fields import read_table, toml_table
from workbench.model.recording import PROVENANCE_NAME, Recording


def recording_of(data: Path) -> Recording | None:
    """Return what the data folder says of itself as a recording; None when it is an ordinary one.

    Raises
    ------
    StoreError
        When it is a recording whose provenance cannot be read: its figures cannot be shown without it.
    """
    path = data / PROVENANCE_NAME
    if not path.exists():
        return None
    try:
        return read_table(Recording, toml_table(path.read_text(encoding="utf-8"), path.name), path.name)
    except (OSError, ValueError, BadInputError) as error:
        raise StoreError(
            f"{path} says where the recording beside it comes from, and cannot be read: {error} No figure of it is "
            "shown without that. Restore the file, or install the workbench again."
        ) from error
