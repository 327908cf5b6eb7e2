"""What was asked: the experiment as written, frozen and checked.

First stage of the flow (`spec` -> plan -> runs). Each field carries its help and range as metadata
(`workbench.fields`), and the reader, the shipped examples, the documentation and the error messages all take them from
here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError, Faults
from workbench.fields import Checked, asked, read_table, toml_table, toml_value
from workbench.intents import Intent
from workbench.text.decoding import decoded
from workbench.text.redaction import HIDDEN, TELLING

PROTOCOLS = ("http/1.1", "http/2", "grpc", "tcp")
"""Of a load. HTTP/2 is spoken in plaintext (h2c) unless the workload's URL is https."""

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of experiments become parts of folder names: letters, digits, dot, dash, underscore; at most 64."""


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested tables under its dotted key: ``values.istiod.replicaCount``."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSpec(Checked):
    """One data plane to measure: an adapter's name, a profile and its options."""

    name: str = asked("Name of the mesh or lab archetype; `workbench doctor` lists them.")
    profile: str = asked("Variant that the adapter knows, such as cross-connect's local and remote.", default="default")
    version: str | None = asked("Version to install; None: the one that the adapter pins.", default=None)
    options: Mapping[str, Any] = asked("Settings of this adapter; `workbench plan` shows them.", default_factory=dict)
    intent: Intent | None = asked(
        "Traffic policy for the service, such as a split or retries; None: no policy. See docs/playground.md.",
        default=None,
    )
    existing: bool = asked(
        "true: the mesh is on the cluster already; it is measured as it stands, neither installed nor removed.",
        default=False,
    )

    @property
    def label(self) -> str:
        """Its name in tables and charts: name, profile unless default, and what else was given."""
        parts = [self.name if self.profile == "default" else f"{self.name}/{self.profile}"]
        if self.version:
            parts.append(self.version)
        shown = [
            (key, HIDDEN if TELLING.search(key.rpartition(".")[2]) else value) for key, value in _flat(self.options)
        ]
        parts += [f"{key}={value}" for key, value in sorted(shown)]
        if self.intent is not None:
            parts.append(f"with {self.intent.name}")
        if self.existing:
            parts.append("as installed")
        return " ".join(parts)


_MOST = 1e12
_FROM_0 = (0.0, _MOST)
_ABOVE_0 = (1e-9, _MOST)
"""What others may have measured, in whatever unit: no more than that is impossible, and above 0 where nothing is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Checked):
    """The services that answer."""

    name: str = asked(
        "Name of the workload: echo, chain, own, or a ready one; `workbench doctor` lists them.", default="echo"
    )
    payload_bytes: int = asked(
        "Bytes of the request's body, echoed by the answer.", low=0, high=1_048_576, told=_FROM_0, default=1024
    )
    server_delay_s: float = asked(
        "Seconds each service waits before it answers.", low=0.0, high=10.0, told=_FROM_0, default=0.0
    )
    fan_out: int = asked("Calls that chain's frontend makes to the backend for one request.", low=1, high=16, default=1)
    versions: int = asked(
        "Versions v1, v2, ... of the service that the client calls, side by side behind one name, for traffic splits.",
        low=1,
        high=4,
        default=1,
    )
    manifests: str = asked("Workload own: file or folder with the manifests of your application.", default="")
    url: str = asked("Workload own: what the client calls, such as http://web:8080/.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Checked):
    """The load of one run."""

    rate_per_s: float = asked(
        "Requests per second, scheduled in advance (open loop); in a file a list such as [293, 997].",
        low=1,
        high=100_000,
        told=_ABOVE_0,
        written="rates_per_s",
    )
    duration_s: float = asked("Seconds measured.", low=0.2, high=86_400, told=_ABOVE_0, default=10.0)
    warmup_s: float = asked("Seconds of the same load before, discarded.", low=0, high=3600, told=_FROM_0, default=1.0)
    connections: int = asked("Keep-alive connections.", low=1, high=4096, told=(1, _MOST), default=16)
    protocol: str = asked(
        "Protocol of the load: the lab speaks http/1.1, clusters all of them.", known=PROTOCOLS, default="http/1.1"
    )
    arrival: str = asked("Arrival process.", known=("constant", "poisson"), default="constant")
    generator: str = asked("Load generator: builtin, fortio.", default="builtin")


def _read_loads(table: Any, where: str) -> tuple[Load, ...]:
    """Return a load for each of the rates in a file's table of loads."""
    place = f"{where}: [load]"
    rates = table.get("rates_per_s") if isinstance(table, dict) else None
    if rates is None:
        return (read_table(Load, table, place),)  # which says what it lacks
    if not isinstance(rates, list) or not rates:
        raise BadInputError(f"{place} needs rates_per_s, a list of requests per second such as [293, 997].")
    faults, loads = Faults(), []
    for rate in rates:
        with faults:
            loads.append(read_table(Load, {**table, "rates_per_s": rate}, place))
    faults.tell()
    return tuple(loads)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec(Checked):
    """Where it happens."""

    name: str = asked("Environment: lab or kubernetes.", default="lab")
    options: Mapping[str, Any] = asked("Settings of the environment.", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Checked):
    """The question, as written.

    Every combination of mesh, workload and rate is a *cell*; every block runs each cell once, in fresh random order.
    """

    name: str = asked(
        "Name of the experiment, part of folder names.",
        form=(
            NAME_PATTERN,
            "cannot be part of a folder name: use up to 64 letters, digits, dots, dashes and underscores, "
            "starting with a letter or digit.",
        ),
    )
    question: str = asked("What the experiment is to answer, for the report's first line.", default="")
    environment: EnvironmentSpec = asked("Where it happens.", default_factory=EnvironmentSpec)
    meshes: tuple[MeshSpec, ...] = asked(
        "What is compared, as [[meshes]] tables with a name; the baseline is added when missing."
    )
    workloads: tuple[Workload, ...] = asked("What answers.", default=(Workload(),))
    loads: tuple[Load, ...] = asked(
        "The loads, one for each rate: the table [load] with rates_per_s = [...].", written="load", read=_read_loads
    )
    blocks: int = asked(
        "Randomized passes over all cells; 6 or more give 95 % intervals.", low=1, high=1000, told=(1, _MOST), default=3
    )
    seed: int = asked("Seeds the order of runs and Poisson arrivals.", low=0, high=2**63 - 1, default=1)
    baseline: str = asked("The mesh that means 'no mesh'.", default="baseline")
    rerun_noisy: bool = asked("Run a cell once more when the machine was too noisy; both are kept.", default=False)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        faults = Faults()
        if not self.loads:
            faults.add(BadInputError(f"Experiment {self.name!r} has no load: give [load] rates_per_s = [...]."))
        labels = [mesh.label for mesh in self.meshes]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            told = f"Experiment {self.name!r} lists {', '.join(twice)} twice; list every mesh once."
            faults.add(BadInputError(told))
        if len(set(self.loads)) < len(self.loads):
            faults.add(BadInputError(f"Experiment {self.name!r} lists a rate twice; list every rate once."))
        faults.tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One run of the plan: a cell in a block.

    Attributes
    ----------
    ordinal
        Place in the plan, from 1.
    block
        Block number, from 1.
    seed
        Seed of this run's arrivals.
    attempt
        1, or 2 for the repetition of a noisy run.
    """

    ordinal: int
    block: int
    mesh: MeshSpec
    workload: Workload
    load: Load
    is_baseline: bool
    seed: int
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The ordered run specs of an experiment. Runs of one block and mesh (and workload) stand together."""

    experiment: Experiment
    runs: tuple[RunSpec, ...]

    @property
    def measured_s(self) -> float:
        """Seconds of measurement, without warm-up and set-up."""
        return sum(run.load.duration_s for run in self.runs)


def experiment_from_toml(text: str, where: str = "experiment") -> Experiment:
    """Read an experiment from TOML text; ``where`` names the file in messages.

    Raises
    ------
    BadInputError
        With file, table and key, and what would be understood; of several faults for all of them.
    """
    table = toml_table(text, where)
    return read_table(Experiment, {key: value for key, value in table.items() if value != []}, where)


def experiment_toml(asked: Any) -> str:
    """Return an experiment's file, which `experiment_from_toml` reads back.

    ``asked``: an `Experiment`, whose loads differ by their rates alone, or whatever has its fields, and in place of
    `loads` the fields `load` and `rates`.
    """
    first = asked.loads[0] if isinstance(asked, Experiment) else asked.load
    rates = [one.rate_per_s for one in asked.loads] if isinstance(asked, Experiment) else list(asked.rates)
    load = {name: value for name, value in _fields(first).items() if name != "rate_per_s"}
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("[environment]", _fields(asked.environment)),
        *(("[[meshes]]", _fields(mesh)) for mesh in asked.meshes),
        *(("[[workloads]]", _fields(workload)) for workload in asked.workloads),
        ("[load]", {"rates_per_s": rates, **load}),
    ]
    top = ("name", "question", "blocks", "seed", "baseline", "rerun_noisy")
    lines = [f"{name} = {toml_value(getattr(asked, name))}" for name in top]
    for head, table in tables:
        lines += ["", head, *(f"{key} = {toml_value(one)}" for key, one in table.items() if one is not None)]
    return "\n".join(lines) + "\n"


def _fields(spec: Any) -> dict[str, Any]:
    return {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises
    ------
    BadInputError
        When the file is missing, unreadable, not UTF-8, or not a valid experiment.
    """
    try:
        text = decoded(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInputError(f"There is no experiment file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"The experiment file {path} cannot be read: {error}.") from error
    return experiment_from_toml(text, str(path))
