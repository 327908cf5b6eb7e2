"""The data inside the report: what its tables and charts were made from, as files to save."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pandas as pd

from workbench.analysis import Comparison
from workbench.model.recording import badge_of
from workbench.report.material import Material
from workbench.report.parts import Download
from workbench.text.plain import cells

PLAIN_LIMIT = 64 * 1024
"""Bytes above which a file is embedded compressed: a report is to stay small enough to be mailed."""

ROOM = 700_000
"""Bytes for all files together; what does not fit is named, and stays in the store."""

_HELD = {
    "runs": "every run with its circumstances, status and noise",
    "costs": "every counted run's metrics, in SI base units",
    "summary": "medians over blocks with intervals",
    "overhead": "differences to the baseline of the same block",
    "bill": "CPU per request by role",
    "resources": "usage and requests of each role on the cluster, medians over blocks",
    "node-bill": "who used each node's CPU in every run",
    "sources": "the source of each run's consumption data",
    "verdicts": "every pair of data planes, compared",
    "gates": "every gate of every run with its evidence",
}


def downloads(material: Material, room: int = ROOM) -> tuple[Download, ...]:
    """Return the frames behind the report as CSV, and the comparison's checks and circumstances as JSON.

    A file that does not fit into ``room`` bytes beside those before it has no content.
    """
    comparison = material.comparison
    frames = {
        "summary": comparison.summary,
        "overhead": comparison.overhead,
        "bill": comparison.bill_summary,
        **_of_clusters(comparison),
        "runs": material.runs,
        "costs": comparison.costs,
        "gates": material.gates,
        "verdicts": comparison.verdicts,
    }
    found = [_comparison_json(material), *(_csv(name, frame) for name, frame in frames.items())]
    kept = []
    for one in found:
        fits = len(one.content) <= room
        room -= len(one.content) if fits else 0
        kept.append(one if fits else replace(one, content=b""))
    return tuple(kept)


def _of_clusters(comparison: Comparison) -> dict[str, pd.DataFrame]:
    found = {
        "resources": comparison.resource_summary,
        "node-bill": comparison.node_bill,
        "sources": comparison.sources,
    }
    return {name: frame for name, frame in found.items() if len(frame)}


def _csv(name: str, frame: pd.DataFrame) -> Download:
    badge = badge_of(frame)
    told = cells(frame.assign(badge=badge) if badge else frame)
    rounded = told.to_csv(index=False, lineterminator="\n", float_format="%.7g").encode()
    return _packed(f"{name}.csv", "text/csv", rounded, f"{_HELD[name]}; {len(frame):,} rows")


def _comparison_json(material: Material) -> Download:
    comparison = material.comparison
    document = {
        **({"badge": comparison.badge} if comparison.badge else {}),
        "circumstances": comparison.circumstances,
        "campaigns": comparison.campaigns,
        "order": comparison.order,
        "checks": [
            {
                "name": check.name,
                "severity": check.severity,
                "scope": check.scope,
                "figure": check.figure,
                "message": check.message,
                "next_step": check.next_step,
            }
            for check in comparison.checks
        ],
        "facts": {sheet.campaign_id: sheet.details for sheet in material.sheets},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, default=str)
    return _packed("comparison.json", "application/json", text.encode(), "checks, circumstances and facts")


def _packed(name: str, media: str, content: bytes, holds: str) -> Download:
    if len(content) <= PLAIN_LIMIT:
        return Download(name=name, media=media, content=content, holds=holds)
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    return Download(name=f"{name}.gz", media="application/gzip", content=packed, holds=holds)
