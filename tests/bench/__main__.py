"""``make bench``: our own speed in one table, with the facts of the machine.

Every ``bench_*.py`` beside this file offers ``rows()``; each row says what, how much, in which unit, and what to reach.
What this machine cannot do is left out with its reason: a row without a value, or `UnsupportedError` out of a whole
module. Timings are shown, never asserted: a busy machine is not a bug. Names as arguments choose modules: ``make bench
ARGS=store``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from workbench.errors import UnsupportedError

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]


def machine() -> dict[str, str]:
    """Return what a figure depends on."""
    facts = {"system": f"{platform.system()} {platform.release()}", "python": platform.python_version()}
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    model = platform.processor()
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    facts["cpu"] = f"{os.cpu_count()} x {model}"
    if meminfo.exists():
        facts["memory"] = f"{int(meminfo.read_text().split()[1]) / 2**20:.0f} GiB"
    facts["load average"] = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return facts


def load(path: Path) -> Any:
    """Import the module at ``path``."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def measure(paths: list[Path]) -> tuple[list[Row], int]:
    """Return the rows of all modules, and how many modules failed."""
    found: list[Row] = []
    failed = 0
    for path in paths:
        print(f"{path.stem} ...", file=sys.stderr, flush=True)
        began, module = time.monotonic(), path.stem.removeprefix("bench_")
        try:
            found += [{"module": module, **row} for row in load(path).rows()]
        except UnsupportedError as error:
            found.append({"module": module, "what": f"skipped: {error}", "value": None, "unit": "", "target": ""})
        except Exception:  # noqa: BLE001 - one broken benchmark must not hide the others
            traceback.print_exc()
            failed += 1
        print(f"{path.stem}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found, failed


def number(value: float | None) -> str:
    """Return ``value`` with three significant digits, large ones with separators; a dash for what was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows: list[Row]) -> str:
    """Return the rows as aligned text."""
    head = ("module", "what", "value", "unit", "to reach")
    lines = [head, *((r["module"], r["what"], number(r["value"]), r["unit"], r["target"]) for r in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place == 2 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def main() -> int:
    """Run the benchmarks that were asked for; return the number of failed modules, at most 1."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="modules to run, without bench_; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    known = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    sys.path.insert(0, str(HERE))
    facts = machine()
    rows, failed = measure([known[name] for name in asked.names or known])
    if asked.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
    else:
        print("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
        print(table(rows) if rows else "nothing was measured")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
