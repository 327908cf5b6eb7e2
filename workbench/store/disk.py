"""Writing to disk so that a crash leaves whole files or none, and failures that people can act on.

Lowest part of the store; everything that is written in run folders goes through here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from workbench.errors import StoreError

TEMPORARY_MARK = ".tmp-"
"""Part of every temporary name; such names begin with a dot, so that no glob over a folder's files finds
them."""

_serial = count(1)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MISPLACED = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` within into a `StoreError` that says what could not be done, why, and what to do.

    Parameters
    ----------
    doing
        What is going on, to follow "Cannot": ``"write the manifest"``.
    path
        The file or folder in question.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"Cannot {doing} ({path}): {advice(error)}") from error


def advice(error: OSError) -> str:
    """Say why ``error`` happened and what to do about it."""
    if error.errno in _FULL:
        return "the disk or a quota is full. Free some space and start again; everything stored so far is kept."
    if error.errno in _FORBIDDEN:
        return (
            "permission denied or a read-only disk. Choose another data folder or change its owner; "
            "nothing stored so far is lost."
        )
    if error.errno in _MISPLACED:
        return (
            "there is a file in place of a folder, or a folder in place of a file. Move it "
            "away or choose another data folder."
        )
    return f"{error.strerror or error}. Everything stored so far is kept."


def read_regular(path: Path) -> bytes:
    """Return the content of the file ``path``; a FIFO or a device would block whoever reads it.

    Raises
    ------
    OSError
        When it cannot be read, or is not a regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return stream.read()


def temporary(path: Path) -> Path:
    """Return a fresh temporary name beside ``path``, outside every glob, telling the process that made it."""
    return path.with_name(f".{path.name}{TEMPORARY_MARK}{os.getpid()}-{next(_serial)}")


def is_temporary(path: Path) -> bool:
    """Whether ``path`` was named by `temporary`."""
    return path.name.startswith(".") and TEMPORARY_MARK in path.name


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, after files were renamed into it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(written: Path, path: Path) -> None:
    """Give the complete file ``written`` its final name: fsync, rename."""
    handle = os.open(written, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    written.replace(path)


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write ``content`` to ``path`` so that the file is the old one or the new one, never a part.

    Parameters
    ----------
    durable
        Whether it must survive a power cut, too; without it only the death of the program, which costs no
        fsync.
    """
    aside = temporary(path)
    try:
        aside.write_bytes(content)
        if durable:
            publish(aside, path)
            sync_folder(path.parent)
        else:
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def append_whole(handle: int, content: bytes, size: int) -> int:
    """Append ``content`` to the open file ``handle`` of ``size`` bytes with one write; return the new size.

    A write that finds room for a part only is taken back, so that the file always ends with a whole record.
    """
    written = os.write(handle, content)
    if written < len(content):
        os.ftruncate(handle, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return size + written
