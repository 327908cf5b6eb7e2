"""Events of a campaign, for progress bars, widgets and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.text.redaction import redacted, redacted_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a campaign, for progress bars, widgets and logs.

    Attributes
    ----------
    kind
        ``"campaign-started"``, ``"mesh-started"``, ``"gate"``, ``"run-started"``, ``"run-ended"``, ``"mesh-removed"``,
        ``"note"``, ``"campaign-ended"``.
    time_s
        Seconds since the epoch.
    message
        For people.
    done, total
        Runs done and planned.
    remaining_s
        Estimate of the time left; None when unknown.
    data
        More data, JSON-able.
    """

    kind: str
    time_s: float
    message: str
    done: int = 0
    total: int = 0
    remaining_s: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", redacted_text(self.message))
        object.__setattr__(self, "data", redacted(self.data))
