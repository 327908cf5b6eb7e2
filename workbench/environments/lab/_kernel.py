"""The system calls about namespaces that Python 3.11 does not offer, by ctypes.

Used only by the two little programs `_holder` and `_enter`, which run on the standard library alone.
(`os.unshare` and `os.setns` exist from Python 3.12 on; one way for all versions is easier to trust than two.)
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
"""Values from the kernel's ``include/uapi/linux/sched.h``."""

_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    ctypes.set_errno(0)
    if getattr(_libc, name)(*(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def unshare(kinds: int) -> None:
    """Give this process new namespaces of its own; a new user namespace needs a single thread."""
    _call("unshare", kinds)


def join(descriptor: int, kind: int) -> None:
    """Enter the namespace that ``descriptor`` refers to; ``kind`` guards against the wrong sort."""
    _call("setns", descriptor, kind)


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel for ``signal_number`` when the thread that started this process ends.

    Entering a user namespace and executing a set-uid program clear it, so it comes last before an exec.
    """
    _call("prctl", _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
