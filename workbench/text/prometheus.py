"""Prometheus' text format, read fast: a few families out of pages of many megabytes. Pure.

Kubelets answer with 20 MB and more, of which five families of sixty are wanted. The format groups the lines of a
family, so its first and last line bound all of it and the rest is never looked at; and the labels of a series are
the same bytes at every reading, so each is understood once and afterwards recognised.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")

Labels = Mapping[str, str]
Sample = tuple[str, K, float, float | None]
"""(family, what the series was recognised as, value, seconds since the epoch or None)."""

_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {b"\\\\": b"\\", b'\\"': b'"', b"\\n": b"\n"}
_ESCAPE = re.compile(rb'\\[\\"n]')


def parse_labels(text: bytes) -> dict[str, str]:
    """Return the labels between the braces of a line."""
    return {key.decode(): _unescaped(value).decode(errors="replace") for key, value in _LABEL.findall(text)}


def _unescaped(value: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], value) if b"\\" in value else value


class TextReader(Generic[K]):
    """Reads wanted families of page after page.

    Parameters
    ----------
    families
        Names of the metrics wanted.
    recognise
        (family, labels) -> what the series is, or None: not wanted. Asked once for each series.
    """

    def __init__(self, families: Iterable[str], recognise: Callable[[str, Labels], K | None]) -> None:
        self._families = [(name, name.encode()) for name in families]
        self._recognise = recognise
        self._known: dict[bytes, K | None] = {}

    def read(self, page: bytes) -> Iterator[Sample[K]]:
        """Yield the wanted samples of a page; damaged lines are passed over."""
        for family, name in self._families:
            for block in _blocks(page, name):
                yield from self._block(family, name, block)

    def _block(self, family: str, name: bytes, block: bytes) -> Iterator[Sample[K]]:
        known = self._known
        for line in block.split(b"\n"):
            # Neither value nor timestamp holds a brace, so the last one ends the labels, whatever these hold.
            head, brace, tail = line.rpartition(b"}")
            if not brace:
                head, _, tail = line.partition(b" ")
            key = known.get(head, _UNSEEN)
            if key is _UNSEEN:
                key = known[head] = self._understood(family, name, head)
            if key is None:
                continue
            parts = tail.split()
            try:
                yield family, key, float(parts[0]), int(parts[1]) / 1e3 if len(parts) > 1 else None  # type: ignore[misc]
            except (ValueError, IndexError):
                continue

    def _understood(self, family: str, name: bytes, head: bytes) -> K | None:
        if not head.startswith(name) or head[len(name) : len(name) + 1] not in (b"{", b""):
            return None
        return self._recognise(family, parse_labels(head[len(name) + 1 :]))


_UNSEEN: object = object()


def _blocks(page: bytes, name: bytes) -> Iterator[bytes]:
    """Yield the part of the page from a family's first line to its last: with labels, then without."""
    for needle in (b"\n" + name + b"{", b"\n" + name + b" "):
        if page.startswith(needle[1:]):
            first = 0
        else:
            first = page.find(needle) + 1
            if not first:
                continue
        last = max(page.rfind(needle) + 1, first)
        end = page.find(b"\n", last)
        yield page[first : end if end >= 0 else len(page)]


def total(page: bytes, family: str, wanted: Labels) -> float | None:
    """Return the sum over the series of a family that bear these label values; None when there is none."""

    def recognise(_: str, labels: Labels) -> bool | None:
        return True if all(labels.get(key) == value for key, value in wanted.items()) else None

    values = [value for _, _, value, _ in TextReader([family], recognise).read(page)]
    return sum(values) if values else None
