"""Runs Fortio so that its load covers an announced window: warm-up first, then the measured Fortio as this process.

Called as ``python -I -S _fortio_child.py WARMUP_S DURATION_S HEAD_S -- WARM-UP COMMAND -- MEASURED COMMAND``. Fortio
can discard nothing of its own run, so the warm-up is a run of its own that leaves nothing. The window is announced
before it, because whoever watches wants to know early. The measured Fortio starts HEAD_S before the window and takes
this process over: who watches this process id in the window sees Fortio's consumption and nothing else.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

_START_S = 0.5
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _warm_up(command: list[str], until: float) -> None:
    """Run the warm-up, at most until ``until``; how it ends does not matter, the measured run will tell."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,
    )
    try:
        child.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main(arguments: list[str]) -> None:
    """Announce, warm up, become Fortio."""
    warmup_s, duration_s, head_s = (float(argument) for argument in arguments[:3])
    divider = arguments.index("--", 4)
    warm, measured = arguments[4:divider], arguments[divider + 1 :]
    begin = time.monotonic() + (warmup_s + _START_S if warmup_s else 0.0)
    start = begin + head_s
    window = round(start * 1e9), round((start + duration_s) * 1e9)
    sys.stdout.write(f'{{"window_start_ns": {window[0]}, "window_end_ns": {window[1]}}}\n')
    sys.stdout.flush()
    if warmup_s:
        _warm_up(warm, begin)
    time.sleep(max(0.0, begin - time.monotonic()))
    os.execvp(measured[0], measured)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"Fortio cannot be started: {error.strerror or error}.")
