"""Which meshes meet a list of needs, and why the others do not.

A mesh *matches* when a fact meets each need. It is *unknown* when no fact speaks against it but one is missing, and
*ruled out* by the first facts that say no. A further need can therefore only make its standing worse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.errors import UnknownNameError
from workbench.landscape.facts import FIELDS, Entry, Fact

MATCHES: Final = "matches"
NOT_KNOWN: Final = "unknown"
RULED_OUT: Final = "ruled out"
STANDINGS: Final = (MATCHES, NOT_KNOWN, RULED_OUT)
"""From best to worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something an engineer needs.

    Attributes
    ----------
    label
        Its name for people, and what is typed (in any case).
    says
        What exactly is asked.
    field, any_of
        It is met when the field's values hold one of these words.
    also
        Other ways to type it.
    """

    label: str
    says: str
    field: str
    any_of: tuple[str, ...]
    also: tuple[str, ...] = ()


AVAILABLE: Final = Need(
    label="available",
    says="it is available: neither withdrawn nor archived",
    field="release",
    any_of=("stable", "edge only", "dormant"),
)

_NEEDS: Final = (
    Need(
        label="mTLS",
        says="workloads prove their identity to each other and the traffic is encrypted",
        field="mtls",
        any_of=("on by default", "can be switched on"),
    ),
    Need(label="mTLS by default", says="without configuration", field="mtls", any_of=("on by default",)),
    Need(
        label="no privileged pods",
        says="no pod that runs privileged, or with SYS_ADMIN, which is equivalent",
        field="privileges",
        any_of=("none", "NET_ADMIN in pods"),
        also=("unprivileged",),
    ),
    Need(
        label="no NET_ADMIN in pods",
        says="application pods start without added capabilities",
        field="privileges",
        any_of=("none", "node agent", "SYS_ADMIN on nodes", "privileged on nodes"),
    ),
    Need(
        label="no sidecars",
        says="no proxy in the application's pods",
        field="placement",
        any_of=("per node", "per host", "none"),
    ),
    Need(
        label="gRPC",
        says="parses single gRPC calls, not only connections",
        field="protocols",
        any_of=("gRPC",),
    ),
    Need(label="HTTP", says="parses single HTTP requests", field="protocols", any_of=("HTTP/1.1",)),
    Need(label="TCP", says="any TCP connection", field="protocols", any_of=("TCP", "IP", "Ethernet")),
    Need(label="UDP", says="datagrams", field="protocols", any_of=("UDP", "IP", "Ethernet")),
    Need(label="L2/L3", says="raw packets or frames: VPN, NFV, legacy protocols", field="layer", any_of=("L2", "L3")),
    Need(
        label="VMs", says="workloads outside Kubernetes can join", field="vms", any_of=("yes", "partly"), also=("vm",)
    ),
    Need(
        label="multi-cluster",
        says="one mesh over several clusters, limits allowed",
        field="multi_cluster",
        any_of=("yes", "partly"),
    ),
    Need(label="traffic split", says="a share of the calls to another version", field="traffic", any_of=("split",)),
    Need(label="authorization", says="who may call whom", field="traffic", any_of=("authorize",)),
    Need(label="rate limit", says="too many calls are refused", field="traffic", any_of=("rate limit",)),
    Need(label="mirroring", says="a copy of the calls goes elsewhere", field="traffic", any_of=("mirror",)),
    Need(label="retries", says="failed calls are repeated", field="resilience", any_of=("retries",)),
    Need(label="timeouts", says="calls have a time limit", field="resilience", any_of=("timeouts",)),
    Need(
        label="circuit breaking",
        says="failing instances are left out",
        field="resilience",
        any_of=("circuit breaking",),
    ),
    Need(label="fault injection", says="delays are injected on purpose", field="resilience", any_of=("delay fault",)),
    Need(label="request metrics", says="rate, errors, duration", field="observability", any_of=("request metrics",)),
    Need(label="open source", says="a licence the OSI approves", field="licence", any_of=("Apache-2.0", "MIT")),
    Need(label="foundation", says="not controlled by a single company", field="governance", any_of=("foundation",)),
    Need(label="maintained", says="releases still come", field="release", any_of=("stable", "edge only")),
    Need(label="stable releases", says="the project itself publishes them", field="release", any_of=("stable",)),
)

NEEDS: Final[Mapping[str, Need]] = {one.label: one for one in _NEEDS}
"""Everything that can be asked for, by label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where one mesh stands with one need: `standing`, the fact it rests on, and the reason in a sentence."""

    need: Need
    standing: str
    fact: Fact
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMatch:
    """Where one mesh stands with all needs together."""

    entry: Entry
    verdicts: tuple[Verdict, ...]

    @property
    def standing(self) -> str:
        """The worst of the verdicts; one of `STANDINGS`."""
        return max((one.standing for one in self.verdicts), key=STANDINGS.index, default=MATCHES)

    @property
    def reasons(self) -> tuple[Verdict, ...]:
        """The verdicts that decided: those that rule it out, else the unknown ones; empty when it matches."""
        worst = self.standing
        return () if worst == MATCHES else tuple(one for one in self.verdicts if one.standing == worst)


def parse_needs(asked: str | Iterable[str]) -> tuple[Need, ...]:
    """Return the needs in ``asked``: labels separated by commas, or one by one; in any case, each once.

    Raises
    ------
    UnknownNameError
        With the known needs and the nearest.
    """
    words = re.split(r"[,;\n]", asked) if isinstance(asked, str) else list(asked)
    known = {name.casefold(): need for need in _NEEDS for name in (need.label, *need.also)}
    found: dict[str, Need] = {}
    for word in (" ".join(one.split()) for one in words):
        if not word:
            continue
        if word.casefold() not in known:
            raise UnknownNameError("need", word, NEEDS)
        need = known[word.casefold()]
        found[need.label] = need
    return tuple(found.values())


def choose(entries: Iterable[Entry], needs: Sequence[Need]) -> tuple[MeshMatch, ...]:
    """Return where each entry stands with `AVAILABLE` and ``needs``, the best first, otherwise in their order."""
    standings = [MeshMatch(entry=entry, verdicts=_verdicts(entry, (AVAILABLE, *needs))) for entry in entries]
    return tuple(sorted(standings, key=lambda one: STANDINGS.index(one.standing)))


def _verdicts(entry: Entry, needs: Sequence[Need]) -> tuple[Verdict, ...]:
    """Return one verdict for each need; of alternatives, only those that the needs before it have left."""
    left: dict[str, tuple[str, ...]] = {}
    verdicts = []
    for need in needs:
        fact = entry.facts[need.field]
        values = left.get(need.field, fact.values)
        met = tuple(value for value in values if value in need.any_of)
        if FIELDS[need.field].ways and fact.known:
            left[need.field] = met
        verdicts.append(_verdict(need, fact, values, met))
    return tuple(verdicts)


def _verdict(need: Need, fact: Fact, values: tuple[str, ...], met: tuple[str, ...]) -> Verdict:
    title = FIELDS[need.field].title
    if met:
        return Verdict(need=need, standing=MATCHES, fact=fact, why=f"{title}: {', '.join(met)}")
    if not fact.known or set(need.any_of) & set(fact.not_known):
        return Verdict(need=need, standing=NOT_KNOWN, fact=fact, why=f"{title} not known ({fact.says})")
    only = "" if values == fact.values else "; no single way of installing meets all needs"
    return Verdict(need=need, standing=RULED_OUT, fact=fact, why=f"{title}: {fact.text} ({fact.says}{only})")
