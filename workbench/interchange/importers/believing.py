"""Figures that cannot be true, of whatever tool: they become unknown, with a note, and are never passed on.

An answer takes time, so a latency of 0 is one that was not measured. A tool whose clock jumped tells a time that its
own run contradicts: a test of 5 s that was over after 1.25 ms, a latency longer than the time in which it lies. What
such a time was divided into, the rate, is wrong with it.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.interchange.importers.imported import Imported

_SHORTEST = 0.1
"""Of the time that was asked for. A run that was stopped may be shorter, and is told so below `_EARLY`."""

_EARLY = 0.9
_LONGEST = 10.0
_LATE_S = 60.0
"""A run may last longer than asked until its last answers are there or have timed out, but not by so much."""

_PLAY_RATE = 2.0
"""Tools divide by times of their own (until the last send, the last answer), but not by so different ones."""

_PLAY = 1.02
_PLAY_S = 0.01
"""Times are printed with two decimals, latencies as the top of a histogram's bucket."""


def believed(run: Imported) -> Imported:
    """Return the run without the figures that it contradicts itself; each is named in its notes."""
    return _reached(_within(_against_asked(_answered(_asked(run)))))


def _asked(run: Imported) -> Imported:
    """Return the run without circumstances of 0, under which nothing can be measured."""
    zeros = [name for name in ("rate_per_s", "duration_s", "connections") if getattr(run, name) == 0]
    if not zeros:
        return run
    note = f"It tells {' and '.join(zeros)} as 0, under which nothing runs: not told."
    return replace(
        run,
        rate_per_s=run.rate_per_s or None,
        duration_s=run.duration_s or None,
        connections=run.connections or None,
        notes=_once(run, note),
    )


def _answered(run: Imported) -> Imported:
    """Return the run without latencies of nothing."""
    if run.requests == 0:
        return replace(run, quantiles={}, histograms={})
    held = {kind: {name: value for name, value in told.items() if value > 0} for kind, told in run.quantiles.items()}
    zeros = sorted({name for kind, told in run.quantiles.items() for name in told if name not in held[kind]})
    if not zeros:
        return run
    names = ", ".join(name.removesuffix("_s").replace("low", "min").replace("high", "max") for name in zeros)
    note = f"A latency of 0 s ({names}) is none that was measured: it counts as unknown."
    return replace(run, quantiles={kind: told for kind, told in held.items() if told}, notes=(*run.notes, note))


def _against_asked(run: Imported) -> Imported:
    """Return the run with its time held against the one that was asked for."""
    asked, window = run.duration_s, run.window_s
    if asked is None or window is None or run.window_from == "sends":
        return run
    told = f"It was to take {asked:g} s and says that it took {window:g} s"
    if window < _SHORTEST * asked or window > max(_LONGEST * asked, asked + _LATE_S):
        return _without_window(run, f"{told}, which is impossible")
    if window < _EARLY * asked:
        return replace(run, notes=_once(run, f"{told}: was it stopped? Its rate is of the shorter time."))
    return run


def _within(run: Imported) -> Imported:
    """Return the run with its largest latency held against the time in which it lies."""
    window, longest = run.window_s, _longest(run)
    if window is None or longest is None or run.window_from == "sends" or longest <= window * _PLAY + _PLAY_S:
        return run
    told = f"A latency of {longest:g} s is longer than the {window:g} s that it says it took"
    if run.duration_s is None or longest <= run.duration_s * _PLAY + _PLAY_S:
        return _without_window(run, told)
    return replace(run, notes=_once(run, f"{told}: one of the two is wrong; check the unit."))


def _reached(run: Imported) -> Imported:
    """Return the run with its rate held against its requests and its time."""
    rate, window, requests = run.achieved_rate_per_s, run.window_s, run.requests
    if rate is None or window is None or requests is None or rate <= _PLAY_RATE * requests / window + 1:
        return run
    note = (
        f"A rate of {rate:,.6g}/s cannot have been reached with {requests:,} requests in {window:g} s: it counts as "
        "unknown."
    )
    extra = {**run.extra, "told_rate_per_s": rate}
    return replace(run, achieved_rate_per_s=None, extra=extra, notes=_once(run, note))


def _longest(run: Imported) -> float | None:
    found = [value for told in run.quantiles.values() for value in told.values()]
    found += [whole.high_s for whole in run.histograms.values() if whole.high_s is not None]
    return max(found, default=None)


def _without_window(run: Imported, why: str) -> Imported:
    """Return the run without its time, and the rate that was made with it."""
    rate = f" ({run.achieved_rate_per_s:,.6g}/s)" if run.achieved_rate_per_s is not None else ""
    note = f"{why}: its time and the rate that it reached{rate} count as unknown."
    told = {"told_window_s": run.window_s, "told_rate_per_s": run.achieved_rate_per_s}
    extra = {**run.extra, **{name: value for name, value in told.items() if value is not None}}
    return replace(run, window_s=None, achieved_rate_per_s=None, extra=extra, notes=_once(run, note))


def _once(run: Imported, note: str) -> tuple[str, ...]:
    return run.notes if note in run.notes else (*run.notes, note)
