"""``python -m workbench``."""

import sys

if not sys.flags.safe_path and sys.path:
    del sys.path[0]  # the current folder: a file called pandas.py in it is somebody's script, not the library

from workbench.cli import main

main()
