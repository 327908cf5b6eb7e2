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
        "Your data planes are lab archetypes: a stock proxy or the kernel, deployed the "
        "way a family of meshes does it, "
        "without a control plane, redirection or a large configuration. None is one of the published products."
    )


def _rate(rate: float) -> str:
    if math.isinf(rate):
        return "Your values have no stated rate, so they cannot be compared with a cost at a rate."
    return (
        f"Your values are at {a_second(rate)} requests/s. CPU per request falls as the rate rises, so a published "
        "figure at another rate, or without a stated rate, is a different quantity."
    )


def _generator(comparison: Comparison, figures: Sequence[Figure]) -> str:
    told = comparison.circumstances
    generators = sorted({name for one in figures for name in one.setup.generator.split(", ") if name})
    closed = sorted({one.origin.id for one in figures if one.setup.loop == "closed"})
    start = "the scheduled send" if told["latency_from"] == "schedule" else "the real send"
    omission = (
        f"; {', '.join(closed)} used closed loops, so the latency of requests not sent during slow answers is missing."
        if closed
        else "."
    )
    return (
        f"Your latency is {told['generator']}'s, from {start}; the published figures come from "
        f"{', '.join(generators) or 'unnamed generators'}{omission}"
    )


def _machine(comparison: Comparison) -> str:
    return (
        f"Machines differ: your numbers are from the environment {comparison.circumstances['environment']}, with other "
        "processors, kernels and networks than any of the sources. Latency in particular depends on the machine."
    )


def _memory(figures: Sequence[Figure]) -> str:
    if not any(one.metric == "memory" for one in figures):
        return ""
    return (
        "Memory is measured in several ways. Your values here are RSS, which counts pages shared with other copies of "
        "the proxy in full. Sources use working set, usage with page cache, or do not say."
    )


def _path(figures: Sequence[Figure]) -> str:
    if not any(one.unit == "s" for one in figures):
        return ""
    return (
        "Some published latencies are of whole applications with several hops, each with its own proxies. Your "
        "requests pass the data plane as often as the workload calls."
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
                f"Versions differ: for one sidecar at 1000 requests/s, “{title}” has stated values from "
                f"{values[0]:g} to {values[-1]:g} cores over the years."
            )
    return ""
