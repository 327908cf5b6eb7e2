"""Bytes of files that people give, as text: UTF-8, or UTF-16, which PowerShell's ``>`` writes."""

from __future__ import annotations

import codecs

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose little-endian mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""First bytes of a file -> how the whole is encoded; the mark itself is no part of the text."""

_LOOKED_AT = 256


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
