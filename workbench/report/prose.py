"""What a report tells besides numbers: how it was measured, what each data plane is, where, and how to repeat it."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from workbench import __version__
from workbench.analysis import Comparison
from workbench.charts.rows import listed, rate_text
from workbench.charts.theme import mesh_colours, roles_in_order
from workbench.model.lab_steps import SURROUNDING_ROLES
from workbench.model.metrics import REGISTRY
from workbench.report.material import Material, Sheet
from workbench.report.parts import Campaign, Card

_KINDS = {
    "none": "no data plane",
    "sidecar": "a proxy next to each service",
    "node-proxy": "a proxy per node",
    "kernel": "inside the kernel",
}
_LATENCY_FROM = {
    "schedule": "from the moment a request was due, so a stall counts against every request that it delayed",
    "send": "from the moment a request was actually sent, without the time that it waited to be sent",
}
_LIBRARIES = ("duckdb", "pandas", "numpy", "scipy", "altair", "vl-convert-python", "hdrhistogram")


def cards(material: Material, order: Sequence[str]) -> tuple[Card, ...]:
    """Return a card for each mesh asked for, in the comparison's order, those without a counted run last."""
    colours = mesh_colours(order)
    watched = _parts(material.runs, material.consumption)
    return tuple(
        Card(
            label=row["mesh"],
            title=row["title"],
            colour=colours.get(row["mesh"], "#ADB5BD"),
            traits=_traits(row),
            archetype=bool(row["archetype"]),
            shape_of=tuple(row["shape_of"]),
            lacks=tuple(row["lacks"]),
            parts=watched.get(row["mesh"], ()),
            runs=int(row["runs"]),
        )
        for row in material.comparison.meshes.to_dict("records")
    )


def _traits(row: Mapping[Any, Any]) -> tuple[str, ...]:
    kind = _KINDS.get(row["data_plane"], row["data_plane"])
    layer = [f"layer {row['layer'].removeprefix('L')}"] if row["layer"] else []
    mtls = [] if row["data_plane"] == "none" else ["mTLS" if row["mtls"] else "no mTLS"]
    return (kind, *layer, *mtls)


def _parts(runs: pd.DataFrame, consumption: pd.DataFrame) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return mesh -> (role, what was watched, with how many at once) in stacking order."""
    joined = consumption.merge(runs[["run_id", "mesh"]], on="run_id", how="inner")
    joined = joined[~joined["role"].isin(SURROUNDING_ROLES)]
    joined = joined.assign(part=joined["component"].map(without_pod_suffix))
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for mesh, group in joined.groupby("mesh"):
        sizes = group.groupby(["role", "part", "run_id"]).size().groupby(["role", "part"]).max()
        at_once = sizes.reset_index(name="count").groupby("role")
        found[str(mesh)] = tuple(
            (role, ", ".join(map(_several, at_once.get_group(role)["part"], at_once.get_group(role)["count"])))
            for role in roles_in_order(group["role"])
        )
    return found


_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_POD_SUFFIX = re.compile(rf"(?:(?:-{_SAFE}{{6,10}})?-{_SAFE}{{5}}|-[0-9]+)$")
"""What Kubernetes appends to a workload's name for each pod: of a Deployment, a DaemonSet, a StatefulSet."""


def without_pod_suffix(component: str) -> str:
    """Return the name of a watched part without what tells one pod of a workload from another.

    >>> without_pod_suffix("server-574b6d4fdb-vcvnp/app"), without_pod_suffix("spire-server-0/spire-server")
    ('server/app', 'spire-server/spire-server')
    """
    pod, slash, container = component.rpartition("/")
    return f"{_POD_SUFFIX.sub('', pod)}{slash}{container}"


def _several(name: str, count: int) -> str:
    return f"{count} × {name}" if count > 1 else name


def load(comparison: Comparison) -> str:
    """Say what load was driven and what its latency counts from; what nobody told is said to be unknown."""
    known = comparison.circumstances
    sizes = listed([f"{size:,} bytes" for size in known["payload_bytes"]]) or "of unknown size"
    loop = "Closed loop" if known["arrival"] == "closed" else "Open loop: requests are scheduled in advance,"
    rates = listed([rate_text(rate) for rate in known["rates_per_s"]])
    connections = _number(known["connections"], "connections")
    since = _LATENCY_FROM.get(str(known["latency_from"]), "as the load generator defines it")
    return (
        f"{loop} at {rates}, with {known['arrival'] or 'unknown'} arrivals, over {connections} "
        f"({known['protocol'] or 'protocol unknown'}), payload {sizes}, by the generator {known['generator']} "
        f"{known['generator_version']}. Each run measures {_number(known['duration_s'], 's')} after "
        f"{_number(known['warmup_s'], 's')} of warm-up that do not count. Latency counts {since}."
    )


def watching(comparison: Comparison) -> str:
    """Say how CPU and memory were read."""
    if comparison.circumstances["environment"] == "lab":
        return (
            "CPU is read from the clocks of single processes at the edges of the measured "
            "window, so it excludes other work on "
            "the machine. Proportional, anonymous and resident memory are separate metrics."
        )
    places = listed(list(dict.fromkeys(comparison.sources["place"]))) or "the environment's statistics"
    return (
        f"CPU and memory are read for each container from {places}, each reading with its own timestamp; "
        "counters are interpolated between the readings around the window's edges. For "
        "each node, containers by role, the "
        "system (the node's daemons, other people's pods) and the unattributed rest add up to what the node itself "
        "counted. Requests and limits are those of the running pods."
    )


def _number(value: float, noun: str) -> str:
    return f"{value:g} {noun}" if value == value else f"an unknown number of {noun}"


def definitions(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Return (label with unit, exact definition) of every metric in the comparison, from the registry."""
    present = set(comparison.costs["metric"])
    present |= {"used_cores", "used_memory_bytes"} if len(comparison.resource_summary) else set()
    return tuple((one.axis_title, one.definition) for name, one in REGISTRY.items() if name in present)


def flattened(details: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested facts as (dotted name, text); unknown ones say so."""
    for name, value in details.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{name}", ", ".join(str(one) for one in value) or "none"
        else:
            yield f"{prefix}{name}", "unknown" if value is None else str(value)


def campaign(sheet: Sheet) -> Campaign:
    """Return a campaign as the report shows it, with the command that repeats it."""
    return Campaign(
        campaign_id=sheet.campaign_id,
        experiment=sheet.experiment,
        question=sheet.question,
        status=sheet.status,
        reason=sheet.reason,
        started=f"{sheet.started_at:%Y-%m-%d %H:%M} UTC" if sheet.started_at.year > 1970 else "unknown",
        facts=tuple(flattened(sheet.details)),
        toml=sheet.toml,
        command=f"workbench run {sheet.experiment or 'experiment'}.toml",
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Return what made this page, with versions."""
    return (
        ("workbench", __version__),
        ("python", platform.python_version()),
        *((name, _version(name)) for name in _LIBRARIES),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
