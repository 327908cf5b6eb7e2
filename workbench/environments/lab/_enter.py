"""Run a program of the lab: join its namespaces if any, tie its life to its parent's, execute.

This happens between fork and exec instead of in Python's `preexec_fn`, which is unsafe in a program with threads such
as a notebook's kernel. It needs the standard library only. The process id stays the same through the exec, so whoever
started it watches and ends the program itself.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from workbench.environments.lab._kernel import CLONE_NEWNET, CLONE_NEWUSER, die_with_parent, join

NOWHERE = "-"
"""Stands for a namespace that is not to be changed."""

_CANNOT_ENTER, _CANNOT_EXECUTE = 126, 127  # as a shell's


def standalone_command(module: str) -> list[str]:
    """Return the command that runs ``main`` of a module of this package on the standard library alone.

    Isolated and without site-packages it starts in 20 ms and takes nothing from the user's Python settings;
    the package's own folder comes last on the path, so that it can hide no standard module.
    """
    from pathlib import Path  # only who starts programs needs it, and it costs each of them 10 ms

    folder = str(Path(__file__).resolve().parents[3])
    name = f"workbench.environments.lab.{module}"
    code = f"import sys; sys.path.append({folder!r}); from {name} import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-I", "-S", "-c", code]


def enter_command(argv: Sequence[str], user: str = NOWHERE, network: str = NOWHERE) -> list[str]:
    """Return the command that runs ``argv`` inside the namespaces of these paths and dies with this process.

    It must be started by this process, from a thread that lives as long as the program shall: the kernel kills it
    when that thread ends.
    """
    return [*standalone_command("_enter"), str(os.getpid()), user, network, *argv]


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
