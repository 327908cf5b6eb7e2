"""Spare every process a second: the one place that knows which import to leave out.

`jsonschema` imports ``rfc3987_syntax`` when it is installed and compiles some 35 grammars with it, 0.85 s in each
process that imports altair, nbformat or papermill. The grammars check the syntax of internationalised addresses in JSON
schemas; nothing here holds one. `jsonschema` treats an ImportError there as "not installed" (python-jsonschema#1428).

Call `skip_slow_format_checks` before the first import of altair, nbformat or papermill.
"""

from __future__ import annotations

import sys


def skip_slow_format_checks() -> None:
    """Make ``import rfc3987_syntax`` fail in this process, unless somebody imported it already."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None is how Python spells "not there"
