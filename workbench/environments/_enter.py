"""Run a program inside a namespace: join, tie its life to its parent's, execute.

It needs the standard library only. `Namespaces.enter_command` writes the command line; the process id stays
the same through the exec, so whoever started it watches and ends the program itself.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from workbench.environments._kernel import CLONE_NEWNET, CLONE_NEWUSER, die_with_parent, join

NOWHERE = "-"
"""Stands for a namespace that is not to be changed."""

_CANNOT_ENTER, _CANNOT_EXECUTE = 126, 127  # as a shell's


def main(arguments: Sequence[str]) -> int:
    """Enter and execute: ``PARENT-PID USER-NAMESPACE NETWORK-NAMESPACE PROGRAM ARGUMENT...``.

    The namespaces are paths, or `NOWHERE`. Returns only when it cannot: 126 not entered, 127 not executed.
    """
    parent, user, network, *command = arguments
    try:
        for path, kind in ((user, CLONE_NEWUSER), (network, CLONE_NEWNET)):
            if path != NOWHERE:
                join(os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind)
        die_with_parent(signal.SIGKILL)  # joining a user namespace clears it: it must come after
    except OSError as error:
        sys.stderr.write(f"cannot enter the namespace {network}: {error}\n")
        return _CANNOT_ENTER
    if os.getppid() != int(parent):  # it died before the kernel was asked
        return _CANNOT_ENTER
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an exec would hand that down
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"cannot execute {command[0]}: {error}\n")
    return _CANNOT_EXECUTE
