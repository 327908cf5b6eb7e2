"""Read HTTP/1.1 answers (RFC 9112): body by length, in chunks, or to the end of the connection."""

from __future__ import annotations

_HEAD_LIMIT = 65_536


class MalformedAnswerError(Exception):
    """The bytes received are not an HTTP/1.1 answer."""


class Head:
    """What an answer's head says.

    Attributes
    ----------
    status
        HTTP status.
    length
        Bytes of the body; None when it is chunked or ends with the connection.
    chunked
        Whether the body comes in chunks.
    keep_alive
        Whether the connection may be used again.
    """

    __slots__ = ("chunked", "keep_alive", "length", "status")

    def __init__(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        parts = first.split(b" ", 2)
        if len(parts) < 2 or parts[0] not in (b"HTTP/1.1", b"HTTP/1.0") or not _is_status(parts[1]):
            raise MalformedAnswerError(f"status line {first[:80]!r}")
        self.status = int(parts[1])
        self.length: int | None = None
        self.chunked = False
        self.keep_alive = parts[0] == b"HTTP/1.1"
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise MalformedAnswerError(f"header line {line[:80]!r}")
            self._read(name.lower(), value.strip(b" \t"))
        if self.status < 200 or self.status in (204, 304):
            self.length, self.chunked = 0, False
        elif self.chunked:
            self.length = None

    def _read(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 15 or self.length not in (None, int(value)):
                raise MalformedAnswerError(f"content-length {value[:80]!r}")
            self.length = int(value)
        elif name == b"transfer-encoding":
            self.chunked = value.lower() == b"chunked"
            if not self.chunked:
                raise MalformedAnswerError(f"transfer-encoding {value[:80]!r}")
        elif name == b"connection":
            tokens = value.lower()
            self.keep_alive = b"close" not in tokens and (self.keep_alive or b"keep-alive" in tokens)


def _is_status(text: bytes) -> bool:
    return len(text) == 3 and text.isdigit() and b"100" <= text < b"600"


Answer = tuple[Head, bytes | bytearray, int]
"""Head, body, and how many of the received bytes they and their frame take."""


def read_answer(data: bytes | bytearray, ended: bool = False) -> Answer | None:
    """Read one answer from the start of ``data``, skipping interim (1xx) ones.

    Parameters
    ----------
    data
        Everything received since the request was sent.
    ended
        Whether the server has closed the connection after it.

    Returns
    -------
    Answer or None
        None while some bytes are missing.

    Raises
    ------
    MalformedAnswerError
        When this can no longer become an HTTP/1.1 answer.
    """
    start = 0
    while True:
        end = data.find(b"\r\n\r\n", start)
        if end < 0:
            if len(data) - start > _HEAD_LIMIT:
                raise MalformedAnswerError(f"no end of the head within {_HEAD_LIMIT} bytes")
            return None
        head = Head(bytes(data[start:end]))
        start = end + 4
        if head.status == 101:
            raise MalformedAnswerError("status 101 to a request that asked for no other protocol")
        if head.status >= 200:
            break
    if head.length is not None:
        stop = start + head.length
        return (head, data[start:stop], stop) if len(data) >= stop else None
    if head.chunked:
        return _read_chunks(data, start, head)
    return (head, data[start:], len(data)) if ended else None


def _read_chunks(data: bytes | bytearray, start: int, head: Head) -> Answer | None:
    body = []
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        size = data[start:end].partition(b";")[0].strip(b" \t")
        if not size or len(size) > 8 or size.strip(b"0123456789abcdefABCDEF"):
            raise MalformedAnswerError(f"chunk size {size[:80]!r}")
        length = int(size, 16)
        if length == 0:
            break
        start, stop = end + 2, end + 2 + length
        if len(data) < stop + 2:
            return None
        if data[stop : stop + 2] != b"\r\n":
            raise MalformedAnswerError("a chunk that is longer than it says")
        body.append(data[start:stop])
        start = stop + 2
    stop = data.find(b"\r\n\r\n", end)  # of the last chunk's line, or of the trailer fields after it
    return (head, b"".join(body), stop + 4) if stop >= 0 else None
