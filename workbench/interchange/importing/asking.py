"""Asking a tree for what it should hold: a number, a text, a list; refused with file, line and field where not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.errors import BadInputError
from workbench.interchange.documents import Node, shown

LARGEST = 2**53
"""Whole numbers above are not exact in JSON as most tools write it."""


class Table:
    """A table of a tree.

    Parameters
    ----------
    node
        Must hold a table.
    where
        The file.
    path
        Field of the file that the table stands in; empty for the whole.
    """

    def __init__(self, node: Node, where: str, path: str = "") -> None:
        self.node, self.where, self.path = node, where, path
        if not isinstance(node.value, dict):
            raise BadInputError(f"{where}, line {node.line}: {path or 'the document'} must be a table.")

    def __contains__(self, name: str) -> bool:
        return name in self.node.value and self.node.value[name].value is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.node.value)

    def wrong(self, name: str, what: str) -> BadInputError:
        """Return the error that says what is wrong with a field."""
        held = self.node.value.get(name)
        line = held.line if held is not None else self.node.line
        return BadInputError(f"{self.where}, line {line}: {self._field(name)} {what}.")

    def _field(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _value(self, name: str) -> Node:
        if name not in self:
            raise self.wrong(name, "is missing; the file was cut off, or is of another kind")
        node: Node = self.node.value[name]
        return node

    def number(self, name: str, low: float = 0.0) -> float:
        """Return a finite number from ``low``; text that is one is taken as one."""
        node = self._value(name)
        try:
            value = float(node.value) if isinstance(node.value, int | float | str) else math.nan
        except (ValueError, OverflowError):
            value = math.nan
        if isinstance(node.value, bool) or not low <= value < math.inf:
            raise self.wrong(name, f"is {shown(node.raw or node.value)}, not a number from {low:g}")
        return value

    def figure(self, name: str, doubts: list[str]) -> float | None:
        """Return a measured number from 0; None where there is none, with the reason in ``doubts``.

        Null, not a number, an infinite and a negative one are unknown. Text that is not a number is a damaged file.
        """
        if name not in self:
            if name in self.node.value:
                doubts.append(f"{self._field(name)} is null: unknown.")
            return None
        node = self._value(name)
        try:
            value = float(node.value) if isinstance(node.value, int | float | str) else math.nan
        except (ValueError, OverflowError):
            return self.number(name)
        if isinstance(node.value, bool | dict | list):
            return self.number(name)
        if not 0 <= value < math.inf:
            doubts.append(f"{self._field(name)} is {shown(node.raw or node.value)}, which is impossible: unknown.")
            return None
        return value

    def whole(self, name: str) -> int:
        """Return a whole number from 0; text that is one is taken as one."""
        value = self.number(name)
        if not value.is_integer() or value > LARGEST:
            raise self.wrong(name, f"is {shown(self._value(name).raw)}, not a whole number")
        return int(value)

    def text(self, name: str) -> str:
        """Return a text."""
        node = self._value(name)
        if not isinstance(node.value, str):
            raise self.wrong(name, f"is {shown(node.raw or node.value)}, not text")
        return node.value

    def maybe_text(self, name: str) -> str:
        """Return a text; empty when there is none."""
        return self.text(name) if name in self else ""

    def maybe_number(self, name: str) -> float | None:
        """Return a number; None when there is none."""
        return self.number(name) if name in self else None

    def maybe_whole(self, name: str) -> int | None:
        """Return a whole number; None when there is none."""
        return self.whole(name) if name in self else None

    def table(self, name: str) -> Table:
        """Return the table in a field."""
        return Table(self._value(name), self.where, self._field(name))

    def tables(self, name: str) -> list[Table]:
        """Return the tables in a list; ``null`` and nothing at all are an empty one."""
        if name not in self:
            return []
        node = self._value(name)
        if not isinstance(node.value, list):
            raise self.wrong(name, "is not a list")
        return [Table(one, self.where, f"{self._field(name)}[{place}]") for place, one in enumerate(node.value)]
