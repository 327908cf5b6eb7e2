"""Names and places in the data folder: what lies where, and how to list it. The package's docstring has the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.errors import StoreError
from workbench.model.recording import PROVENANCE_NAME
from workbench.store.disk import explained

INDEX_NAME = "workbench.duckdb"
LOCK_NAME = "lock"
CAPTURE_NAME = "capture.bin"
CAPTURE_HEADER_NAME = "capture.json"
CAMPAIGN_NAME = "campaign.json"
MANIFEST_NAME = "manifest.json"
EXPERIMENT_NAME = "experiment.toml"
EVENTS_NAME = "events.jsonl"
SAMPLES_NAME = "samples.parquet"
REQUESTS_NAME = "requests.parquet"
RAW_NAME = "raw"

NOT_RUNS = frozenset({"notebooks"})
"""Folders in a campaign's folder that are no runs."""


def runs_folder(data: Path) -> Path:
    """Return where the campaigns of the data folder are."""
    return data / "runs"


def campaign_folders(data: Path) -> list[Path]:
    """Return the folders of all campaigns, the oldest name first; empty when nothing was ever stored."""
    runs = runs_folder(data)
    if not runs.exists():
        return []
    with explained("list the campaigns", runs):
        return sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))


def run_folders(campaign: Path) -> Iterator[Path]:
    """Yield the folders of a campaign's runs, complete or not, in order."""
    for path in sorted(campaign.iterdir()):
        if path.is_dir() and path.name not in NOT_RUNS and not path.name.startswith("."):
            yield path


def refuse_recording(data: Path) -> None:
    """Refuse to write into a recording.

    Raises
    ------
    StoreError
        When the data folder is one.
    """
    if (data / PROVENANCE_NAME).exists():
        raise StoreError(
            f"{data} is a recording ({PROVENANCE_NAME}), which is only read: measure into another folder (--data)."
        )
