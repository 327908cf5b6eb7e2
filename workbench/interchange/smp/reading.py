"""From a document's tree to a message, by proto3's rules for JSON, with a finding for every departure from them.

Reading goes on after a finding with what it names as its repair, so that one pass shows all of them, and so that a
document which others wrote wrongly can still be imported, each repair said aloud. Accepted as protobuf accepts it:
field names as in the .proto file or in lowerCamelCase, enums by name or number, whole numbers as numbers or text,
``null`` for "not set".
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any, TypeVar

from workbench.errors import BadInputError
from workbench.interchange.documents import Node, shown
from workbench.interchange.smp.canonical import moment_ns
from workbench.interchange.smp.fields import RANGES, FieldSpec, Message, fields_of
from workbench.interchange.smp.findings import DocumentFinding, Severity

M = TypeVar("M", bound=Message)

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_HUGE_DIGITS = 25


class Reader:
    """Reads messages of one file and collects what is wrong with them.

    Attributes
    ----------
    where
        Names the file in findings.
    findings
        In the order of the document.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.findings: list[DocumentFinding] = []

    def note(
        self, rule: str, node: Node, path: str, message: str, repair: str = "", severity: Severity = "error"
    ) -> None:
        """Record a finding about ``node``."""
        self.findings.append(
            DocumentFinding(
                rule=rule,
                severity=severity,
                where=self.where,
                line=node.line,
                field=path,
                message=message,
                repair=repair,
            )
        )

    def message(self, cls: type[M], node: Node, path: str = "") -> M:
        """Return the message of class ``cls`` in ``node``; what is wrong with it goes to `findings`."""
        values: dict[str, Any] = {}
        if not isinstance(node.value, dict):
            self.note("wrong-type", node, path, f"must be a table ({cls.proto}), not {_kind(node)}", "left out")
            return cls()
        known = {name: spec for spec in fields_of(cls).values() for name in (spec.name, spec.json_name)}
        self.duplicates(node, path)
        for name, child in node.value.items():
            place = f"{path}.{name}" if path else name
            spec = known.get(name)
            if spec is None:
                self.note("unknown-field", child, place, _unknown(cls, name, known), "left out")
            elif spec.name in values:
                self.note("duplicate-field", child, place, f"gives {spec.name} a second time", "the first is kept")
            elif child.value is not None:
                values[spec.name] = self.field(spec, child, place)
        return cls(**{name: value for name, value in values.items() if value is not None})

    def duplicates(self, node: Node, path: str) -> None:
        """Note names that a table gives more than once."""
        for name, line in node.twice:
            place = f"{path}.{name}" if path else name
            self.note("duplicate-field", Node(value=None, line=line), place, "stands here twice", "the last is kept")

    def field(self, spec: FieldSpec, node: Node, path: str) -> Any:
        """Return a field's value; None where there is nothing sensible to take."""
        if not spec.repeated:
            return self.single(spec, node, path)
        if not isinstance(node.value, list):
            self.note("wrong-type", node, path, f"must be a list, not {_kind(node)}", "taken as a list of this one")
            only = self.single(spec, node, f"{path}[0]")
            return None if only is None else (only,)
        found = [self.single(spec, one, f"{path}[{place}]") for place, one in enumerate(node.value)]
        return tuple(one for one in found if one is not None)

    def single(self, spec: FieldSpec, node: Node, path: str) -> Any:
        """Return one value of a field."""
        if spec.kind == "message":
            return self.message(spec.of, node, path)
        read: dict[str, Callable[[FieldSpec, Node, str], Any]] = {
            "string": self.text,
            "bool": self.truth,
            "int32": self.whole,
            "int64": self.whole,
            "double": self.number,
            "map": self.texts,
            "timestamp": self.moment,
            "enum": self.choice,
        }
        return read[spec.kind](spec, node, path)

    def text(self, spec: FieldSpec, node: Node, path: str) -> str | None:
        """Read a text; a number or truth value is taken as it was written."""
        if isinstance(node.value, str):
            return node.value
        if isinstance(node.value, dict | list) or node.value is None:
            self.note("wrong-type", node, path, f"must be text, not {_kind(node)}", "left out")
            return None
        raw = shown(node.raw)
        self.note("wrong-type", node, path, f"must be text in quotes, not {_kind(node)}", f"read as the text {raw}")
        return node.raw

    def truth(self, spec: FieldSpec, node: Node, path: str) -> bool | None:
        """Read a truth value."""
        if isinstance(node.value, bool):
            return node.value
        meant = {"true": True, "false": False}.get(str(node.value).lower()) if isinstance(node.value, str) else None
        repair = "left out" if meant is None else f"read as {str(meant).lower()}"
        self.note("wrong-type", node, path, f"must be true or false, not {shown(node.raw or _kind(node))}", repair)
        return meant

    def whole(self, spec: FieldSpec, node: Node, path: str) -> int | None:
        """Read a whole number, which may stand as text; check its range."""
        number = _as_number(node)
        if number is None or (isinstance(number, float) and not number.is_integer()):
            rounded = None if number is None or not math.isfinite(number) else round(number)
            repair = "left out" if rounded is None else f"rounded to {rounded}"
            self.note("wrong-type", node, path, f"must be a whole number, not {shown(node.raw or _kind(node))}", repair)
            if rounded is None:
                return None
            number = rounded
        low, high = RANGES[spec.kind]
        if not low <= number <= high:
            self.note(
                "out-of-range",
                node,
                path,
                f"is {shown(node.raw)[1:-1]}, beyond what an {spec.kind} holds ({high:,})",
                "left out",
            )
            return None
        return int(number)

    def number(self, spec: FieldSpec, node: Node, path: str) -> float | None:
        """Read a number; NaN and infinities are valid proto3 and mean nothing here."""
        number = _as_number(node)
        if number is None and isinstance(node.value, str) and node.value in _NON_FINITE:
            number = _NON_FINITE[node.value]
        if number is None:
            self.note("wrong-type", node, path, f"must be a number, not {shown(node.raw or _kind(node))}", "left out")
            return None
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            self.note("not-a-number", node, path, "is not a finite number", "left out", "warning")
            return None
        return value

    def texts(self, spec: FieldSpec, node: Node, path: str) -> dict[str, str] | None:
        """Read a map of text to text."""
        if not isinstance(node.value, dict):
            self.note("wrong-type", node, path, f"must be a table of texts, not {_kind(node)}", "left out")
            return None
        self.duplicates(node, path)
        found = {name: self.text(spec, child, f"{path}.{name}") for name, child in node.value.items()}
        return {name: value for name, value in found.items() if value is not None}

    def moment(self, spec: FieldSpec, node: Node, path: str) -> int | None:
        """Read a timestamp; one without a zone is taken for UTC, which the specification says all times are."""
        text = node.raw if isinstance(node.value, str) and not node.raw.startswith('"') else node.value
        if not isinstance(text, str):
            self.note("wrong-type", node, path, f"must be a time as text, not {_kind(node)}", "left out")
            return None
        try:
            return moment_ns(text)
        except BadInputError as error:
            meant = _as_utc(text)
            repair = "left out" if meant is None else "read as UTC"
            self.note("wrong-time", node, path, f"{shown(text)} {error}", repair)
            return meant

    def choice(self, spec: FieldSpec, node: Node, path: str) -> Any:
        """Read an enum, by name or number."""
        names = [one.name for one in spec.of]
        if isinstance(node.value, str):
            if node.value in names:
                return spec.of[node.value]
            folded = {name.removeprefix("PROTOCOL_").lower().replace("_", ""): name for name in names}
            meant = folded.get(node.value.lower().replace("_", "").replace("-", "").replace(" ", ""))
            near = meant or next(iter(difflib.get_close_matches(node.value, names, n=1)), None)
            hint = f"; did you mean {near}?" if near else ""
            said = f"{shown(node.value)} is none of {', '.join(names)}{hint}"
            self.note("unknown-enum", node, path, said, f"read as {meant}" if meant else "left out")
            return spec.of[meant] if meant else None
        number = _as_number(node)
        if isinstance(number, int) or (isinstance(number, float) and number.is_integer()):
            if int(number) in [int(one) for one in spec.of]:
                return spec.of(int(number))
            said = f"{int(number)} is none of the specification's {len(names)} numbers"
            self.note("unknown-enum", node, path, said, "left out", "warning")
            return None
        self.note("wrong-type", node, path, f"must be one of {', '.join(names)}, not {_kind(node)}", "left out")
        return None


def _unknown(cls: type[Message], name: str, known: dict[str, FieldSpec]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{cls.proto} has no field {shown(name)}{hint}"


def _as_utc(text: str) -> int | None:
    for mended in (f"{text}Z", f"{text.replace(' ', 'T', 1)}Z", text.replace(" ", "T", 1), f"{text}T00:00:00Z"):
        try:
            return moment_ns(mended)
        except BadInputError:
            continue
    return None


def _as_number(node: Node) -> int | float | None:
    """Return the number that a node stands for, as a number or as text; None when it is none."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.strip("+-").isdigit() and len(value) < _HUGE_DIGITS else _decimal(value)
    except ValueError:
        return None


def _decimal(text: str) -> float:
    """Return decimal text as a number; Python's own ``inf``, ``nan`` and ``1_000`` are not decimal."""
    if not text or set(text) - set("0123456789+-.eE"):
        raise ValueError(text)
    return float(text)


def _kind(node: Node) -> str:
    kinds = {dict: "a table", list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return kinds.get(type(node.value), "nothing")
