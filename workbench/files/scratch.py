"""Private folders for as long as something takes, in the temporary folder that all users of a machine share.

Nothing there is trusted for its name: anybody may make a folder or a link of any name. A folder counts as ours when
`lstat` says that it is a folder and that it belongs to this user, and it counts as left behind when nobody holds its
lock. The lock is `flock` on the folder itself; the kernel lets go of it however its owner ends. Whatever else stands
there is passed over.

The user's runtime folder (``XDG_RUNTIME_DIR``) is not used, though nobody else can write there: the system removes it
when the user logs out, and a measurement that was left running overnight would lose its sockets.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from workbench.errors import StoreError

_TRIES = 20


def parent(longest: int | None = None) -> Path:
    """Return the temporary folder; ``/tmp`` where its path has more than ``longest`` bytes.

    Raises
    ------
    StoreError
        When there is no temporary folder in which a file can be written.
    """
    try:
        preferred = Path(tempfile.gettempdir())
    except OSError as error:
        raise StoreError(
            f"There is no writable temporary folder ({error.strerror or error}). Free some space, or set "
            "TMPDIR to one of your folders."
        ) from error
    short = longest is None or len(os.fsencode(preferred)) <= longest
    return preferred if short else Path("/tmp")  # noqa: S108 - `fresh` makes a private folder in it


def fresh(prefix: str, where: Path) -> tuple[Path, int]:
    """Make a folder in ``where`` that only this user can enter, and lock it.

    Returns
    -------
    Its path, and the descriptor that holds its lock: close it when the folder has been removed.

    Raises
    ------
    StoreError
        When none can be made.
    """
    for _ in range(_TRIES):
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
        except OSError as error:
            raise StoreError(
                f"No temporary folder can be made in {where}: {error.strerror}. Free some space, or set TMPDIR to "
                "another folder."
            ) from error
        held = _lock(folder)
        if held is not None and _is_still(folder, held):
            return folder, held
        if held is not None:  # somebody swept it between its making and its locking
            os.close(held)
    raise StoreError(f"New folders in {where} disappear at once. Set TMPDIR to another folder.")


def sweep(prefix: str, where: Path) -> list[Path]:
    """Remove the folders of this user in ``where`` that begin with ``prefix`` and that nobody holds; return them."""
    removed = []
    for folder in _listed(where):
        if not folder.name.startswith(prefix) or not _is_ours(folder):
            continue
        held = _lock(folder)
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
            removed.append(folder)
    return removed


def _listed(where: Path) -> list[Path]:
    try:
        return list(where.iterdir())
    except OSError:
        return []


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _lock(folder: Path) -> int | None:
    """Lock a folder and return the descriptor; None when somebody holds it, or it is not a folder of ours."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _is_still(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.lstat(), os.fstat(descriptor))
    except OSError:
        return False
