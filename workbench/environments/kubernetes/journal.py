"""Who works on this cluster, and what must be undone: a Lease and a ConfigMap, both in the namespace ``default``.

The Lease lets one run at a time work on a cluster. The journal beside it holds what was there before and what is to be
removed, so that `workbench clean` can undo an interrupted run from another machine. Both bear the run's labels, and
both go when everything else has gone.
"""

from __future__ import annotations

import base64
import getpass
import gzip
import json
import os
import re
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.environments.kubernetes.client import Cluster, Object, RefusedError
from workbench.environments.kubernetes.objects import RUN, labels
from workbench.errors import RunFailedError, UnsupportedError

NAME, NAMESPACE = "mesh-workbench", "default"
LEASE_S = 240
"""A run that has said nothing for so long is over; longer than an API server may be away (`client.PATIENCE_S`)."""

RENEW_S = 15.0
_LEASE, _CONFIG_MAP = ("coordination.k8s.io/v1", "Lease"), ("v1", "ConfigMap")


class Holding:
    """The Lease, held and renewed by a thread until it is given back."""

    def __init__(self, cluster: Cluster, run: str, holder: str, lasts_s: int = LEASE_S) -> None:
        self.cluster, self.run, self.holder, self.lasts_s = cluster, run, holder, lasts_s
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = ""

    def take(self, *, over: bool = False) -> None:
        """Take the Lease.

        Parameters
        ----------
        over
            Take it from an interrupted run even before it has run out: only `workbench clean` does, when asked.

        Raises
        ------
        UnsupportedError
            When somebody else holds it, saying who and since when.
        """
        found = self.cluster.get(*_LEASE, NAME, NAMESPACE)
        if found is not None and not over and (holder := _living(found)):
            raise UnsupportedError(
                f"Another run uses this cluster: {holder}. Wait for it. If it is dead, "
                "remove what it left behind with: workbench clean --force"
            )
        wanted = self._lease()
        try:
            if found is None:
                self.cluster.create(wanted)
            else:
                wanted["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
                self.cluster.replace(wanted)
        except RefusedError as error:
            if error.status == 409:
                raise UnsupportedError("Another run has just started on this cluster; wait for it to end.") from error
            raise
        self._thread = threading.Thread(target=self._renew, name="workbench-lease", daemon=True)
        self._thread.start()

    def _lease(self) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": _LEASE[0],
            "kind": _LEASE[1],
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels(self.run)},
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": self.lasts_s,
                "acquireTime": now,
                "renewTime": now,
            },
        }

    def _renew(self) -> None:
        while not self._end.wait(RENEW_S):
            try:
                self.renew()
            except (RunFailedError, UnsupportedError):
                continue  # the server is away; the next turn tries again

    def renew(self) -> None:
        """Say that we are alive; notice when somebody has taken over."""
        found = self.cluster.get(*_LEASE, NAME, NAMESPACE)
        if found is None or found["spec"].get("holderIdentity") != self.holder:
            self.lost = "someone else took or removed the Lease default/mesh-workbench"
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.cluster.merge(found, {"spec": {"renewTime": now}})

    def stop(self) -> None:
        """End the thread; the Lease stays."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(5)

    def give_back(self) -> None:
        """End the thread and remove the Lease, if it is still ours."""
        self.stop()
        found = self.cluster.get(*_LEASE, NAME, NAMESPACE)
        if found is not None and found["spec"].get("holderIdentity") == self.holder:
            self.cluster.delete(found)


def holder_name(purpose: str) -> str:
    """Return who this process is, for people who meet the Lease: user, machine, process and what it does."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} process {os.getpid()} ({purpose})"


_PROCESS = re.compile(r"[^@]*@(?P<host>\S+) process (?P<pid>\d+) ")
"""How `holder_name` names a process."""


def _ended_here(holder: str) -> bool:
    """Whether a holder was a process of this machine and has ended."""
    named = _PROCESS.match(holder)
    if named is None or named["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(named["pid"]), 0)  # asks whether it is there; nothing is sent
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _living(lease: Mapping[str, Any]) -> str:
    """Return who holds the Lease and since when; empty when it has run out, or when its process here has ended."""
    spec = lease["spec"]
    said = spec.get("renewTime") or spec.get("acquireTime")
    if not spec.get("holderIdentity") or not said or _ended_here(spec["holderIdentity"]):
        return ""
    silent_s = (datetime.now(UTC) - datetime.fromisoformat(said)).total_seconds()
    if silent_s > spec.get("leaseDurationSeconds", LEASE_S):
        return ""
    return f"{spec['holderIdentity']} (last heard of {max(0, silent_s):.0f} s ago)"


def holder_of(cluster: Cluster) -> str:
    """Return who works on the cluster just now; empty when nobody does."""
    found = cluster.get(*_LEASE, NAME, NAMESPACE)
    return _living(found) if found else ""


def write(cluster: Cluster, run: str, content: Mapping[str, Any]) -> None:
    """Write the journal."""
    packed = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    cluster.apply(
        {
            "apiVersion": _CONFIG_MAP[0],
            "kind": _CONFIG_MAP[1],
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels(run)},
            "binaryData": {"journal.json.gz": packed},
        }
    )


def read(cluster: Cluster) -> tuple[str, dict[str, Any]]:
    """Return the run that wrote the journal and what it wrote; empty when there is none."""
    found = cluster.get(*_CONFIG_MAP, NAME, NAMESPACE)
    if found is None:
        return "", {}
    packed = (found.get("binaryData") or {}).get("journal.json.gz", "")
    try:
        content = json.loads(gzip.decompress(base64.b64decode(packed)))
    except (OSError, ValueError, EOFError):
        content = {}
    return found["metadata"].get("labels", {}).get(RUN, ""), content


def forget(cluster: Cluster) -> None:
    """Remove the journal."""
    found = cluster.get(*_CONFIG_MAP, NAME, NAMESPACE)
    if found is not None:
        cluster.delete(found)
