"""What every run must bear before it is stored, whichever importer read it.

A latency is that of answers: where nothing was answered it is unknown, never 0. A tool whose clock jumped tells a time
that its own run contradicts: a test of 5 s that was over after 1.25 ms, a latency longer than the time in which it
lies. A duration, a rate and a count that contradict one another cannot all be true. What cannot be is unknown, with the
reason, and is never passed on. A document of which no figure remains is refused: it would be stored as a finished run
that says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.errors import BadInputError
from workbench.interchange.importing.imported import Imported
from workbench.model.records import MOST

_SHORTEST = 0.1
"""Share of the asked time below which a told time is impossible. A run that was stopped may be shorter than asked."""

_LONGEST = 10.0
_LATE_S = 60.0
"""A run may last longer than asked until its last answers are there or have timed out, but not by more than both."""

_CENTURY_S = 3.2e9

_APART = 0.1
"""Share by which what a run took may differ from what was asked before it is said."""

_PLAY = 1.02
_PLAY_S = 0.01
"""Times are printed with two decimals, latencies as the top of a histogram's bucket."""

_AGREE = 2.0
"""A count, a duration and a rate that differ by more than this factor are not of one run. Tools divide by times of
their own (until the last send, the last answer), but not by so different ones."""


def settled(runs: Sequence[Imported], where: str) -> list[Imported]:
    """Return the runs with what cannot be in them unknown, each time with a note; without those that hold no figure.

    Raises
    ------
    BadInputError
        When none of them holds a figure.
    """
    made = [plausible(run) for run in runs]
    kept = [run for run in made if not _is_hollow(run)]
    if not kept:
        reasons = list(dict.fromkeys(note for run in made for note in run.notes if _says_why(note)))
        why = f" {' '.join(reasons[:3])}" if reasons else ""
        raise BadInputError(
            f"{where} contains no figure to import: no count, no rate, no latency and no consumption. Is it "
            f"the right file, and complete?{why}"
        )
    if len(kept) < len(made):
        left = f"{len(made) - len(kept)} of its {len(made)} results contain no figure and are left out."
        kept[0] = replace(kept[0], notes=(*kept[0].notes, left))
    return kept


def plausible(run: Imported) -> Imported:
    """Return the run without the figures that it contradicts itself; each is named in its notes.

    Raises
    ------
    BadInputError
        When it holds a count or a time of a size that no run has.
    """
    _check_size(run)
    return _consumption(_within(_against_asked(_agreeing(_latency(_asked(run))))))


def _check_size(run: Imported) -> None:
    counts = {"requests": run.requests, "errors": run.errors, **run.counts_by_status}
    for name, count in counts.items():
        if count is not None and abs(count) > MOST:
            raise BadInputError(f"{run.where}: {name}: a count of {len(str(abs(count)))} digits is out of range.")
    if run.window_s is not None and run.window_s > _CENTURY_S:
        raise BadInputError(f"{run.where}: a run of {run.window_s:.3g} s is out of range; check the unit.")


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
    note = f"Its latency figures {names} are 0, which is impossible: they are unknown."
    return replace(run, quantiles={kind: told for kind, told in kept.items() if told}, notes=(*run.notes, note))


def _positive(told: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in told.items() if value > 0}


def _consumption(run: Imported) -> Imported:
    if not any(one.cpu_cores is not None for one in run.usage) or run.window_s:
        return run
    note = "Its CPU is kept only in the record: without a duration, it cannot become CPU time per request."
    return replace(run, notes=_once(run, note))


def _asked(run: Imported) -> Imported:
    """Return the run without circumstances of 0, under which nothing can be measured."""
    zeros = [name for name in ("rate_per_s", "duration_s", "connections") if getattr(run, name) == 0]
    if not zeros:
        return run
    note = f"Its {' and '.join(zeros)} is 0, which is impossible: unknown."
    return replace(
        run,
        rate_per_s=run.rate_per_s or None,
        duration_s=run.duration_s or None,
        connections=run.connections or None,
        notes=_once(run, note),
    )


def _against_asked(run: Imported) -> Imported:
    """Return the run with its time held against the one that was asked for."""
    asked, window = run.duration_s, run.window_s
    if window == 0:
        return replace(run, window_s=None)
    if asked is None or window is None:
        return run
    told = f"It should have taken {asked:g} s but reports {window:g} s"
    if window < _SHORTEST * asked or window > max(_LONGEST * asked, asked + _LATE_S):
        return _without_window(run, f"{told}, which is impossible")
    if window < (1 - _APART) * asked:
        return replace(run, notes=_once(run, f"{told}: was it stopped? Its rate is of the shorter time."))
    if window > (1 + _APART) * asked:
        return replace(run, notes=_once(run, f"{told}."))
    return run


def _within(run: Imported) -> Imported:
    """Return the run with its largest latency held against the time in which it lies."""
    window, slowest = run.window_s, _slowest_s(run)
    if window is None or slowest <= window * _PLAY + _PLAY_S:
        return run
    told = f"A latency of {slowest:g} s is longer than its reported {window:g} s"
    if run.duration_s is None or slowest <= run.duration_s * _PLAY + _PLAY_S:
        return _without_window(run, told)
    return replace(run, notes=_once(run, f"{told}: one of the two is wrong; check the unit."))


def _slowest_s(run: Imported) -> float:
    """Return the latency of the slowest answer; 0 where it is not told."""
    highest = [told["high_s"] for told in run.quantiles.values() if "high_s" in told]
    highest += [whole.high_s for whole in run.histograms.values() if whole.count and whole.high_s is not None]
    return max(highest, default=0.0)


def _agreeing(run: Imported) -> Imported:
    """Return the run without the one of duration and rate that its count of requests, and what was asked, rule out."""
    rate, window = run.achieved_rate_per_s, run.window_s
    if rate == 0 and window and (came := answered(run)):
        note = (
            f"Its reported rate is 0, but {came} requests were answered: the rate is computed from count and duration."
        )
        return replace(run, achieved_rate_per_s=came / window, extra=_told(run), notes=_once(run, note))
    if not rate or not window:
        return run
    if run.requests == 0 and rate * window > _AGREE:
        note = f"It reports no requests but a rate of {rate:.4g}/s: the rate is unknown."
        return replace(run, achieved_rate_per_s=None, extra=_told(run), notes=_once(run, note))
    if run.requests is None:
        if rate * window >= 1 / _AGREE or not (run.quantiles or run.histograms):
            return run
        note = f"{rate:.4g}/s in {window:.4g} s is not even one request: its duration is unknown."
        return replace(run, window_s=None, extra=_told(run), notes=_once(run, note))
    sending = max(0.0, window - _slowest_s(run))  # a rate may be that of sending, and the last answer come long after
    if run.requests < 1 or ((answered(run) or 0) / _AGREE <= rate * window and rate * sending <= run.requests * _AGREE):
        return run  # some tools' rates are of answers only
    counted = f"{run.requests} requests in {window:.4g} s are not {rate:.4g}/s"
    if run.duration_s is not None and _is_near(window, run.duration_s):
        note = f"{counted}: the rate is impossible, and is computed from count and duration."
        return replace(run, achieved_rate_per_s=run.requests / window, extra=_told(run), notes=_once(run, note))
    if run.duration_s is not None and _is_near(run.requests / rate, run.duration_s):
        note = f"{counted}: the duration is unknown ({run.duration_s:.4g} s were requested)."
        return replace(run, window_s=None, extra=_told(run), notes=_once(run, note))
    note = f"{counted}: both are unknown."
    return replace(run, window_s=None, achieved_rate_per_s=None, extra=_told(run), notes=_once(run, note))


def _is_near(one: float, other: float) -> bool:
    return 1 / _AGREE <= one / other <= _AGREE


def _without_window(run: Imported, why: str) -> Imported:
    """Return the run without its time, and the rate that was made with it."""
    rate = f" ({run.achieved_rate_per_s:,.6g}/s)" if run.achieved_rate_per_s is not None else ""
    note = f"{why}: its duration and achieved rate{rate} count as unknown."
    return replace(run, window_s=None, achieved_rate_per_s=None, extra=_told(run), notes=_once(run, note))


def _told(run: Imported) -> dict[str, object]:
    """Return what goes into a run's record of figures that its comparison does not get: time and rate as told."""
    told = {"told_window_s": run.window_s, "told_rate_per_s": run.achieved_rate_per_s}
    return {**{name: value for name, value in told.items() if value is not None}, **run.extra}


def _once(run: Imported, note: str) -> tuple[str, ...]:
    return run.notes if note in run.notes else (*run.notes, note)
