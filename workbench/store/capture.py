"""Samples in flight: fixed-size records appended with one write each, so that nothing acknowledged is ever lost.

A record is little-endian float64: time_s, the component's position in the component list, then one value for
each column, NaN where unknown. The list and the columns stand in ``capture.json`` beside it, which is written
before the first record that refers to it. What a ``write`` has taken belongs to the kernel and survives
``kill -9``; it is not fsynced, so a power cut may cost the last seconds. A torn record at the end is cut off.

No numpy and no pandas on the way in: 50 parts are 50 short Python loops, one ``struct.pack`` and one system
call.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownNameError
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.protocols import SampleRow
from workbench.store.disk import append_whole

COLUMN = {name: position for position, name in enumerate(SAMPLE_COLUMNS, start=2)}
"""Sampled metric -> its place in a record."""

_WIDTH = 2 + len(SAMPLE_COLUMNS)
_UNKNOWN = [math.nan] * _WIDTH


@lru_cache(maxsize=64)
def _layout(rows: int) -> struct.Struct:
    return struct.Struct(f"<{rows * _WIDTH}d")


def pack(rows: Sequence[SampleRow], position: Sequence[int]) -> bytes:
    """Return ``rows`` as records.

    Parameters
    ----------
    position
        Place in the caller's component list -> place in the capture's.

    Raises
    ------
    UnknownNameError
        For a metric that is not sampled.
    """
    flat: list[float] = []
    for time_s, component, values in rows:
        record = _UNKNOWN.copy()
        record[0] = time_s
        record[1] = position[component]
        try:
            for name, value in values.items():
                record[COLUMN[name]] = value
        except KeyError:
            raise UnknownNameError("sampled metric", name, SAMPLE_COLUMNS) from None
        flat += record
    return _layout(len(rows)).pack(*flat)


class CaptureFile:
    """An open capture, written by one thread."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._size = os.fstat(self._handle).st_size

    def append(self, records: bytes) -> None:
        """Append whole records; when this returns they survive the death of the program."""
        self._size = append_whole(self._handle, records, self._size)

    @property
    def open(self) -> bool:
        """Whether `close` has not been called."""
        return self._handle >= 0

    def close(self) -> None:
        """Close; doing so twice is harmless."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def read_capture(path: Path, columns: int, components: int) -> NDArray[np.float64]:
    """Read the records of ``path``, shape (records, 2 + columns); a torn tail is cut off, a missing file is empty.

    Parameters
    ----------
    columns, components
        How many metrics a record holds and how many components there are, by ``capture.json``. Records from
        the first that refers to no known component on are cut off, too.
    """
    width = 2 + columns
    content = path.read_bytes() if path.exists() else b""
    whole = len(content) // (8 * width)
    records = np.frombuffer(content, dtype="<f8", count=whole * width).reshape(whole, width)
    strange = np.flatnonzero(~((records[:, 1] >= 0) & (records[:, 1] < components)))
    return records[: strange[0]] if strange.size else records
