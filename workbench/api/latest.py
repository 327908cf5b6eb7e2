"""Which campaign "latest" stands for where figures are compared: the newest one that can answer.

The newest campaign is often a quick check, the tour, or the price of one design. Such campaigns are passed over, and a
message to the user names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from workbench.store import Store

FEWEST_BLOCKS = 2
"""The fewest complete blocks of a campaign that can answer: a single one gives no interval."""

LOOKED_AT = 50
"""Campaigns that are looked at, the newest first; where none of them can answer, the newest is taken."""


@dataclass(frozen=True, slots=True)
class Latest:
    """A campaign, and the newer ones that were passed over with the reason."""

    campaign_id: str
    passed_over: tuple[tuple[str, str], ...] = ()


def latest_answer(opened: Store, known: pd.DataFrame) -> Latest:
    """Return the newest campaign that can answer; the newest of all where none can.

    Parameters
    ----------
    known
        ``opened.campaigns()`` with finished runs, the oldest first; at least one.
    """
    newest_first = known.iloc[::-1].head(LOOKED_AT)
    passed: list[tuple[str, str]] = []
    for campaign_id, experiment in newest_first[["campaign_id", "experiment"]].itertuples(index=False, name=None):
        why = _why_not(opened.runs(campaign_id=campaign_id), str(experiment))
        if not why:
            return Latest(str(campaign_id), tuple(passed))
        passed.append((str(campaign_id), why))
    return Latest(str(newest_first["campaign_id"].iloc[0]))


def _why_not(runs: pd.DataFrame, experiment: str) -> str:
    """Say why a campaign cannot answer; empty: it can. Imported figures are taken as they are."""
    from workbench.analysis.verdicts import DISTURBED_SHARE
    from workbench.analysis.words import share
    from workbench.playground.costing import COST_OF

    finished = runs[runs["status"].eq("finished")]
    if not finished["provenance"].eq("measured").all():
        return ""
    if experiment.startswith(COST_OF):
        return "it prices one design"
    blocks = finished.groupby("block")["is_baseline"]
    complete = int((blocks.any() & ~blocks.all()).sum())
    if complete < FEWEST_BLOCKS:
        return "one complete block gives no interval" if complete else "no block holds a baseline and a mesh"
    noisy = int(finished["noisy"].fillna("").ne("").sum())
    if noisy > DISTURBED_SHARE * len(finished):
        return f"other work disturbed {share(noisy, len(finished))}"
    return ""
