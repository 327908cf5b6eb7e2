"""Documents of others, read with suspicion: bytes to a tree in which every value knows its line.

First stage of every import and validation. JSON and YAML come out as the same tree, so that a message can name the
place whatever the file was written in. Nothing is executed, followed or unpacked: YAML tags and aliases are refused,
and so are compressed files, whose real size cannot be known beforehand.
"""

from __future__ import annotations

import bisect
import json
import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # published without type information

from workbench.errors import BadInputError
from workbench.files.yaml_text import meaning
from workbench.text.decoding import decoded

MOST_BYTES = 64 * 2**20
"""Largest document that is read as a whole; tables of requests (CSV) are streamed and have no such limit."""

MOST_YAML_BYTES = 8 * 2**20
"""YAML is read a hundred times more slowly than JSON."""

DEEPEST = 64
"""Levels of nesting; the documents read here have at most ten."""

LONGEST_NAME = 256
"""Characters of a key. A name of megabytes is an attack on whoever prints it."""

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-zip",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value and where it stands.

    Attributes
    ----------
    value
        ``dict`` of name -> `Node`, ``list`` of `Node`, or a text, number, truth value or None.
    line
        Line on which it begins, from 1.
    raw
        A scalar as it was written; empty for the others.
    twice
        Names that a table gives more than once, with the line of the later one.
    """

    value: Any
    line: int
    raw: str = ""
    twice: tuple[tuple[str, int], ...] = ()

    @property
    def plain(self) -> Any:
        """The value without lines, as ``json.loads`` would give it."""
        if isinstance(self.value, dict):
            return {name: one.plain for name, one in self.value.items()}
        if isinstance(self.value, list):
            return [one.plain for one in self.value]
        return self.value

    def get(self, *names: str) -> Node | None:
        """Return the value at the end of a path of names; None where the path breaks off."""
        found: Node | None = self
        for name in names:
            found = found.value.get(name) if found is not None and isinstance(found.value, dict) else None
        return found


def shown(text: object, most: int = 60) -> str:
    """Return foreign text fit for a message: quoted, control characters escaped, cut at ``most`` characters."""
    whole = repr(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file that may be read as a whole.

    Raises
    ------
    BadInputError
        When it is missing, no ordinary file, too large, or compressed.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadInputError(f"{path} is not a regular file; name a regular file.")
        if found.st_size > most:
            raise BadInputError(
                f"{path} has {found.st_size / 2**20:,.0f} MiB; a document of this kind may have {most / 2**20:,.0f} "
                "MiB. Split it, or use the tool's table of requests (CSV), which is streamed."
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInputError(f"There is no file {path}.") from error
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}.") from error
    refuse_compressed(content[:8], str(path))
    return content


def refuse_compressed(head: bytes, where: str) -> None:
    """Raise `BadInputError` when a file begins like a compressed one."""
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            raise BadInputError(
                f"{where} is compressed ({name}). Unpack it first: the size of a compressed file's content is unknown "
                "until it has filled the disk."
            )


def text_of(content: bytes, where: str) -> str:
    """Return ``content`` as text.

    Raises
    ------
    BadInputError
        When it is empty, neither UTF-8 nor UTF-16, or holds a NUL, with the line.
    """
    try:
        text = decoded(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = error.encoding.upper().replace("UTF8", "UTF-8").replace("UTF16", "UTF-16")
        raise BadInputError(
            f"{where}, line {line}: not {name} text (byte {error.start}). Is it the right file? If it is, save it as "
            f"UTF-8; in PowerShell: Get-Content FILE | Set-Content -Encoding utf8 NEW."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadInputError(f"{where}, line {line}: contains a NUL character, so it is not text. Is it the right file?")
    if not text.strip():
        raise BadInputError(f"{where} is empty.")
    return text


def looks_like_json(text: str) -> bool:
    """Whether text can only be meant as JSON."""
    return text.lstrip()[:1] in ("{", "[")


def parse(text: str, where: str, *, non_finite: bool = False) -> list[Node]:
    """Return the documents in ``text``: one for JSON, one or more for YAML.

    Parameters
    ----------
    non_finite
        Read the bare words NaN and Infinity, which JSON has not and many programs write all the same, as numbers.

    Raises
    ------
    BadInputError
        When it is neither, with the place.
    """
    return [parse_json(text, where, non_finite=non_finite)] if looks_like_json(text) else parse_yaml(text, where)


_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:(?P<mark>[{}\[\]:,])
        |(?P<text>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")
        |(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![0-9A-Za-z_.+-])
        |(?P<word>true|false|null|NaN|-?Infinity)(?![0-9A-Za-z_]))""",
    re.VERBOSE,
)
_BLANK = " \t\r\n"
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WORDS = {"true": True, "false": False, "null": None} | _NON_FINITE
_LONGEST_NUMBER = 400


class _Json:
    """A JSON text being read; stands at ``place``, the next token's begin."""

    def __init__(self, text: str, where: str, *, non_finite: bool) -> None:
        self.text, self.where, self.place, self.non_finite = text, where, 0, non_finite
        self.ends = [found.start() for found in re.finditer("\n", text)]

    def line(self, place: int) -> int:
        return bisect.bisect_left(self.ends, place) + 1

    def wrong(self, what: str, place: int | None = None) -> BadInputError:
        return BadInputError(f"{self.where}, line {self.line(self.place if place is None else place)}: {what}.")

    def next(self) -> tuple[str, str, int]:
        """Return kind, text and place of the next token, and stand behind it."""
        found = _TOKEN.match(self.text, self.place)
        if found is None or (found["word"] in _NON_FINITE and not self.non_finite):
            rest = self.text[self.place :].lstrip(_BLANK)
            self.place = len(self.text) - len(rest)
            if not rest:
                raise self.wrong("the JSON ends too early; the file was cut off")
            raise self.wrong(f"not JSON at {shown(rest[:20])}")
        self.place = found.end()
        kind = str(found.lastgroup)
        return kind, found[kind], found.start(kind)

    def value(self, depth: int) -> Node:
        kind, said, place = self.next()
        line = self.line(place)
        if kind == "text":
            return Node(value=json.loads(said), line=line, raw=said)
        if kind == "word":
            return Node(value=_WORDS[said], line=line, raw=said)
        if kind == "number":
            if len(said) > _LONGEST_NUMBER:
                raise self.wrong(f"a number of {len(said)} digits", place)
            whole = not set(said) & set(".eE")
            return Node(value=int(said) if whole else float(said), line=line, raw=said)
        if depth >= DEEPEST:
            raise self.wrong(f"nested more than {DEEPEST} levels deep", place)
        if said == "[":
            return Node(value=self.items(depth), line=line)
        if said == "{":
            table, twice = self.table(depth)
            return Node(value=table, line=line, twice=twice)
        raise self.wrong(f"{said!r} where a value was expected", place)

    def peek(self) -> str:
        here = self.place
        kind, said, _ = self.next()
        self.place = here
        return said if kind == "mark" else ""

    def items(self, depth: int) -> list[Node]:
        found: list[Node] = []
        if self.peek() == "]":
            self.next()
            return found
        while True:
            found.append(self.value(depth + 1))
            if self.comma_or("]"):
                return found

    def table(self, depth: int) -> tuple[dict[str, Node], tuple[tuple[str, int], ...]]:
        found: dict[str, Node] = {}
        twice: list[tuple[str, int]] = []
        if self.peek() == "}":
            self.next()
            return found, ()
        while True:
            kind, said, place = self.next()
            if kind != "text":
                raise self.wrong(f"{shown(said)} where a name in quotes was expected", place)
            name = _name(json.loads(said), f"{self.where}, line {self.line(place)}")
            if self.next()[1] != ":":
                raise self.wrong(f"no colon after the name {shown(name)}", place)
            if name in found:
                twice.append((name, self.line(place)))
            found[name] = self.value(depth + 1)
            if self.comma_or("}"):
                return found, tuple(twice)

    def comma_or(self, end: str) -> bool:
        kind, said, place = self.next()
        if kind == "mark" and said in (",", end):
            return said == end
        raise self.wrong(f"{shown(said)} where a comma or {end!r} was expected", place)


def _name(name: str, place: str) -> str:
    if len(name) > LONGEST_NAME:
        raise BadInputError(
            f"{place}: a name of {len(name):,} characters; the limit is {LONGEST_NAME}. Is it the right file?"
        )
    return name


def parse_json(text: str, where: str, *, non_finite: bool = False) -> Node:
    """Return the one JSON value in ``text``; ``where`` names the file in messages, ``non_finite`` as for `parse`.

    Raises
    ------
    BadInputError
        When it is not JSON, nested too deeply, or a name is too long; with the line.
    """
    reader = _Json(text, where, non_finite=non_finite)
    found = reader.value(0)
    rest = text[reader.place :].strip(_BLANK)
    if rest:
        raise reader.wrong(
            f"more after the end of the JSON: {shown(rest[:20])}", len(text) - len(text[reader.place :].lstrip(_BLANK))
        )
    return found


def parse_yaml(text: str, where: str) -> list[Node]:
    """Return the YAML documents in ``text``.

    Timestamps stay the text that they were written as. Tags and aliases are refused: no result needs them, and a few
    lines of aliases can stand for gigabytes.

    Raises
    ------
    BadInputError
        When it is not such YAML, with the line.
    """
    if len(text) > MOST_YAML_BYTES:
        raise BadInputError(f"{where} has {len(text) / 2**20:,.0f} MiB of YAML; use JSON, which is read far faster.")
    try:
        return [_from_yaml(one, where, 0) for one in _composed(text, where)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadInputError(f"{where}, line {line}: not YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadInputError(
            f"{where}: not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}."
        ) from error


def _composed(text: str, where: str) -> Iterator[yaml.Node]:
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise BadInputError(
                f"{where}, line {event.start_mark.line + 1}: YAML aliases (*{event.anchor}) are not supported."
            )
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise BadInputError(
                f"{where}, line {event.start_mark.line + 1}: YAML tags ({shown(tag)}) are not supported."
            )
    yield from yaml.compose_all(text, Loader=yaml.SafeLoader)


def _from_yaml(node: yaml.Node, where: str, depth: int) -> Node:
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        raise BadInputError(f"{where}, line {line}: nested more than {DEEPEST} levels deep.")
    if isinstance(node, yaml.SequenceNode):
        return Node(value=[_from_yaml(one, where, depth + 1) for one in node.value], line=line)
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Node] = {}
        twice: list[tuple[str, int]] = []
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadInputError(f"{where}, line {at}: a name must be text.")
            name = _name(key.value, f"{where}, line {at}")
            if name in table:
                twice.append((name, at))
            table[name] = _from_yaml(value, where, depth + 1)
        return Node(value=table, line=line, twice=tuple(twice))
    return Node(value=_scalar(node), line=line, raw=node.value)


def _scalar(node: yaml.Node) -> Any:
    """Return a scalar's value as kubectl and the tools in Go read it; times and numbers in base 60 stay text."""
    return meaning(str(node.value), plain=node.style is None)
