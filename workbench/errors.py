"""The error tree, with messages for people.

Every message says what happened, to which run, mesh or object, and what to do next. Foreign errors are
caught where they enter and chained, so that ``--traceback`` can show a traceback and
nothing else does. All classes are defined here, because a notebook's kernel passes on only an error's name.

::

    WorkbenchError                      exit code 1
    ├── BadInputError                   2   you can fix it: a file, a key, a value, a name
    │   ├── UnknownNameError            2   with the known names and the nearest one
    │   └── FaultsError                 2   several things at once
    ├── UnsupportedError                3   this machine or cluster cannot do it, and why
    │   └── NotKubernetesError          3   the server at the address is not an API server
    ├── RunFailedError                  4   a run ended without a number
    │   ├── RefusedError                4   the API server refused
    │   ├── GateFailedError             4   the traffic was not what the mesh promises
    │   └── DeadlineExceededError       4   a wait ended before its condition held
    ├── StoppedError                    5   the user stopped it; captured data is kept
    ├── StoreError                      6   a run folder or the index cannot be read or written
    │   └── NewerFormatError            6   written by a newer version of the workbench
    ├── NothingToShowError              7   this store has no run that answers the question
    └── UnreliableError                 8   the comparison is there, and a check says not to believe it

Notebooks of earlier versions used names without ``Error``; those names still work.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.text.redaction import redacted_text


class WorkbenchError(Exception):
    """Anything the workbench can explain. ``str(error)`` is one clear sentence; `exit_code` is the command's.

    It may quote foreign messages; secrets in them are redacted.
    """

    exit_code = 1

    def __init__(self, *told: object) -> None:
        super().__init__(*(redacted_text(one) if isinstance(one, str) else one for one in told))


class BadInputError(WorkbenchError):
    """The input is invalid or out of range."""

    exit_code = 2

    @property
    def faults(self) -> tuple[BadInputError, ...]:
        """What is wrong, one by one."""
        return (self,)


class UnknownNameError(BadInputError):
    """A name that is not among the known ones.

    Parameters
    ----------
    kind
        Kind of the named thing, in the singular: ``"mesh"``, ``"key"``.
    name
        The unknown name.
    known
        The known names.
    where
        The file, table or object that contains the name; empty when there is none.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        near = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        self.nearest = near[0] if near else ""
        hint = f" Did you mean {self.nearest!r}?" if near else ""
        place = f" in {where}" if where else ""
        choices = ", ".join(self.known) or "none"
        super().__init__(f"Unknown {kind} {name!r}{place}.{hint} Known: {choices}.")


_MOST = 20
"""Faults that are said: one in a default may be in every table."""


class FaultsError(BadInputError):
    """Several things are wrong at once, a line for each; `faults` holds their errors."""

    def __init__(self, faults: Iterable[BadInputError]) -> None:
        found = tuple(faults)
        more = (BadInputError(f"Of {len(found)} faults these are the first {_MOST}."),) if len(found) > _MOST else ()
        self._faults = (*found[:_MOST], *more)
        super().__init__("\n".join(map(str, self._faults)))

    @property
    def faults(self) -> tuple[BadInputError, ...]:
        """What is wrong, one by one."""
        return self._faults


def together(faults: Iterable[BadInputError]) -> BadInputError:
    """Return one error for all of ``faults``; of one only, that one."""
    found = tuple(faults)
    return found[0] if len(found) == 1 else FaultsError(found)


class Faults:
    """Gathers what is wrong, so that all of it is said at once.

    Whatever can be wrong by itself is read within ``with faults:``; `tell` then raises what was found.
    """

    def __init__(self) -> None:
        self.found: dict[str, BadInputError] = {}

    def __enter__(self) -> None:
        """Begin with one thing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        """Keep what is wrong with it; any other error goes on its way."""
        if not isinstance(error, BadInputError):
            return False
        self.add(error)
        return True

    def add(self, error: BadInputError) -> None:
        """Keep one more, the same words once."""
        self.found.update((str(one), one) for one in error.faults)

    def tell(self) -> None:
        """Raise what was found, if anything."""
        if self.found:
            raise together(self.found.values())


class UnsupportedError(WorkbenchError):
    """A machine or cluster cannot do this; the message says why and how to fix it."""

    exit_code = 3


class NotKubernetesError(UnsupportedError):
    """The server at the API server's address is not a Kubernetes API server."""


class RunFailedError(WorkbenchError):
    """A run ended without a usable number."""

    exit_code = 4


class RefusedError(RunFailedError):
    """The API server refused a request.

    `status` is the HTTP status, `reason` the server's reason, `said` its message, and `details` its structured
    details: mainly ``causes``, one for each wrong field.
    """

    def __init__(
        self, message: str, status: int, reason: str = "", said: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.said, self.details = status, reason, said or message, details or {}


class GateFailedError(RunFailedError):
    """A check of the mesh's traffic failed, so nothing was measured."""


class DeadlineExceededError(RunFailedError):
    """A wait ended before its condition held."""


class StoppedError(WorkbenchError):
    """The user stopped the experiment; everything captured so far is kept."""

    exit_code = 5


class StoreError(WorkbenchError):
    """A run folder or the index cannot be read or written."""

    exit_code = 6


class NewerFormatError(StoreError):
    """A run folder was written by a newer version of the workbench; it is left alone."""


class NothingToShowError(WorkbenchError):
    """The store contains no run that answers the question."""

    exit_code = 7


class UnreliableError(WorkbenchError):
    """A comparison was made, and a check of severity error says not to believe figures of it."""

    exit_code = 8


# The names of earlier versions, for notebooks and adapters that were written with them.
BadInput = BadInputError
UnknownName = UnknownNameError
CannotHere = UnsupportedError
RunFailed = RunFailedError
GateFailed = GateFailedError
Interrupted = StoppedError
NothingToShow = NothingToShowError
