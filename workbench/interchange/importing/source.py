"""A file to be imported: its head, its text, its tree; read when first asked for, and once.

Large tables are never read as a whole: their importers take the path and stream. Everything else goes through
`workbench.interchange.documents`, which refuses what is hostile.
"""

from __future__ import annotations

import functools
import hashlib
import stat
from pathlib import Path

from workbench.errors import BadInputError
from workbench.interchange.documents import (
    Node,
    looks_like_json,
    parse,
    read_file,
    refuse_compressed,
    text_of,
)
from workbench.text.decoding import encoding_of

HEAD_BYTES = 65_536
"""Of a file, what is looked at to tell its kind; the first line of a table must end within."""


class InputFile:
    """A file. Attributes ``path`` and ``where``, its name in messages."""

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)

    @functools.cached_property
    def head(self) -> str:
        """The first `HEAD_BYTES` as text; a character cut in two at the end is left out.

        Raises
        ------
        BadInputError
            When it is not an ordinary file, is empty, compressed, or no text.
        """
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise BadInputError(f"{self.where} is not a regular file; use files, or the folder of an SMP bundle.")
            with self.path.open("rb") as stream:
                content = stream.read(HEAD_BYTES)
        except FileNotFoundError as error:
            raise BadInputError(f"There is no file {self.where}.") from error
        except OSError as error:
            raise BadInputError(f"{self.where} cannot be read: {error.strerror}.") from error
        refuse_compressed(content[:8], self.where)
        return text_of(_whole(content) if len(content) == HEAD_BYTES else content, self.where)

    @functools.cached_property
    def text(self) -> str:
        """The whole file as text."""
        return text_of(read_file(self.path), self.where)

    @functools.cached_property
    def lines(self) -> list[str]:
        """The whole file as lines, without their ends."""
        return self.text.splitlines()

    @functools.cached_property
    def nodes(self) -> list[Node]:
        """The documents in the file, JSON or YAML."""
        return parse(self.text, self.where, non_finite=True)

    @property
    def tree(self) -> Node | None:
        """The one JSON document in the file; None when it does not begin like one."""
        return self.nodes[0] if looks_like_json(self.head) else None

    @property
    def tables(self) -> list[tuple[Node, str]]:
        """The JSON documents in the file and their names in messages: the one, or each item of a list of them."""
        root = self.tree
        if root is None:
            return []
        if not isinstance(root.value, list):
            return [(root, self.where)]
        return [(one, f"{self.where}, item {place}") for place, one in enumerate(root.value, start=1)]

    @functools.cached_property
    def first_line(self) -> str:
        """The first line that is not blank; of a file without line ends, the head."""
        return next((line for line in self.head.splitlines() if line.strip()), "")

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the file in hex, read in pieces."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def _whole(content: bytes) -> bytes:
    """Return ``content`` without the begin of a last character that lacks its end."""
    encoding = encoding_of(content)
    for back in range(4):
        try:
            content[: len(content) - back].decode(encoding)
        except UnicodeDecodeError:
            continue
        return content[: len(content) - back]
    return content
