"""YAML and JSON as kubectl reads them: one loader for every manifest, chart, kubeconfig and design. Pure.

kubectl reads YAML with ``sigs.k8s.io/yaml``, which is go-yaml v2 and then JSON. So numbers have the forms of Go
(``0o644`` and ``0644`` are 420, ``1_000`` is 1000), ``yes``, ``no``, ``on``, ``off``, ``y`` and ``n`` are truth values,
times and numbers in base 60 stay text, a whole number is whole however it was written (``1e3``), and names are text.
PyYAML reads YAML 1.1 in another way, and an API server would refuse what comes of it.

Nothing is executed: unknown tags are passed over, aliases are written out, and both nesting and size have a limit.
Source: go.yaml.in/yaml v2.4.2 ``resolve.go`` and ``decode.go``, sigs.k8s.io/yaml v1.6.0 ``yaml.go``.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import math
import re
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.errors import BadInputError
from workbench.text import decoding

MOST_VALUES = 2_000_000
"""Of one text, with every alias written out: a few lines of YAML can stand for billions."""

DEEPEST = 200
"""Levels of nesting; schemas within CRDs have some sixty."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, of which go-yaml is a translation; ten times as fast as PyYAML's own."""

_TAG = "tag:yaml.org,2002:"
_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (16, 2, 8, 10)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WHOLE_BELOW = 1e21
"""Up to here Go writes a floating-point number in JSON without an exponent."""


_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "null": (type(None),)}


def meaning(text: str, tag: str = "", *, plain: bool = True) -> Any:
    """Return what a scalar stands for: None, a truth value, a number, or its text.

    Parameters
    ----------
    tag
        As the file gives it, in full (``tag:yaml.org,2002:int``); empty without one.
    plain
        Whether it stands there without quotes, ``|`` or ``>``.

    Raises
    ------
    ValueError
        When the text is not of the kind that the tag says.
    """
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        return _binary(text)
    if kind not in _KINDS and (tag or not plain):
        return text
    found = _resolved(text)
    if kind and (not isinstance(found, _KINDS[kind]) or (isinstance(found, bool) and kind != "bool")):
        raise ValueError(f"{text[:60]!r} is not of the kind !!{kind}")
    return found


def _resolved(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    plain = text if text[0] == "." else text.replace("_", "")
    whole = _INT.fullmatch(plain)
    if whole:
        digits, base = next((one, base) for one, base in zip(whole.groups()[1:], _BASES, strict=True) if one)
        value = int(whole[1] + digits, base) if len(digits) <= 80 else 2**64
        if -(2**63) <= value < 2**63 or (not whole[1] and value < 2**64):
            return value
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return text if math.isinf(number) else number
    return text


def _as_json(value: Any) -> Any:
    """Return a value as Go writes it in JSON: a whole number is whole, however it was written."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    return int(value) if value.is_integer() and abs(value) < _WHOLE_BELOW else value


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", errors="replace")
    except binascii.Error as error:
        raise ValueError("!!binary without base64") from error


def _name(value: Any) -> str:
    """Return a key as text: JSON knows no others."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _shortest(value) if math.isfinite(value) else _ODD[str(value)]
    return str(value)


_ODD = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}


def _shortest(value: float) -> str:
    """Return a number as Go's ``FormatFloat(value, 'g', -1, 32)``."""
    single = struct.unpack("f", struct.pack("f", value))[0] if abs(value) < 3e38 else value
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", single):
            return text
    return f"{value:.9g}"


class _Reader:
    """One text being read, event by event, so that neither nesting nor aliases run away."""

    def __init__(self, text: str, where: str, most: int) -> None:
        self.where, self.left, self.most = where, most, most
        self.events = yaml.parse(text, Loader=_LOADER)
        self.anchors: dict[str, tuple[Any, int]] = {}

    def documents(self) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                yield self.value(next(self.events), 0)

    def wrong(self, event: Any, what: str) -> NoReturn:
        raise BadInputError(f"{self.where}, line {event.start_mark.line + 1}: {what}.")

    def value(self, event: Any, depth: int) -> Any:
        if depth > DEEPEST:
            self.wrong(event, f"nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self.again(event)
        self.spend(event, 1)
        before = self.left
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = [self.value(one, depth + 1) for one in self.until(yaml.SequenceEndEvent)]
        else:
            value = self.table(depth)
        if event.anchor:
            self.anchors[event.anchor] = value, before - self.left + 1
        return value

    def again(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            self.wrong(event, f"the alias *{event.anchor} refers to no earlier anchor, or to its own parent")
        value, size = self.anchors[event.anchor]
        self.spend(event, size)
        return copy.deepcopy(value)

    def spend(self, event: Any, size: int) -> None:
        self.left -= size
        if self.left < 0:
            self.wrong(event, f"expanded, it contains more than {self.most:,} values")

    def until(self, end: type) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def meaning(self, event: Any) -> Any:
        try:
            return meaning(event.value, event.tag or "", plain=event.implicit[0])
        except ValueError as error:
            self.wrong(event, str(error))

    def scalar(self, event: Any) -> Any:
        try:
            return _as_json(self.meaning(event))
        except ValueError as error:
            self.wrong(event, str(error))

    def table(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self.until(yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                self.wrong(event, "a name must be text")
            if _merges(event):
                self.merge(event, found, self.value(next(self.events), depth + 1))
                continue
            key = self.key(event)
            found[key] = self.value(next(self.events), depth + 1)
        return found

    def key(self, event: Any) -> str:
        if isinstance(event, yaml.AliasEvent):
            key = self.again(event)
        else:
            self.spend(event, 1)
            key = self.meaning(event)
            if event.anchor:
                self.anchors[event.anchor] = key, 1
        if key is None or isinstance(key, dict | list):
            self.wrong(event, "a name must be text")
        return _name(key)

    def merge(self, event: Any, found: dict[str, Any], given: Any) -> None:
        """Lay what ``<<`` names into a table, as go-yaml does: at its place, of several the first one on top."""
        several = given if isinstance(given, list) else [given]
        if not all(isinstance(one, dict) for one in several):
            self.wrong(event, "<< must name a table or a list of tables")
        for one in reversed(several):
            found.update(one)


def _merges(event: Any) -> bool:
    plain = isinstance(event, yaml.ScalarEvent) and event.value == "<<"
    return plain and (event.tag == f"{_TAG}merge" or (not event.tag and event.implicit[0]))


def load_all(text: str | bytes, where: str, most: int = MOST_VALUES) -> list[Any]:
    """Return the documents in a text: tables, lists, texts, numbers, truth values and None, as JSON has them.

    Parameters
    ----------
    where
        Names the text in messages.
    most
        Values that it may hold, with every alias written out.

    Raises
    ------
    BadInputError
        When it is neither YAML nor JSON, with the line; when it is nested too deeply or holds too much.
    """
    read = decoded(text, where) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    if read.lstrip()[:1] in ("{", "["):
        documents = _json(read, where, most)
        if documents is not None:
            return documents
    try:
        return list(_Reader(read, where, most).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInputError(f"{where}{line}: cannot be read as YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadInputError(f"{where}: cannot be read as YAML: {said}.") from error


def load(text: str | bytes, where: str, most: int = MOST_VALUES) -> Any:
    """Return the one document in a text; None when it is empty.

    Raises
    ------
    BadInputError
        As `load_all`; and when there are several.
    """
    documents = load_all(text, where, most)
    if len(documents) > 1:
        raise BadInputError(f"{where} contains {len(documents)} documents, but must contain one.")
    return documents[0] if documents else None


def decoded(content: bytes, where: str) -> str:
    """Return the text of a file; UTF-16, as PowerShell's ``>`` writes it, is read too.

    Raises
    ------
    BadInputError
        When it is none.
    """
    try:
        return decoding.decoded(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInputError(
            f"{where}, line {line}: not UTF-8 text (byte {error.start}). Is it the right file?"
        ) from error


def _json(text: str, where: str, most: int) -> list[Any] | None:
    """Return the JSON values in a text, one after the other; None when it is not JSON (it may still be YAML)."""
    found: list[Any] = []
    decoder, place = json.JSONDecoder(parse_constant=_refuse, parse_float=_number), 0
    try:
        while place < len(text):
            blank = re.compile(r"\s*").match(text, place)
            place = blank.end() if blank else place
            if place < len(text):
                value, place = decoder.raw_decode(text, place)
                found.append(value)
    except RecursionError:
        raise BadInputError(f"{where}: nested more than {DEEPEST} levels deep.") from None
    except ValueError:
        return None
    _bounded(found, where, most)
    return found


def _number(text: str) -> Any:
    return _as_json(float(text))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _bounded(found: list[Any], where: str, most: int) -> None:
    left, waiting = most, [(one, 0) for one in found]
    while waiting:
        one, depth = waiting.pop()
        left -= 1
        if depth > DEEPEST:
            raise BadInputError(f"{where}: nested more than {DEEPEST} levels deep.")
        if left < 0:
            raise BadInputError(f"{where}: it contains more than {most:,} values.")
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting.extend((part, depth + 1) for part in inner)


def unfolded(found: Any) -> Iterator[Any]:
    """Yield an object; of a ``List``, or of a list of one kind (``DeploymentList``), what it holds, lists in it too.

    What such a list of one kind holds need not say its kind: the list does.
    """
    kind = found.get("kind") if isinstance(found, dict) else None
    items = found.get("items") if isinstance(kind, str) and kind.endswith("List") else None
    if kind == "List" and items is None:
        return
    if not isinstance(items, list):
        yield found
        return
    said = {"apiVersion": found.get("apiVersion"), "kind": str(kind).removesuffix("List")} if kind != "List" else {}
    for one in items:
        yield from unfolded({**said, **one} if isinstance(one, dict) else one)


def dumped(value: Any, width: int = 120) -> str:
    """Return a value as YAML which kubectl reads as the same value: what it would take for a number is in quotes."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=width, allow_unicode=True)).rstrip()


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Without anchors: what is said twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represented(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None if _resolved(text) is text else "'"
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _represented)
