"""Fortio's REST interface, by which it is driven in a client's pod on a cluster.

The fields' values are text, because Fortio overlooks others. Their names are its flags', less the dash, mostly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from workbench.errors import RefusedError, RunFailedError
from workbench.model.cluster_load import Begun, PodCall, PodRun
from workbench.model.fortio_rest import PORT, RUN_PATH, asked_of

_ON = {"-uniform": "uniform", "-nocatchup": "nocatchup", "-h2": "h2"}
_GIVEN = {
    "-qps": "qps",
    "-c": "c",
    "-t": "t",
    "-timeout": "timeout",
    "-r": "r",
    "-p": "p",
    "-grpc-ping-delay": "grpc-ping-delay",
}

_FAST_CLIENT_BYTES = 100 * 1024
"""Bodies beyond this overflow the fast client's buffer, which REST cannot enlarge; Go's own client has no limit."""

LABEL = "cluster"
"""In place of the lab's: on a cluster an answer need not be the echo of its request."""


def rest_body(command: Sequence[str], payload_bytes: int) -> dict[str, str]:
    """Return the body that starts what ``command`` starts; the URL is added by whoever knows it.

    A gRPC load is given its number of calls too: told a time only, Fortio makes a first call outside of its run, and a
    client whose first call fails dies of it.
    """
    body = {"labels": LABEL, "async": "on", "save": "on"}
    for position, flag in enumerate(command):
        if flag in _ON:
            body[_ON[flag]] = "on"
        elif flag in _GIVEN:
            body[_GIVEN[flag]] = command[position + 1]
    if "-grpc" in command:
        body["n"] = str(int(float(body["qps"]) * float(body["t"].removesuffix("s"))))
    if payload_bytes:
        body["payload"] = "x" * payload_bytes
    if payload_bytes > _FAST_CLIENT_BYTES:
        body["stdclient"] = "on"
    return body


class FortioInPod:
    """Fortio in the client's pod; see `workbench.model.cluster_load.PodDriver`."""

    result_name = "fortio.json"

    def start(self, run: PodRun, url: str) -> PodCall:
        """Return the request that starts a run against ``url``."""
        return PodCall(port=PORT, path=RUN_PATH, body={**run.settings, **asked_of(url)})

    def begun(self, page: bytes) -> Begun:
        """Read the answer to it."""
        started = _told(page)
        if "RunID" not in started or "ResultID" not in started:
            raise RunFailedError(f"The client's Fortio did not start the load: {str(started)[:300]}")
        return Begun(run=str(started["RunID"]), result=str(started["ResultID"]))

    def result(self, begun: Begun, ask: Callable[[PodCall], bytes]) -> bytes | None:
        """Return a run's result, or None while it goes on; the API server may be away meanwhile."""
        status = _told(ask(PodCall(port=PORT, path=f"fortio/rest/status?runid={begun.run}"))).get("Statuses")
        if begun.run in (status if isinstance(status, dict) else {}):
            return None
        try:
            return ask(PodCall(port=PORT, path=f"fortio/data/{begun.result}.json"))
        except RefusedError as error:
            raise RunFailedError(f"The client's Fortio ended its run and left no result: {error}") from error

    def began_s(self, result: bytes) -> float:
        """Return when the run of this result began to send, in seconds since the epoch."""
        try:
            return datetime.fromisoformat(_told(result)["StartTime"]).timestamp()
        except (KeyError, TypeError, ValueError) as error:
            raise RunFailedError("The client's Fortio left a result without a start time.") from error


def _told(page: bytes) -> dict[str, Any]:
    """Return what the client's Fortio says.

    Raises
    ------
    RunFailedError
        When it is nothing of Fortio's.
    """
    try:
        told = json.loads(page)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise RunFailedError(f"The server in the client's pod is not Fortio: {page[:100].decode(errors='replace')!r}.")
    return told
