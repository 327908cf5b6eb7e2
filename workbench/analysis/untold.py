"""What nobody knows of runs that others measured: not told by their source, or told as what cannot be.

Part of the sixth stage. An import says so once, to whoever imports; a comparison says it to whoever reads.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.analysis.evidence import Check, Evidence
from workbench.analysis.words import counted, join, some

_ERRORS = "errors"
_FIGURES = {
    "requests": "how many requests there were",
    _ERRORS: "how many of them failed",
    "window_s": "how long it took",
    "achieved_rate_per_s": "which rate was achieved",
}
"""Column of the runs -> what is unknown where it is empty."""


def untold(evidence: Evidence) -> Iterator[Check]:
    """Name, for each data plane, the figures that are unknown of its imported runs."""
    runs = evidence.runs[evidence.runs["provenance"].eq("imported")]
    for mesh, rows in runs.groupby("mesh", sort=False):
        empty = rows[list(_FIGURES)].isna()
        lacking = [name for name in _FIGURES if empty[name].any()]
        if not lacking:
            continue
        flagged = rows[empty.any(axis=1)]
        doubt = " Failed requests may be missing, which makes it look fast." if _ERRORS in lacking else ""
        yield Check(
            name="figures-unknown",
            severity="warning",
            scope=some(flagged["run_id"]),
            figure=f"{len(flagged)} of {counted(len(rows), 'run')}",
            message=f"Unknown for {mesh}: {join([_FIGURES[name] for name in lacking])}. The source does not state it, "
            f"or states something impossible.{doubt}",
            next_step="Read raw/import.json in the folders of these runs: it has "
            "the original figures, and why they are "
            "not used.",
        )
