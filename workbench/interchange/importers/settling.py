"""What every run must bear before it is stored, whichever importer read it.

A latency is that of answers: where nothing was answered it is unknown, never 0. A duration, a rate and a count that
contradict one another cannot all be true, and what cannot be is unknown, with the reason. A document of which no figure
remains is refused: it would be stored as a finished run that says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.errors import BadInput
from workbench.interchange.importers.imported import Imported

_FAR = 1000.0
"""A run that took a thousandth of what was asked for, or a thousand times that, was told in a wrong unit."""

_APART = 0.1
"""Share by which what a run took may differ from what was asked before it is said."""

_AGREE = 2.0
"""A count, a duration and a rate that differ by more than this factor are not of one run."""


def settled(runs: Sequence[Imported], where: str) -> list[Imported]:
    """Return the runs with what cannot be in them unknown, each time with a note; without those that hold no figure.

    Raises
    ------
    BadInput
        When none of them holds a figure.
    """
    made = [_consumption(_times(_latency(run))) for run in runs]
    kept = [run for run in made if not _is_hollow(run)]
    if not kept:
        reasons = list(dict.fromkeys(note for run in made for note in run.notes if _says_why(note)))
        why = f" {' '.join(reasons[:3])}" if reasons else ""
        raise BadInput(
            f"{where} holds no figure that can be imported: no count, no rate, no latency and no consumption. Is it "
            f"the right file, and whole?{why}"
        )
    if len(kept) < len(made):
        left = f"{len(made) - len(kept)} of its {len(made)} results hold no figure at all and are left out."
        kept[0] = replace(kept[0], notes=(*kept[0].notes, left))
    return kept


def _says_why(note: str) -> bool:
    return "left out" in note or "unknown" in note


def answered(run: Imported) -> int | None:
    """Return how many requests were answered rightly, as far as the source tells; None: it does not tell."""
    if run.requests is None:
        return None
    return max(0, run.requests - (run.errors or 0))


def _is_hollow(run: Imported) -> bool:
    counted = run.requests is not None or run.errors is not None or run.achieved_rate_per_s is not None
    return not counted and not run.histograms and not run.quantiles and not run.usage


def _latency(run: Imported) -> Imported:
    if not run.quantiles and not run.histograms:
        return run
    if answered(run) == 0:
        tried = max(run.requests or 0, run.errors or 0)
        said = f"all {tried} requests failed" if tried else "no request was answered"
        return replace(run, quantiles={}, histograms={}, notes=(*run.notes, f"Latency is unknown: {said}."))
    kept = {kind: _positive(told) for kind, told in run.quantiles.items()}
    lost = sorted({name for kind, told in run.quantiles.items() for name in told if name not in kept[kind]})
    if not lost:
        return run
    names = ", ".join(name.removesuffix("_s") for name in lost)
    note = f"Its latency figures {names} are 0, which none can be: they are unknown."
    return replace(run, quantiles={kind: told for kind, told in kept.items() if told}, notes=(*run.notes, note))


def _positive(told: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in told.items() if value > 0}


def _consumption(run: Imported) -> Imported:
    if not any(one.cpu_cores is not None for one in run.usage) or run.window_s:
        return run
    note = "The CPU that it tells is kept in its record only: without a duration it is no CPU time per request."
    return replace(run, notes=(*run.notes, note))


def _times(run: Imported) -> Imported:
    """Return the run with an impossible duration or rate unknown; hold what it took against what was asked."""
    window, notes = run.window_s, list(run.notes)
    if not window:
        return run if window is None else replace(run, window_s=None)
    made = _agreeing(run, window, notes)
    if made.window_s is not None and (why := _impossible(made, made.window_s)):
        notes.append(f"It cannot have taken {made.window_s:.4g} s: {why}. Its duration and its rate are unknown.")
        made = replace(made, window_s=None, achieved_rate_per_s=None)
    elif made.window_s and run.duration_s and abs(made.window_s / run.duration_s - 1) > _APART:
        notes.append(f"It took {made.window_s:.4g} s, and {run.duration_s:.4g} s were asked for.")
    return made if tuple(notes) == run.notes else replace(made, notes=tuple(notes))


def _impossible(run: Imported, window: float) -> str:
    """Return why a run cannot have taken so long; empty when it can."""
    slowest = _slowest_s(run)
    if slowest > window * (1 + _APART):
        return f"a single answer in it took {slowest:.4g} s"
    if run.duration_s and not 1 / _FAR < window / run.duration_s < _FAR:
        return f"{run.duration_s:.4g} s were asked for"
    return ""


def _slowest_s(run: Imported) -> float:
    """Return the latency of the slowest answer; 0 where it is not told."""
    highest = [told["high_s"] for told in run.quantiles.values() if "high_s" in told]
    highest += [whole.high_s for whole in run.histograms.values() if whole.count and whole.high_s is not None]
    return max(highest, default=0.0)


def _agreeing(run: Imported, window: float, notes: list[str]) -> Imported:
    """Return the run without the one of duration and rate that its count of requests, and what was asked, rule out."""
    rate = run.achieved_rate_per_s
    if not rate:
        return run
    if run.requests is None:
        if rate * window >= 1 / _AGREE or not (run.quantiles or run.histograms):
            return run
        notes.append(f"{rate:.4g}/s in {window:.4g} s is not even one request: its duration is unknown.")
        return replace(run, window_s=None)
    sending = max(0.0, window - _slowest_s(run))  # a rate may be that of sending, and the last answer come long after
    if run.requests < 1 or ((answered(run) or 0) / _AGREE <= rate * window and rate * sending <= run.requests * _AGREE):
        return run  # some tools' rates are of answers only
    counted = f"{run.requests} requests in {window:.4g} s are not {rate:.4g}/s"
    if run.duration_s is not None and _is_near(window, run.duration_s):
        notes.append(f"{counted}: the rate is taken from the count and the duration.")
        return replace(run, achieved_rate_per_s=run.requests / window)
    if run.duration_s is not None and _is_near(run.requests / rate, run.duration_s):
        notes.append(f"{counted}: the duration is unknown, {run.duration_s:.4g} s were asked for.")
        return replace(run, window_s=None)
    notes.append(f"{counted}: both are unknown.")
    return replace(run, window_s=None, achieved_rate_per_s=None)


def _is_near(one: float, other: float) -> bool:
    return 1 / _AGREE <= one / other <= _AGREE
