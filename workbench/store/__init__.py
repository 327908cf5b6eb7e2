"""The store: where the measuring half and the reading half meet, and the only package that knows DuckDB.

::

    data/runs/<campaign_id>/campaign.json     who, what, when, facts, plan, status
                            experiment.toml   the question as it was asked
                            events.jsonl      progress, one event a line
                            lock              flock held by the process that carries the campaign out
                            notebooks/        executed notebooks, the lab record
                            <run_id>/manifest.json     the run's record, its files with SHA-256 and row
                                                       counts; written last
                                     samples.parquet   time_s, component, role, one column for each metric
                                     requests.parquet  raw times of single requests, where kept
                                     raw/              what the tools printed
                                     capture.bin, capture.json   only while in flight or after a crash
    data/workbench.duckdb                     the index; made from the folders and remade at will

Why this layout:

* **Folders are the record.** A DuckDB file admits one writing process, and even an idle reader in somebody's
  notebook keeps every writer out. So a measurement writes plain files that nobody else writes, and never
  opens the database.
* **A file appears whole or not at all**: written under a temporary name, fsynced, renamed; the manifest last.
  A folder with a manifest is complete, one without was cut off. DuckDB's ``COPY`` killed midway leaves a torn
  Parquet file under the name it was given, which would spoil every query over the folder: hence the temporary
  names.
* **Samples in flight** are fixed-size records appended with one ``write`` each: what `RunWriter.samples` has
  taken survives ``kill -9``, for tens of microseconds and without numpy, pandas or DuckDB in the measuring
  loop.
* **The database is an index.** Whatever is wrong with it - damaged, of another version, held by another
  process, on a read-only disk - costs time, never data and never an answer: it is remade, or stands in memory
  meanwhile.
* **Samples are wide**, a column for each metric: three times faster and smaller than one row for each value.

`recover` completes what was cut off. The names below are loaded when first used, so that the measuring half
imports neither pandas nor the index.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.store.campaign_writer import CampaignWriter
    from workbench.store.formats import Campaign, read_campaign, read_run
    from workbench.store.reader import Store
    from workbench.store.recovery import recover
    from workbench.store.run_writer import RunWriter

_HOME = {
    "Campaign": "formats",
    "CampaignWriter": "campaign_writer",
    "RunWriter": "run_writer",
    "read_campaign": "formats",
    "read_run": "formats",
    "Store": "reader",
    "recover": "recovery",
}

__all__ = ["Campaign", "CampaignWriter", "RunWriter", "Store", "read_campaign", "read_run", "recover"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
