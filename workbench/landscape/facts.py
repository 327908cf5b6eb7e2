"""What is known of a mesh, with where it stands written: the types of the landscape.

A fact has a source with a date, or it is unknown; there is no third thing. `workbench.landscape.reading` makes these
from the TOML files in ``data/landscape``, `workbench.landscape.needs` asks them, `workbench.charts.topology` draws
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from workbench.errors import BadInputError, Faults, UnknownNameError
from workbench.fields import FILLED, SPREAD, Checked, asked

UNKNOWN: Final = "unknown"
"""What stands where nothing could be found; never a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to know of every mesh.

    Attributes
    ----------
    name, title
        Key in the files; heading in tables.
    says
        What the question is.
    allowed
        The words a value is made of; empty: free text.
    ways
        True: the values are alternatives of which an installation takes one, so that several needs must agree on one.
    """

    name: str
    title: str
    says: str
    allowed: tuple[str, ...] = ()
    ways: bool = False


_FIELDS: Final = (
    Field(name="layer", title="Layer", says="where it works", allowed=("L2", "L3", "L4", "L7")),
    Field(name="data_plane", title="Data plane", says="what forwards the traffic"),
    Field(
        name="placement",
        title="Placement",
        says="where the data plane runs",
        allowed=("per pod", "per node", "per host", "none"),
    ),
    Field(
        name="protocols",
        title="Protocols",
        says="what it parses, beyond forwarding",
        allowed=("HTTP/1.1", "HTTP/2", "gRPC", "TCP", "UDP", "IP", "Ethernet"),
    ),
    Field(
        name="mtls",
        title="mTLS",
        says="between workloads",
        allowed=("on by default", "can be switched on", "control plane only", "none"),
    ),
    Field(
        name="traffic",
        title="Traffic",
        says="what can be done with it",
        allowed=("split", "mirror", "authorize", "rate limit", "choose endpoint", "none"),
    ),
    Field(
        name="resilience",
        title="Resilience",
        says="how it handles failures, or injects them",
        allowed=("retries", "timeouts", "circuit breaking", "delay fault", "abort fault", "heal", "none"),
    ),
    Field(
        name="observability",
        title="Observability",
        says="what you can observe",
        allowed=("request metrics", "connection metrics", "packet counters", "access log", "traces"),
    ),
    Field(name="multi_cluster", title="Clusters", says="one mesh over several", allowed=("yes", "partly", "no")),
    Field(name="vms", title="VMs", says="workloads outside Kubernetes", allowed=("yes", "partly", "no")),
    Field(
        name="privileges",
        title="Privileges",
        says="the privileges it needs; one of the ways is enough",
        allowed=("none", "NET_ADMIN in pods", "node agent", "SYS_ADMIN on nodes", "privileged on nodes"),
        ways=True,
    ),
    Field(name="governance", title="Governance", says="who decides", allowed=("foundation", "company")),
    Field(
        name="licence",
        title="Licence",
        says="of the source code",
        allowed=("Apache-2.0", "MIT", "BUSL-1.1", "proprietary"),
    ),
    Field(
        name="release",
        title="Release state",
        says="whether it is available",
        allowed=("stable", "edge only", "dormant", "archived", "withdrawn"),
    ),
    Field(name="reservations", title="Reserved by default", says="requests of CPU and memory before any load"),
)

FIELDS: Final[Mapping[str, Field]] = {one.name: one for one in _FIELDS}
"""Every entry answers all of these, in this order."""


def _text(says: str) -> Any:
    return asked(says, form=FILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation(Checked):
    """Where something stands written, and when that was read or published."""

    text: str = _text("Where it stands.")
    read: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Checked):
    """One answer.

    Attributes
    ----------
    field
        Key of `FIELDS`.
    values
        Words of the field; empty: unknown.
    not_known
        Words of the field for which it could not be found whether they belong to `values`.
    says
        A sentence for people.
    source
        None only when the answer is unknown.
    """

    field: str
    values: tuple[str, ...]
    says: str = _text("A sentence for people.")
    source: Citation | None
    not_known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        allowed = FIELDS[self.field].allowed
        for word in (*self.values, *self.not_known) if allowed else ():
            if word not in allowed:
                raise UnknownNameError(f"word for {self.field}", word, allowed)
        if not all(word.strip() for word in (*self.values, *self.not_known)):
            raise BadInputError("A value is empty; leave it out.")
        if set(self.values) & set(self.not_known):
            raise BadInputError("The same word stands as known and as not known.")
        if self.values and self.source is None:
            raise BadInputError("It has no source: name one of those of the file, or say `values = []`.")

    @property
    def known(self) -> bool:
        """Whether there is an answer."""
        return bool(self.values)

    @property
    def text(self) -> str:
        """The values as a table shows them; ``"unknown"`` where there are none."""
        return ", ".join(self.values) or UNKNOWN

    @property
    def cited(self) -> str:
        """Source and date in one line; empty for what is unknown."""
        return f"{self.source.text} ({self.source.read.isoformat()})" if self.source else ""


PLANES: Final = ("management plane", "control plane", "data plane", "application", "kernel")
KINDS: Final = ("application traffic", "control flow", "telemetry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box(Checked):
    """A component of a picture: a centre on a grid of 12 columns and 7 rows, and what it is.

    `plane` is one of `PLANES`; `role` names whose consumption it is (empty: nobody's that is measured).
    """

    id: str
    label: str
    plane: str = asked("What it is part of.", known=PLANES)
    x: float
    y: float
    says: str
    role: str = ""
    w: float = 1.7
    h: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A frame around boxes: a pod, a node, a plane. Left upper corner, width, height on the grid."""

    label: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Checked):
    """An arrow between two boxes; `kind` is one of `KINDS`. `both`: it goes both ways."""

    start: str
    end: str
    kind: str = asked("What goes there.", known=KINDS)
    says: str
    both: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A picture as data."""

    boxes: tuple[Box, ...] = asked("What is drawn, one at least.")
    zones: tuple[Zone, ...] = ()
    flows: tuple[Flow, ...] = ()

    def __post_init__(self) -> None:
        if not self.boxes:
            raise BadInputError("There are no boxes to draw.")
        if len({box.id for box in self.boxes}) < len(self.boxes):
            raise BadInputError("Two boxes have the same id.")
        self.check_ends(self.flows)

    def check_ends(self, arrows: Iterable[Flow | Step]) -> None:
        """Refuse arrows that begin or end at no box."""
        known, faults = {box.id for box in self.boxes}, Faults()
        for name in (name for arrow in arrows for name in (arrow.start, arrow.end)):
            if name not in known:
                faults.add(UnknownNameError("box", name, known))
        faults.tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Checked):
    """A mesh of the landscape.

    Attributes
    ----------
    name, title, says
        Key, name for people, one sentence.
    shapes
        Archetypes of the lab that work in this shape; their figures stand beside it under their own names.
    adapter
        The workbench's adapter that installs it on a cluster; empty: the workbench cannot.
    facts
        One for each of `FIELDS`.
    topology
        Its architecture.
    """

    name: str = _text("Key.")
    title: str = _text("Name for people.")
    says: str = _text("One sentence.")
    adapter: str = asked("The adapter that installs it; empty: none.")
    shapes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = asked("An answer to every question, or `values = []`.", read=lambda value, _: value)
    topology: Topology = field(metadata=SPREAD)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        missing = [name for name in FIELDS if name not in self.facts]
        if missing:
            raise BadInputError(f"It does not answer {', '.join(missing)}: say `values = []` and what was looked for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Checked):
    """A way to adopt a mesh, with what speaks for and against it."""

    name: str = _text("Key.")
    title: str = _text("Name for people.")
    says: str = _text("One sentence.")
    advantages: tuple[str, ...] = asked("What speaks for it.", form=FILLED)
    disadvantages: tuple[str, ...] = asked("What speaks against it.", form=FILLED)
    source: Citation
    topology: Topology = field(metadata=SPREAD)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        for name, listed in (("advantages", self.advantages), ("disadvantages", self.disadvantages)):
            if not listed:
                raise BadInputError(f"There are no {name}: nothing has none, say what they are.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a sequence: an arrow that is numbered by its place; ``start == end``: something done within."""

    start: str
    end: str
    title: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Checked):
    """What happens in order on a topology."""

    name: str = _text("Key.")
    title: str = _text("Name for people.")
    says: str = _text("One sentence.")
    source: Citation
    topology: Topology = field(metadata=SPREAD)
    steps: tuple[Step, ...] = asked("What happens, in order.")

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if not self.steps:
            raise BadInputError("There are no steps.")
        self.topology.check_ends(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Everything in ``data/landscape``: meshes, patterns and sequences by name, in their order."""

    meshes: Mapping[str, Entry] = field(default_factory=dict)
    patterns: Mapping[str, Pattern] = field(default_factory=dict)
    sequences: Mapping[str, Sequence] = field(default_factory=dict)
