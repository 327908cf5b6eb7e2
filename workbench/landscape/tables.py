"""The landscape and a choice from it as frames, for tables that need no widget."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.landscape.facts import FIELDS, Entry, Landscape
from workbench.landscape.needs import MATCHES, NEEDS, NOT_KNOWN, MeshMatch, Need, choose
from workbench.text.plain import NO_MATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which meshes meet `needs`, and why the others do not.

    Attributes
    ----------
    needs
        What was asked for.
    standings
        Every mesh, the best first.
    measured
        What the user's own store holds of the data planes: columns archetype, product, data_plane, mesh, role,
        rate_per_s, cores_per_1000, low, high (cores at 1000 requests/s); empty when nothing has been measured.
    """

    needs: tuple[Need, ...]
    standings: tuple[MeshMatch, ...]
    measured: pd.DataFrame

    @property
    def remaining(self) -> list[str]:
        """Names of the meshes that meet every need."""
        return [one.entry.name for one in self.standings if one.standing == MATCHES]

    @property
    def table(self) -> pd.DataFrame:
        """One row a mesh: standing, why, source, and what was measured here in its shape."""
        rows = [
            {
                "mesh": one.entry.title,
                "standing": one.standing,
                "why": "; ".join(verdict.why for verdict in one.reasons) or "meets every need",
                "source": "; ".join(dict.fromkeys(filter(None, (verdict.fact.cited for verdict in one.reasons)))),
                "measured here": "; ".join(
                    text for product in (True, False) for text in figures(self.measured, one.entry, product=product)
                ),
            }
            for one in self.standings
        ]
        return pd.DataFrame(rows)

    @property
    def matrix(self) -> pd.DataFrame:
        """Every mesh against every need, also those that decided nothing: one row a mesh, one column a need."""
        rows = {
            one.entry.title: {verdict.need.label: verdict.standing for verdict in one.verdicts}
            for one in self.standings
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def _repr_html_(self) -> str:
        """Show the sentence and the table, in a notebook and in what a widget makes of it."""
        with pd.option_context("display.max_colwidth", None):
            table = self.table.to_html(index=False, escape=True, border=0)
        left = table.replace("<td>", '<td style="text-align: left">').replace("<th>", '<th style="text-align: left">')
        return f'<div class="{NO_MATH}"><p>{html.escape(self.sentence)}</p>{left}</div>'

    def _titles(self, standing: str) -> list[str]:
        return [one.entry.title for one in self.standings if one.standing == standing]

    @property
    def sentence(self) -> str:
        """The answer in a sentence or two."""
        wanted = ", ".join(need.label for need in self.needs) or "any available mesh"
        remain, unsure = self._titles(MATCHES), self._titles(NOT_KNOWN)
        verb = "meets" if len(remain) < 2 else "meet"
        told = [f"Needs: {wanted}.", f"{_listed(remain) or 'No mesh'} {verb} all of them."]
        if unsure:
            told.append(f"No known fact rules out {_listed(unsure)}, but some facts are missing.")
        return " ".join(told)


def choose_from(entries: Iterable[Entry], needs: Sequence[Need], measured: pd.DataFrame) -> Choice:
    """Return the choice among ``entries``; ``measured`` as in `Choice`."""
    return Choice(needs=tuple(needs), standings=choose(entries, needs), measured=measured)


_PLACED = {"sidecar": "per pod", "node-proxy": "per node"}
"""Kind of data plane of a measured mesh -> word of the fact `placement`: which mode of a product it was."""


def figures(measured: pd.DataFrame, entry: Entry, *, product: bool) -> list[str]:
    """Return what was measured of ``entry`` itself, or of the archetypes of its shape, each under its own name.

    Such as ``"l7-sidecars: sidecar 0.19 cores per 1000/s here, at 1,000/s"``. Baseline, application and load generator
    are not the data plane's and stay away.
    """
    if measured.empty:
        return []
    own = measured["product"].isin([entry.adapter] if entry.adapter else [])
    own &= measured["data_plane"].map(_PLACED).isin(entry.facts["placement"].values)
    found = measured[own if product else measured["archetype"].isin(entry.shapes)]
    found = found[~found["role"].isin(["application", "load-generator"])]
    return [
        f"{row.mesh}: {row.role} {row.cores_per_1000:.2f} cores per 1000/s here, at {row.rate_per_s:,.10g}/s"
        for row in found.itertuples(index=False)
    ]


def facts_table(entries: Iterable[Entry]) -> pd.DataFrame:
    """Return every fact: mesh, question, answer, says, source, date; unknown ones with an empty source."""
    rows = [
        {
            "mesh": entry.title,
            "question": FIELDS[fact.field].title,
            "answer": fact.text,
            "says": fact.says,
            "source": fact.source.text if fact.source else "",
            "date": fact.source.read.isoformat() if fact.source else "",
        }
        for entry in entries
        for fact in entry.facts.values()
    ]
    return pd.DataFrame(rows)


def overview(landscape: Landscape) -> pd.DataFrame:
    """Return the landscape at a glance: one column a mesh, one row a question."""
    columns = {
        entry.title: {FIELDS[name].title: fact.text for name, fact in entry.facts.items()}
        for entry in landscape.meshes.values()
    }
    return pd.DataFrame(columns)


def patterns_table(landscape: Landscape) -> pd.DataFrame:
    """Return the ways of adoption: pattern, what it is, advantages, disadvantages."""
    rows = [
        {
            "pattern": one.title,
            "is": one.says,
            "advantages": " ".join(one.advantages),
            "disadvantages": " ".join(one.disadvantages),
        }
        for one in landscape.patterns.values()
    ]
    return pd.DataFrame(rows)


def needs_table() -> pd.DataFrame:
    """Return everything that can be asked for: need, what exactly is asked, question it is answered by."""
    rows = [{"need": need.label, "asks": need.says, "question": FIELDS[need.field].title} for need in NEEDS.values()]
    return pd.DataFrame(rows)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
