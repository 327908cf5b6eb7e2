"""How long a comparison takes, for ``make bench``: frames that are in memory, no store, no charts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "analysis"))

from frames_factory import frames

from workbench.analysis import compare, headline


def _seconds(action: Callable[[], Any], times: int = 5) -> float:
    action()  # the first time imports
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return median(taken)


def _import_seconds() -> float:
    code = "import time; t = time.perf_counter(); import workbench.analysis; print(time.perf_counter() - t)"
    return median(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
        for _ in range(3)
    )


def rows() -> list[dict[str, Any]]:
    """Return the analysis' rows of the benchmark table."""
    small = frames(meshes=("baseline", "l4-sidecars", "node-tunnel", "node-l7", "l7-sidecars", "cross-connect"))
    long, wide = frames(blocks=143), frames(blocks=37, extra=20)
    six = compare(*frames(blocks=6))
    measured = [
        ("compare 36 runs", _seconds(lambda: compare(*small)), "<= 0.3 s"),
        (f"compare {len(long[0]):,} runs of 7 data planes", _seconds(lambda: compare(*long), 3), "<= 5 s"),
        (f"compare {len(wide[0]):,} runs of 27 data planes", _seconds(lambda: compare(*wide), 3), "<= 5 s"),
        ("headline", _seconds(lambda: headline(six)), "<= 0.1 s"),
        ("import workbench.analysis (pandas included)", _import_seconds(), "<= 1 s"),
    ]
    return [{"what": what, "value": value, "unit": "s", "target": target} for what, value, target in measured]


if __name__ == "__main__":
    for row in rows():
        print(f"{row['what']:<50} {row['value']:.3f} {row['unit']}  (target {row['target']})")
