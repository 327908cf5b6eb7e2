"""Give a running Envoy another file of listeners or clusters, and know from Envoy itself whether it took it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from workbench.environments.lab.supervisor import Child, admin
from workbench.errors import BadInputError, DeadlineExceededError

DEADLINE_S = 10.0
"""Envoy takes a file up within some ten milliseconds; a starved machine may need a hundred times that."""

_STATS = "/stats?filter=^(listener_manager.lds|cluster_manager.cds).update_(success|rejected|failure)$"
_PREFIX = re.compile(r"^(\[[^\]]*\]\s*)+")
_REFUSED = re.compile(r"update (?:rejected|failure): ")
_DUMP = "goo.gle/debugstr"
_MOST_WORDS = 600


def counters(child: Child, pattern: str = "") -> dict[str, int]:
    """Return the counters and gauges of a running Envoy whose names match ``pattern``; empty when it does not answer.

    Their names are Envoy's own, such as ``cluster.local_app.upstream_rq_total``.
    """
    _, text = admin(child.folder / "admin.sock", f"/stats?filter={pattern}" if pattern else "/stats")
    pairs = (line.rpartition(": ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def _updates(child: Child) -> tuple[int, int]:
    _, text = admin(child.folder / "admin.sock", _STATS)
    found = [line.rpartition(": ") for line in text.splitlines()]
    return tuple(
        sum(int(value) for name, _, value in found if name.endswith(kind) and value.isdigit())
        for kind in (("success",), ("rejected", "failure"))
    )  # type: ignore[return-value]


def replace_file(child: Child, file: str, text: str) -> None:
    """Move a new ``file`` over the one that this Envoy watches, and wait until it has taken it up.

    Raises
    ------
    BadInputError
        When Envoy refuses it, in its own words; what it had before stays in force, and the file is put back.
    DeadlineExceededError
        When nothing happens.
    RunFailedError
        When it has died.
    """
    target, beside = child.folder / file, child.folder / f".{file}.part"
    said, was = len(child.output(10**9)), target.read_text(encoding="utf-8")
    if not _moved_in(child, beside, target, text):
        words = _words(child.output(10**9)[said:])
        _moved_in(child, beside, target, was)
        raise BadInputError(f"{child.name} refuses the configuration: {words}")


def _moved_in(child: Child, beside: Path, target: Path, text: str) -> bool:
    """Write the file, move it in, and return whether Envoy took it."""
    before = _updates(child)
    beside.write_text(text, encoding="utf-8")
    beside.replace(target)  # Envoy watches for the move
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        child.check_alive()
        accepted, rejected = _updates(child)
        if accepted > before[0] or rejected > before[1]:
            return rejected == before[1]
        time.sleep(0.005)
    raise DeadlineExceededError(f"{child.name} did not load its new {target.name} within {DEADLINE_S:g} s.")


def refusal(child: Child) -> str:
    """Return in Envoy's own words why it refused the files that it was started with; empty when it took them."""
    return _words(child.output(10**9)) if _updates(child)[1] else ""


def _words(said: str) -> str:
    """Return what Envoy says of a refused file, without marks of time and place and without the file itself."""
    told = _REFUSED.split(said)[-1]
    if _DUMP in told:  # "WHICH: <the whole message over many lines>\n: WHY"
        which, _, rest = told.partition(_DUMP)
        told = which + rest.rpartition("\n: ")[2]
    first = _PREFIX.sub("", told.strip()).partition("\n")[0]
    return " ".join(first.split())[:_MOST_WORDS].removesuffix(": {") or "it gives no reason"
