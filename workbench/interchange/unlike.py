"""Why one's own numbers and published ones may differ: sentences, from what is known of both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence

from workbench.analysis import Comparison
from workbench.analysis.words import a_second
from workbench.interchange.publications import Figure


def reasons(comparison: Comparison, rate: float, figures: Sequence[Figure]) -> tuple[str, ...]:
    """Return the reasons, the gravest first; none when there are no figures.

    Parameters
    ----------
    rate
        At which the own values stand; infinite where none is told.
    figures
        The published ones beside them.
    """
    if not figures:
        return ()
    told = (
        _archetypes(comparison),
        _rate(rate),
        _generator(comparison, figures),
        _machine(comparison),
        _memory(figures),
        _path(figures),
        _versions(figures),
    )
    return tuple(one for one in told if one)


def _archetypes(comparison: Comparison) -> str:
    if not comparison.meshes["archetype"].any():
        return ""
    return (
        "The own data planes are archetypes of a lab: a stock proxy or the kernel in the shape that a family of meshes "
        "uses, without a control plane, redirection or a large configuration. None is one of the products beside it."
    )


def _rate(rate: float) -> str:
    if math.isinf(rate):
        return "Own values are of a load without a stated rate: they can be compared with no cost at a rate."
    return (
        f"Own values are at {a_second(rate)} requests/s. CPU per request falls as the rate rises, so a published "
        "figure at another rate, or at none that is stated, is another figure."
    )


def _generator(comparison: Comparison, figures: Sequence[Figure]) -> str:
    told = comparison.circumstances
    generators = sorted({name for one in figures for name in one.setup.generator.split(", ") if name})
    closed = sorted({one.origin.id for one in figures if one.setup.loop == "closed"})
    start = "the scheduled send" if told["latency_from"] == "schedule" else "the real send"
    omission = (
        f"; {', '.join(closed)} used closed loops, and what these did not send while an answer was slow is missing."
        if closed
        else "."
    )
    return (
        f"Own latency is {told['generator']}'s, from {start}; the published figures were made with "
        f"{', '.join(generators) or 'generators that are not named'}{omission}"
    )


def _machine(comparison: Comparison) -> str:
    return (
        f"Machines differ: own numbers are from the environment {comparison.circumstances['environment']}, with other "
        "processors, kernels and networks than any of the sources; latency above all is that of the machine."
    )


def _memory(figures: Sequence[Figure]) -> str:
    if not any(one.metric == "memory" for one in figures):
        return ""
    return (
        "Memory is measured in several ways. Own values here are RSS, which counts pages shared with other copies of "
        "the proxy in full; sources state working set, usage with page cache, or nothing."
    )


def _path(figures: Sequence[Figure]) -> str:
    if not any(one.unit == "s" for one in figures):
        return ""
    return (
        "Published latencies are partly of whole applications with several hops, each with proxies of its own; own "
        "ones pass the data plane as often as the workload calls."
    )


def _versions(figures: Sequence[Figure]) -> str:
    """Say how far one source has moved its own figure over the versions."""
    by_source: dict[str, list[Figure]] = {}
    for one in figures:
        if one.metric == "cpu_per_1000" and one.data_plane == "sidecar":
            by_source.setdefault(one.origin.title, []).append(one)
    for title, listed in by_source.items():
        values = sorted(one.value for one in listed)
        if len(values) > 1 and values[0] > 0 and values[-1] / values[0] > 2:
            return (
                f"Versions move figures: for one sidecar at 1000 requests/s, “{title}” has stated from "
                f"{values[0]:g} to {values[-1]:g} cores over the years."
            )
    return ""
