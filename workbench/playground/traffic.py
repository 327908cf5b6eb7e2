"""The answers of a live session as a frame: read from the stream's ring, grouped by second."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.playground._stream import HEAD, PLACES, RECORD

if TYPE_CHECKING:
    import pandas as pd

ANSWER = np.dtype([("sent_s", "<f8"), ("latency_s", "<f4"), ("status", "<u2"), ("version", "S40")])
"""One answer, as `workbench.playground._stream.RECORD` packs it."""

COLUMNS = ("second", "by", "group", "count", "p50_s", "p95_s")
PROXY, NO_ANSWER, ALL = "proxy", "none", "all"


def read(ring: Path) -> Any:
    """Return the answers that a ring holds, in any order: an array of `ANSWER`; empty where there is no ring yet."""
    try:
        content = ring.read_bytes()
    except OSError:
        content = b""
    if len(content) < HEAD.size + PLACES * RECORD.size:
        return np.empty(0, dtype=ANSWER)
    count = min(HEAD.unpack_from(content)[0], PLACES)
    return np.frombuffer(content, dtype=ANSWER, count=count, offset=HEAD.size)


def frame(answers: Any, began_s: float, now_s: float, last_s: float) -> pd.DataFrame:
    """Group answers as `LiveLab.frame` describes; ``began_s``, ``now_s``: seconds since the epoch."""
    import pandas as pd

    found = np.asarray(answers, dtype=ANSWER)
    done = np.floor(now_s - began_s)
    second = np.floor(found["sent_s"] + found["latency_s"] - began_s)
    recent = (second >= done - last_s) & (second < done) & (second >= 0)
    found = found[recent]
    versions = np.where(found["version"] == b"", PROXY.encode(), found["version"]).astype(str)
    statuses = np.where(found["status"] == 0, NO_ANSWER, found["status"].astype(str))
    plain = pd.DataFrame(
        {"second": second[recent].astype("int64"), "latency": found["latency_s"].astype("float64"), ALL: ALL}
    ).assign(version=versions, status=statuses)
    parts = [_grouped(plain, by) for by in ("version", "status", ALL)]
    return pd.concat(parts, ignore_index=True)


def _grouped(plain: pd.DataFrame, by: str) -> pd.DataFrame:
    latency = plain.groupby(["second", by])["latency"]
    made = latency.size().rename("count").to_frame()
    made = made.assign(p50_s=latency.quantile(0.5), p95_s=latency.quantile(0.95)).reset_index()
    return made.rename(columns={by: "group"}).assign(by=by)[list(COLUMNS)]
