"""Remove the lab's folder when the program that owns it is gone: ``python -I -S _janitor.py FOLDER``.

It waits for the end of its standard input, which the owner holds open and the kernel closes however the owner ends,
SIGKILL included. It runs in a session of its own so that Ctrl-C does not reach it.
"""

import shutil
import sys


def main() -> None:
    """Wait, then remove."""
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
