"""Meshery's test profiles (``test:`` and ``mesh:``) as experiments.

A profile is one load on one endpoint under one mesh, once. The experiment asks the same of the workbench: the load, the
mesh beside a baseline, in blocks. What a profile says and an experiment cannot is said aloud, in comments of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench import adapters
from workbench.errors import BadInputError
from workbench.interchange.smp.messages import Client, MeshType, PerformanceTestConfig, Protocol
from workbench.interchange.smp.naming import mesh_type
from workbench.interchange.smp.rules import duration_s
from workbench.interchange.smp.validation import Document
from workbench.model.experiment import NAME_PATTERN, experiment_from_toml

BLOCKS = 6
"""Passes over the cells: the fewest that give 95 % intervals. A profile itself asks for one."""

DURATION_S = 10.0

_SPOKEN = {
    Protocol.PROTOCOL_INVALID: "http/1.1",
    Protocol.PROTOCOL_HTTP: "http/1.1",
    Protocol.PROTOCOL_GRPC: "grpc",
    Protocol.PROTOCOL_TCP: "tcp",
}
"""Protocols that an experiment has a word for; the lab speaks the first two only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """An experiment made of a profile.

    Attributes
    ----------
    name
        The experiment's name.
    toml
        Its file.
    said
        What was changed or could not be taken over, in sentences.
    """

    name: str
    toml: str
    said: tuple[str, ...]


def experiment_of(document: Document, facts: Mapping[str, Any]) -> Profiled:
    """Return the experiment that a profile asks for.

    Parameters
    ----------
    document
        Of kind ``"profile"`` or ``"test"``.
    facts
        ``rate_per_s``, where the profile asks for no rate.

    Raises
    ------
    BadInputError
        When it asks for what cannot be measured here.
    """
    config = document.message
    if not isinstance(config, PerformanceTestConfig):
        raise BadInputError(f"{document.where} is not a test profile.")
    if not config.clients:
        raise BadInputError(f"{document.where}: the profile has no clients, so there is no load.")
    said = [
        f"Repaired, line {one.line}: {one.field} {one.message}; {one.repair}."
        for one in document.findings
        if one.repair
    ]
    name = _name(config.name)
    mesh, environment = _mesh(document, said)
    load = _load(config, facts, environment, document.where, said)
    toml = _toml(name, config, mesh, environment, load, _payload_bytes(config.clients[0], said), said)
    experiment_from_toml(toml, f"the experiment made of {document.where}")
    return Profiled(name=name, toml=toml, said=tuple(said))


def _name(text: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64].strip("-._").lower()
    return slug if NAME_PATTERN.fullmatch(slug) else "profile"


def _mesh(document: Document, said: list[str]) -> tuple[str, str]:
    """Return the adapter's name for the profile's mesh and the environment it needs; empty when there is none."""
    wanted = document.mesh.type if document.mesh is not None else MeshType.INVALID_MESH
    if not wanted:
        said.append("The profile names no mesh; the experiment has the baseline only. Add [[meshes]].")
        return "", "lab"
    for name in adapters.names("meshes"):
        if mesh_type(name) == wanted:
            environments = adapters.load("meshes", name).environments
            return name, environments[0]
    said.append(f"There is no adapter for {wanted.name}; the experiment has the baseline only. Add [[meshes]].")
    return "", "lab"


def _protocol(client: Client, environment: str, where: str) -> str:
    spoken = _SPOKEN.get(client.protocol)
    if spoken is None:
        raise BadInputError(
            f"{where}: the profile uses {client.protocol.name}; only HTTP, gRPC and TCP can be measured here."
        )
    if spoken != "http/1.1" and environment == "lab":
        raise BadInputError(
            f"{where}: the profile uses {client.protocol.name}, which is measured only on "
            "clusters, but has no mesh that "
            "runs there."
        )
    return spoken


def _payload_bytes(client: Client, said: list[str]) -> int | None:
    """Return the bytes of a request's body; None: the profile says none, and the workload's own number is taken."""
    given = len(client.body.encode())
    if client.protocol is not Protocol.PROTOCOL_GRPC:
        return given or None
    if given:
        said.append("The body is left out: on a cluster, gRPC calls have none.")
    return 0


def _load(
    config: PerformanceTestConfig, facts: Mapping[str, Any], environment: str, where: str, said: list[str]
) -> dict[str, Any]:
    client = config.clients[0]
    protocol = _protocol(client, environment, where)
    rates = sorted({float(one.rps) for one in config.clients if one.rps > 0})
    if not rates and "rate_per_s" not in facts:
        raise BadInputError(
            f"{where}: the profile has no rate (rps), which means as fast as answers come. "
            "A cost is meaningful only at a "
            "stated rate: set one with --fact rate_per_s=1000."
        )
    if not rates:
        rates = [float(facts["rate_per_s"])]
        said.append(f"The profile has no rate; {rates[0]:g}/s was set with --fact.")
    seconds = duration_s(config.duration) if config.duration else None
    if seconds is None:
        seconds = DURATION_S
        said.append(f"The profile has no readable duration; {seconds:g} s are used.")
    if len(config.clients) > 1:
        said.append(f"The profile has {len(config.clients)} load generators; each rate becomes a separate load.")
    _say_lost(client, said)
    return {
        "rates_per_s": rates,
        "duration_s": float(seconds),
        "connections": client.connections or 16,
        **({"protocol": protocol} if protocol != "http/1.1" else {}),
        "generator": _generator(client.load_generator, environment, said),
    }


def _generator(name: str, environment: str, said: list[str]) -> str:
    on_cluster = environment != "lab"
    known = [one for one in adapters.names("loadgens") if environment in _adapter(one).traits.environments]
    if name in known:
        return name
    if on_cluster:
        said.append(f"The load generator {name[:40]!r} cannot be used on a cluster; {known[0]} replaces it.")
        return known[0]
    said.append(f"The load generator {name[:40]!r} cannot be used here; the built-in open loop replaces it.")
    return "builtin"


def _adapter(name: str) -> Any:
    return adapters.load("loadgens", name)


def _say_lost(client: Client, said: list[str]) -> None:
    if client.endpoint_urls:
        said.append(
            f"The endpoint {client.endpoint_urls[0][:120]} is not called: the workload "
            "echo replaces it. To measure your "
            'own application, use the workload "own".'
        )
    lost = [name for name in ("headers", "cookies", "ssl_certificate", "additional_options") if getattr(client, name)]
    if lost:
        said.append(f"Left out, because an experiment has no field for them: {', '.join(lost)}.")


def _toml(
    name: str,
    config: PerformanceTestConfig,
    mesh: str,
    environment: str,
    load: Mapping[str, Any],
    payload_bytes: int | None,
    said: list[str],
) -> str:
    quoted = json.dumps  # TOML's basic strings are JSON's
    comments = [f"# {line}" for text in said for line in _wrapped(text)]
    meshes = ["baseline", *([mesh] if mesh else [])]
    lines = [
        "# Made from a test profile of the Service Mesh Performance specification.",
        *comments,
        f"name = {quoted(name)}",
        f"question = {quoted('What does the profile ' + repr(config.name[:80]) + ' cost?', ensure_ascii=False)}",
        f"blocks = {BLOCKS}",
        "",
        "[environment]",
        f"name = {quoted(environment)}",
        *(line for one in meshes for line in ("", "[[meshes]]", f"name = {quoted(one)}")),
        "",
        "[[workloads]]",
        'name = "echo"',
        *([f"payload_bytes = {payload_bytes}"] if payload_bytes is not None else []),
        "",
        "[load]",
        *(f"{key} = {json.dumps(value)}" for key, value in load.items()),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> list[str]:
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return [plain[start : start + 110] for start in range(0, len(plain), 110)]
