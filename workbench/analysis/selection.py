"""Which runs count, and why the others do not.

Second stage of the analysis. Nothing is dropped silently: every run that does not count stands in a frame with the
reason, and becomes a check. No rule here looks at a cost or a latency; that would be choosing the answer.

1. Only finished runs count. One that did not finish and was measured again (resumed) is superseded.
2. Of several attempts at one cell of one block, the first that the noise gauge calls quiet counts; when it calls none
   quiet, the first attempt does. The gauge (steal, foreign load) knows nothing of the outcome.
3. Of runs of unlike circumstances only one like group is compared: the largest; of equally large ones the latest.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.analysis.contract import BLOCK, LIKE, workload_labels
from workbench.analysis.words import join
from workbench.errors import NothingToShowError

_ATTEMPTS_OF = (*BLOCK, "mesh", "workload", "payload_bytes", "server_delay_s", "fan_out", "rate_per_s", *LIKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What counts of a set of runs.

    Attributes
    ----------
    counted
        Rows of the runs frame; its column ``workload`` holds labels that tell workloads apart.
    left_out
        The other rows, with ``why``: ``"failed"``, ``"interrupted"``, ``"skipped"``, ``"superseded"`` (another
        attempt at the same run counts), ``"unlike"`` (other circumstances).
    unlike
        Circumstance -> its values, for every circumstance in which runs differed.
    """

    counted: pd.DataFrame
    left_out: pd.DataFrame
    unlike: dict[str, list[str]]


def _nothing_finished(runs: pd.DataFrame) -> NothingToShowError:
    counts = ", ".join(f"{count} {status}" for status, count in runs["status"].value_counts().items())
    reasons = [reason for reason in runs["reason"] if reason]
    first = f" First reason: {reasons[0]}" if reasons else ""
    return NothingToShowError(
        f"None of the {len(runs)} runs finished ({counts}), so there is nothing to compare.{first} "
        "Fix that and run the experiment again (workbench run)."
    )


def _best_attempts(finished: pd.DataFrame) -> pd.Series:
    """Return a flag for each finished run: whether it is the attempt that counts (rule 2)."""
    ordered = finished.assign(_noisy=finished["noisy"].ne("")).sort_values(
        ["_noisy", "attempt", "started_at", "run_id"], kind="stable"
    )
    duplicate = ordered.duplicated(list(_ATTEMPTS_OF), keep="first")
    return ~duplicate.reindex(finished.index)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "unknown"


def _like_group(runs: pd.DataFrame) -> tuple[pd.Series, dict[str, list[str]]]:
    """Return which rows belong to the group that is compared (rule 3), and what differed."""
    group = runs.groupby(list(LIKE), dropna=False, sort=False).ngroup()
    if group.nunique() == 1:
        return group.eq(group.iloc[0]), {}
    ranking = pd.DataFrame({"size": group.value_counts(), "latest": runs["started_at"].groupby(group).max()})
    chosen = ranking.sort_values(["size", "latest"]).index[-1]
    unlike = {
        name: sorted(_shown(value) for value in runs[name].unique())
        for name in LIKE
        if runs[name].nunique(dropna=False) > 1
    }
    return group.eq(chosen), unlike


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """Return ``runs`` with workload labels that tell the workloads among them apart."""
    return runs.assign(workload=workload_labels(runs))


def finished_runs(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Apply rules 1 and 2 to cleaned ``runs``: the counted rows, and the left-out rows with ``why``.

    Raises
    ------
    NothingToShowError
        When no run finished.
    """
    done = runs["status"].eq("finished")
    if not done.any():
        raise _nothing_finished(runs)
    unfinished, finished = runs[~done], runs[done]
    best = _best_attempts(finished)
    planned = ["campaign_id", "ordinal"]
    again = pd.MultiIndex.from_frame(unfinished[planned]).isin(pd.MultiIndex.from_frame(finished[planned]))
    why = unfinished["status"].mask(again, "superseded")
    return finished[best], [unfinished.assign(why=why), finished[~best].assign(why="superseded")]


def select(runs: pd.DataFrame) -> Selection:
    """Decide which of the cleaned ``runs`` count: of unlike circumstances the largest like group.

    Raises
    ------
    NothingToShowError
        When no run finished.
    """
    counted, left = finished_runs(runs)
    like, unlike = _like_group(counted)
    left.append(counted[~like].assign(why="unlike"))
    return Selection(
        counted=labelled(counted[like]).reset_index(drop=True),
        left_out=pd.concat([part for part in left if not part.empty] or left[:1], ignore_index=True),
        unlike=unlike,
    )


def differences(unlike: dict[str, list[str]]) -> str:
    """Say what differs: ``"fingerprint (a1b2 against c3d4) and connections (16 against 32)"``."""
    parts = [f"{name} ({' against '.join(values)})" for name, values in unlike.items()]
    return join(parts)
