"""Rules applied to sets of results: findings in order of gravity, each with its figure and why it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import UnknownNameError
from workbench.interchange.audit.claims import ResultSet
from workbench.interchange.audit.rules import RULES, Severity

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """What a rule found.

    Attributes
    ----------
    rule, title
        Which rule, and in words.
    source
        Name of the set of results.
    scope
        What in it: a mesh, a rate, all figures.
    figure
        The figure that it stands on, as the source has it.
    message, why
        What is the case, and why it matters; a sentence each.
    """

    rule: str
    title: str
    severity: Severity
    source: str
    scope: str
    figure: str
    message: str
    why: str


def audit(sets: Iterable[ResultSet], rules: Iterable[str] = ()) -> list[AuditFinding]:
    """Apply rules to sets of results.

    Parameters
    ----------
    rules
        Names of the rules to apply; none: all.

    Returns
    -------
    list
        Errors first, then warnings, then what is only to know; within these by rule and set.

    Raises
    ------
    UnknownNameError
        For a rule that there is not.
    """
    chosen = list(rules) or list(RULES)
    for name in chosen:
        if name not in RULES:
            raise UnknownNameError("rule", name, RULES)
    for results in sets_unknown_said(listed := list(sets)):
        raise UnknownNameError("rule", results, RULES, "the defects of a source")
    found = [
        AuditFinding(
            rule=name,
            title=RULES[name].title,
            severity=severity,
            source=results.name,
            scope=scope,
            figure=figure,
            message=message,
            why=RULES[name].why,
        )
        for results in listed
        for name in chosen
        for severity, scope, figure, message in RULES[name].look(results)
    ]
    place = {name: number for number, name in enumerate(RULES)}
    return sorted(found, key=lambda one: (_RANK[one.severity], place[one.rule], one.source, one.scope))


def sets_unknown_said(sets: Iterable[ResultSet]) -> list[str]:
    """Return the rules that sets say something of by themselves and that there are not."""
    return [rule for results in sets for rule, _ in results.said if rule not in RULES]
