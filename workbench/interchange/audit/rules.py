"""The rules: each looks at a set of results for one thing that published figures get wrong.

Every rule names the figure that it stands on. Why it matters is said once for each, beside its title, and travels with
every finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from workbench.interchange.audit.claims import Claim, ResultSet, memory_is_defined
from workbench.interchange.publications import PERCENTILES
from workbench.text.plain import capital

Severity = Literal["error", "warning", "info"]
"""error: a figure cannot be true, or a conclusion does not follow; warning: believe less; info: to know."""

Hit = tuple[Severity, str, str, str]
"""Severity, scope, figure, message."""

REPEAT_RATIO = 1.2
"""Runs of one cell that differ by more than a fifth: as large as most differences that are published."""

SUSPECT_S = 1e-4
"""A median latency below a tenth of a millisecond, over a network and through proxies, is more likely seconds that
were called milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule.

    Attributes
    ----------
    name, title
        Stable identifier, and what it is about in a few words.
    why
        Why it matters, one sentence.
    look
        Yields what it finds in a set.
    """

    name: str
    title: str
    why: str
    look: Callable[[ResultSet], Iterator[Hit]]


def _at(claim: Claim) -> str:
    rate = f" at {claim.rate_per_s:g}/s" if claim.rate_per_s is not None else ""
    run = f", run {claim.run}" if claim.run > 1 else ""
    return f"{claim.mesh}{rate}{run}"


def _distributions(results: ResultSet) -> dict[tuple[object, ...], dict[str, Claim]]:
    """Return the percentiles of each run's latency: key -> aspect -> claim."""
    found: dict[tuple[object, ...], dict[str, Claim]] = {}
    for one in results.claims:
        if one.quantity == "latency" and one.aspect in PERCENTILES:
            key = (one.mesh, one.cell, one.rate_per_s, one.run, one.kind, one.metric)
            found.setdefault(key, {}).setdefault(one.aspect, one)
    return found


def percentiles(results: ResultSet) -> Iterator[Hit]:
    """Find a lower percentile above a higher one."""
    for told in _distributions(results).values():
        ordered = [told[name] for name in PERCENTILES if name in told]
        for lower, upper in pairwise(ordered):
            if lower.value <= upper.value * 1.0005:
                continue
            figure = f"{lower.aspect} {lower.shown}, {upper.aspect} {upper.shown}"
            if lower.kind == "absolute":
                yield (
                    "error",
                    _at(lower),
                    figure,
                    f"{lower.aspect} is above {upper.aspect}, which is impossible in a distribution.",
                )
            else:
                said = (
                    f"added {lower.aspect} is above added {upper.aspect}: possible for "
                    "differences, but a sign of noise."
                )
                yield "info", _at(lower), figure, said


def seconds(results: ResultSet) -> Iterator[Hit]:
    """Find latencies in milliseconds that look like seconds, in sets that are not measured here."""
    if results.party == "own":
        return
    for one in results.claims:
        is_median = one.quantity == "latency" and one.aspect == "p50" and one.kind == "absolute"
        if is_median and not one.is_baseline and 0 < one.value < SUSPECT_S and "ms" in one.shown:
            said = "The median is below 0.1 ms with a mesh in the path: are these seconds?"
            yield "warning", _at(one), one.shown, said


def repetitions(results: ResultSet) -> Iterator[Hit]:
    """Find sets with one run of each cell, or that do not say how many."""
    if results.saturated and results.repetitions and results.repetitions > 1:
        return
    if results.repetitions == 1:
        yield "warning", "all figures", "1 run of a cell", "Each figure comes from a single run."
    elif results.repetitions is None and any(one.quantity in ("latency", "cpu") for one in results.claims):
        yield "info", "all figures", "number of runs unknown", "The source does not state how often each cell was run."


def intervals(results: ResultSet) -> Iterator[Hit]:
    """Find sets without any interval."""
    judged = [one for one in results.claims if one.quantity in ("latency", "cpu", "rate")]
    if judged and not any(one.has_interval for one in judged):
        said = "No figure has an interval or a spread over runs."
        yield "warning", "all figures", f"0 of {len(judged)} figures", said


def discards(results: ResultSet) -> Iterator[Hit]:
    """Find runs left out because of what they measured."""
    if results.discards_by == "outcome":
        yield (
            "error",
            "all figures",
            results.discards,
            f"Runs were left out because of their outcome: {results.discards}.",
        )


def verdicts(results: ResultSet) -> Iterator[Hit]:
    """Find conclusions that set unlike kinds of numbers side by side."""
    for one in results.verdicts:
        if len(set(one.compares)) > 1:
            scope = f"verdict at {one.rate_per_s:g}/s" if one.rate_per_s is not None else "verdict"
            kinds = " with ".join(one.compares)
            yield "error", scope, one.text, f"The verdict compares {kinds}: {one.note or one.text}."


def scope(results: ResultSet) -> Iterator[Hit]:
    """Find CPU and memory of which it is not said whether they are of one proxy, of a pair or of all."""
    unsaid = [one for one in results.claims if one.quantity in ("cpu", "memory") and not one.per]
    if unsaid:
        said = "The source does not state whether the figure is for one proxy, for both in the path, or for all."
        yield "warning", _at(unsaid[0]), f"{unsaid[0].metric} {unsaid[0].shown}", said


def rate(results: ResultSet) -> Iterator[Hit]:
    """Find costs and latencies without the rate at which they were found."""
    wanted = [
        one
        for one in results.claims
        if one.rate_per_s is None
        and one.quantity in ("latency", "cpu")
        and one.per not in ("control plane", "container", "node")
        and "request" not in one.metric.split("_")[1:]
        and "limit" not in one.metric
    ]
    if wanted and not results.saturated:
        figure = f"{len(wanted)} of {len(results.claims)} figures, first {wanted[0].metric} {wanted[0].shown}"
        said = "The request rate of the measurement is missing."
        yield "warning", _at(wanted[0]), figure, said


def memory(results: ResultSet) -> Iterator[Hit]:
    """Find memory of which it is not said what was measured."""
    unsaid = [one for one in results.claims if one.quantity == "memory" and not memory_is_defined(one)]
    if unsaid:
        figure = f"{len(unsaid)} figures, first {unsaid[0].shown}"
        said = "Memory without a definition: working set, RSS, PSS and usage with page cache differ by several times."
        yield "warning", _at(unsaid[0]), figure, said


def loop(results: ResultSet) -> Iterator[Hit]:
    """Find closed loops that are called a constant rate."""
    if results.loop == "closed" and results.called == "constant rate":
        said = (
            f"The load is called a constant rate but is a closed loop ({results.generator or 'unnamed'}): each "
            "connection waits for its answer, and the latency of requests not sent meanwhile is missing."
        )
        yield "warning", "latency", "latency from the actual send", said


def saturation(results: ResultSet) -> Iterator[Hit]:
    """Find figures at saturation."""
    if results.saturated:
        said = "The load was as fast as possible: this measures capacity under overload, not the cost at a rate."
        yield "warning", "all figures", "no target rate", said


def repeats(results: ResultSet) -> Iterator[Hit]:
    """Find cells that were run more than once and disagree."""
    found: dict[tuple[object, ...], list[Claim]] = {}
    for one in results.claims:
        if one.run:
            found.setdefault((one.mesh, one.cell, one.rate_per_s, one.metric, one.aspect, one.is_baseline), []).append(
                one
            )
    for listed in found.values():
        low, high = min(listed, key=lambda one: one.value), max(listed, key=lambda one: one.value)
        if len(listed) < 2 or low.value <= 0 or high.value / low.value <= REPEAT_RATIO:
            continue
        ratio = high.value / low.value
        where = "the baseline" if low.is_baseline else low.mesh
        name = f"{low.metric} {low.aspect}".strip()
        said = f"{name} of {where}, same cell, changed {ratio:.2g}-fold between runs."
        yield "warning", _at(low), f"{low.shown} to {high.shown}", said


def faster(results: ResultSet) -> Iterator[Hit]:
    """Find meshes that are faster than no mesh, where no interval says whether that means anything."""
    base = {
        (one.cell, one.rate_per_s, one.metric, one.aspect): one
        for one in results.claims
        if one.is_baseline and one.quantity == "latency" and one.kind == "absolute"
    }
    for one in results.claims:
        other = base.get((one.cell, one.rate_per_s, one.metric, one.aspect))
        if one.is_baseline or other is None or one.kind != "absolute" or one.has_interval or one.value >= other.value:
            continue
        said = (
            f"{one.aspect} with {one.mesh} is below the case without a mesh: the noise is larger than the difference."
        )
        yield "warning", _at(one), f"{one.shown} against {other.shown}", said


def party(results: ResultSet) -> Iterator[Hit]:
    """Say that a contestant published it."""
    if results.party == "contestant":
        yield "info", "all figures", "1 party", "The numbers come from a project that is itself compared."


def _said(name: str) -> Callable[[ResultSet], Iterator[Hit]]:
    def look(results: ResultSet) -> Iterator[Hit]:
        for rule, text in results.said:
            if rule == name:
                yield "warning", "the source itself", text[:60], f"{capital(text)}."

    return look


def _rule(name: str, title: str, why: str, look: Callable[[ResultSet], Iterator[Hit]] | None = None) -> Rule:
    return Rule(name=name, title=title, why=why, look=look or _said(name))


_LISTED = (
    _rule(
        "percentiles-out-of-order", "percentiles out of order",
        "A median above p90 means that figures were mixed up; do not trust the others of that run either.",
        percentiles,
    ),
    _rule(
        "seconds-as-milliseconds", "seconds called milliseconds",
        "A chart that takes its axis from the field's name hides a factor of a thousand.", seconds,
    ),
    _rule(
        "outcome-based-discards", "runs left out by outcome",
        "Dropping the worst runs makes every distribution narrower, and the noisier mesh better than it is.",
        discards,
    ),
    _rule(
        "verdict-compares-unlike", "verdict compares unlike kinds",
        "Comparing an added latency with an absolute one favours the mesh with the added one.", verdicts,
    ),
    _rule(
        "contradiction", "contradicts itself",
        "When two places give different values for one measurement, at least one of them is wrong.",
    ),
    _rule(
        "one-repetition", "one repetition",
        "One run cannot distinguish a difference from chance: equal cells have differed by a quarter and more.",
        repetitions,
    ),
    _rule(
        "no-interval", "no interval",
        "Without a spread a reader takes every difference for real, however small.", intervals,
    ),
    _rule(
        "repeat-differs", "equal runs disagree",
        "A difference between two equal runs is noise or drift; so is a difference of that size between meshes.",
        repeats,
    ),
    _rule(
        "faster-than-baseline", "faster than no mesh",
        "A mesh cannot remove latency. If it seems to, the noise is larger than the differences shown.", faster,
    ),
    _rule(
        "closed-loop-called-constant-rate", "closed loop called constant rate",
        "Slow answers delay the very requests that would be slow: tails look better than users experience them.",
        loop,
    ),
    _rule(
        "saturation-called-overhead", "saturation called overhead",
        "At saturation the queue is measured, and cost per request is several times lower than at an ordinary rate.",
        saturation,
    ),
    _rule(
        "missing-rate", "rate missing",
        "CPU per request falls as the rate rises, so a cost without its rate cannot be compared.", rate,
    ),
    _rule(
        "per-proxy-or-hop", "per proxy or per hop unsaid",
        "A request passes one proxy or two; the same figure is double or half, depending on which is meant.",
        scope,
    ),
    _rule(
        "memory-undefined", "memory definition unsaid",
        "Page cache and shared pages make one process appear several times as large under one definition as another.",
        memory,
    ),
    _rule(
        "percentile-of-averages", "percentile of averages",
        "A percentile over the averages of runs says nothing about requests; of five runs, p99 is the largest average.",
    ),
    _rule(
        "normalised-over-another-window", "normalised over another window",
        "Numerator and denominator must be of the same requests.",
    ),
    _rule("unit-undefined", "unit undefined", "A number without a defined unit cannot be compared."),
    _rule(
        "configuration-not-applied", "configuration not applied as printed",
        "Repeating it measures another configuration; publish the rendered values, not only the command.",
    ),
    _rule(
        "kernel-not-counted", "kernel work not counted",
        "The cost of a data plane inside the kernel is charged to no process, so it looks free next to sidecars.",
    ),
    _rule(
        "citations-disagree", "citations disagree",
        "Copies of a figure differ; quote only the original source.",
    ),
    _rule(
        "contestant", "published by a contestant",
        "Most published comparisons come from one of the compared projects; it helps to know which.",
        party,
    ),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.name: rule for rule in _LISTED}
"""The rules by name, the gravest first."""
