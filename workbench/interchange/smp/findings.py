"""What is wrong with a document, and what could be done about it: the result of reading and of every rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
"""error: the document is not valid SMP, protobuf would refuse it or it says the impossible; warning: valid, and yet
not what its author can have meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFinding:
    """One thing wrong with a document.

    Attributes
    ----------
    rule
        Stable identifier: ``"unknown-field"``.
    where, line, field
        File, line from 1, and path of the field (``clients[0].rps``; empty for the document).
    message
        What is the case, without the place.
    repair
        What a reader that goes on takes instead; empty where there is nothing sensible to take.
    """

    rule: str
    severity: Severity
    where: str
    line: int
    field: str
    message: str
    repair: str = ""

    def __str__(self) -> str:
        place = f"{self.where}, line {self.line}"
        named = f"{self.field}: " if self.field else ""
        return f"{place}: {named}{self.message} [{self.rule}]"


def errors(findings: Iterable[DocumentFinding]) -> list[DocumentFinding]:
    """Return those that make a document invalid."""
    return [one for one in findings if one.severity == "error"]
