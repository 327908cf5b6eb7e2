"""A load from a generator in the client's pod, and the interface for driving that generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCall:
    """One request to a port of the client's pod: a GET without a body, a POST of these fields with one."""

    port: int
    path: str
    body: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRun:
    """One run of a load generator in the client's pod.

    Attributes
    ----------
    lasts_s
        How long it sends.
    timeout_s
        How long it waits for its last answers.
    settings
        Settings for the generator, in the form of its `PodDriver`.
    """

    lasts_s: float
    timeout_s: float
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A started run: the generator's names for it and its result."""

    run: str
    result: str


class PodDriver(Protocol):
    """Drives one load generator in the client's pod. It describes requests and reads answers; others send them.

    Attributes
    ----------
    result_name
        File name of a result in the run's raw output, where the generator's `parse` finds it.
    """

    result_name: str

    def start(self, run: PodRun, url: str) -> PodCall:
        """Return the request that starts a run against ``url``."""
        ...

    def begun(self, page: bytes) -> Begun:
        """Read the answer to that request.

        Raises
        ------
        RunFailedError
            When no run was started, with the answer.
        """
        ...

    def result(self, begun: Begun, ask: Callable[[PodCall], bytes]) -> bytes | None:
        """Return a run's result; None while it goes on.

        Raises
        ------
        RunFailedError
            When it has ended without a result.
        """
        ...

    def began_s(self, result: bytes) -> float:
        """Return when the run began to send, in seconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLoad:
    """A load from a generator in the client's pod, as three runs: before, in and after the window.

    Attributes
    ----------
    driver
        Drives the generator.
    runs
        The three, in order.
    head_s, duration_s
        The window's start after the middle run's start, and its length.
    """

    driver: PodDriver
    runs: tuple[PodRun, ...]
    head_s: float
    duration_s: float
