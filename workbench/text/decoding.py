"""Files that people give: their bytes, without waiting for a pipe that nobody fills, and these as text.

Text is UTF-8, or UTF-16, which PowerShell's ``>`` writes.
"""

from __future__ import annotations

import codecs
import errno
import os
import select
import stat
from pathlib import Path

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose little-endian mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""First bytes of a file -> how the whole is encoded; the mark itself is not part of the text."""

_LOOKED_AT = 256
_PATIENCE_S = 10.0
_AT_ONCE = 2**16


def content_of(path: str | Path, most: int | None = None) -> bytes:
    """Return what the file ``path`` holds, no more than ``most`` bytes of it; a pipe's content too if it is written.

    Raises
    ------
    OSError
        When it cannot be read, is a device or the like, or a pipe into which nobody writes for 10 s.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0):
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        found = _first(handle, most)
        if not found and stat.S_ISFIFO(kind):
            raise OSError(errno.EINVAL, "it is a pipe without a writer", str(path))
        return found


def _first(handle: int, most: int | None) -> bytes:
    found = bytearray()
    while most is None or len(found) < most:
        if not select.select([handle], [], [], _PATIENCE_S)[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"this pipe delivered nothing for {_PATIENCE_S:g} s")
        part = os.read(handle, _AT_ONCE)
        if not part:
            break
        found += part
    return bytes(found[:most])


def encoding_of(head: bytes) -> str:
    """Return the encoding of a file that begins with ``head``: by its mark, or by where its NULs stand; else UTF-8."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    first = head[:_LOOKED_AT]
    if len(first) >= 4 and len(first) % 2 == 0:
        # plain text in UTF-16 without a mark: nearly every other byte is 0
        for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            if 0 not in first[1 - place :: 2] and first[place::2].count(0) > 0.9 * len(first[place::2]):
                return name
    return "utf-8"


def decoded(content: bytes) -> str:
    """Return the text in ``content``.

    Raises
    ------
    UnicodeDecodeError
        When it is none.
    """
    return content.decode(encoding_of(content))
