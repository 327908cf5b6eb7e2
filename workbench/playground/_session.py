"""What a live session is made of: how its servers behave, what was brought into force, how a proxy is changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workbench.errors import BadInputError
from workbench.intents import METHODS, Design, Intent, Rendering, Target
from workbench.model.lab_steps import Application, Carried, Gate, Probe, Process
from workbench.playground import dynamic

if TYPE_CHECKING:
    from workbench.environments.lab.environment import LabDeployment

STREAM = "stream"
"""Component that sends the requests."""

CALLS = "calls"
"""File of the stream that says what to ask for."""

MOST_VERSIONS = 6
PLAIN = Intent(name="as-it-comes", says="The mesh with its default configuration.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How one version of the service behaves, for teaching: what share of its requests fails (503), and how slowly."""

    fails: float = 0.0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.fails <= 1 or not 0 <= self.delay_s <= 10:
            raise BadInputError("A version can fail a share between 0 and 1 and take between 0 and 10 s longer.")

    @property
    def arguments(self) -> tuple[str, ...]:
        """What its process is told."""
        return ("--fails", repr(self.fails), "--delay", repr(self.delay_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A design taken into force.

    Attributes
    ----------
    second
        When, in seconds since the session's start.
    how
        ``"started"``, ``"applied"`` or ``"reverted"``.
    calls
        What the clients ask for in turn. Where authorization speaks of methods or paths: twice what it lets in, and
        once what it does not.
    notes
        What of it did not come into force, and why; empty: all of it did.
    """

    second: float
    how: str
    design: Design
    rendering: Rendering
    calls: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Running:
    """A session that is up: what it began with, what is in force in each proxy, what was applied, what to revert to."""

    stack: ExitStack
    deployment: LabDeployment
    application: Application
    target: Target
    threads: int
    ring: Path
    began_s: float
    files: dict[str, dict[str, dict[str, Any]]]
    history: list[Applied] = field(default_factory=list)
    undo: list[Design] = field(default_factory=list)


def check_target(target: Target, servers: Mapping[str, Server]) -> None:
    """Refuse a target that cannot be played, in words."""
    if len(target.versions) > MOST_VERSIONS:
        raise BadInputError(f"A live session plays at most {MOST_VERSIONS} versions, not {len(target.versions)}.")
    names = {target.service, *(target.version_service(version) for version in target.versions[1:])}
    if names & {"client", STREAM}:
        raise BadInputError(
            f"A service in a live session cannot have the name client or {STREAM}: choose another name."
        )
    unknown = sorted(set(servers) - set(target.versions))
    if unknown:
        raise BadInputError(f"The target has no version {', '.join(unknown)}, only {', '.join(target.versions)}.")


def calls_for(intent: Intent) -> tuple[str, ...]:
    """Return what clients should ask for, so that the intent can be seen at work; see `Applied.calls`."""
    asked, usual = intent.authorization, "POST /"
    if asked is None or not (asked.methods or asked.paths):
        return (usual,)
    methods, paths = asked.methods or ("POST",), [quote(path.removesuffix("*")) for path in asked.paths] or ["/"]
    let_in = tuple(f"{method} {path}" for method in methods for path in paths)
    others = [method for method in METHODS if method not in asked.methods]
    refused = f"{methods[0]} /not-let-in" if asked.paths else f"{others[0] if others else methods[0]} /"
    return (*let_in, *let_in, *([refused] * len(let_in)))


def say_calls(running: Running, calls: Sequence[str]) -> None:
    """Tell the stream what to ask for from now on."""
    target = running.ring.with_name(CALLS)
    beside = target.with_name(f".{CALLS}.part")
    beside.write_text("\n".join(calls), encoding="ascii")
    beside.replace(target)


def patient(gate: Gate, servers: Iterable[Server]) -> Gate:
    """Return a gate with tries enough for versions that fail on purpose: wrong by chance once in a million times."""
    fails = max((server.fails for server in servers), default=0.0)
    if not 0 < fails < 1 or isinstance(gate, Carried) or (isinstance(gate, Probe) and gate.expect == "refused"):
        return gate
    return replace(gate, tries=gate.tries * math.ceil(math.log(1e-6) / math.log(fails)))


def threads(proxies: Sequence[Process]) -> int:
    """Return how many worker threads these proxies are started with."""
    arguments = proxies[0].arguments
    return int(arguments[arguments.index("--concurrency") + 1])


def notes(rendering: Rendering, intent: Intent, threads: int) -> tuple[str, ...]:
    """Return what of an intent does not come into force in a running session, and why."""
    notes = [f"{answer.feature}: {answer.says}" for answer in rendering.answers if answer.support != "supported"]
    if intent.proxy_threads is not None and intent.proxy_threads != threads:
        notes.append(
            f"proxy_threads: Envoy's {threads} worker threads are set when it starts; "
            "start the session with this design to change them."
        )
    return tuple(notes)


def change(running: Running, name: str, wanted: dict[str, dict[str, Any]]) -> None:
    """Give one proxy its new files.

    The clusters that its new listeners need come first. Those that only the old ones need stay until the next change,
    because connections made under the old listeners send their last request there.
    """
    have, deployment = running.files[name], running.deployment
    if have == wanted:
        return
    both = {**have[dynamic.CLUSTERS], **wanted[dynamic.CLUSTERS]}
    running.files[name] = wanted
    deployment.replace_file(name, dynamic.CLUSTERS, dynamic.as_text(both))
    deployment.replace_file(name, dynamic.LISTENERS, dynamic.as_text(wanted[dynamic.LISTENERS]))
