"""What was asked: the experiment as written, frozen and checked.

First stage of the flow (`spec` -> plan -> runs). Each field carries its help, unit and range as metadata, and the
reader, the shipped examples, the documentation and the error messages all take them from here.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import BadInput, UnknownName

T = TypeVar("T")

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of experiments become parts of folder names: letters, digits, dot, dash, underscore; at most 64."""


def _asked(
    help_text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    known: tuple[str, ...] = (),
    **kwargs: Any,
) -> Any:
    """Describe a field: its help, inclusive range and known values, kept as dataclass metadata."""
    return field(metadata={"help": help_text, "low": low, "high": high, "known": known}, **kwargs)


class _Checked:
    """Checks every field against the range and known values in its metadata."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            _check_value(item, getattr(self, item.name), type(self).__name__)


def _check_value(item: dataclasses.Field[Any], value: Any, owner: str) -> None:
    low, high, known = (item.metadata.get(key) for key in ("low", "high", "known"))
    values = value if isinstance(value, tuple) else (value,)
    for one in values:
        if known and isinstance(one, str) and one not in known:
            raise UnknownName(item.name, one, known, owner)
        if isinstance(one, bool) or not isinstance(one, int | float):
            continue
        if not math.isfinite(one) or (low is not None and one < low) or (high is not None and one > high):
            raise BadInput(
                f"{owner}.{item.name} = {one:g} is out of range: "
                f"from {low if low is not None else '-inf'} to {high if high is not None else 'inf'}. "
                f"It means: {item.metadata.get('help', '')}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSpec(_Checked):
    """One data plane to measure: an adapter's name, a profile and its options."""

    name: str = _asked("Name of the mesh or lab archetype; `workbench doctor` lists them.")
    profile: str = _asked(
        "Variant that the adapter knows, such as cross-connect's local and remote.", default="default"
    )
    version: str | None = _asked("Version to install; None: the one that the adapter pins.", default=None)
    options: Mapping[str, Any] = _asked("Settings of this adapter; `workbench plan` shows them.", default_factory=dict)

    @property
    def label(self) -> str:
        """How tables and charts call it: the name, the profile unless default, the version and options if given."""
        parts = [self.name if self.profile == "default" else f"{self.name}/{self.profile}"]
        if self.version:
            parts.append(self.version)
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        return " ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(_Checked):
    """The services that answer."""

    name: str = _asked("Name of the workload: echo, chain, own.", default="echo")
    payload_bytes: int = _asked(
        "Bytes of the request's body, echoed by the answer.", low=0, high=1_048_576, default=1024
    )
    server_delay_s: float = _asked("Seconds each service waits before it answers.", low=0.0, high=10.0, default=0.0)
    fan_out: int = _asked(
        "Calls that chain's frontend makes to the backend for one request.", low=1, high=16, default=1
    )
    manifests: str = _asked("Workload own: file or folder with the manifests of your application.", default="")
    url: str = _asked("Workload own: what the client calls, such as http://web:8080/.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(_Checked):
    """The load of one run."""

    rate_per_s: float = _asked("Requests per second, scheduled in advance (open loop).", low=1, high=100_000)
    duration_s: float = _asked("Seconds measured.", low=0.2, high=86_400, default=10.0)
    warmup_s: float = _asked("Seconds of the same load before, discarded.", low=0, high=3600, default=1.0)
    connections: int = _asked("Keep-alive connections.", low=1, high=4096, default=16)
    protocol: str = _asked("Protocol of the load.", known=("http/1.1",), default="http/1.1")
    arrival: str = _asked("Arrival process.", known=("constant", "poisson"), default="constant")
    generator: str = _asked("Load generator: builtin, fortio.", default="builtin")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec(_Checked):
    """Where it happens."""

    name: str = _asked("Environment: lab.", default="lab")
    options: Mapping[str, Any] = _asked("Settings of the environment.", default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(_Checked):
    """The question, as written.

    Every combination of mesh, workload and rate is a *cell*; every block runs each cell once, in fresh random order.
    """

    name: str = _asked("Name of the experiment, part of folder names.")
    question: str = _asked("What the experiment is to answer, for the report's first line.", default="")
    environment: EnvironmentSpec = _asked("Where it happens.", default_factory=EnvironmentSpec)
    meshes: tuple[MeshSpec, ...] = _asked("What is compared; the baseline is added when missing.")
    workloads: tuple[Workload, ...] = _asked("What answers.", default=(Workload(),))
    loads: tuple[Load, ...] = _asked("The loads, one for each rate.")
    blocks: int = _asked(
        "Randomized passes over all cells; 6 or more give 95 % intervals.", low=1, high=1000, default=3
    )
    seed: int = _asked("Seeds the order of runs and Poisson arrivals.", low=0, high=2**63 - 1, default=1)
    baseline: str = _asked("The mesh that stands for 'no mesh'.", default="baseline")
    rerun_noisy: bool = _asked("Run a cell once more when the machine was too noisy; both are kept.", default=False)

    def __post_init__(self) -> None:
        _Checked.__post_init__(self)
        if not NAME_PATTERN.fullmatch(self.name):
            raise BadInput(
                f"The experiment's name {self.name!r} cannot be part of a folder name: "
                "use up to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit."
            )
        if not self.loads:
            raise BadInput(f"Experiment {self.name!r} has no load: give [load] rates_per_s = [...].")
        labels = [mesh.label for mesh in self.meshes]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise BadInput(f"Experiment {self.name!r} lists {', '.join(twice)} twice; every mesh may stand there once.")
        if len(set(self.loads)) < len(self.loads):
            raise BadInput(f"Experiment {self.name!r} lists a rate twice; every rate may stand there once.")


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


def _plain(annotation: Any) -> Any:
    """Return the type behind ``X | None`` and ``tuple[X, ...]``."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _plain(next(arg for arg in args if arg is not type(None)))
    return annotation


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _read_value(annotation: Any, value: Any, where: str) -> Any:
    wanted = _plain(annotation)
    if typing.get_origin(wanted) is not None or wanted is Any:  # Mapping[str, Any]
        if not isinstance(value, dict):
            raise BadInput(f"{where} must be a table, not {value!r}.")
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise BadInput(f"{where} must be {_WORDS.get(wanted, wanted.__name__)}, not {value!r}.")
    return value


def read_table(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build the spec class ``cls`` from a TOML table.

    Raises
    ------
    UnknownName
        For a key that ``cls`` does not know.
    BadInput
        For a value of the wrong type or out of range, or a missing key.
    """
    hints = typing.get_type_hints(cls)
    known = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UnknownName("key", key, known, where)
    values = {key: _read_value(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    missing = [
        name
        for name, item in known.items()
        if name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise BadInput(f"{where} lacks {', '.join(missing)}: {known[missing[0]].metadata['help']}")
    try:
        return cls(**values)
    except UnknownName as error:
        raise UnknownName(error.kind, error.name, error.known, where) from error
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadInput(f"{where}: {key} must be written as [[{key}]] tables.")
    return value


def _read_loads(table: Any, where: str) -> tuple[Load, ...]:
    if not isinstance(table, dict):
        raise BadInput(f"{where} lacks the table [load] with rates_per_s = [...].")
    rest = dict(table)
    rates = rest.pop("rates_per_s", None)
    if "rate_per_s" in rest:
        raise UnknownName("key", "rate_per_s", {"rates_per_s"} | {f.name for f in dataclasses.fields(Load)[1:]}, where)
    if not isinstance(rates, list) or not rates:
        raise BadInput(f"{where}: [load] needs rates_per_s, a list of requests per second such as [293, 997].")
    return tuple(read_table(Load, {**rest, "rate_per_s": rate}, f"{where}: [load]") for rate in rates)


_TOP_KEYS = (
    "name",
    "question",
    "blocks",
    "seed",
    "baseline",
    "rerun_noisy",
    "environment",
    "meshes",
    "workloads",
    "load",
)


def experiment_from_toml(text: str, where: str = "experiment") -> Experiment:
    """Read an experiment from TOML text; ``where`` names the file in messages.

    Raises
    ------
    BadInput
        With file, table and key, and what would be understood.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where} is not valid TOML: {error}.") from error
    for key in table:
        if key not in _TOP_KEYS:
            raise UnknownName("key", key, _TOP_KEYS, where)
    plain = {key: value for key, value in table.items() if key not in ("environment", "meshes", "workloads", "load")}
    environment = table.get("environment", {})
    if not isinstance(environment, dict):
        raise BadInput(f'{where}: environment must be a table: [environment] name = "lab".')
    meshes = tuple(read_table(MeshSpec, one, f"{where}: [[meshes]]") for one in _tables(table, "meshes", where))
    if not meshes:
        raise BadInput(f"{where} compares nothing: add [[meshes]] tables with a name.")
    workloads = tuple(
        read_table(Workload, one, f"{where}: [[workloads]]") for one in _tables(table, "workloads", where)
    )
    loads = _read_loads(table.get("load"), where)
    values: dict[str, Any] = {
        **{
            key: _read_value(typing.get_type_hints(Experiment)[key], value, f"{where}: {key}")
            for key, value in plain.items()
        },
        "environment": read_table(EnvironmentSpec, environment, f"{where}: [environment]"),
        "meshes": meshes,
        "loads": loads,
    }
    if workloads:
        values["workloads"] = workloads
    if "name" not in values:
        raise BadInput(f"{where} lacks name: {Experiment.__dataclass_fields__['name'].metadata['help']}")
    try:
        return Experiment(**values)
    except UnknownName:
        raise
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises
    ------
    BadInput
        When the file is missing, unreadable, not UTF-8, or not a valid experiment.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"There is no experiment file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The experiment file {path} cannot be read: {error}.") from error
    return experiment_from_toml(text, str(path))
