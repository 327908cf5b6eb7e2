"""Spare every process a second: `jsonschema` without its slowest format check.

`jsonschema` imports ``rfc3987_syntax`` when it is installed and compiles some 35 grammars with it: 0.85 s in each
process that imports altair, nbformat or papermill. The grammars check internationalised addresses in JSON schemas, and
nothing here holds one. `jsonschema` treats an ImportError there as "not installed" (python-jsonschema#1428).
"""

from __future__ import annotations

import importlib
import sys

_SLOW = "rfc3987_syntax"


def skip_slow_format_checks() -> None:
    """Import `jsonschema` as if ``rfc3987_syntax`` were not installed; call it before altair, nbformat or papermill.

    A later import of ``rfc3987_syntax`` works as usual.
    """
    if "jsonschema" in sys.modules or _SLOW in sys.modules:
        return
    sys.modules[_SLOW] = None  # type: ignore[assignment]  # None is how Python spells "not there"
    try:
        importlib.import_module("jsonschema")
    finally:
        del sys.modules[_SLOW]
