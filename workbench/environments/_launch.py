"""Start a program that dies with its parent: ``python -I -S _launch.py PARENT_PID PROGRAM [ARGUMENT ...]``.

Run between fork and exec instead of Python's `preexec_fn`, which is unsafe in a program with threads such as a
notebook's kernel. The program keeps this process's id.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the program."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)  # the parent died before the kernel was asked
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
